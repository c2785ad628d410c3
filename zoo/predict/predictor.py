"""From feature rows to answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from mmfeat.types import MODALITIES, BoolArray, FloatArray, IntArray, Modality
from zoo.checkpoint import Card
from zoo.data import Items, Normalisation, Part, group_items, view
from zoo.errors import InputError
from zoo.predict.answer import Answer, value_of
from zoo.predict.engines import Engine, open_engine
from zoo.predict.features import Features
from zoo.predict.parts import part_of
from zoo.types import Batch

ROWS = 64  # items times combinations that go through the network at once
COMBINATIONS: tuple[tuple[Modality, ...], ...] = (
    ("text",),
    ("audio",),
    ("vision",),
    ("text", "audio"),
    ("text", "vision"),
    ("audio", "vision"),
    MODALITIES,
)


@dataclass(frozen=True)
class Predictor:
    """A trained model that answers for utterances, with what if some modalities were missing.

    Examples
    --------
    >>> predictor = Predictor.open(Path("data/checkpoints/demo/aumdf-small/seed-1111/student"))    # doctest: +SKIP
    >>> predictor.answer([Features("one", {"text": rows})])[0].value.score                          # doctest: +SKIP
    """

    folder: Path
    card: Card
    normalisation: Normalisation
    engine: Engine

    @classmethod
    def open(cls, folder: Path, device: str = "cpu") -> Self:
        """Load a checkpoint, or what ``zoo export`` made of one.

        Raises
        ------
        CheckpointError
            If it is not there, damaged or of another version.
        """
        engine, card, normalisation = open_engine(folder, device)
        return cls(folder, card, normalisation, engine)

    def answer(self, utterances: Sequence[Features], *, what_if: bool = True) -> list[Answer]:
        """Answer for utterances, in their order.

        Parameters
        ----------
        utterances : sequence of Features
        what_if : bool
            Also under each of the seven combinations of modalities; costs seven times as much.

        Raises
        ------
        InputError
            If one has rows that the model cannot take.
        """
        return self.answer_part(part_of(utterances, self.card), what_if=what_if)

    def answer_part(self, part: Part, *, what_if: bool = True) -> list[Answer]:
        """Answer for the utterances of a part of an artefact, which may lack modalities; the same otherwise.

        Raises
        ------
        DataError
            If its rows are not words, or its utterances not in dialogues, and the model wants them so.
        """
        combinations = COMBINATIONS if what_if else (MODALITIES,)
        logits, weights = self._run(part, combinations)
        seen = _seen(part)
        return [self._answer_of(part, row, combinations, logits[:, row], weights, seen) for row in range(len(seen[0]))]

    def _run(self, part: Part, combinations: Sequence[tuple[Modality, ...]]) -> tuple[FloatArray, FloatArray | None]:
        """Logits, (combinations, N, outputs), and shares of the modalities under the last combination, (N, 3)."""
        longest = int(self.card.settings["data"]["max_words"])
        items = group_items(_with_absent(part, self.card), self.card.level, self.normalisation, max_words=longest)
        views = [view(items, _kept(part, kept)) for kept in combinations]
        count = len(part.rows.ids)
        logits = np.zeros((len(views), count, self.card.task.outputs), dtype=np.float32)
        weights: FloatArray | None = None
        for chosen in _chunks(items, len(views)):
            batches = [seen.batch(chosen) for seen in views]
            found, shares = self.engine(stacked(batches))
            numbers = batches[0].numbers.numpy().reshape(-1)
            real = numbers >= 0
            rows = found.reshape(len(views), -1, found.shape[-1])
            logits[:, numbers[real]] = rows[:, real]
            if shares is not None:
                weights = np.zeros((count, len(MODALITIES))) if weights is None else weights
                weights[numbers] = _mean_shares(shares[-len(chosen) :])
        if not np.isfinite(logits).all():
            raise InputError(
                f"{self.card.model} answers these rows with NaN or infinity; expected values as its extractors give "
                "them; look for rows that are far too large"
            )
        return logits, weights

    def _answer_of(
        self,
        part: Part,
        row: int,
        combinations: Sequence[tuple[Modality, ...]],
        logits: FloatArray,
        weights: FloatArray | None,
        seen: tuple[BoolArray, FloatArray],
    ) -> Answer:
        there, shares = seen[0][row], seen[1][row]
        column = {name: number for number, name in enumerate(MODALITIES)}
        values = [
            value_of(self.card.task, answer) if any(there[column[name]] for name in kept) else None
            for kept, answer in zip(combinations, logits, strict=True)
        ]
        takes = tuple(self.card.inputs.dims)
        return Answer(
            id=part.rows.ids[row],
            value=value_of(self.card.task, logits[-1]),
            used=tuple(name for name in takes if there[column[name]]),
            observed={name: float(shares[column[name]]) for name in takes},
            weights=None if weights is None else {name: float(weights[row, column[name]]) for name in takes},
            what_if=dict(zip(map("+".join, combinations), values, strict=True)) if len(combinations) > 1 else {},
        )


def stacked(batches: Sequence[Batch]) -> Batch:
    """Join batches of the same items, one behind the other."""
    if len(batches) == 1:
        return batches[0]

    def joined(values: Sequence[Any]) -> Any:
        first = values[0]
        if isinstance(first, Tensor):
            return torch.cat(list(values))
        return None if first is None else {name: torch.cat([value[name] for value in values]) for name in first}

    return Batch(**{entry.name: joined([getattr(batch, entry.name) for batch in batches]) for entry in fields(Batch)})


def _with_absent(part: Part, card: Card) -> Part:
    """The modalities that the network takes, with zeros for one that the part lacks: it is nowhere observed there."""
    rows = {name: len(part.rows.observed[name]) for name in card.inputs.dims}
    absent = {name: np.zeros((rows[name], width), np.float32) for name, width in card.inputs.dims.items()}
    return replace(part, features={name: part.features.get(name, absent[name]) for name in card.inputs.dims})


def _kept(part: Part, kept: tuple[Modality, ...]) -> dict[Modality, BoolArray] | None:
    """What a combination leaves of a part; None: everything."""
    if kept == MODALITIES:
        return None
    return {name: values if name in kept else np.zeros_like(values) for name, values in part.rows.observed.items()}


def _chunks(items: Items, views: int) -> list[IntArray]:
    """Items of like length, as many at once as fit."""
    order, size = np.argsort(items.lengths, kind="stable"), max(1, ROWS // views)
    return [order[first : first + size] for first in range(0, len(order), size)]


def _seen(part: Part) -> tuple[BoolArray, FloatArray]:
    """Whether any row of a modality was observed, and the share of them, each (N, 3)."""
    shares = np.zeros((len(part.rows.ids), len(MODALITIES)))
    for column, name in enumerate(MODALITIES):
        offsets = part.rows.offsets[name]
        sums = np.concatenate([[0], np.cumsum(part.rows.observed[name])])
        shares[:, column] = np.diff(sums[offsets]) / np.maximum(np.diff(offsets), 1)
    return shares > 0, shares


def _mean_shares(weights: FloatArray) -> FloatArray:
    """Mean over the words that have shares, (B, 3)."""
    some = weights.sum(axis=-1, keepdims=True) > 0
    mean: FloatArray = (weights * some).sum(axis=1) / np.maximum(some.sum(axis=1), 1)
    return mean
