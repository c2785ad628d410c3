"""One line of the benchmark table, and how it is printed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A measured figure beside the figure asked for."""

    what: str
    measured: str
    asked: str = "-"


def table(rows: list[Row]) -> str:
    """Align rows in three columns."""
    cells = [("what", "measured", "asked"), *((row.what, row.measured, row.asked) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in cells)
