"""Is one model better than another, or is it the choice of test utterances? A paired bootstrap answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mmfeat.types import BoolArray, FloatArray, IntArray
from zoo.conditions import scored
from zoo.errors import DataError
from zoo.metrics import measure_draws
from zoo.predictions import Predictions

COVERED = 0.95  # share of the draws within the interval
CELLS = 2_000_000  # weights held at once, 16 MB


@dataclass(frozen=True)
class Interval:
    """The difference of two models, first minus second, in units of the metric."""

    difference: float
    low: float  # 95 % of the draws lie between this
    high: float  # and this
    p: float  # two-sided, of no difference
    draws: int  # in which the metric exists
    units: int  # dialogues (or utterances) drawn from


def paired_bootstrap(
    first: Sequence[Predictions],
    second: Sequence[Predictions],
    keys: Sequence[str],
    metric: str,
    draws: int = 2000,
    seed: int = 0,
    unit: Literal["dialogue", "utterance"] = "dialogue",
) -> Interval:
    """Compare two models on resampled test utterances, the same ones for both.

    Parameters
    ----------
    first, second : sequence of Predictions
        One per seed of training, each list of any length. A model's metric in a draw is its mean over seeds, so the
        interval speaks of these trained networks: how much training varies is for `across_seeds` to say.
    keys : sequence of str
        Mask keys. The metric is averaged over them: one key is one condition, the six incomplete combinations are the
        usual mean.
    metric : str
        A name that `measure` gives.
    draws : int
    seed : int
        Of the resampling.
    unit : {"dialogue", "utterance"}
        What is drawn. Utterances of a dialogue (or of one video) resemble each other, so dialogues are drawn whole,
        with all their utterances; an utterance without a dialogue is drawn by itself. Drawing single utterances gives
        narrower intervals than such data justify.

    Returns
    -------
    Interval
        Percentile interval. ``p`` is twice the smaller share of draws at or beyond 0, each counted with one more, so
        that it never is 0. With few units (31 videos in the test split of MOSI) both are rough, the interval somewhat
        too narrow.

    Raises
    ------
    DataError
        If the two did not answer the same utterances under these masks, if there are fewer than two units, or if the
        metric does not exist for both.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 (percentile interval) and 16 (tests).
    """
    _require_same(first, second, keys)
    groups = _groups(first[0], unit)
    units = int(groups.max()) + 1
    whole = _difference(first, second, keys, metric, np.ones((1, len(groups))))
    if np.isnan(whole[0]):
        raise DataError(f"metric {metric!r} does not exist for these utterances; expected a score; choose another mask")
    weights = _weights(np.random.default_rng(seed), groups, units, draws)
    drawn = np.concatenate([_difference(first, second, keys, metric, part) for part in weights])
    drawn = drawn[~np.isnan(drawn)]
    edge = (1 - COVERED) / 2
    low, high = np.quantile(drawn, [edge, 1 - edge])
    return Interval(float(whole[0]), float(low), float(high), _p(drawn), len(drawn), units)


def _require_same(first: Sequence[Predictions], second: Sequence[Predictions], keys: Sequence[str]) -> None:
    """Refuse to pair what does not belong together."""
    if not (first and second and keys):
        raise DataError(
            f"{len(first)} and {len(second)} predictions under {len(keys)} masks; expected at least one of each; "
            "evaluate both models"
        )
    reference = first[0]
    for other in (*first, *second):
        alike = (
            other.task == reference.task
            and other.ids == reference.ids
            and np.array_equal(other.known, reference.known)
            and np.array_equal(other.targets, reference.targets)
            and all(np.array_equal(scored(other, key), scored(reference, key)) for key in keys)
        )
        if not alike:
            raise DataError(
                f"predictions for {len(other.ids)} and {len(reference.ids)} utterances differ in utterances, labels or "
                "masks; expected the same for both models; evaluate both on one corpus, split and mask file"
            )


def _groups(predictions: Predictions, unit: str) -> IntArray:
    """Number of the unit that each utterance is drawn with, (N,), from 0."""
    single = [f"utterance {number}" for number in range(len(predictions.ids))]
    named = [
        f"dialogue {dialogue}" if dialogue and unit == "dialogue" else alone
        for dialogue, alone in zip(predictions.dialogues, single, strict=True)
    ]
    units, groups = np.unique(named, return_inverse=True)
    if len(units) < 2:
        raise DataError(f"{len(units)} {unit} to draw from; expected at least 2; draw single utterances")
    return np.asarray(groups, dtype=np.int64)


def _weights(rng: np.random.Generator, groups: IntArray, units: int, draws: int) -> Iterator[FloatArray]:
    """How often each draw takes each utterance, in parts of (some draws, N)."""
    step = max(1, CELLS // len(groups))
    for start in range(0, draws, step):
        count = min(step, draws - start)
        chosen = rng.integers(units, size=(count, units)) + np.arange(count)[:, None] * units
        times = np.bincount(chosen.ravel(), minlength=count * units).reshape(count, units)
        yield times[:, groups].astype(np.float64)


def _difference(
    first: Sequence[Predictions],
    second: Sequence[Predictions],
    keys: Sequence[str],
    metric: str,
    weights: FloatArray,
) -> FloatArray:
    """First minus second in each draw, (R,)."""
    total = np.zeros(len(weights))
    for key in keys:
        rows = scored(first[0], key)
        shares = weights if rows.all() else weights[:, rows]
        total += _mean(first, key, metric, rows, shares) - _mean(second, key, metric, rows, shares)
    return total / len(keys)


def _mean(runs: Sequence[Predictions], key: str, metric: str, rows: BoolArray, weights: FloatArray) -> FloatArray:
    """Metric in each draw, averaged over seeds, (R,)."""
    total = np.zeros(len(weights))
    for run in runs:
        found = measure_draws(run.task, run.targets[rows], run.known[rows], run.answers[key][rows], weights)
        if metric not in found:
            raise DataError(f"metric {metric!r}; expected one of {', '.join(found)}; choose one of them")
        total += found[metric]
    return total / len(runs)


def _p(drawn: FloatArray) -> float:
    """Both sides of the bootstrap distribution of a difference, against 0."""
    tail = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return min(1.0, 2 * (tail + 1) / (len(drawn) + 1))
