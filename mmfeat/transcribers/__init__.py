"""Sound to words: one file per engine."""
