"""Utterances and the ledger of failures, one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmfeat.errors import SchemaError
from mmfeat.safe_write import replacing
from mmfeat.types import Failure, Utterance, Word


def write_utterances(utterances: Iterable[Utterance], path: Path) -> None:
    """Write a manifest.

    Raises
    ------
    OutputError
        If ``path`` cannot be written.
    """
    _write_lines((_utterance_to_json(utterance) for utterance in utterances), path)


def read_utterances(path: Path) -> list[Utterance]:
    """Read a manifest.

    Raises
    ------
    SchemaError
        If the file is missing, a line is not JSON, or a field is absent; the line is named.
    """
    return [_utterance_from_json(row, path, line) for line, row in _read_lines(path)]


def write_failures(failures: Sequence[Failure], path: Path) -> None:
    """Write a ledger; an empty ledger is an empty file, which says that nothing failed."""
    _write_lines((asdict(failure) for failure in failures), path)


def _write_lines(rows: Iterable[dict[str, Any]], path: Path) -> None:
    with replacing(path) as beside, beside.open("w", encoding="utf-8") as handle:
        handle.writelines(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)


def _read_lines(path: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SchemaError(f"cannot read {path}: {error.strerror}; expected a manifest; run the stage before") from None
    # Not splitlines(): a transcript may hold U+2028 and its kind, which JSON leaves as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                raise SchemaError(
                    f"{path} line {number}: {error}; expected one JSON object; delete the file and run the stage again"
                ) from None


def _utterance_to_json(utterance: Utterance) -> dict[str, Any]:
    row = asdict(utterance)
    row["media"] = utterance.media.as_posix()
    row["sound"] = utterance.sound and utterance.sound.as_posix()
    row["labels"], row["parts"] = dict(utterance.labels), dict(utterance.parts)
    for key in ("words", "cues"):
        row[key] = [[word.text, word.start, word.end, word.score] for word in getattr(utterance, key)]
    return row


def _utterance_from_json(row: dict[str, Any], path: Path, line: int) -> Utterance:
    try:
        row = {**row, "media": Path(row["media"]), "sound": row["sound"] and Path(row["sound"])}
        for key in ("words", "cues"):
            row[key] = tuple(Word(*word) for word in row[key])
        return Utterance(**row)
    except (KeyError, TypeError) as error:
        raise SchemaError(
            f"{path} line {line}: {error}; expected an utterance; delete the file and run the stage again"
        ) from None
