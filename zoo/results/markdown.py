"""Tables for readers, in the layout of the papers: a row per model, a column per condition.

Nothing is set in bold: over ten columns and as many models the best of a column is often best by chance. What differs
beyond chance, the table of comparisons says (`zoo.results.comparing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zoo.conditions import COMBINATIONS
from zoo.metrics import LOWER_IS_BETTER
from zoo.results.collected import FLOOR, SUMMARIES, Results
from zoo.results.comparing import Comparison
from zoo.results.layout import DASH, cell, signed, table, unit
from zoo.results.quoted_tables import quoted_tables
from zoo.types import Task

OF_COMBINATIONS = ("mean_incomplete", "mean_all", "worst")
ABLATED_AT = "frame_drop 0.2"  # AUMDF's tables 6 and 7
MEANING = {
    "Non0_F1_score": "weighted F1 of negative against positive, true zeros left out",
    "Has0_F1_score": "weighted F1 of negative against non-negative, all utterances",
    "MAE": "mean absolute error in points of the scale -3 .. 3",
    "Corr": "Pearson's correlation",
    "Mult_acc_7": "accuracy of the score rounded to -3 .. 3",
    "UA": "mean recall of the classes",
    "WA": "overall accuracy",
    "weighted_F1": "F1 of the classes, weighted by their shares",
    "mean_F1": "mean over the labels of the weighted F1 of yes and no",
    "change_F1": "F1 of saying that a speaker's emotion is not that of his or her last utterance; constant: never",
    "pair_accuracy_changed": "share of the true changes in which both emotions, from and to, are right",
}


def shown_metrics(task: Task) -> tuple[tuple[str, ...], ...]:
    """Metrics that get a table, those that share one together."""
    changes = (("change_F1",), ("pair_accuracy_changed",))
    if task.kind == "score":
        return (("Non0_F1_score",), ("Has0_F1_score",), ("MAE",), ("Corr",), ("Mult_acc_7",), *changes)
    if task.kind == "classes":
        return (("UA",), ("WA",), ("weighted_F1",), *changes)
    return ((*(f"F1_{name}" for name in task.targets), "mean_F1"),)


def document(results: Results, comparisons: Sequence[Comparison]) -> str:
    """All of a dataset's tables, and what was published about it below them."""
    sections = [_head(results)]
    for metrics in shown_metrics(results.task):
        sections += _own(results, metrics)
    sections += _ablation(results)
    if comparisons:
        sections += ["## Differences between models", _comparisons(comparisons)]
    return "\n\n".join([*sections, *quoted_tables(results.dataset, results.task)]) + "\n"


def conditions_table(results: Results, metrics: Sequence[str], columns: Sequence[str]) -> str:
    """A row per model (and metric), a column per condition or summary, and the floor below."""
    several = len(metrics) > 1
    header = [
        "model",
        *(["metric"] if several else []),
        *(SUMMARIES.get(column, f"{{{column}}}") for column in columns),
    ]
    rows = []
    for model in (*results.models, FLOOR):
        for metric in metrics:
            found, partial = results.spread(model, metric), _partial(results, model, metric)
            cells = [cell(found.get(column), metric) + partial.get(column, "") for column in columns]
            rows.append([model, *([metric] if several else []), *cells])
    return table(header, rows)


def metrics_table(results: Results, metrics: Sequence[str], condition: str) -> str:
    """A row per model, a column per metric, all in one condition: AUMDF's tables 6 and 7."""
    rows = [
        [model, *(cell(results.spread(model, metric).get(condition), metric) for metric in metrics)]
        for model in (*results.models, FLOOR)
    ]
    return table(["model", *(f"{metric}{unit(metric)}" for metric in metrics)], rows)


def _head(results: Results) -> str:
    seeds = "; ".join(f"{model} {len(runs)}" for model, runs in results.runs.items())
    known = results.task.targets if results.task.kind == "binary" else (*results.task.targets, *results.task.classes)
    return "\n\n".join(
        [
            f"# {results.dataset}",
            f"{results.utterances} utterances; target: {', '.join(known)}. Seeds: {seeds}.",
            "Cells are the mean over seeds ± the standard deviation (n - 1). "
            f"{DASH}: no score, there was nothing to measure. {FLOOR}: the best answer that ignores its input. "
            '"mean of 6" runs over the incomplete combinations, "mean of 7" over all; "(5 of 6)" says that one has no '
            "score. No best value is marked: see the differences between models.",
        ]
    )


def _own(results: Results, metrics: Sequence[str]) -> Iterator[str]:
    columns = [*(name for name in COMBINATIONS if name in _names(results)), *OF_COMBINATIONS]
    if not any(results.spread(model, metric) for model in results.models for metric in metrics):
        return
    title = metrics[-1]
    order = "lower is better" if title in LOWER_IS_BETTER else "higher is better"
    yield f"## {title}{unit(title)}: {MEANING.get(title, '')} ({order})"
    yield conditions_table(results, metrics, columns)


def _names(results: Results) -> set[str]:
    return {condition.name for condition in results.conditions}


def _ablation(results: Results) -> Iterator[str]:
    if ABLATED_AT in _names(results):
        metrics = [name for group in shown_metrics(results.task) for name in group if "change" not in name]
        yield f"## {ABLATED_AT}: a fifth of the rows of every modality dropped"
        yield metrics_table(results, metrics, ABLATED_AT)


def _partial(results: Results, model: str, metric: str) -> dict[str, str]:
    """What to say beside a summary that lacks a condition."""
    found: dict[str, str] = {}
    for summaries in results.summaries(model, metric):
        found |= {name: f" ({one.count} of {one.of})" for name, one in summaries.items() if one.count < one.of}
    return found


def _comparisons(comparisons: Sequence[Comparison]) -> str:
    rows = [
        [
            f"{each.first} – {each.second}",
            SUMMARIES.get(each.column, f"{{{each.column}}}"),
            signed(each.interval.difference, each.metric),
            f"{signed(each.interval.low, each.metric)} .. {signed(each.interval.high, each.metric)}",
            f"{each.interval.p:.3f}",
            "yes" if each.beyond_chance else "no",
        ]
        for each in comparisons
    ]
    metric = comparisons[0].metric
    header = ["models", "condition", f"{metric}{unit(metric)}", "95 % interval", "p", "beyond chance"]
    units = f"{comparisons[0].interval.units} {comparisons[0].unit}s"
    return (
        f"First minus second, mean over seeds; paired bootstrap over {units}. It "
        "speaks of these trained networks and the choice of test data. Each row stands for itself: among twenty "
        "one is expected beyond chance by chance.\n\n" + table(header, rows)
    )
