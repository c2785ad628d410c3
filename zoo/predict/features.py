"""What a model is handed without an artefact: feature rows of some utterances, any modality of which may be absent.

Nothing here needs torch: the service checks what it is sent before a worker sees it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mmfeat.types import BoolArray, FloatArray, Modality
from zoo.errors import InputError

if TYPE_CHECKING:
    from zoo.types import Level


@dataclass(frozen=True)
class Features:
    """Feature rows of one utterance, as the extractors of the model's card make them: not yet normalised."""

    id: str
    rows: Mapping[Modality, FloatArray]  # each (R_m, D_m), a row per word; a modality that is absent is not in it
    observed: Mapping[Modality, BoolArray] = field(default_factory=dict)  # each (R_m,); not in it: all observed
    dialogue: str = ""  # of a model of dialogues: which utterances belong together
    turn: int = 0  # and their order
    speaker: str = ""


def check(utterance: Features, dims: Mapping[Modality, int], level: Level) -> None:
    """Make sure that a model can take an utterance.

    Parameters
    ----------
    utterance : Features
    dims : mapping of Modality to int
        Feature widths of the model.
    level : "words" or "dialogue"
        Of the model.

    Raises
    ------
    InputError
        If it cannot.
    """
    who = f"utterance {utterance.id!r}"
    if not utterance.rows:
        raise InputError(f"{who}: no modality; expected some of {', '.join(dims)}; give the rows of at least one")
    for name, values in utterance.rows.items():
        if name not in dims:
            raise InputError(f"{who}: {name}; expected some of {', '.join(dims)}, which the model takes; leave it out")
        if values.ndim != 2 or values.shape[1] != dims[name] or not len(values):
            raise InputError(
                f"{who}: {name} of shape {values.shape}; expected (rows, {dims[name]}), at least one row; extract it "
                "with the extractors of the model's card"
            )
        if not np.isfinite(values).all():
            raise InputError(f"{who}: {name} with NaN or infinity; expected finite numbers; mark such rows unobserved")
    for name, mask in utterance.observed.items():
        if name not in utterance.rows or mask.shape != (len(utterance.rows[name]),):
            raise InputError(
                f"{who}: observed of {name} of shape {mask.shape}; expected one flag per row of a modality that is "
                "given; mend it"
            )
    counts = {name: len(values) for name, values in utterance.rows.items()}
    if level == "words" and len(set(counts.values())) > 1:
        shown = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise InputError(f"{who}: rows {shown}; expected as many of each, one per word; align them to the words")
