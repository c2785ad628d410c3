"""Feature rows that were handed over, put together as a model's data are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmfeat.types import MODALITIES, BoolArray, FloatArray, Modality, ObservedRows
from zoo.checkpoint import Card
from zoo.data import Part
from zoo.errors import InputError
from zoo.predict.features import Features, check


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


def _length(utterance: Features) -> int:
    return max(len(values) for values in utterance.rows.values())


def _observed(utterance: Features, name: Modality, count: int) -> BoolArray:
    if name not in utterance.rows:
        return np.zeros(count, dtype=np.bool_)
    return utterance.observed.get(name, np.ones(count, dtype=np.bool_))


def _values(utterance: Features, name: Modality, count: int, width: int) -> FloatArray:
    return utterance.rows[name] if name in utterance.rows else np.zeros((count, width), dtype=np.float32)
