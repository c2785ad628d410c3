"""Manners of a program: bars on stderr while it works, one line and an exit code when it cannot."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from mmfeat.errors import MmfeatError
from mmfeat.types import Progress

INTERRUPTED = 130  # what a shell reports after Ctrl-C


@contextlib.contextmanager
def progress_bars() -> Iterator[Progress]:
    """Draw one bar per stage on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done)

        yield advance


def note(text: str) -> None:
    """Say something beside the result."""
    sys.stderr.write(text + "\n")


def run(work: Callable[[], object]) -> None:
    """Run a program: exit code 1 and one line for a problem the user can act on, 130 after Ctrl-C, no traceback."""
    # Read when torch is imported. Its threads spin while they wait for cores that others use, and then a step takes
    # seconds instead of milliseconds; work is spread over processes instead (--workers).
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        work()
    except MmfeatError as error:
        note(f"error: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        _say_how_to_go_on()
        sys.exit(INTERRUPTED)
    except SystemExit as stop:
        # typer turns Ctrl-C into this exit code by itself.
        if stop.code == INTERRUPTED:
            _say_how_to_go_on()
        raise


def _say_how_to_go_on() -> None:
    note("interrupted; nothing finished is lost: the same command goes on from here")
