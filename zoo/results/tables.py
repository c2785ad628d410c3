"""Tables for machines: every score by itself, and means over seeds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from zoo.results.collected import FLOOR, SUMMARIES, Results

LONG = ("dataset", "model", "seed", "condition", "group", "metric", "value", "scored", "spared", "mask")
SUMMARY = ("dataset", "model", "condition", "group", "metric", "mean", "deviation", "seeds")


def long_csv(results: Results) -> str:
    """Every score: a row per model, seed, condition and metric.

    ``scored`` counts utterances, for metrics of emotion change pairs; ``spared`` those that the mask could not be
    applied to. A metric that does not exist has no row. The floor has no seed.
    """
    return _text(LONG, _single(results))


def summary_csv(results: Results) -> str:
    """Mean and standard deviation (n - 1; empty of one seed) over seeds, per condition and per summary over conditions.

    The ``group`` of a summary is "summary".
    """
    return _text(SUMMARY, _spreads(results))


def metrics_of(results: Results) -> tuple[str, ...]:
    """All metrics that any run has, in the order in which they were measured."""
    names: dict[str, None] = {}
    for model, seeds in results.scores.items():
        for seed in seeds:
            for values in results.metrics(model, seed).values():
                names |= dict.fromkeys(values)
    return tuple(names)


def _single(results: Results) -> Iterator[tuple[str, ...]]:
    for model, seeds in results.scores.items():
        for seed, scores in seeds.items():
            for condition in results.conditions:
                for part in scores.get(condition.name, ()):
                    place = (results.dataset, model, "" if model == FLOOR else str(seed), condition.name)
                    counts = (str(part.count), str(results.spared[condition.key]), condition.key)
                    for metric, value in part.metrics.items():
                        yield (*place, condition.group, metric, _number(value), *counts)


def _spreads(results: Results) -> Iterator[tuple[str, ...]]:
    groups = {condition.name: condition.group for condition in results.conditions}
    for model in results.scores:
        for metric in metrics_of(results):
            found = results.spread(model, metric)
            for column in (*groups, *SUMMARIES):
                if column in found:
                    spread = found[column]
                    deviation = "" if spread.deviation is None else _number(spread.deviation)
                    place = (results.dataset, model, column, groups.get(column, "summary"), metric)
                    yield (*place, _number(spread.mean), deviation, str(0 if model == FLOOR else spread.count))


def _text(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _number(value: float) -> str:
    return format(value, ".10g")
