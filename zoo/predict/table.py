"""Answers as a table to read and as JSON to go on with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmfeat.types import MODALITIES
from zoo.checkpoint import Card
from zoo.conditions import LETTERS
from zoo.predict.answer import Answer, Value
from zoo.predict.clips import Answered

SHOWN_WORDS = 8
ABSENT = "-"


def as_table(answers: Sequence[Answer]) -> str:
    """One line per utterance: when, the answer, what of each modality was observed and weighed, what if, the words.

    The columns after the answer are the seven combinations; ``-`` where nothing of one was observed.
    """
    head = ["recording", "from", "to", "answer", "", *(f"seen {LETTERS[name]}" for name in MODALITIES)]
    weighted = any(answer.weights is not None for answer in answers)
    head += [f"weight {LETTERS[name]}" for name in MODALITIES] if weighted else []
    head += [_short(kept) for kept in answers[0].what_if] + ["words"]
    rows = [head, *(list(_cells(answer, weighted=weighted)) for answer in answers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def as_json(card: Card, found: Answered) -> dict[str, Any]:
    """Answers with what gave them, and what went wrong."""
    return {
        "model": {
            "model": card.model,
            "stage": card.stage,
            "dataset": card.dataset,
            "targets": list(card.task.targets),
            "weights_sha256": card.weights_sha256,
        },
        "answers": [answer.as_json() for answer in found.answers],
        "failures": [{"id": f.id, "stage": f.stage, "reason": f.reason} for f in found.failures],
    }


def _cells(answer: Answer, *, weighted: bool) -> Iterator[str]:
    yield answer.recording or answer.id
    yield from (ABSENT if time is None else f"{time:.1f}" for time in (answer.start, answer.end))
    yield answer.value.label
    yield _number(answer.value)
    yield from (_share(answer.observed, name) for name in MODALITIES)
    if weighted:
        yield from (_share(answer.weights or {}, name) for name in MODALITIES)
    yield from (_combined(value) for value in answer.what_if.values())
    texts = [word.text or "?" for word in answer.words]
    yield " ".join(texts[:SHOWN_WORDS]) + (" ..." if len(texts) > SHOWN_WORDS else "")


def _number(value: Value) -> str:
    """The score, or the probability of the most likely class or of each label that holds."""
    if value.score is not None:
        return f"{value.score:+.2f}"
    return f"{max(value.probabilities.values()):.0%}"


def _combined(value: Value | None) -> str:
    if value is None:
        return ABSENT
    return _number(value) if value.score is not None else f"{value.label} {_number(value)}"


def _share(table: Mapping[Any, float], name: str) -> str:
    return f"{table[name]:.0%}" if name in table else ABSENT


def _short(kept: str) -> str:
    return ",".join(LETTERS[name] for name in kept.split("+"))
