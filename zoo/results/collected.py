"""The scores of several models and seeds on one dataset, in a form that tables and pictures are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from zoo.conditions import CONDITIONS, Condition, Scores, Spread, Summary, across_seeds, score_predictions, summarise
from zoo.emotion_change import score_changes
from zoo.errors import DataError
from zoo.predictions import Predictions
from zoo.types import Task

FLOOR = "(constant answer)"  # stands in the place of a model
SUMMARIES: Mapping[str, str] = MappingProxyType(
    {
        "mean_incomplete": "mean of 6",
        "mean_all": "mean of 7",
        "worst": "worst",
        "area_frame_drop": "area over frame_drop",
        "area_random_modality": "area over random_modality",
        "area_burst": "area over burst",
    }
)

Runs = Mapping[str, Mapping[int, Predictions]]  # model -> seed -> what it answered


@dataclass(frozen=True)
class Results:
    """All scores of one dataset. The floor is a model named `FLOOR` with one seed."""

    dataset: str
    task: Task
    utterances: int
    runs: Runs
    spared: Mapping[str, int]  # mask key -> utterances that the mask could not be applied to
    scores: Mapping[str, Mapping[int, Mapping[str, tuple[Scores, ...]]]]  # model -> seed -> condition -> scores

    @property
    def models(self) -> tuple[str, ...]:
        """Those that were run, without the floor."""
        return tuple(self.runs)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Those that any model answered under."""
        return tuple(condition for condition in CONDITIONS if condition.key in self.spared)

    def metrics(self, model: str, seed: int) -> dict[str, dict[str, float]]:
        """Condition -> metric -> value."""
        return {
            name: {metric: value for part in parts for metric, value in part.metrics.items()}
            for name, parts in self.scores[model][seed].items()
        }

    def spread(self, model: str, metric: str) -> dict[str, Spread]:
        """Mean and deviation over seeds, by name of a condition or of a summary (`SUMMARIES`)."""
        return across_seeds(self._columns(model, seed, metric) for seed in self.scores[model])

    def whole(self, model: str, metric: str) -> set[str]:
        """Names of the conditions in which every seed of a model has a score."""
        per_seed = [self.metrics(model, seed) for seed in self.scores[model]]
        return {name for name in per_seed[0] if all(metric in found.get(name, {}) for found in per_seed)}

    def summaries(self, model: str, metric: str) -> Iterator[dict[str, Summary]]:
        """The summaries of each seed."""
        for seed in self.scores[model]:
            yield summarise(self.metrics(model, seed), metric)

    def _columns(self, model: str, seed: int, metric: str) -> dict[str, float]:
        found = self.metrics(model, seed)
        single = {name: values[metric] for name, values in found.items() if metric in values}
        return single | {name: summary.value for name, summary in summarise(found, metric).items()}


def collect(dataset: str, runs: Runs) -> Results:
    """Score all runs.

    Parameters
    ----------
    dataset : str
        Its name, by which published figures are found.
    runs : mapping of model to mapping of seed to Predictions
        All for the same utterances. Models may have answered under different masks.

    Raises
    ------
    DataError
        If there is no run, or two are of different utterances, labels, masks or constant answers.
    """
    answered = [(model, seed, run) for model, seeds in runs.items() for seed, run in seeds.items()]
    if not answered:
        raise DataError(f"{len(runs)} models without a run; expected predictions; evaluate a checkpoint first")
    first = answered[0]
    for other in answered[1:]:
        _require_alike(first, other)
    masks = {key: mask for _, _, run in answered for key, mask in run.spared.items()}
    scores = {model: {seed: _scores(run) for seed, run in seeds.items()} for model, seeds in runs.items() if seeds}
    return Results(
        dataset=dataset,
        task=first[2].task,
        utterances=len(first[2].ids),
        runs={model: seeds for model, seeds in runs.items() if seeds},
        spared={key: int(mask.sum()) for key, mask in masks.items()},
        scores={**scores, FLOOR: {0: _floor(scores)}},
    )


def _scores(run: Predictions) -> dict[str, tuple[Scores, ...]]:
    scores: dict[str, tuple[Scores, ...]] = {name: (found,) for name, found in score_predictions(run).items()}
    if run.task.kind == "binary" or not any(run.dialogues):
        return scores
    changes = score_changes(run)
    return {name: (*found, changes[name]) for name, found in scores.items()}


def _floor(scores: Mapping[str, Mapping[int, Mapping[str, tuple[Scores, ...]]]]) -> dict[str, tuple[Scores, ...]]:
    """What the constant answer gets, in every condition that any run has."""
    found: dict[str, tuple[Scores, ...]] = {}
    for seeds in scores.values():
        for conditions in seeds.values():
            for name, parts in conditions.items():
                found.setdefault(name, tuple(Scores(part.floor, part.floor, part.count) for part in parts))
    return found


def _require_alike(first: tuple[str, int, Predictions], other: tuple[str, int, Predictions]) -> None:
    a, b = first[2], other[2]
    differ = [
        name
        for name, alike in (
            ("tasks", a.task == b.task),
            ("utterances", a.ids == b.ids),
            ("labels", np.array_equal(a.targets, b.targets) and np.array_equal(a.known, b.known)),
            ("constant answers", np.allclose(a.constant, b.constant)),
            ("masks", all(np.array_equal(a.spared[key], b.spared[key]) for key in a.spared.keys() & b.spared.keys())),
        )
        if not alike
    ]
    if differ:
        raise DataError(
            f"{first[0]} (seed {first[1]}) and {other[0]} (seed {other[1]}) have different {' and '.join(differ)}; "
            "expected runs on one corpus, split and mask file; evaluate them anew on the same"
        )
