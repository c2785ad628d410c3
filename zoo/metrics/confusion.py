"""Confusion matrices, also of R weighted resamples at once, and what follows from them.

A weight says how often an utterance counts. Rows of a matrix are the truth, columns the answers. What does not exist is
NaN here, and left out by `existing` before anyone sees it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmfeat.types import FloatArray, IntArray

Draws = dict[str, FloatArray]  # metric -> (R,), NaN where it does not exist


def confusion(truth: IntArray, prediction: IntArray, count: int) -> IntArray:
    """Count which class was answered for which.

    Parameters
    ----------
    truth, prediction : IntArray, shape (N,)
        Numbers of classes, 0 to ``count`` - 1.
    count : int
        C, number of classes.

    Returns
    -------
    IntArray, shape (C, C)
        ``[i, j]``: utterances of class i that were answered with j.
    """
    cells: IntArray = np.bincount(truth * count + prediction, minlength=count * count)
    return cells.reshape(count, count)


def weighted_confusion(truth: IntArray, prediction: IntArray, count: int, weights: FloatArray) -> FloatArray:
    """`confusion` under each row of ``weights`` (R, N): (R, C, C), by one matrix product."""
    cells = np.zeros((len(truth), count * count))
    cells[np.arange(len(truth)), truth * count + prediction] = 1
    return (weights @ cells).reshape(-1, count, count)


def accuracy(tables: FloatArray) -> FloatArray:
    """Share of right answers, (R,), of tables (R, C, C)."""
    return ratio(np.trace(tables, axis1=1, axis2=2), tables.sum(axis=(1, 2)))


def mean_recall(tables: FloatArray) -> FloatArray:
    """Mean of the recalls of the classes that occur in the truth, (R,)."""
    return mean_existing(ratio(np.diagonal(tables, axis1=1, axis2=2), tables.sum(axis=2)))


def class_f1(tables: FloatArray) -> FloatArray:
    """F1 of each class, (R, C); NaN for a class that is neither in the truth nor in the answers."""
    return ratio(2 * np.diagonal(tables, axis1=1, axis2=2), tables.sum(axis=1) + tables.sum(axis=2))


def weighted_f1(tables: FloatArray) -> FloatArray:
    """Mean of the classes' F1, each weighted by its share of the truth, (R,)."""
    return ratio((np.nan_to_num(class_f1(tables)) * tables.sum(axis=2)).sum(axis=1), tables.sum(axis=(1, 2)))


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """``part / whole``, NaN where ``whole`` is 0."""
    nowhere: FloatArray = np.full(np.broadcast(part, whole).shape, np.nan)
    return np.divide(part, whole, out=nowhere, where=whole != 0)


def mean_existing(values: FloatArray) -> FloatArray:
    """Mean (R,) over what is not NaN in each row of (R, C)."""
    return ratio(np.nan_to_num(values).sum(axis=1), (~np.isnan(values)).sum(axis=1).astype(np.float64))


def existing(draws: Mapping[str, FloatArray]) -> dict[str, float]:
    """The first draw as plain numbers, without what does not exist."""
    return {name: float(values[0]) for name, values in draws.items() if not np.isnan(values[0])}


def once(count: int) -> FloatArray:
    """Weights (1, N) of every utterance as it is."""
    return np.ones((1, count))
