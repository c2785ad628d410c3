"""Predictions made by hand for the tests of metrics, conditions, significance and emotion change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from mmfeat import missing
from zoo.predictions import Predictions
from zoo.types import Task

SCORE = Task("score", ("sentiment",))
CLASSES = Task("classes", ("emotion",), ("neutral", "happy", "sad", "angry"))
BINARY = Task("binary", ("happy", "sad"))
NATURAL = missing.key("natural")


def predictions(
    task: Task,
    targets: ArrayLike,
    answers: Mapping[str, ArrayLike],
    *,
    known: ArrayLike | None = None,
    spared: Mapping[str, Sequence[bool]] | None = None,
    dialogues: Sequence[str] | None = None,
    turns: Sequence[int] | None = None,
    speakers: Sequence[str] | None = None,
    constant: ArrayLike | None = None,
) -> Predictions:
    """All known, nothing spared, no dialogues, unless it is said."""
    truth = np.asarray(targets, dtype=np.float64).reshape(-1, len(task.targets))
    count = len(truth)
    masked = spared or {}
    return Predictions(
        task=task,
        ids=tuple(f"u{number}" for number in range(count)),
        dialogues=tuple(dialogues or [""] * count),
        turns=np.array(turns if turns is not None else range(count)),
        speakers=tuple(speakers or [""] * count),
        targets=truth,
        known=np.ones(truth.shape, bool) if known is None else np.asarray(known, bool).reshape(truth.shape),
        answers={
            key: np.asarray(values, dtype=np.float64).reshape(count, task.outputs) for key, values in answers.items()
        },
        spared={key: np.array(masked.get(key, [False] * count)) for key in answers},
        constant=np.zeros(task.outputs) if constant is None else np.asarray(constant, dtype=np.float64),
    )


def one_hot(numbers: Sequence[int], count: int = 4) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Logits (N, C) of which the named class is the largest."""
    return np.eye(count)[list(numbers)]
