"""Thin DVC stage scripts."""
