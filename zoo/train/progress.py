"""What a training says while it runs: a bar with the losses for people, DVCLive for tables and plots."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol


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

    columns = (
        TextColumn("{task.description:<8} epoch {task.fields[epoch]}"),
        BarColumn(bar_width=24),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}  {task.fields[validation]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
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
            text = f"valid {values['valid']:.4f} (best {values['best']:.4f})"
            self._progress.update(self._tasks[stage], validation=text)


class Logged:
    """Hands epochs on to DVCLive as well; its folder has a table per value, and ``dvc plots`` draws them.

    Parameters
    ----------
    shown : Listener
    folder : Path
        Of the stage.
    """

    def __init__(self, shown: Listener, folder: Path) -> None:
        import os

        # The run is DVC's business (a stage, or `dvc exp run`), so DVCLive only writes its files. It would also report
        # each run to its maker.
        os.environ.setdefault("DVC_NO_ANALYTICS", "1")
        from dvclive.live import Live

        self._shown = shown
        resume = (folder / "log").is_dir()
        self._live = Live(str(folder / "log"), resume=resume, report=None, save_dvc_exp=False, dvcyaml=None)

    def step(self, stage: str, epoch: int, epochs: int, done: int, steps: int, losses: Mapping[str, float]) -> None:
        """Hand on."""
        self._shown.step(stage, epoch, epochs, done, steps, losses)

    def epoch(self, stage: str, epoch: int, values: Mapping[str, float]) -> None:
        """Write, and hand on."""
        self._shown.epoch(stage, epoch, values)
        self._live.step = epoch
        for name, value in values.items():
            self._live.log_metric(name.replace(" ", "_"), value)
        self._live.make_summary()

    def close(self) -> None:
        """End the log."""
        self._live.end()
