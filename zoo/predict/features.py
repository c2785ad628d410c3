"""What a model is handed without an artefact: feature rows of some utterances, any modality of which may be absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mmfeat.types import MODALITIES, BoolArray, FloatArray, Modality, ObservedRows
from zoo.checkpoint import Card
from zoo.data import Part
from zoo.errors import InputError
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


def part_of(utterances: Sequence[Features], card: Card) -> Part:
    """Put utterances together as a model's data are.

    Parameters
    ----------
    utterances : sequence of Features
    card : Card
        Of the model that shall answer.

    Raises
    ------
    InputError
        If there is no utterance, or one has rows that the model cannot take.
    """
    if not utterances:
        raise InputError("no utterances; expected at least one; give some")
    for utterance in utterances:
        check(utterance, card.inputs.dims, card.level)
    words = [_length(utterance) for utterance in utterances]
    lengths = {
        name: [len(u.rows[name]) if name in u.rows else n for u, n in zip(utterances, words, strict=True)]
        for name in MODALITIES
    }
    seen = {
        name: [_observed(u, name, n) for u, n in zip(utterances, lengths[name], strict=True)] for name in MODALITIES
    }
    count, outputs = len(utterances), len(card.task.targets)
    return Part(
        rows=ObservedRows(
            ids=tuple(utterance.id for utterance in utterances),
            offsets={name: np.concatenate([[0], np.cumsum(lengths[name])]) for name in MODALITIES},
            observed={name: np.concatenate(seen[name]) for name in MODALITIES},
        ),
        features={
            name: np.concatenate(
                [_values(u, name, n, width) for u, n in zip(utterances, lengths[name], strict=True)], dtype=np.float32
            )
            for name, width in card.inputs.dims.items()
        },
        targets=np.zeros((count, outputs), dtype=np.float32),
        known=np.zeros((count, outputs), dtype=np.bool_),
        dialogues=tuple(utterance.dialogue for utterance in utterances),
        turns=np.array([utterance.turn for utterance in utterances], dtype=np.int64),
        speakers=tuple(utterance.speaker for utterance in utterances),
        pieces=(),
    )


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


def _length(utterance: Features) -> int:
    return max(len(values) for values in utterance.rows.values())


def _observed(utterance: Features, name: Modality, count: int) -> BoolArray:
    if name not in utterance.rows:
        return np.zeros(count, dtype=np.bool_)
    return utterance.observed.get(name, np.ones(count, dtype=np.bool_))


def _values(utterance: Features, name: Modality, count: int, width: int) -> FloatArray:
    return utterance.rows[name] if name in utterance.rows else np.zeros((count, width), dtype=np.float32)
