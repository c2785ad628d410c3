"""Batches made by hand for the tests of the zoo's models, without any artefact."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.types import MODALITIES, Batch, Modality, Task

DIMS: Mapping[Modality, int] = {"text": 6, "audio": 5, "vision": 4}
SCORE = Task("score", ("sentiment",))
CLASSES = Task("classes", ("emotion",), ("neutral", "happy", "sad", "angry"))
BINARY = Task("binary", ("neutral", "happy", "sad"))

Kept = Literal["all", "random"] | Sequence[str] | Callable[[NDArray[np.bool_]], NDArray[np.bool_]]


def word_batch(
    rng: np.random.Generator,
    lengths: Sequence[int] = (5, 3, 1),
    dims: Mapping[Modality, int] = DIMS,
    task: Task = SCORE,
    kept: Kept = "all",
) -> Batch:
    """Utterances of random words; one row of targets per utterance.

    ``kept``: "all" that is observed; "random": each real position of each modality with probability 1/2; names of
    modalities: only those; or a function from ``observed`` (B, T, 3) bool to ``kept`` of the same shape. All real
    positions of a modality in ``dims`` are observed.
    """
    mask = np.arange(max(lengths)) < np.asarray(lengths)[:, None]
    targets = _targets(rng, task, (len(lengths),))
    return _batch(rng, mask, dims, kept, targets, np.ones_like(targets, dtype=bool), np.arange(len(lengths)))


def dialogue_batch(
    rng: np.random.Generator,
    lengths: Sequence[int] = (5, 3, 1),
    dims: Mapping[Modality, int] = DIMS,
    task: Task = CLASSES,
    kept: Kept = "all",
    speakers: int = 2,
) -> Batch:
    """Dialogues of random utterances; one row of targets per utterance, speakers in the order of appearance."""
    mask = np.arange(max(lengths)) < np.asarray(lengths)[:, None]
    targets = np.where(mask[..., None], _targets(rng, task, mask.shape), 0.0)
    known = np.broadcast_to(mask[..., None], targets.shape).copy()
    numbers = np.where(mask, np.cumsum(mask.ravel()).reshape(mask.shape) - 1, -1)
    said = np.where(mask, rng.integers(0, speakers, mask.shape), 0)
    order = [{number: place for place, number in enumerate(dict.fromkeys(row.tolist()))} for row in said]
    renamed = np.array([[names[number] for number in row] for names, row in zip(order, said.tolist(), strict=True)])
    batch = _batch(rng, mask, dims, kept, targets, known, numbers)
    return replace(batch, speakers=torch.from_numpy(np.where(mask, renamed, 0)))


def rows(batch: Batch, *which: int) -> Batch:
    """Only these items of a batch, padding as it was."""
    index = torch.tensor(which)
    return replace(
        batch,
        features={name: values[index] for name, values in batch.features.items()},
        full={name: values[index] for name, values in batch.full.items()},
        mask=batch.mask[index],
        observed=batch.observed[index],
        kept=batch.kept[index],
        targets=batch.targets[index],
        known=batch.known[index],
        numbers=batch.numbers[index],
        speakers=None if batch.speakers is None else batch.speakers[index],
    )


def trimmed(batch: Batch) -> Batch:
    """The same items without the positions that are padding in all of them; targets per item are left alone."""
    length = int(batch.mask.sum(1).max())
    per_position = batch.targets.dim() == 3
    return replace(
        batch,
        features={name: values[:, :length] for name, values in batch.features.items()},
        full={name: values[:, :length] for name, values in batch.full.items()},
        mask=batch.mask[:, :length],
        observed=batch.observed[:, :length],
        kept=batch.kept[:, :length],
        targets=batch.targets[:, :length] if per_position else batch.targets,
        known=batch.known[:, :length] if per_position else batch.known,
        numbers=batch.numbers[:, :length] if per_position else batch.numbers,
        speakers=None if batch.speakers is None else batch.speakers[:, :length],
    )


def with_garbage(batch: Batch, value: float = 1e6) -> Batch:
    """The same batch with ``value`` wherever a model must not look: dropped, unobserved and padded positions."""

    def spoilt(name: Modality, values: Tensor, seen: Tensor) -> Tensor:
        return torch.where(seen[:, :, MODALITIES.index(name), None], values, value)

    return replace(
        batch,
        features={name: spoilt(name, values, batch.kept) for name, values in batch.features.items()},
        full={name: spoilt(name, values, batch.observed) for name, values in batch.full.items()},
    )


def _targets(rng: np.random.Generator, task: Task, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if task.kind == "score":
        values = rng.uniform(-3, 3, (*shape, 1))
    else:
        values = rng.integers(0, len(task.classes) if task.kind == "classes" else 2, (*shape, len(task.targets)))
    return values.astype(np.float32)


def _batch(
    rng: np.random.Generator,
    mask: NDArray[np.bool_],
    dims: Mapping[Modality, int],
    kept: Kept,
    targets: NDArray[np.float32],
    known: NDArray[np.bool_],
    numbers: NDArray[np.int64],
) -> Batch:
    observed = mask[..., None] & np.array([name in dims for name in MODALITIES])
    seen = _kept(rng, observed, kept)
    values = {name: rng.standard_normal((*mask.shape, width)).astype(np.float32) for name, width in dims.items()}

    def zero_filled(name: Modality, where: NDArray[np.bool_]) -> Tensor:
        return torch.from_numpy(np.where(where[..., MODALITIES.index(name), None], values[name], np.float32(0)))

    return Batch(
        features={name: zero_filled(name, seen) for name in dims},
        full={name: zero_filled(name, observed) for name in dims},
        mask=torch.from_numpy(mask),
        observed=torch.from_numpy(observed),
        kept=torch.from_numpy(seen),
        targets=torch.from_numpy(targets),
        known=torch.from_numpy(known),
        numbers=torch.from_numpy(numbers),
    )


def _kept(rng: np.random.Generator, observed: NDArray[np.bool_], kept: Kept) -> NDArray[np.bool_]:
    if callable(kept):
        chosen = kept(observed)
    elif kept == "all":
        chosen = observed
    elif kept == "random":
        chosen = rng.random(observed.shape) < 0.5
    else:
        chosen = np.array([name in kept for name in MODALITIES])
    return observed & chosen
