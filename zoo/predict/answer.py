"""What a model says of an utterance, with what it was based on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from mmfeat.types import FloatArray, Modality, Seconds, Word
from zoo.emotion_change import SIGNS
from zoo.metrics import round_half_even
from zoo.types import Task

NONE = "none"  # of several yes-or-no labels none holds


@dataclass(frozen=True)
class Value:
    """One answer in the terms of its task."""

    label: str  # the class; of a score its sign after rounding; of yes-or-no labels those that hold
    score: float | None  # of a task that has one
    probabilities: Mapping[str, float]  # of each class, or each yes-or-no label; empty of a score


@dataclass(frozen=True)
class Answer:
    """What a model says of one utterance."""

    id: str
    value: Value  # from all that was observed
    used: tuple[Modality, ...]  # modalities with at least one observed row
    observed: Mapping[Modality, float]  # share of the rows of each modality that the model takes, 0 to 1
    weights: Mapping[Modality, float] | None  # share of each, mean over words (AUMDF's DWAM); None: the model has none
    what_if: Mapping[str, Value | None]  # by what is kept, "text+audio"; None: nothing of it was observed
    recording: str = ""  # the recording that it was cut from
    start: Seconds | None = None  # in the recording
    end: Seconds | None = None
    words: tuple[Word, ...] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        """As JSON has it: the form of files, of the service and of the page."""
        return {
            "id": self.id,
            "recording": self.recording or None,
            "start": self.start,
            "end": self.end,
            "words": [{"text": word.text, "start": word.start, "end": word.end} for word in self.words],
            "answer": _json(self.value),
            "used": list(self.used),
            "observed": dict(self.observed),
            "weights": None if self.weights is None else dict(self.weights),
            "what_if": {kept: None if value is None else _json(value) for kept, value in self.what_if.items()},
        }


def value_of(task: Task, logits: FloatArray) -> Value:
    """Read logits, (outputs,), in the terms of a task."""
    logits = logits.astype(np.float64)
    if task.kind == "score":
        return Value(SIGNS[int(np.sign(round_half_even(logits, 3)[0])) + 1], float(logits[0]), {})
    if task.kind == "classes":
        shares = softmax(logits)
        return Value(task.classes[int(shares.argmax())], None, dict(zip(task.classes, map(float, shares), strict=True)))
    each = dict(zip(task.targets, map(float, expit(logits)), strict=True))
    return Value(", ".join(name for name, share in each.items() if share > 0.5) or NONE, None, each)


def _json(value: Value) -> dict[str, Any]:
    return {"label": value.label, "score": value.score, "probabilities": dict(value.probabilities)}
