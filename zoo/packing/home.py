"""Where models live on this machine, which there are, and what lies beside the weights of one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmfeat.errors import OutputError
from zoo.checkpoint import CARD, Card, read_card
from zoo.errors import CheckpointError
from zoo.packing.making import CLIP, TRANSCRIPT
from zoo.packing.manifest import ENDING, FILES, SAMPLE, is_name

VARIABLE = "ZOO_HOME"


@dataclass(frozen=True)
class Installed:
    """A model in the home."""

    name: str
    folder: Path
    card: Card | None  # None: it cannot be read
    problem: str = ""  # why

    def summary(self) -> dict[str, str]:
        """What a listing shows; empty where it cannot be read."""
        card = self.card
        return {
            "name": self.name,
            "folder": self.folder.as_posix(),
            "model": card.model if card else "",
            "stage": card.stage if card else "",
            "dataset": card.dataset if card else "",
            "targets": ", ".join(card.task.targets) if card else "",
            "licence": card.licence if card else "",
            "weights_sha256": card.weights_sha256 if card else "",
            "problem": self.problem,
        }


def home_folder(home: Path | None = None) -> Path:
    """Folder of installed models: the one given, else ``$ZOO_HOME``, else ``~/.cache/mmfeat-zoo``."""
    return home or Path(os.environ.get(VARIABLE) or "~/.cache/mmfeat-zoo").expanduser()


@contextlib.contextmanager
def writing_to(home: Path) -> Iterator[None]:
    """Turn what goes wrong on the home's disk into one line.

    Raises
    ------
    OutputError
        Naming the variable that moves it elsewhere.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write {home}: {error.strerror or error}; expected a folder for models that can be written, with "
            f"free space; set {VARIABLE} to another one"
        ) from None


def installed(home: Path | None = None) -> list[Installed]:
    """Models in the home, by name; one that cannot be read says so and does not hide the others.

    Parameters
    ----------
    home : Path, optional
        Default: as `home_folder`. One that is not there holds none.
    """
    place = home_folder(home)
    try:
        names = sorted(entry.name for entry in place.iterdir() if entry.is_dir() and is_name(entry.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CheckpointError(
            f"{place}: {error.strerror}; expected the folder of installed models; set {VARIABLE} to another one"
        ) from None
    return [_look(place / name) for name in names]


def _look(folder: Path) -> Installed:
    try:
        return Installed(folder.name, folder, read_card(folder))
    except CheckpointError as error:
        return Installed(folder.name, folder, None, str(error))


def shipped() -> dict[str, Path]:
    """Models that come with the package, name -> archive."""
    return {path.name.removesuffix(ENDING): path for path in sorted(Path(__file__).parent.glob(f"*{ENDING}"))}


def files_of(folder: Path) -> dict[str, Path]:
    """Files that the extractors of a model read, as far as they came with it: name -> path."""
    return _files(folder / FILES)


def sample_of(folder: Path) -> tuple[Path, Path | None] | None:
    """Clip and transcript to try a model with, as far as they came with it."""
    found = {path.stem: path for path in _files(folder / SAMPLE).values()}
    return (found[CLIP], found.get(TRANSCRIPT)) if CLIP in found else None


def _files(folder: Path) -> dict[str, Path]:
    # Files only: extractors keep folders of their own beside what they read.
    return {path.name: path for path in sorted(folder.iterdir()) if path.is_file()} if folder.is_dir() else {}


def is_checkpoint(path: Path) -> bool:
    """Whether a folder has a card."""
    return os.path.isfile(path / CARD)  # False, too, where it may not be looked at
