"""Anybody's own corpus: a folder with a table of its utterances.

``utterances.csv``, one row per utterance, UTF-8, with a header:

==============  ===============================================================================
``id``          name, once in the table
``media``       file, relative to the folder
``start, end``  s within the file; empty for the whole of it
``split``       for instance train, valid, test; without the column all are ``all``
``speaker``     optional
``dialogue``    optional: conversation that the utterance belongs to
``turn``        optional: its place there, from 0
``transcript``  optional: what is said
``note``        optional: ignored
any other       a label: numbers as they are, anything else as the classes, in alphabetical order
==============  ===============================================================================

An empty label is an unknown one.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmfeat.errors import SchemaError
from mmfeat.types import Failure, Source, Utterance

COLUMNS = ("id", "media", "start", "end", "split", "speaker", "dialogue", "turn", "transcript", "note")


@dataclass(frozen=True)
class Config:
    """Where the corpus lies and what it is."""

    root: Path
    table: str = "utterances.csv"
    citation: str = ""
    licence: str = ""
    homepage: str = ""


class Folder:
    """A corpus described by its table."""

    name = "folder"

    def __init__(self, config: Config) -> None:
        self._root = config.root
        self._path = config.root / config.table
        self.source = Source(config.citation, config.licence, config.homepage)
        self._rows = _read(self._path)
        extra = [name for name in (self._rows[0] if self._rows else {}) if name not in COLUMNS]
        values = {name: sorted({row[name] for row in self._rows if row[name]}) for name in extra}
        self._numbers = [name for name in extra if all(_is_number(value) for value in values[name])]
        self.classes: Mapping[str, tuple[str, ...]] = {
            name: tuple(values[name]) for name in extra if name not in self._numbers
        }

    def utterances(self) -> tuple[list[Utterance], list[Failure]]:
        """All rows of the table; those that cannot be read as an utterance go to the ledger."""
        utterances, failures = [], []
        for row in self._rows:
            try:
                utterances.append(self._utterance(row))
            except ValueError as error:
                failures.append(Failure(row["id"], "prepare", f"{self._path}: {error}"))
        return utterances, failures

    def _utterance(self, row: Mapping[str, str]) -> Utterance:
        labels = {name: float(row[name]) for name in self._numbers if row[name]}
        labels |= {name: float(names.index(row[name])) for name, names in self.classes.items() if row[name]}
        return Utterance(
            id=row["id"],
            media=self._root / row["media"],
            start=float(row.get("start") or 0.0),
            end=float(row["end"]) if row.get("end") else None,
            split=row.get("split") or "all",
            speaker=row.get("speaker") or None,
            dialogue=row.get("dialogue") or None,
            turn=int(row.get("turn") or 0),
            transcript=row.get("transcript") or None,
            labels=labels,
        )


def build(config: Config) -> Folder:
    """Read the table.

    Raises
    ------
    SchemaError
        If it is missing, empty, or lacks a column.
    """
    return Folder(config)


def _read(path: Path) -> Sequence[dict[str, str]]:
    if not path.is_file():
        raise SchemaError(f"no table {path}; expected a CSV file with columns id, media, ...; put the corpus there")
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, restval="")
            missing = [name for name in ("id", "media") if name not in (reader.fieldnames or ())]
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise SchemaError(f"{path}: {error}; expected a CSV file in UTF-8; save it as such") from None
    if missing or not rows:
        problem = f"no column {', '.join(missing)}" if missing else "no rows"
        raise SchemaError(f"{path}: {problem}; expected columns id, media and a row per utterance; see docs/corpora.md")
    too_long = [row["id"] for row in rows if None in row]
    if too_long:
        raise SchemaError(
            f"{path}: row {too_long[0]!r} has more cells than the header; expected as many; quote its commas"
        )
    return rows


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text) and abs(float(text)) != float("inf")
    except ValueError:
        return False
