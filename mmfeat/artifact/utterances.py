"""The utterances of an artefact, without their features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mmfeat.schema import TEXT_COLUMNS
from mmfeat.types import Utterance, Word


def read_utterances(group: h5py.Group, split: str, numbers: slice = slice(None)) -> Iterator[Utterance]:
    """Utterances of one split, their tables read in one go."""
    first, last, _ = numbers.indices(len(group["ids"]))
    offsets = group["offsets"][first : last + 1]
    table = {name: group[name].asstr()[first:last] for name in TEXT_COLUMNS}
    table |= {name: group[name][first:last] for name in ("turn", "start", "end")}
    table["words"] = group["words"].asstr()[offsets[0] : offsets[-1]]
    table |= {name: group[name][offsets[0] : offsets[-1]] for name in ("intervals", "scores", "scored")}
    labels = _known_labels(group, first, last)
    parts = {name: values.asstr()[first:last] for name, values in group.get("parts", {}).items()}
    spans = offsets - offsets[0]
    for row in range(last - first):
        yield Utterance(
            id=table["ids"][row],
            media=Path(table["media"][row]),
            start=float(table["start"][row]),
            end=float(table["end"][row]),
            split=split,
            speaker=table["speaker"][row] or None,
            dialogue=table["dialogue"][row] or None,
            turn=int(table["turn"][row]),
            words=_words(table, slice(spans[row], spans[row + 1])),
            labels={name: float(values[row]) for name, (values, known) in labels.items() if known[row]},
            parts={name: values[row] for name, values in parts.items() if values[row]},
            sound=Path(table["sound"][row]) if table["sound"][row] else None,
            half=table["half"][row] or None,
        )


def _known_labels(group: h5py.Group, first: int, last: int) -> dict[str, tuple[Any, Any]]:
    return {
        name: (values[first:last], group["labels_known"][name][first:last])
        for name, values in group.get("labels", {}).items()
    }


def _words(table: Mapping[str, Any], span: slice) -> tuple[Word, ...]:
    times = np.asarray(table["intervals"][span]).tolist()
    scores = zip(table["scores"][span].tolist(), table["scored"][span].tolist(), strict=True)
    return tuple(
        Word(text, start, end, score if scored else None)
        for text, (start, end), (score, scored) in zip(table["words"][span], times, scores, strict=True)
    )
