"""Everything that a benchmark leaves on disk, and what an evaluation shows in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmfeat.safe_write import replacing
from zoo.conditions import COMBINATIONS
from zoo.errors import DataError
from zoo.metrics import main_metric
from zoo.results.collected import FLOOR, SUMMARIES, Results, Runs, collect
from zoo.results.comparing import Comparison, compare
from zoo.results.layout import cell, in_columns, unit
from zoo.results.markdown import document, shown_metrics
from zoo.results.tables import long_csv, summary_csv

SHOWN = ("natural", "combination")  # groups of conditions that get lines of their own in the terminal


def write(folder: Path, dataset: str, runs: Runs, *, reference: str | None = None, draws: int = 1000) -> list[Path]:
    """Write the tables and pictures of one dataset.

    Parameters
    ----------
    folder : Path
        Made where it is not there. Files of the same names are replaced, one by one, each at once.
    dataset : str
        Its name, by which published figures are found.
    runs : mapping of model to mapping of seed to Predictions
        All for the same utterances.
    reference : str, optional
        Model that every other one is compared with; the first by default.
    draws : int
        Resamples per comparison; 0: no comparisons.

    Returns
    -------
    list of Path
        ``scores.csv`` (every score), ``summary.csv`` (mean and deviation over seeds), ``results.md`` (the tables, and
        what others published), ``combinations.png``, ``rates.png`` (where a protocol was answered under at two rates);
        for a score the pictures of MAE too, ``combinations_mae.png`` and ``rates_mae.png``.

    Raises
    ------
    DataError
        If the runs do not belong together, or ``reference`` is none of them.
    OutputError
        If a file cannot be written.
    """
    results = collect(dataset, runs)
    comparisons = _comparisons(results, reference, draws)
    texts = {
        "scores.csv": long_csv(results),
        "summary.csv": summary_csv(results),
        "results.md": document(results, comparisons),
    }
    for name, text in texts.items():
        with replacing(folder / name) as beside:
            beside.write_text(text, encoding="utf-8", newline="")
    return [*(folder / name for name in texts), *_pictures(results, folder)]


def summary_text(dataset: str, runs: Runs) -> str:
    """A short table for the terminal: a line per combination of modalities and per summary.

    Columns are the task's metrics where there is one model, else the main metric of each model; the last is the floor
    of the main metric. Cells are the mean over seeds ± the standard deviation.
    """
    results = collect(dataset, runs)
    main = main_metric(results.task)
    columns = [(model, model, main) for model in results.models]
    if len(results.models) == 1:
        metrics = sorted(
            (name for group in shown_metrics(results.task) for name in group if name != "pair_accuracy_changed"),
            key=lambda name: name != main,
        )
        columns = [(f"{name}{unit(name)}", results.models[0], name) for name in metrics]
    columns.append((FLOOR, FLOOR, main))
    spreads = [(metric, results.spread(model, metric)) for _, model, metric in columns]
    answered = [condition.name for condition in results.conditions if condition.group in SHOWN]
    names = (*answered, *(name for name in SUMMARIES if any(name in found for _, found in spreads)))
    lines = [
        [SUMMARIES.get(name, name), *(cell(found.get(name), metric) for metric, found in spreads)] for name in names
    ]
    text = in_columns([["", *(title for title, _, _ in columns)], *lines])
    return f"{dataset}{'' if len(results.models) == 1 else f': {main}{unit(main)}'}\n{text}"


def _comparisons(results: Results, reference: str | None, draws: int) -> list[Comparison]:
    first = reference or results.models[0]
    if first not in results.models:
        raise DataError(f"model {first!r}; expected one of {', '.join(results.models)}; name another reference")
    others = [model for model in results.models if model != first] if draws else []
    return [row for other in others for row in compare(results, first, other, draws=draws)]


def _pictures(results: Results, folder: Path) -> Iterator[Path]:
    from zoo.results.curves import draw_curves, has_curve
    from zoo.results.heat import draw_heat

    metrics = {"": main_metric(results.task)} | ({"_mae": "MAE"} if results.task.kind == "score" else {})
    for suffix, metric in metrics.items():
        if any(name in results.spread(model, metric) for model in results.models for name in COMBINATIONS):
            yield draw_heat(results, metric, folder / f"combinations{suffix}.png")
        if has_curve(results):
            yield draw_curves(results, metric, folder / f"rates{suffix}.png")
