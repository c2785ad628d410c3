"""What others published, as Markdown: tables of their own, each with its source and what is odd about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from zoo.conditions import COMBINATIONS
from zoo.results.layout import DASH, table
from zoo.results.quoted import AVERAGE, SOURCES, Quoted, figures, remarks
from zoo.types import Task


def quoted_tables(dataset: str, task: Task) -> Iterator[str]:
    """All that was published on a dataset and a kind of task, in sections; nothing where nothing was."""
    found = figures(dataset, task)
    if not found:
        return
    yield "## Quoted"
    yield "Not ours: figures that others published, as printed (per cent, but for MAE). None of them was run here."
    order = list(SOURCES)
    in_order = sorted(found, key=lambda figure: (order.index(figure.source), figure.table))
    for (source, name), group in groupby(in_order, key=lambda figure: (figure.source, figure.table)):
        about = SOURCES[source]
        yield f"### Quoted: {about.paper}, {f'table {name}' if name.isdigit() else name}"
        yield f"{about.reference}, read in {about.read_in}."
        yield from _tables(list(group))
        yield "\n".join(f"- {remark}" for remark in remarks(source, name))


def _tables(group: Sequence[Quoted]) -> Iterator[str]:
    """One table of a source: a column per condition, or per metric where there is one condition."""
    there = {figure.condition for figure in group}
    columns = [name for name in (*COMBINATIONS, AVERAGE) if name in there]
    if not columns:
        yield f"Condition: {' and '.join(sorted(there))}."
        yield _pivot(group, list(dict.fromkeys(figure.printed for figure in group)), lambda figure: figure.printed)
    for task, printed in dict.fromkeys((figure.task, figure.printed) for figure in group) if columns else ():
        same = [figure for figure in group if (figure.task, figure.printed) == (task, printed)]
        nearest = ", ".join(dict.fromkeys(figure.metric for figure in same))
        yield f"{printed}, {task} (nearest of ours: {nearest})"
        yield _pivot(same, columns, lambda figure: figure.condition)


def _pivot(group: Sequence[Quoted], columns: Sequence[str], column: Callable[[Quoted], str]) -> str:
    labelled = any(figure.label for figure in group)
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for figure in group:
        place = (f"{figure.model} (quoted)", *([figure.label] if labelled else []))
        rows.setdefault(place, {})[column(figure)] = _as_printed(figure)
    names = [f"{{{name}}}" if name in COMBINATIONS else name for name in columns]
    return table(
        ["model", *(["label"] if labelled else []), *names],
        [[*place, *(cells.get(name, DASH) for name in columns)] for place, cells in rows.items()],
    )


def _as_printed(figure: Quoted) -> str:
    digits = 3 if figure.printed == "MAE" else 1 if figure.label else 2
    return f"{figure.value:.{digits}f}"
