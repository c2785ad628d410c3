"""The conditions that a model is tested under, its scores in each, and summaries over them.

A condition is a stored mask (docs/masks.md). Under a combination of modalities, an utterance that was observed in none
of them could not be masked ("spared") and is not scored. Under protocols that drop rows every utterance is scored: one
row always stays, so that a short utterance loses a row less than was asked, and leaving those out would compare another
set of utterances at every rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mmfeat import missing
from mmfeat.types import BoolArray
from zoo.errors import DataError
from zoo.metrics import LOWER_IS_BETTER, measure
from zoo.predictions import Predictions

Group = Literal["natural", "combination", "frame_drop", "random_modality", "burst"]
WHOLE = "modality_combination"  # the protocol of the group "combination"
LETTERS = {"text": "l", "audio": "a", "vision": "v"}  # of the papers' tables
ALL_MODALITIES = "l,a,v"


@dataclass(frozen=True)
class Condition:
    """One mask that is tested under."""

    name: str  # "l,a" of a combination, "frame_drop 0.3" of a rate, "natural"
    key: str  # of the mask, as `mmfeat.missing.key` makes it
    group: Group
    kept: str = ""  # of a combination: "text+audio"
    rate: float | None = None  # of a protocol with a rate


@dataclass(frozen=True)
class Scores:
    """How a model did in one condition. Metrics that do not exist are left out: all of them where ``count`` is 0."""

    metrics: Mapping[str, float]
    floor: Mapping[str, float]  # the same of an answer that ignores its input
    count: int  # utterances (of emotion change: pairs) scored


@dataclass(frozen=True)
class Summary:
    """One number over several conditions. A condition without a score takes no part: compare ``count`` with ``of``."""

    value: float
    count: int  # conditions that have the metric
    of: int  # conditions that belong to it
    condition: str = ""  # which one, where it is the value of a single condition


@dataclass(frozen=True)
class Spread:
    """One number over several seeds."""

    mean: float
    deviation: float | None  # standard deviation of the sample (n - 1); None of a single seed
    count: int  # seeds that have it


def _condition(job: missing.Job) -> Condition:
    key = missing.key(job.protocol, job.parameters, job.seed, job.variant)
    if job.protocol == WHOLE:
        kept: str = job.parameters["kept"]
        return Condition(",".join(LETTERS[name] for name in kept.split("+")), key, "combination", kept=kept)
    group: Group = job.protocol  # type: ignore[assignment]  # the other protocols are groups of their own
    if "rate" not in job.parameters:
        return Condition(job.protocol, key, group)
    rate = job.parameters["rate"]
    return Condition(f"{job.protocol} {rate}", key, group, rate=rate)


CONDITIONS: tuple[Condition, ...] = tuple(_condition(job) for job in missing.jobs(missing.DEFAULT, ("test",)))
COMBINATIONS: tuple[str, ...] = tuple(condition.name for condition in CONDITIONS if condition.group == "combination")


def scored(predictions: Predictions, key: str) -> BoolArray:
    """Say which utterances count under a mask, (N,): all, but those that a combination spared.

    Raises
    ------
    DataError
        If there are no answers under this mask.
    """
    if key not in predictions.answers:
        raise DataError(f"no answers under mask {key}; expected one of {', '.join(predictions.answers)}; evaluate it")
    if key.startswith(f"{WHOLE},"):
        return ~predictions.spared[key]
    return np.ones(len(predictions.ids), dtype=np.bool_)


def score_predictions(predictions: Predictions) -> dict[str, Scores]:
    """Score a model in every condition that it answered under.

    Parameters
    ----------
    predictions : Predictions

    Returns
    -------
    dict of str to Scores
        By `Condition.name`, in the order of `CONDITIONS`.

    Raises
    ------
    DataError
        If an answer is not finite.
    """
    found: dict[str, Scores] = {}
    for condition in CONDITIONS:
        if condition.key in predictions.answers:
            found[condition.name] = _score(predictions, condition.key)
    return found


def summarise(scores: Mapping[str, Mapping[str, float]], metric: str) -> dict[str, Summary]:
    """Summarise one metric over conditions.

    Parameters
    ----------
    scores : mapping of str to mapping of str to float
        `Condition.name` -> metrics, as `Scores.metrics`.
    metric : str

    Returns
    -------
    dict of str to Summary
        Those for which there is a score:

        ``mean_incomplete``
            Mean over the six combinations that lack a modality (the "Avg" of CorrKD and HRLF).
        ``mean_all``
            Mean over all seven (the average of AUMDF's tables).
        ``worst``
            The lowest, or of an error the highest, of the seven.
        ``area_frame_drop``, ``area_random_modality``, ``area_burst``
            Area under the metric over the rates of a protocol (trapezoids; AUILC of TFR-Net), divided by the range of
            the rates, so that it reads as a mean. Left out unless the first and the last rate have a score; a rate
            between them that has none is bridged by a straight line.
    """
    given = [condition for condition in CONDITIONS if metric in scores.get(condition.name, {})]
    values = {condition.name: scores[condition.name][metric] for condition in given}
    found = {
        "mean_incomplete": _mean(values, [name for name in COMBINATIONS if name != ALL_MODALITIES]),
        "mean_all": _mean(values, COMBINATIONS),
        "worst": _worst(values, COMBINATIONS, lowest=metric not in LOWER_IS_BETTER),
        **{f"area_{group}": _area(values, group) for group in ("frame_drop", "random_modality", "burst")},
    }
    return {name: summary for name, summary in found.items() if summary is not None}


def across_seeds(runs: Iterable[Mapping[str, float]]) -> dict[str, Spread]:
    """Average the same metrics over seeds.

    Parameters
    ----------
    runs : iterable of mapping of str to float
        One per seed.

    Returns
    -------
    dict of str to Spread
        Each metric over the seeds that have it.
    """
    collected: dict[str, list[float]] = {}
    for run in runs:
        for name, value in run.items():
            collected.setdefault(name, []).append(value)
    return {name: _spread(values) for name, values in collected.items()}


def _score(predictions: Predictions, key: str) -> Scores:
    rows = scored(predictions, key)
    task, targets, known = predictions.task, predictions.targets[rows], predictions.known[rows]
    constant = np.broadcast_to(predictions.constant, (len(targets), task.outputs))
    return Scores(
        metrics=measure(task, targets, known, predictions.answers[key][rows]),
        floor=measure(task, targets, known, constant),
        count=int(known.any(axis=1).sum()),
    )


def _mean(values: Mapping[str, float], names: Sequence[str]) -> Summary | None:
    there = [values[name] for name in names if name in values]
    return Summary(float(np.mean(there)), len(there), len(names)) if there else None


def _worst(values: Mapping[str, float], names: Sequence[str], *, lowest: bool) -> Summary | None:
    there = [name for name in names if name in values]
    if not there:
        return None
    name = (min if lowest else max)(there, key=values.__getitem__)
    return Summary(values[name], len(there), len(names), name)


def _area(values: Mapping[str, float], group: str) -> Summary | None:
    points = [(condition.rate, condition.name) for condition in CONDITIONS if condition.group == group]
    if not {points[0][1], points[-1][1]} <= values.keys():
        return None
    there = [(rate, values[name]) for rate, name in points if name in values]
    rates, heights = np.array(there, dtype=np.float64).T
    area = ((heights[1:] + heights[:-1]) / 2 * np.diff(rates)).sum() / (rates[-1] - rates[0])
    return Summary(float(area), len(there), len(points))


def _spread(values: Sequence[float]) -> Spread:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(float(np.mean(values)), deviation, len(values))


def named(name: str) -> Condition:
    """Condition by its name.

    Raises
    ------
    DataError
        If there is none.
    """
    for condition in CONDITIONS:
        if name in (condition.name, condition.kept):
            return condition
    known = ", ".join(condition.name for condition in CONDITIONS)
    raise DataError(f"condition {name!r}; expected one of {known}; name one of them")
