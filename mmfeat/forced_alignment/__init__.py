"""Sound and transcript to word times: one file per aligner."""
