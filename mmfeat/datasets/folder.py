"""Anybody's own corpus: a folder with a table of its utterances, of either of two kinds.

``utterances.csv``, one row per utterance, UTF-8, with a header:

==================  ===============================================================================
``id``              name, once in the table
``media``           file, relative to the folder
``sound``           optional: another file that has the sound, on the same clock
``half``            optional: left or right, where the speaker is in a picture of two
``start, end``      s within the file; empty for the whole of it
``split``           for instance train, valid, test; without the column all are ``all``
``split:<name>``    optional: its part in another split of that name; empty where that leaves it out
``speaker``         optional
``dialogue``        optional: conversation that the utterance belongs to
``turn``            optional: its place there, from 0
``transcript``      optional: what is said
``note``            optional: ignored
any other           a label: numbers as they are, anything else as the classes, in alphabetical order
==================  ===============================================================================

MMSA's layout: ``label.csv`` with the columns ``video_id, clip_id, text, label, mode``, perhaps ``label_T, label_A,
label_V, annotation``, and the clips in ``Raw/<video_id>/<clip_id>.mp4``. ``label`` becomes ``sentiment``.

An empty label is an unknown one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from mmfeat.csv_tables import read_rows
from mmfeat.datasets._release import Ledger, number
from mmfeat.errors import SchemaError
from mmfeat.types import Failure, Half, Source, Utterance

SOURCE = Source("", "", "")  # a folder's own stands in its settings
EXPECTED: Mapping[str, tuple[int, int]] = {}
RANGES: Mapping[str, tuple[float, float]] = {}
TARGET = "sentiment"  # where there is a label of that name

COLUMNS = (
    "id",
    "media",
    "sound",
    "half",
    "start",
    "end",
    "split",
    "speaker",
    "dialogue",
    "turn",
    "transcript",
    "note",
)
PART = "split:"  # begins the name of a column with the parts of another split
SCORES = {"label": TARGET, "label_T": "label_T", "label_A": "label_A", "label_V": "label_V"}  # of MMSA -> ours


@dataclass(frozen=True)
class Config:
    """Where the corpus lies and what it is."""

    root: Path
    table: str | None = None  # its columns say which kind it is; None: utterances.csv, else label.csv
    citation: str = ""
    licence: str = ""
    homepage: str = ""


class Folder:
    """A corpus described by its table ``utterances.csv``."""

    name = "folder"
    split = "standard"
    expected = EXPECTED

    def __init__(self, config: Config, path: Path) -> None:
        self._root = config.root
        self._path = path
        self.source = Source(config.citation, config.licence, config.homepage)
        self._rows = list(read_rows(path, ("id", "media")))
        extra = [name for name in self._rows[0] if name not in COLUMNS and not name.startswith(PART)]
        values = {name: {row[name] for row in self._rows if row[name]} for name in extra}
        self._numbers = [name for name in extra if all(_reads_as_number(value) for value in values[name])]
        self._parts = [name for name in self._rows[0] if name.startswith(PART)]
        self.classes: Mapping[str, tuple[str, ...]] = {
            name: tuple(sorted(values[name])) for name in extra if name not in self._numbers
        }
        self.target = TARGET if TARGET in extra else next(iter(extra), None)

    def utterances(self) -> tuple[list[Utterance], list[Failure]]:
        """All rows of the table; those that cannot be read as an utterance go to the ledger."""
        utterances, ledger = [], Ledger()
        for row in self._rows:
            try:
                utterances.append(self._utterance(row, ledger))
            except ValueError as error:
                ledger.add(row["id"], f"{self._path}: {error}")
        return utterances, ledger.rows

    def _utterance(self, row: Mapping[str, str], ledger: Ledger) -> Utterance:
        labels = _scores(row["id"], {name: row[name] for name in self._numbers}, ledger)
        labels |= {name: float(names.index(row[name])) for name, names in self.classes.items() if row[name]}
        return Utterance(
            id=row["id"],
            media=self._root / row["media"],
            sound=self._root / row["sound"] if row.get("sound") else None,
            half=_half(row.get("half") or None),
            start=float(row.get("start") or 0.0),
            end=float(row["end"]) if row.get("end") else None,
            split=row.get("split") or "all",
            parts={name.removeprefix(PART): row[name] for name in self._parts if row[name]},
            speaker=row.get("speaker") or None,
            dialogue=row.get("dialogue") or None,
            turn=int(row.get("turn") or 0),
            transcript=row.get("transcript") or None,
            labels=labels,
        )


class LabelFolder:
    """A corpus in MMSA's layout."""

    name = "folder"
    split = "standard"
    target = TARGET
    expected = EXPECTED

    def __init__(self, config: Config, path: Path) -> None:
        self._root = config.root
        self._path = path
        self.source = Source(config.citation, config.licence, config.homepage)
        self._rows = list(read_rows(path, ("video_id", "clip_id", "text", "label", "mode")))
        self._scores = {column: name for column, name in SCORES.items() if column in self._rows[0]}
        names = sorted({row["annotation"] for row in self._rows if row.get("annotation")})
        self.classes: Mapping[str, tuple[str, ...]] = {"annotation": tuple(names)} if names else {}

    def utterances(self) -> tuple[list[Utterance], list[Failure]]:
        """All rows that have a clip, in the order of the table; the ledger has the others, and clips without a row."""
        utterances: dict[str, Utterance] = {}
        ledger = Ledger()
        turns = _turns(self._rows)
        listed = set()
        for row in self._rows:
            name, media = f"{row['video_id']}_{row['clip_id']}", self._media(row)
            listed.add(media)
            if name in utterances:
                ledger.add(name, f"{self._path}: duplicate id; the first row counts")
            elif not media.is_file():
                ledger.add(name, f"no clip {media}; expected one per row, its name spelled as in the table; left out")
            else:
                turn = turns[row["video_id"], row["clip_id"]]
                utterances[name] = self._utterance(name, media, turn, row, ledger)
        for media in sorted(set((self._root / "Raw").glob("*/*.mp4")) - listed):
            ledger.add(f"{media.parent.name}_{media.stem}", f"clip {media} without a row in the table; left out")
        if not utterances:
            raise SchemaError(
                f"{self._path}: none of {len(self._rows)} rows has a clip; expected Raw/<video_id>/<clip_id>.mp4 "
                "beside the table; put them there"
            )
        return list(utterances.values()), ledger.rows

    def _media(self, row: Mapping[str, str]) -> Path:
        return self._root / "Raw" / row["video_id"] / f"{row['clip_id']}.mp4"

    def _utterance(self, name: str, media: Path, turn: int, row: Mapping[str, str], ledger: Ledger) -> Utterance:
        labels = _scores(name, {label: row[column] for column, label in self._scores.items()}, ledger)
        if row.get("annotation"):
            labels["annotation"] = float(self.classes["annotation"].index(row["annotation"]))
        return Utterance(
            id=name,
            media=media,
            split=row["mode"] or "all",
            dialogue=row["video_id"],
            turn=turn,
            transcript=row["text"] or None,
            labels=labels,
        )


def build(config: Config) -> Folder | LabelFolder:
    """Read the table.

    Raises
    ------
    SchemaError
        If it is missing, empty, or lacks a column.
    """
    names = (config.table,) if config.table else ("utterances.csv", "label.csv")
    path = next((config.root / name for name in names if (config.root / name).is_file()), None)
    if path is None:
        raise SchemaError(
            f"no table {' or '.join(names)} in {config.root}; expected a CSV file with columns id, media, ... or "
            "video_id, clip_id, text, label, mode; put the corpus there"
        )
    with path.open("rb") as handle:
        header = handle.readline()
    return LabelFolder(config, path) if b"video_id" in header and b"clip_id" in header else Folder(config, path)


def _scores(utterance_id: str, cells: Mapping[str, str], ledger: Ledger) -> dict[str, float]:
    """Labels that are numbers; an empty one is unknown, one that is no finite number is written down."""
    scores = {}
    for label, cell in cells.items():
        value = number(cell)
        if value is not None:
            scores[label] = value
        elif cell:
            ledger.add(utterance_id, f"label {label} is {cell!r}; expected a finite number; left out")
    return scores


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _half(text: str | None) -> Half | None:
    if text not in ("left", "right", None):
        raise ValueError(f"half is {text!r}, not left or right")
    return cast("Half | None", text)


def _turns(rows: Iterable[Mapping[str, str]]) -> dict[tuple[str, str], int]:
    """Place of each clip in its video, from 0: clips are numbered in order."""
    turns: dict[tuple[str, str], int] = {}
    seen: Counter[str] = Counter()
    for video, clip in sorted({(row["video_id"], row["clip_id"]) for row in rows}, key=_in_order):
        turns[video, clip] = seen[video]
        seen[video] += 1
    return turns


def _in_order(names: Sequence[str]) -> tuple[str, int, str]:
    video, clip = names
    return video, len(clip), clip  # 2 before 10
