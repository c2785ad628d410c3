"""How a number and a table look in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoo.conditions import Spread

DASH = "–"  # there is no score
POINTS = frozenset({"MAE", "Corr"})  # metrics that are no share, so not in per cent


def unit(metric: str) -> str:
    """``, %`` for the metrics that are shown in per cent."""
    return "" if metric in POINTS else ", %"


def cell(spread: Spread | None, metric: str) -> str:
    """Mean ± standard deviation over seeds; the mean alone of one seed; a dash where there is none."""
    if spread is None:
        return DASH
    scale, digits = (1, 3) if metric in POINTS else (100, 2)
    mean = f"{scale * spread.mean:.{digits}f}"
    return mean if spread.deviation is None else f"{mean} ± {scale * spread.deviation:.{digits}f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; first column to the left, the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines)


def signed(value: float, metric: str) -> str:
    """A difference, in the unit of its metric."""
    return f"{value:+.3f}" if metric in POINTS else f"{100 * value:+.2f}"


def in_columns(lines: Sequence[Sequence[str]]) -> str:
    """Plain text in columns: first to the left, the others to the right."""
    first, *widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    cells = [[text.rjust(width) for text, width in zip(line[1:], widths, strict=True)] for line in lines]
    return "\n".join("  ".join([line[0].ljust(first), *right]) for line, right in zip(lines, cells, strict=True))
