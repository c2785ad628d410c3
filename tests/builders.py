"""Small valid things for tests to build on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmfeat.artifact import Description
from mmfeat.types import AlignedUtterance, Frames, Provenance, Utterance, Word


def words_of(*texts: str, step: float = 0.5, start: float = 0.0) -> tuple[Word, ...]:
    """Words of equal length, one after the other."""
    return tuple(
        Word(text, start + step * number, start + step * (number + 1), -1.0) for number, text in enumerate(texts)
    )


def utterance_of(name: str = "a", words: Sequence[Word] = (), **fields: object) -> Utterance:
    return Utterance(id=name, media=Path(f"{name}.wav"), words=tuple(words), **fields)  # type: ignore[arg-type]


def frames_of(values: np.ndarray, shift: float = 0.1) -> Frames:
    """Observed frames, evenly spaced from time 0."""
    values = np.asarray(values, dtype=np.float32)
    times = (np.arange(len(values)) + 0.5) * shift
    names = tuple(f"d{number}" for number in range(values.shape[1]))
    observed = np.ones(len(values), dtype=bool)
    return Frames(values, times, observed, names, Provenance("made", "1"), shift)


DIMS = {"text": 3, "audio": 4, "vision": 2}


def description_of(**changes: object) -> Description:
    extractors = {
        name: {
            "extractor": f"{name}er",
            "version": "1",
            "config": {},
            "sources": {},
            "names": [f"{name}_{n}" for n in range(width)],
            "frame_shift": 0.1,
        }
        for name, width in DIMS.items()
    }
    fields: dict[str, object] = {
        "dataset": "made",
        "code_version": "0",
        "extractors": extractors,
        "classes": {"emotion": ["calm", "cross"]},
        "words_from": {"aligner": "made"},
        "alignment_rule": "overlap",
        "source": {},
    }
    return Description(**(fields | changes))  # type: ignore[arg-type]


def rows_of(utterance: Utterance) -> AlignedUtterance:
    """Features that follow from the utterance's id and the word's position; the second word of each has no vision."""
    seed, count = sum(utterance.id.encode()), len(utterance.words)
    base = np.arange(count, dtype=np.float32)[:, None] + seed
    features = {name: np.repeat(base, width, axis=1) + 1 for name, width in DIMS.items()}
    observed = {name: np.ones(count, dtype=bool) for name in DIMS}
    if count > 1:
        observed["vision"][1] = False
        features["vision"][1] = 0
    return AlignedUtterance(utterance, features, observed)
