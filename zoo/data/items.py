"""Parts grouped for a model: items of positions, in tensors, on one device.

At the level of words an item is an utterance and a position a word. At the level of dialogues an item is a dialogue, a
position an utterance, and its features the mean over those of its rows that are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mmfeat.types import MODALITIES, BoolArray, IntArray, Modality
from zoo.data.corpus import Part
from zoo.data.normalisation import Normalisation
from zoo.errors import DataError
from zoo.types import Batch, Level


@dataclass(frozen=True)
class Items:
    """I items with R positions in all."""

    level: Level
    part: Part  # without its features
    offsets: IntArray  # (I + 1,) positions of each item
    positions: IntArray  # (R,) what stands there: a word row of the part, or the number of an utterance
    rows: Mapping[Modality, Tensor]  # normalised rows of the part, (R_m, D_m), zero where not observed
    full: Mapping[Modality, Tensor]  # (R, D_m) as `Batch.full`, before padding
    observed: Tensor  # (R, 3)
    targets: Tensor  # (I, K) or (R, K)
    known: Tensor  # same shape
    numbers: Tensor  # (I,) or (R,)
    speakers: Tensor | None  # (R,)

    @property
    def lengths(self) -> IntArray:
        """Positions of each item, (I,)."""
        return np.diff(self.offsets)


@dataclass(frozen=True)
class View:
    """Items as seen under one mask."""

    items: Items
    features: Mapping[Modality, Tensor]  # (R, D_m), zero where not kept
    kept: Tensor  # (R, 3)

    def batch(self, chosen: IntArray) -> Batch:
        """Pad the chosen items behind and stack them."""
        items = self.items
        lengths = items.lengths[chosen]
        position = np.arange(int(lengths.max(initial=1)))
        inside = position < lengths[:, None]
        device = items.observed.device
        index = torch.from_numpy(np.where(inside, items.offsets[chosen][:, None] + position, 0)).to(device)
        mask = torch.from_numpy(inside).to(device)
        which = torch.from_numpy(np.asarray(chosen)).to(device)

        def padded(values: Tensor) -> Tensor:
            found = values[index]
            return found * mask.view(*mask.shape, *[1] * (found.dim() - 2)).to(found.dtype)

        def labels(values: Tensor) -> Tensor:
            return values[which] if items.level == "words" else padded(values)

        same = self.features is items.full
        full = {name: padded(values) for name, values in items.full.items()}
        return Batch(
            features=full if same else {name: padded(values) for name, values in self.features.items()},
            full=full,
            mask=mask,
            observed=padded(items.observed),
            kept=padded(self.kept),
            targets=labels(items.targets),
            known=labels(items.known),
            numbers=labels(items.numbers) if items.level == "words" else padded(items.numbers + 1) - 1,
            speakers=None if items.speakers is None else padded(items.speakers),
        )


def group_items(
    part: Part, level: Level, normalisation: Normalisation, *, max_words: int = 0, device: torch.device | None = None
) -> Items:
    """Group a part for models of a level.

    Parameters
    ----------
    part : Part
    level : "words" or "dialogue"
    normalisation : Normalisation
        Of the training part.
    max_words : int
        Keep the first so many words of an utterance; 0: all. At the level of words only.
    device : torch.device, optional
        Where the tensors shall be.

    Raises
    ------
    DataError
        If rows are not words at the level of words, or dialogues are unknown at the level of dialogues.
    """
    rows = {}
    for name, values in part.features.items():
        observed = torch.from_numpy(part.rows.observed[name]).to(device)
        rows[name] = normalisation(name, torch.from_numpy(values).to(device)) * observed[:, None]
    bare = replace(part, features={})  # or a corpus would be in memory twice
    if level == "words":
        return _word_items(bare, rows, max_words, device)
    return _dialogue_items(bare, rows, device)


def view(items: Items, kept: Mapping[Modality, BoolArray] | None) -> View:
    """Items under a mask, ``kept`` (R_m,) per modality; None: nothing is dropped."""
    if kept is None:
        return View(items, items.full, items.observed)
    device = items.observed.device
    if items.level == "words":
        flags = torch.stack([_tensor(kept[name][items.positions], device) for name in MODALITIES], dim=1)
        return View(items, {name: values * flags[:, _column(name), None] for name, values in items.full.items()}, flags)
    vectors, present = _utterance_vectors(items.part, items.rows, kept, device)
    order = torch.from_numpy(items.positions).to(device)
    return View(items, {name: values[order] for name, values in vectors.items()}, present[order])


def _word_items(part: Part, rows: Mapping[Modality, Tensor], max_words: int, device: torch.device | None) -> Items:
    lengths = {name: np.diff(part.rows.offsets[name]) for name in MODALITIES}
    apart = [name for name in rows if not np.array_equal(lengths[name], lengths["text"])]
    if apart:
        raise DataError(
            f"rows of {', '.join(apart)} are not the words (alignment rule 'none'); expected one row per word for a "
            "model of words; extract with --rule overlap"
        )
    offsets = part.rows.offsets["text"]
    positions = np.arange(offsets[-1])
    if max_words:
        inside = positions - np.repeat(offsets[:-1], lengths["text"]) < max_words
        positions = positions[inside]
        offsets = np.concatenate([[0], np.cumsum(np.minimum(lengths["text"], max_words))])
    chosen = torch.from_numpy(positions).to(device)
    whole = len(positions) == part.rows.offsets["text"][-1]
    return Items(
        level="words",
        part=part,
        offsets=offsets,
        positions=positions,
        rows=rows,
        full=rows if whole else {name: values[chosen] for name, values in rows.items()},
        observed=torch.stack([_tensor(part.rows.observed[name][positions], device) for name in MODALITIES], dim=1),
        targets=_tensor(part.targets, device),
        known=_tensor(part.known, device),
        numbers=torch.arange(len(part.rows.ids), device=device),
        speakers=None,
    )


def _dialogue_items(part: Part, rows: Mapping[Modality, Tensor], device: torch.device | None) -> Items:
    if not any(part.dialogues):
        raise DataError(
            "no utterance names its dialogue; expected dialogues for a model of dialogues; give the corpus's table a "
            "column 'dialogue', and 'turn'"
        )
    # An utterance without a dialogue is one of its own.
    names = [dialogue or f"\0{number}" for number, dialogue in enumerate(part.dialogues)]
    _, which = np.unique(names, return_inverse=True)
    order = np.lexsort((np.arange(len(names)), part.turns, which))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(which))])
    vectors, present = _utterance_vectors(part, rows, part.rows.observed, device)
    chosen = torch.from_numpy(order).to(device)
    return Items(
        level="dialogue",
        part=part,
        offsets=offsets,
        positions=order,
        rows=rows,
        full={name: values[chosen] for name, values in vectors.items()},
        observed=present[chosen],
        targets=_tensor(part.targets, device)[chosen],
        known=_tensor(part.known, device)[chosen],
        numbers=chosen,
        speakers=_tensor(_speaker_numbers(part, order, offsets), device),
    )


def _utterance_vectors(
    part: Part, rows: Mapping[Modality, Tensor], kept: Mapping[Modality, BoolArray], device: torch.device | None
) -> tuple[dict[Modality, Tensor], Tensor]:
    """Mean over the kept rows of each utterance, (N, D_m), zero where there are none; and where there are some."""
    vectors: dict[Modality, Tensor] = {}
    present = torch.zeros(len(part.rows.ids), len(MODALITIES), dtype=torch.bool, device=device)
    for name in MODALITIES:
        counts = np.diff(part.rows.offsets[name])
        flags = _tensor(kept[name], device)
        owner = torch.from_numpy(np.repeat(np.arange(len(counts)), counts)).to(device)
        number = torch.zeros(len(counts), device=device).index_add_(0, owner, flags.float())
        present[:, _column(name)] = number > 0
        if name in rows:
            sums = torch.zeros(len(counts), rows[name].shape[1], device=device)
            sums.index_add_(0, owner, rows[name] * flags[:, None])
            vectors[name] = sums / number.clamp(min=1)[:, None]
    return vectors, present


def _speaker_numbers(part: Part, order: IntArray, offsets: IntArray) -> IntArray:
    """Who speaks at each position, numbered by first appearance in the dialogue."""
    found = np.zeros(len(order), dtype=np.int64)
    for first, last in zip(offsets[:-1], offsets[1:], strict=True):
        numbers: dict[str, int] = {}
        found[first:last] = [numbers.setdefault(part.speakers[i], len(numbers)) for i in order[first:last]]
    return found


def _column(modality: Modality) -> int:
    return MODALITIES.index(modality)


def _tensor(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]], device: torch.device | None) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)
