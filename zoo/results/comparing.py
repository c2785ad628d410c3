"""Which models differ, condition by condition, beyond the choice of test utterances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.conditions import ALL_MODALITIES, COMBINATIONS
from zoo.metrics import main_metric
from zoo.predictions import Predictions
from zoo.results.collected import Results
from zoo.significance import Interval, paired_bootstrap

Unit = Literal["dialogue", "utterance"]


@dataclass(frozen=True)
class Comparison:
    """First minus second in one condition or summary."""

    first: str
    second: str
    metric: str
    column: str  # name of the condition, "mean_incomplete" or "mean_all"
    interval: Interval
    unit: Unit  # what was drawn

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval leaves out 0."""
        return not self.interval.low <= 0 <= self.interval.high


def compare(
    results: Results, first: str, second: str, metric: str | None = None, draws: int = 1000
) -> tuple[Comparison, ...]:
    """Compare two models in each combination of modalities, and on the average over the combinations.

    Parameters
    ----------
    results : Results
    first, second : str
        Names of models.
    metric : str, optional
        That of `zoo.metrics.main_metric` by default.
    draws : int
        Resamples per row.

    Returns
    -------
    tuple of Comparison
        Whole dialogues are drawn, or utterances where the split is a single dialogue; of a single utterance there is
        nothing to compare. A condition that either did not answer under, or in which there is nothing to score, has
        none, nor have the averages it belongs to.

    Raises
    ------
    DataError
        As `paired_bootstrap`.
    """
    name = main_metric(results.task) if metric is None else metric
    ours, theirs = (list(results.runs[model].values()) for model in (first, second))
    keys = {
        condition.name: condition.key
        for condition in results.conditions
        if condition.name in COMBINATIONS
        and all(condition.name in results.whole(model, name) for model in (first, second))
    }
    columns = {column: [column] for column in keys}
    incomplete = [column for column in COMBINATIONS if column != ALL_MODALITIES]
    wanted = {**columns, "mean_incomplete": incomplete, "mean_all": list(COMBINATIONS)}
    unit = _unit(ours[0])
    if unit is None:
        return ()
    return tuple(
        Comparison(first, second, name, column, paired_bootstrap(ours, theirs, masks, name, draws, unit=unit), unit)
        for column, parts in wanted.items()
        if (masks := [keys[part] for part in parts if part in keys]) and len(masks) == len(parts)
    )


def _unit(run: Predictions) -> Unit | None:
    """What can be drawn from: dialogues where there are two (an utterance without one counts as one), or utterances."""
    alone = run.dialogues.count("")
    if len(set(run.dialogues) - {""}) + alone > 1:
        return "dialogue"
    return "utterance" if len(run.ids) > 1 else None
