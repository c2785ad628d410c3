"""Metrics of one score from -3 (negative) to 3 (positive), under the column names of MMSA."""

from __future__ import annotations

import numpy as np

from mmfeat.types import FloatArray, IntArray
from zoo.metrics.confusion import Draws, accuracy, existing, once, ratio, weighted_confusion, weighted_f1

CONSTANT = 1e-12  # a variance below this share of the mean square is rounding, the values are the same


def score_metrics(truth: FloatArray, prediction: FloatArray) -> dict[str, float]:
    """Measure scores.

    Parameters
    ----------
    truth, prediction : FloatArray, shape (N,)
        Scores on the scale of the corpus, -3 to 3. Predictions may leave it.

    Returns
    -------
    dict of str to float
        ``Has0_acc_2``, ``Has0_F1_score``
            Negative against non-negative over all utterances: 0 is non-negative, in truth and prediction.
        ``Non0_acc_2``, ``Non0_F1_score``
            Negative against positive over utterances whose true score is not 0. A prediction counts as positive if it
            is above 0; one of exactly 0 counts as negative.
        ``Mult_acc_5``, ``Mult_acc_7``
            Accuracy after rounding to whole numbers (`round_half_even`) within -2 .. 2 and -3 .. 3.
        ``MAE``
            Mean absolute error over all utterances, in points of the scale; nothing is clipped.
        ``Corr``
            Pearson's correlation over all utterances. Where truth or prediction is constant there is none: 0.

        Both F1 are weighted by the classes' shares of the truth (some evaluators descended from MMSA swap truth and
        prediction, which weights by the predictions). Accuracies and F1 lie in 0 .. 1. Empty without utterances, and
        without the ``Non0`` pair where all true scores are 0.

    References
    ----------
    thuiar/MMSA@4e5fdb5, ``src/MMSA/utils/metricsTop.py`` (regression, MOSI and MOSEI), for names and conventions; read
    and found the same. Deviations: nothing is rounded to four places; a constant has a correlation of 0, not NaN.
    """
    return existing(score_draws(truth, prediction, once(len(truth))))


def score_draws(truth: FloatArray, prediction: FloatArray, weights: FloatArray) -> Draws:
    """`score_metrics` under each row of ``weights`` (R, N)."""
    truth, prediction = truth.astype(np.float64), prediction.astype(np.float64)
    signs = weighted_confusion(_sign(truth), _sign(prediction), 3, weights)
    total = weights.sum(axis=1)
    has0, non0 = _has0(signs), _non0(signs)
    columns = [_hits(truth, prediction, 2), _hits(truth, prediction, 3), np.abs(truth - prediction)]
    five, seven, error = (weights @ np.stack(columns, axis=1)).T
    return {
        "Has0_acc_2": accuracy(has0),
        "Has0_F1_score": weighted_f1(has0),
        "Non0_acc_2": accuracy(non0),
        "Non0_F1_score": weighted_f1(non0),
        "Mult_acc_5": ratio(five, total),
        "Mult_acc_7": ratio(seven, total),
        "MAE": ratio(error, total),
        "Corr": _correlation(truth, prediction, weights, total),
    }


def round_half_even(scores: FloatArray, limit: int) -> IntArray:
    """Round to whole numbers from -``limit`` to ``limit``; halves go to the even number: 0.5 to 0, 1.5 and 2.5 to 2."""
    return np.asarray(np.rint(np.clip(scores, -limit, limit)), dtype=np.int64)


def _hits(truth: FloatArray, prediction: FloatArray, limit: int) -> FloatArray:
    """1 where both round to the same number."""
    return np.asarray(round_half_even(truth, limit) == round_half_even(prediction, limit), dtype=np.float64)


def _sign(scores: FloatArray) -> IntArray:
    """0 negative, 1 zero, 2 positive."""
    return np.asarray(np.sign(scores), dtype=np.int64) + 1


def _has0(signs: FloatArray) -> FloatArray:
    """Negative against non-negative, (R, 2, 2), from tables of signs (R, 3, 3)."""
    rows = np.stack([signs[:, 0], signs[:, 1] + signs[:, 2]], axis=1)
    return np.stack([rows[..., 0], rows[..., 1] + rows[..., 2]], axis=2)


def _non0(signs: FloatArray) -> FloatArray:
    """Negative against positive, (R, 2, 2), without the true zeros."""
    rows = signs[:, [0, 2]]
    return np.stack([rows[..., 0] + rows[..., 1], rows[..., 2]], axis=2)


def _correlation(truth: FloatArray, prediction: FloatArray, weights: FloatArray, total: FloatArray) -> FloatArray:
    """Pearson's, (R,)."""
    if not len(truth):
        return np.full(len(weights), np.nan)
    # Around the median, for precision; a constant becomes exactly 0.
    x, y = truth - np.median(truth), prediction - np.median(prediction)
    sums = (weights @ np.stack([x, y, x * x, y * y, x * y], axis=1)).T
    mean_x, mean_y, square_x, square_y, product = ratio(sums, total)
    spread_x, spread_y = square_x - mean_x**2, square_y - mean_y**2
    constant = (spread_x <= CONSTANT * square_x) | (spread_y <= CONSTANT * square_y)
    scale = np.sqrt(np.where(constant, 1.0, spread_x)) * np.sqrt(np.where(constant, 1.0, spread_y))
    return np.where(constant, 0.0, np.clip((product - mean_x * mean_y) / scale, -1.0, 1.0))
