"""Metrics of one class out of several."""

from __future__ import annotations

from collections.abc import Sequence

from mmfeat.types import FloatArray, IntArray
from zoo.metrics.confusion import (
    Draws,
    accuracy,
    class_f1,
    existing,
    mean_existing,
    mean_recall,
    once,
    weighted_confusion,
    weighted_f1,
)


def class_metrics(truth: IntArray, prediction: IntArray, names: Sequence[str]) -> dict[str, float]:
    """Measure classes.

    Parameters
    ----------
    truth, prediction : IntArray, shape (N,)
        Numbers of classes.
    names : sequence of str
        Names of the C classes, in the order of their numbers.

    Returns
    -------
    dict of str to float
        All in 0 .. 1; empty without utterances.

        ``WA``
            Overall accuracy, which weights classes by their size (GCNet's and MoMKE's tables; others call other things
            so).
        ``UA``
            Mean of the recalls of the classes that occur in the truth, each counting alike.
        ``macro_F1``
            Mean F1 of the classes that occur in truth or prediction, each counting alike.
        ``weighted_F1``
            Mean F1 weighted by the classes' shares of the truth.
        ``F1_<class>``
            F1 of one class; left out for a class that is in neither truth nor prediction.
    """
    return existing(class_draws(truth, prediction, names, once(len(truth))))


def class_draws(truth: IntArray, prediction: IntArray, names: Sequence[str], weights: FloatArray) -> Draws:
    """`class_metrics` under each row of ``weights`` (R, N)."""
    tables = weighted_confusion(truth, prediction, len(names), weights)
    single = class_f1(tables)
    return {
        "WA": accuracy(tables),
        "UA": mean_recall(tables),
        "macro_F1": mean_existing(single),
        "weighted_F1": weighted_f1(tables),
        **{f"F1_{name}": single[:, number] for number, name in enumerate(names)},
    }
