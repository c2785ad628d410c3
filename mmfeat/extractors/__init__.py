"""Decoded signal to frames: one file per feature set."""
