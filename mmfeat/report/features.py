"""Ranges of every feature dimension, read block by block: memory does not grow with the corpus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmfeat.artifact import Artifact
from mmfeat.types import BoolArray, FloatArray, IntArray, Modality, Progress, batched_rows

SAMPLE = 20_000  # observed rows from which quantiles are taken; corpora with fewer are taken whole
BLOCK = 1 << 20  # values read at once
BINS = 24  # of the small histograms
QUANTILES = (0.01, 0.5, 0.99)
LOW, MEDIAN, HIGH = range(3)


@dataclass(frozen=True)
class Ranges:
    """Statistics of one modality's D dimensions over its observed rows.

    Lowest, highest, mean, standard deviation and the shares are of all observed rows; quantiles and histograms of
    ``sampled`` of them.
    """

    names: tuple[str, ...]
    rows: int  # observed
    sampled: int
    lowest: FloatArray  # (D,), and so are the following
    highest: FloatArray
    mean: FloatArray
    deviation: FloatArray
    zeros: FloatArray  # share of rows
    not_finite: IntArray  # rows; they count as absent in all that is above
    quantiles: FloatArray  # (3, D) at `QUANTILES`
    histogram: IntArray  # (D, BINS) of the sampled rows from the 1 % to the 99 % quantile

    @property
    def constant(self) -> BoolArray:
        """Where a dimension has one value only, though there is more than one row."""
        same: BoolArray = (self.lowest == self.highest) & (self.rows > 1)
        return same


def measure(artifact: Artifact, modality: Modality, progress: Progress | None = None) -> Ranges | None:
    """Measure every dimension of one modality.

    Parameters
    ----------
    artifact : Artifact
    modality : {"text", "audio", "vision"}
        One that the artefact has.
    progress : Progress, optional

    Returns
    -------
    Ranges or None
        None where no row was observed.
    """
    masks = [artifact.observed(split).observed[modality] for split in artifact.splits]
    count = sum(int(mask.sum()) for mask in masks)
    names = artifact.names(modality)
    if count == 0 or not names:
        return None
    moments, kept = _Moments(len(names)), []
    chosen = _chosen_rows(count)
    for passed, block in _observed_blocks(artifact, modality, masks, progress):
        moments.add(block)
        first, last = np.searchsorted(chosen, (passed, passed + len(block)))
        kept.append(block[chosen[first:last] - passed])
    return moments.finish(names, np.concatenate(kept))


def _chosen_rows(count: int) -> IntArray:
    """Which of the observed rows the quantiles are taken from, in rising order; the same on every run."""
    if count <= SAMPLE:
        return np.arange(count)
    rows: IntArray = np.sort(np.random.default_rng(0).choice(count, SAMPLE, replace=False, shuffle=False))
    return rows


def _observed_blocks(
    artifact: Artifact, modality: Modality, masks: list[BoolArray], progress: Progress | None
) -> Iterator[tuple[int, FloatArray]]:
    """Observed rows of all splits, block by block, each with how many came before."""
    passed, read, total = 0, 0, sum(len(mask) for mask in masks)
    for split, mask in zip(artifact.splits, masks, strict=True):
        values = artifact.group(split)[modality]
        for span in batched_rows(len(mask), max(1, BLOCK // values.shape[1])):
            seen = mask[span]
            block = values[span] if seen.all() else values[span][seen]
            yield passed, block
            passed, read = passed + len(block), read + len(seen)
            if progress:
                progress(modality, read, total)


class _Moments:
    """Extremes and moments of D dimensions, block after block."""

    def __init__(self, width: int) -> None:
        self._rows = 0
        self._finite = np.zeros(width, dtype=np.int64)
        self._zeros = np.zeros(width, dtype=np.int64)
        self._lowest, self._highest = np.full(width, np.inf), np.full(width, -np.inf)
        self._mean, self._squares = np.zeros(width), np.zeros(width)

    def add(self, block: FloatArray) -> None:
        """Take (B, D) more rows."""
        if not len(block):
            return
        finite = np.isfinite(block)
        whole = bool(finite.all())
        count = np.full(block.shape[1], len(block)) if whole else finite.sum(axis=0)
        self._rows += len(block)
        self._zeros += (block == 0).sum(axis=0)
        self._lowest = np.minimum(self._lowest, np.min(block, axis=0, initial=np.inf, where=finite))
        self._highest = np.maximum(self._highest, np.max(block, axis=0, initial=-np.inf, where=finite))
        # Chan's rule joins the means and squares of two sets; sums of squares would lose all digits of large offsets.
        safe = np.maximum(count, 1)
        mean = np.sum(block, axis=0, dtype=np.float64, where=finite) / safe
        centred = np.where(finite, block, mean) - mean
        both = np.maximum(self._finite + count, 1)
        step = mean - self._mean
        self._squares += np.einsum("rd,rd->d", centred, centred) + step**2 * self._finite * count / both
        self._mean += np.where(count > 0, step * count / both, 0.0)
        self._finite += count

    def finish(self, names: tuple[str, ...], sample: FloatArray) -> Ranges:
        """Statistics, with the quantiles of a sample (S, D)."""
        lost = self._rows - self._finite
        if lost.any():
            sample = np.where(np.isfinite(sample), sample, self._mean)
        quantiles = np.quantile(sample, QUANTILES, axis=0).astype(np.float64)
        return Ranges(
            names,
            self._rows,
            len(sample),
            np.where(self._finite > 0, self._lowest, 0.0),
            np.where(self._finite > 0, self._highest, 0.0),
            self._mean,
            np.sqrt(self._squares / np.maximum(self._finite, 1)),
            self._zeros / self._rows,
            lost,
            quantiles,
            np.stack([_histogram(*column) for column in zip(sample.T, quantiles[LOW], quantiles[HIGH], strict=True)]),
        )


def _histogram(values: FloatArray, low: float, high: float) -> IntArray:
    if not high > low:
        return np.zeros(BINS, dtype=np.int64)
    places = ((values - low) * (BINS / (high - low))).astype(np.int64)
    inside: IntArray = np.bincount(np.minimum(places[(values >= low) & (values <= high)], BINS - 1), minlength=BINS)
    return inside
