"""Metrics of several yes-or-no labels at once: IEMOCAP's four emotions in the MulT family."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmfeat.types import BoolArray, FloatArray
from zoo.metrics.confusion import (
    Draws,
    accuracy,
    class_f1,
    existing,
    mean_existing,
    once,
    weighted_confusion,
    weighted_f1,
)

OF_LABEL = ("F1", "F1_positive", "acc")


def binary_metrics(truth: BoolArray, known: BoolArray, prediction: BoolArray, names: Sequence[str]) -> dict[str, float]:
    """Measure yes-or-no labels, each over the utterances for which it is known.

    Parameters
    ----------
    truth, known, prediction : BoolArray, shape (N, K)
    names : sequence of str
        Of the K labels.

    Returns
    -------
    dict of str to float
        All in 0 .. 1.

        ``F1_<label>``
            Weighted F1 of yes and no, weights from the truth: what MulT, CorrKD, HRLF and AUMDF print. Always saying no
            is worth much by it where a label is rare.
        ``F1_positive_<label>``
            F1 of yes alone; left out where neither truth nor prediction ever says yes.
        ``acc_<label>``
            Share of right answers.
        ``mean_F1``, ``mean_F1_positive``, ``mean_acc``
            Mean of each over the labels that have it.
    """
    return existing(binary_draws(truth, known, prediction, names, once(len(truth))))


def binary_draws(
    truth: BoolArray, known: BoolArray, prediction: BoolArray, names: Sequence[str], weights: FloatArray
) -> Draws:
    """`binary_metrics` under each row of ``weights`` (R, N)."""
    found: Draws = {}
    for number, name in enumerate(names):
        rows = known[:, number]
        yes, said = truth[rows, number].astype(np.int64), prediction[rows, number].astype(np.int64)
        tables = weighted_confusion(yes, said, 2, weights[:, rows])
        values = (weighted_f1(tables), class_f1(tables)[:, 1], accuracy(tables))
        found |= {f"{kind}_{name}": value for kind, value in zip(OF_LABEL, values, strict=True)}
    means = {
        f"mean_{kind}": mean_existing(np.stack([found[f"{kind}_{name}"] for name in names], axis=1))
        for kind in OF_LABEL
    }
    return {**found, **means}
