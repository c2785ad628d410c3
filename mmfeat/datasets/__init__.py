"""Raw corpus to utterances: one file per corpus."""
