"""Whether a graph answers as its network does, measured where exporters go wrong: other lengths, other batch sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from mmfeat.types import BoolArray, FloatArray, Progress
from zoo.errors import ExportError
from zoo.export.graph import batch_of
from zoo.export.runtime import ask, failures
from zoo.types import MODALITIES, Batch, Inputs, Level

LENGTHS = (1, 3, 20, 50, 100)  # positions of the longest item of a batch
BATCHES = tuple(range(1, 9))
LARGEST_DIFFERENCE = 1e-4  # of the largest logit; float32 leaves about 1e-6
SPEAKERS = 3
REMEDY = "the network does something that the exporter fixes, such as a size or a branch: take shapes from the mask"


@dataclass(frozen=True)
class Difference:
    """How far graph and network are apart at one length, at worst over all batch sizes."""

    length: int
    logits: float  # absolute
    weights: float | None  # absolute, of the modalities' shares; None: the network has none
    relative: float  # of the logits, to the largest of them at this length


def compare(
    network: nn.Module, session: Any, inputs: Inputs, level: Level, progress: Progress | None = None
) -> tuple[Difference, ...]:
    """Compare graph and network on random features under random masks.

    Parameters
    ----------
    network : nn.Module
        On the CPU, in evaluation mode.
    session : onnxruntime.InferenceSession
    inputs : Inputs
    level : "words" or "dialogue"
    progress : Progress, optional

    Returns
    -------
    tuple of Difference
        One per length.

    Raises
    ------
    ExportError
        If the graph cannot be run.
    """
    rng = np.random.default_rng(0)
    found = []
    for number, length in enumerate(LENGTHS, 1):
        batches = [random_batch(rng, inputs, level, items, length) for items in BATCHES]
        found.append(_difference(network, session, batches, length))
        if progress:
            progress("compare", number, len(LENGTHS))
    return tuple(found)


def require_exact(differences: Sequence[Difference], what: str) -> None:
    """Refuse a graph that answers otherwise than its network.

    Raises
    ------
    ExportError
        Naming the first length at which it does.
    """
    for entry in differences:
        shares = 0.0 if entry.weights is None else entry.weights
        # Written so that NaN is refused.
        if not (entry.relative <= LARGEST_DIFFERENCE and shares <= LARGEST_DIFFERENCE):
            raise ExportError(
                f"{what}: at length {entry.length} graph and network differ by {entry.logits:.1e} in the logits, "
                f"{shares:.1e} in the weights; expected at most {LARGEST_DIFFERENCE:g} of the largest logit; {REMEDY}"
            )


def random_batch(rng: np.random.Generator, inputs: Inputs, level: Level, items: int, length: int) -> Batch:
    """Features and masks; among the items some without anything, without one modality, and without any gap.

    Parameters
    ----------
    rng : np.random.Generator
    inputs : Inputs
    level : "words" or "dialogue"
    items : int
    length : int
        Of the first item; the others are at most as long.
    """
    lengths = rng.integers(1, length + 1, items)
    lengths[0] = length
    mask = np.arange(length) < lengths[:, None]
    has = np.array([name in inputs.dims for name in MODALITIES])
    kept = np.stack([_pattern(rng, (items + item) % 4, length) for item in range(items)]) & mask[..., None] & has
    features = {
        name: np.where(
            kept[..., MODALITIES.index(name), None], rng.standard_normal((items, length, width), dtype=np.float32), 0
        )
        for name, width in inputs.dims.items()
    }
    speakers = np.where(mask, rng.integers(0, SPEAKERS, mask.shape), 0) if level == "dialogue" else None
    return batch_of(
        {name: torch.from_numpy(values) for name, values in features.items()},
        torch.from_numpy(mask),
        torch.from_numpy(kept),
        None if speakers is None else torch.from_numpy(speakers),
    )


def _pattern(rng: np.random.Generator, kind: int, length: int) -> BoolArray:
    """What one item keeps, (T, 3)."""
    if kind == 0:
        return np.ones((length, len(MODALITIES)), dtype=bool)
    if kind == 2:
        return np.zeros((length, len(MODALITIES)), dtype=bool)
    kept = rng.random((length, len(MODALITIES))) < 0.6
    if kind == 1:
        kept[:, rng.integers(len(MODALITIES))] = False
    return kept


def _difference(network: nn.Module, session: Any, batches: Sequence[Batch], length: int) -> Difference:
    logits, largest = 0.0, np.finfo(np.float32).tiny.item()
    weights: float | None = None
    for batch in batches:
        with torch.inference_mode():
            output = network(batch)
        expected = output.logits.numpy()
        answered, shares = _asked(session, batch)
        logits = float(np.maximum(logits, np.abs(answered - expected).max()))  # which keeps NaN
        largest = max(largest, float(np.abs(expected).max()))
        if shares is not None:
            apart = np.abs(shares - output.parts["weights"].numpy()).max()
            weights = float(np.maximum(weights or 0.0, apart))
    return Difference(length, logits, weights, logits / largest)


def _asked(session: Any, batch: Batch) -> tuple[FloatArray, FloatArray | None]:
    try:
        return ask(session, batch)
    except failures() as error:
        reason = " ".join(str(error).split())[:200]
        raise ExportError(
            f"the graph stops at batch and length {tuple(batch.mask.shape)}: {reason}; expected an answer; {REMEDY}"
        ) from None
