"""What a training says while it runs: a bar with the losses for people, DVCLive for tables and plots."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mmfeat.errors import OutputError

if TYPE_CHECKING:
    from dvclive.live import Live


class Listener(Protocol):
    """Is told how a training goes."""

    def step(self, stage: str, epoch: int, epochs: int, done: int, steps: int, losses: Mapping[str, float]) -> None:
        """After some batches: losses so far in this epoch."""
        ...

    def epoch(self, stage: str, epoch: int, values: Mapping[str, float]) -> None:
        """After an epoch: means of the losses, and the validation."""
        ...


class Silent:
    """A listener that says nothing."""

    def step(self, stage: str, epoch: int, epochs: int, done: int, steps: int, losses: Mapping[str, float]) -> None:
        """Nothing."""

    def epoch(self, stage: str, epoch: int, values: Mapping[str, float]) -> None:
        """Nothing."""


@contextlib.contextmanager
def bars() -> Iterator[Listener]:
    """Draw one bar per stage on stderr, with the losses beside it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    def whole() -> Column:
        return Column(no_wrap=True)

    columns = (
        TextColumn("{task.description} {task.fields[epoch]}", table_column=whole()),
        BarColumn(bar_width=12, table_column=whole()),
        TimeRemainingColumn(compact=True, table_column=whole()),
        TextColumn("{task.fields[validation]}", table_column=whole()),
        # Last, and cut off where a narrow terminal ends: the total comes first, its parts behind it.
        TextColumn("{task.fields[losses]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
    )
    with Progress(*columns, console=Console(stderr=True), expand=True) as progress:
        yield _Bars(progress)


class _Bars:
    def __init__(self, progress: object) -> None:
        from rich.progress import Progress, TaskID

        assert isinstance(progress, Progress)
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def step(self, stage: str, epoch: int, epochs: int, done: int, steps: int, losses: Mapping[str, float]) -> None:
        """Move the bar."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(
                stage, total=epochs * steps, epoch=f"1/{epochs}", losses="", validation=""
            )
        self._progress.update(
            self._tasks[stage],
            completed=(epoch - 1) * steps + done,
            epoch=f"{epoch}/{epochs}",
            losses="  ".join(f"{name} {value:.3f}" for name, value in losses.items()),
        )

    def epoch(self, stage: str, epoch: int, values: Mapping[str, float]) -> None:
        """Show the validation."""
        if stage in self._tasks:
            text = f"valid {values['valid']:.3f} (best {values['best']:.3f})"
            self._progress.update(self._tasks[stage], validation=text)


class Logged:
    """Hands epochs on to DVCLive as well; its folder has a table per value, and ``dvc plots`` draws them.

    Parameters
    ----------
    shown : Listener
    folder : Path
        Of the stage.
    history : sequence of mapping
        Epochs that are done. They are written again: a kill between state and log would leave a gap.

    Raises
    ------
    mmfeat.errors.OutputError
        Here and later, if the log cannot be written.
    """

    def __init__(self, shown: Listener, folder: Path, history: Sequence[Mapping[str, float]] = ()) -> None:
        self._shown, self._folder = shown, folder / "log"
        with _writing(self._folder):
            self._live = _open_live(self._folder)
        for number, values in enumerate(history, 1):
            self._write(number, values)

    def step(self, stage: str, epoch: int, epochs: int, done: int, steps: int, losses: Mapping[str, float]) -> None:
        """Hand on."""
        self._shown.step(stage, epoch, epochs, done, steps, losses)

    def epoch(self, stage: str, epoch: int, values: Mapping[str, float]) -> None:
        """Write, and hand on."""
        self._write(epoch, values)
        self._shown.epoch(stage, epoch, values)

    def _write(self, epoch: int, values: Mapping[str, float]) -> None:
        with _writing(self._folder):
            self._live.step = epoch
            for name, value in values.items():
                self._live.log_metric(name.replace(" ", "_"), value)
            self._live.make_summary()

    def close(self) -> None:
        """End the log."""
        with _writing(self._folder):
            self._live.end()


def _open_live(folder: Path) -> Live:
    """DVCLive that writes files and does nothing else: the run is DVC's business, a stage or ``dvc exp run``."""
    import os

    os.environ.setdefault("DVC_NO_ANALYTICS", "1")  # it would report each run to its maker
    from dvclive import live

    class Files(live.Live):
        def _init_dvc(self) -> None:
            """Leave the repository alone: it would be opened, and made one of DVC and staged where it is none."""

        def _init_studio(self) -> None:
            """Send nothing anywhere."""
            self._studio_events_to_skip = {"start", "data", "done"}

    return Files(str(folder), report=None, save_dvc_exp=False, dvcyaml=None)


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write {folder}: {error.strerror}; expected a writable folder with free space; choose another "
            "--root or free the disk"
        ) from error
