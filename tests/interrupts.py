"""Ctrl-C in tests: a program that was started in the background of a script ignores it, and so do its children."""

from __future__ import annotations

import signal


def heed_interrupts() -> None:
    """To be called in a child process before its program begins."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
