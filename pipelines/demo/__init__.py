"""The embedded demo corpus and the script that makes it."""
