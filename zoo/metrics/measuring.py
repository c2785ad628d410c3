"""From the answers of a model to the metrics of its task."""

from __future__ import annotations

import numpy as np

from mmfeat.types import BoolArray, FloatArray
from zoo.errors import DataError
from zoo.metrics.binary import binary_draws
from zoo.metrics.classes import class_draws
from zoo.metrics.confusion import Draws, existing, once
from zoo.metrics.score import score_draws
from zoo.types import Task

LOWER_IS_BETTER = frozenset({"MAE", "loss"})  # of all other names, higher is better
ABOVE_ZERO = 1e-6  # a score that counts as positive, without being anything but 0 otherwise


def measure(task: Task, targets: FloatArray, known: BoolArray, answers: FloatArray) -> dict[str, float]:
    """Measure the answers of a model.

    Parameters
    ----------
    task : Task
    targets : FloatArray, shape (N, K)
    known : BoolArray, shape (N, K)
        What is False takes no part.
    answers : FloatArray, shape (N, outputs)
        Scores or logits, as `zoo.types.Output.logits`.

    Returns
    -------
    dict of str to float
        As `score_metrics`, `class_metrics` or `binary_metrics`. What does not exist is left out: all of it where
        nothing is known.

    Raises
    ------
    DataError
        If an answer is not finite.
    """
    return existing(measure_draws(task, targets, known, answers, once(len(targets))))


def measure_draws(task: Task, targets: FloatArray, known: BoolArray, answers: FloatArray, weights: FloatArray) -> Draws:
    """`measure` for R weightings of the utterances at once, a few milliseconds per hundred.

    Parameters
    ----------
    task, targets, known, answers
        As `measure`.
    weights : FloatArray, shape (R, N)
        How often each utterance counts, 0 or more.

    Returns
    -------
    dict of str to FloatArray, shape (R,)
        NaN where a metric does not exist in a draw.

    Raises
    ------
    DataError
        As `measure`.
    """
    decided = decide(task, answers)
    if task.kind == "binary":
        return binary_draws(targets > 0.5, known, decided > 0.5, task.targets, weights)
    rows = known[:, 0]
    truth, decisions = targets[rows, 0], decided[rows, 0]
    shares = weights if rows.all() else weights[:, rows]
    if task.kind == "score":
        return score_draws(truth, decisions, shares)
    return class_draws(truth.astype(np.int64), decisions.astype(np.int64), task.classes, shares)


def decide(task: Task, answers: FloatArray) -> FloatArray:
    """Turn answers into what they stand for.

    Parameters
    ----------
    task : Task
    answers : FloatArray, shape (N, outputs)

    Returns
    -------
    FloatArray, shape (N, K)
        In the terms of the targets: the score as it is; the number of the class with the largest logit, the first of
        equal ones; 1 where the logit of a yes-or-no label is above 0 (at 0, an even chance, it is 0).

    Raises
    ------
    DataError
        If an answer is not finite.
    """
    strange = int((~np.isfinite(answers)).any(axis=1).sum())
    if strange:
        raise DataError(f"{strange} of {len(answers)} answers are NaN or infinite; expected numbers; train again")
    if task.kind == "score":
        return answers
    if task.kind == "binary":
        return (answers > 0).astype(answers.dtype)
    return np.asarray(answers.argmax(axis=1)[:, None], dtype=answers.dtype)


def main_metric(task: Task) -> str:
    """Name the metric that tables sort by.

    ``Non0_F1_score`` of a score and ``mean_F1`` of yes-or-no labels, as CorrKD's family and AUMDF print; ``UA`` of
    classes, which MMIN chooses by and which a large class cannot lift.
    """
    return {"score": "Non0_F1_score", "classes": "UA", "binary": "mean_F1"}[task.kind]


def constant_answer(task: Task, targets: FloatArray, known: BoolArray) -> FloatArray:
    """Fit the best answer that ignores its input: the floor that every model has to beat.

    Parameters
    ----------
    task : Task
    targets, known : FloatArray and BoolArray, shape (N, K)
        Of the training split.

    Returns
    -------
    FloatArray, shape (outputs,) float64
        The median of scores, which has the smallest absolute error (where that is exactly 0 and more scores lie above
        it than below, 1e-6 instead: ``Non0_acc_2`` reads 0 as negative, and the floor should take the larger side); the
        logarithm of the classes' shares; the logarithm of the odds of each yes-or-no label. Shares and odds are taken
        with one more utterance per value, so that they stay finite; this changes no decision.

    Raises
    ------
    DataError
        If nothing is known.
    """
    if not known.any():
        raise DataError(f"0 of {len(known)} utterances have a label; expected some; choose another label or split")
    if task.kind == "score":
        return np.array([_middle(targets[known[:, 0], 0])])
    if task.kind == "classes":
        counts = np.bincount(targets[known[:, 0], 0].astype(np.int64), minlength=len(task.classes)) + 1.0
        return np.asarray(np.log(counts / counts.sum()))
    yes = (known & (targets > 0.5)).sum(axis=0)
    return np.asarray(np.log((yes + 1.0) / (known.sum(axis=0) - yes + 1.0)))


def _middle(scores: FloatArray) -> float:
    middle = float(np.median(scores))
    return ABOVE_ZERO if middle == 0 and np.sign(scores).sum() > 0 else middle
