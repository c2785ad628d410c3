"""Panels stacked over a common time axis: what every picture of ours is made of."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DPI = 110
GAP = 0.12  # inch, between panels
GREY = "#8a8a8a"

Margins = tuple[float, float, float, float]  # inch: left, right, top, bottom


def stack_panels(width: float, heights: Sequence[float], margins: Margins) -> tuple[Figure, list[Axes]]:
    """Make a figure of one panel per height, from the top; all in inch."""
    left, right, top, bottom = margins
    height = sum(heights) + GAP * (len(heights) - 1) + top + bottom
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        len(heights),
        1,
        height_ratios=heights,
        left=left / width,
        right=1 - right / width,
        top=1 - top / height,
        bottom=bottom / height,
        hspace=GAP * len(heights) / sum(heights),
    )
    return figure, [figure.add_subplot(grid[row]) for row in range(len(heights))]


def clear_frame(panel: Axes) -> None:
    """Take away a panel's ticks and edges."""
    panel.tick_params(left=False, labelleft=False, bottom=False, labelbottom=False, labelsize=8)
    for side in ("top", "right", "left", "bottom"):
        panel.spines[side].set_visible(False)


def name_panel(panel: Axes, text: str, height: float = 0.5) -> None:
    """Write a name to the left of a panel, at a share of its height."""
    panel.annotate(
        text, (0, height), xytext=(-8, 0), xycoords="axes fraction", textcoords="offset points", ha="right", va="center"
    )


def say_in(panel: Axes, text: str, height: float = 0.5) -> None:
    """Say in the middle of a panel why nothing is there, at a share of its height."""
    panel.text(0.5, height, text, transform=panel.transAxes, ha="center", va="center", color=GREY, style="italic")


def cut(text: str, length: int) -> str:
    """Shorten text to a number of characters."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
