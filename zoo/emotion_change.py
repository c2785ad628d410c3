"""Emotion change: whether a model sees where a speaker's emotion turns, and from what to what.

Over each dialogue, the utterances of one speaker in the order of their turns; two neighbours of them are a pair,
whoever speaks in between, and the pair is a change where the two emotions differ. Emotions are the classes of the
task; of a score, its sign after rounding to a whole number: negative, neutral (the 0 of ``Mult_acc_7``) or positive.
Unknown speakers of a dialogue count as one; an utterance without a dialogue is in no pair.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mmfeat.types import BoolArray, IntArray
from zoo.conditions import CONDITIONS, Scores, scored
from zoo.errors import DataError
from zoo.metrics import decide, round_half_even
from zoo.predictions import Predictions

Unlabelled = Literal["bridge", "break"]
SIGNS = ("negative", "neutral", "positive")


@dataclass(frozen=True)
class Timeline:
    """One dialogue in the order of its turns, to be drawn."""

    names: tuple[str, ...]  # of the emotions, in the order of their numbers
    ids: tuple[str, ...]
    turns: IntArray  # (n,)
    speakers: tuple[str, ...]  # '' where unknown
    truth: IntArray  # (n,) number of the emotion, -1 where unknown
    predicted: IntArray  # (n,) number of the emotion
    scored: BoolArray  # (n,) False where the emotion is unknown or the mask could not be applied: in no pair


def score_changes(predictions: Predictions, unlabelled: Unlabelled = "bridge") -> dict[str, Scores]:
    """Score the changes of emotion in every condition that a model answered under.

    Parameters
    ----------
    predictions : Predictions
        Of classes or of a score.
    unlabelled : {"bridge", "break"}
        What an utterance without a label (or spared by the mask) does between two others of its speaker: they make a
        pair across it, or none. Whether a bridged pair hides a change and a change back is unknown.

    Returns
    -------
    dict of str to Scores
        By `Condition.name`: `change_metrics` of the model and, as ``floor``, of an answer that is told the emotion at
        the beginning of each pair and never changes it. ``count``: pairs.

    Raises
    ------
    DataError
        If the task is yes-or-no labels, of which several may hold at once, or an answer is not finite.
    """
    found: dict[str, Scores] = {}
    for condition in CONDITIONS:
        if condition.key in predictions.answers:
            truth, predicted = _pairs(predictions, condition.key, unlabelled)
            still = np.repeat(truth[:, :1], 2, axis=1)
            found[condition.name] = Scores(change_metrics(truth, predicted), change_metrics(truth, still), len(truth))
    return found


def change_metrics(truth: IntArray, predicted: IntArray) -> dict[str, float]:
    """Compare pairs of emotions.

    Parameters
    ----------
    truth, predicted : IntArray, shape (P, 2)
        Numbers of the emotions of two neighbours: from, to.

    Returns
    -------
    dict of str to float
        In 0 .. 1, but for the count; what does not exist is left out.

        ``change_precision``, ``change_recall``, ``change_F1``
            Of saying that a pair is a change. There is no precision where no change was answered, no recall where none
            happened, no F1 where neither.
        ``change_accuracy``
            Share of pairs rightly called change or no change.
        ``pair_accuracy``, ``pair_accuracy_changed``
            Share of all pairs, and of the true changes, in which both emotions are right.
        ``changes``
            How many pairs are a change in truth.
    """
    happened, said = truth[:, 0] != truth[:, 1], predicted[:, 0] != predicted[:, 1]
    both = (truth == predicted).all(axis=1)
    found, true, called = int((happened & said).sum()), int(happened.sum()), int(said.sum())
    parts = {
        "change_precision": (found, called),
        "change_recall": (found, true),
        "change_F1": (2 * found, true + called),
        "change_accuracy": (int((happened == said).sum()), len(truth)),
        "pair_accuracy": (int(both.sum()), len(truth)),
        "pair_accuracy_changed": (int(both[happened].sum()), true),
    }
    return {"changes": float(true)} | {name: part / whole for name, (part, whole) in parts.items() if whole}


def timeline(predictions: Predictions, dialogue: str, key: str) -> Timeline:
    """Lay out one dialogue.

    Parameters
    ----------
    predictions : Predictions
        Of classes or of a score.
    dialogue : str
    key : str
        Of the mask.

    Returns
    -------
    Timeline

    Raises
    ------
    DataError
        If there is no such dialogue or mask, the task is yes-or-no labels, or an answer is not finite.
    """
    rows = np.flatnonzero(np.array(predictions.dialogues, dtype=np.str_) == dialogue)
    if not dialogue or not len(rows):
        named = sorted(set(predictions.dialogues) - {""})
        near = difflib.get_close_matches(dialogue, named, n=2) or named[:2]
        raise DataError(
            f"dialogue {dialogue!r}; expected one of the split's ({', '.join(near) or 'none'}); name another"
        )
    rows = rows[np.argsort(predictions.turns[rows], kind="stable")]
    known, truth, predicted = _emotions(predictions, key)
    return Timeline(
        names=SIGNS if predictions.task.kind == "score" else predictions.task.classes,
        ids=tuple(predictions.ids[row] for row in rows),
        turns=predictions.turns[rows],
        speakers=tuple(predictions.speakers[row] for row in rows),
        truth=np.where(predictions.known[rows, 0], truth[rows], -1),
        predicted=predicted[rows],
        scored=known[rows],
    )


def _pairs(predictions: Predictions, key: str, unlabelled: Unlabelled) -> tuple[IntArray, IntArray]:
    """Emotions (P, 2) of all pairs of neighbours, true and predicted."""
    known, truth, predicted = _emotions(predictions, key)
    dialogues = np.array(predictions.dialogues, dtype=np.str_)
    speakers = np.array(predictions.speakers, dtype=np.str_)
    order = np.lexsort((predictions.turns, speakers, dialogues))  # the last one first
    order = order[dialogues[order] != ""]
    if unlabelled == "bridge":
        order = order[known[order]]
    pairs = np.stack([order[:-1], order[1:]], axis=1)
    one = (dialogues[pairs[:, 0]] == dialogues[pairs[:, 1]]) & (speakers[pairs[:, 0]] == speakers[pairs[:, 1]])
    pairs = pairs[one & known[pairs].all(axis=1)]
    return truth[pairs], predicted[pairs]


def _emotions(predictions: Predictions, key: str) -> tuple[BoolArray, IntArray, IntArray]:
    """Which utterances count, their true and their predicted emotions, each (N,)."""
    task = predictions.task
    if task.kind == "binary":
        raise DataError(
            f"task of yes-or-no labels {', '.join(task.targets)}; expected classes or a score, where one emotion holds "
            "at a time; choose another label"
        )
    known = scored(predictions, key) & predictions.known[:, 0]
    values = predictions.targets[:, 0], decide(task, predictions.answers[key])[:, 0]
    if task.kind == "score":
        truth, predicted = (np.sign(round_half_even(value, 3)) + 1 for value in values)
    else:
        truth, predicted = (value.astype(np.int64) for value in values)
    return known, truth, predicted


def emotions(predictions: Predictions) -> tuple[IntArray, tuple[str, ...]]:
    """True emotion of each utterance, (N,), -1 where it is unknown, and the emotions' names."""
    key = next(iter(predictions.answers))
    _, truth, _ = _emotions(predictions, key)
    names = SIGNS if predictions.task.kind == "score" else predictions.task.classes
    return np.where(predictions.known[:, 0], truth, -1), names
