"""Panels that show a track over time: its name, its axis, its points, and where there is nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mmfeat.plots.panels import DPI, GREY, say_in
from mmfeat.types import BoolArray, FloatArray, Frames, Seconds

MARGINS = (2.05, 1.1, 0.8, 0.85)  # inch: left, right, top, bottom
WIDTH = 13.0  # inch
COLUMNS = round((WIDTH - MARGINS[0] - MARGINS[1]) * DPI)  # px across a panel

# Okabe and Ito, "Color Universal Design", 2008: told apart by colour-blind people, and in print.
BLUE, ORANGE, PALE = "#0072b2", "#d55e00", "#d3e5f1"
SHADE = "#e4e4e4"  # of stretches that were not observed
INK = "#4a4a4a"
BEYOND = "beyond the axis"  # in the legend
AWAY = 50  # points from a panel to its name: the numbers of the axis stand between


def within(frames: Frames, first: Seconds, last: Seconds) -> Frames:
    """Keep the frames whose centres lie in ``[first, last)``."""
    inside = (frames.times >= first) & (frames.times < last)
    return replace(
        frames,
        values=frames.values[inside],
        times=frames.times[inside],
        observed=frames.observed[inside],
        intervals=None if frames.intervals is None else frames.intervals[inside],
        valid=None if frames.valid is None else frames.valid[inside],
    )


def track_of(frames: Frames, name: str) -> tuple[FloatArray, BoolArray]:
    """Values of one column and where they mean something, each (T,)."""
    column = frames.names.index(name)
    valid = frames.observed if frames.valid is None else frames.observed & frames.valid[:, column]
    return frames.values[:, column], valid


def unseen_stretches(frames: Frames, first: Seconds, last: Seconds) -> list[tuple[Seconds, Seconds]]:
    """Stretches of ``[first, last)`` that no observed frame covers."""
    half = half_shift(frames)
    spans = np.stack((frames.times - half, frames.times + half), axis=1)
    spans = (spans if frames.intervals is None else frames.intervals)[frames.observed]
    begins = np.concatenate(([first], np.maximum.accumulate(spans[:, 1])))
    ends = np.concatenate((spans[:, 0], [last]))
    return [(begin, end) for begin, end in zip(begins, ends, strict=True) if end - begin > half]


def half_shift(frames: Frames) -> Seconds:
    """Half the distance between frames, in s."""
    if frames.frame_shift is not None:
        return frames.frame_shift / 2
    return float(np.median(np.diff(frames.times))) / 2 if len(frames.times) > 1 else 0.0


def heavy(frames: Frames) -> bool:
    """Whether there are so many points that PDF and SVG should hold them as pixels."""
    return len(frames.times) > 4 * COLUMNS


def label_panel(panel: Axes, name: str, hint: str = "") -> None:
    """Write a name, and smaller what it means, to the left of a panel."""
    where: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right"}
    panel.annotate(name, (0, 0.5), xytext=(-AWAY, 0.5 if hint else 0), va="bottom" if hint else "center", **where)
    if hint:
        panel.annotate(hint, (0, 0.5), xytext=(-AWAY, -2), va="top", fontsize=7.5, color=INK, **where)


def show_axis(panel: Axes, steps: int = 4) -> None:
    """Give a panel edges, numbers on its left, and lines across at the times below."""
    panel.tick_params(left=True, labelleft=True, labelsize=8, color=GREY, width=0.6, length=3)
    panel.yaxis.set_major_locator(MaxNLocator(steps))
    panel.ticklabel_format(axis="y", useOffset=False)
    panel.grid(axis="x", color="#000000", alpha=0.12, linewidth=0.6)
    for side in ("top", "right", "left", "bottom"):
        panel.spines[side].set_visible(True)
        panel.spines[side].set(color="#b5b5b5", linewidth=0.6)


def fill_spans(panel: Axes, spans: Sequence[tuple[Seconds, Seconds]], colour: str, zorder: int = 0) -> None:
    """Colour stretches of time from the lower to the upper edge of a panel."""
    bars = [(begin, end - begin) for begin, end in spans]
    panel.broken_barh(bars, (0, 1), transform=panel.get_xaxis_transform(), facecolor=colour, linewidth=0, zorder=zorder)


def limits_of(values: FloatArray) -> tuple[float, float]:
    """Lower and upper edge of a panel, with some room; a few values far from all others may lie outside."""
    low, high = float(values.min()), float(values.max())
    inner = np.percentile(values, (1, 99))
    if high - low > 2 * (inner[1] - inner[0]) > 0:
        low, high = float(inner[0]), float(inner[1])
    room = max(0.12 * (high - low), 0.02 * max(abs(low), abs(high)), 1e-6)
    return low - room, high + room


def draw_track(panel: Axes, frames: Frames, column: str, **points: Any) -> None:
    """Draw the points of a column where it is valid, joined where they are neighbours.

    Parameters
    ----------
    panel : Axes
    frames : Frames
    column : str
    points
        For `Axes.scatter` in place of plain blue points.
    """
    values, valid = track_of(frames, column)
    times, pixels = frames.times, heavy(frames)
    if not valid.any():
        say_in(panel, "nothing measured here")
        panel.tick_params(left=False, labelleft=False)
        return
    low, high = limits_of(values[valid])
    panel.set_ylim(low, high)
    gapped = np.where(valid, values, np.nan)
    if not pixels:  # a line through so many would hide them
        panel.plot(times, gapped, color=BLUE, alpha=0.35, linewidth=0.8, zorder=2)
    size = float(np.clip(1.3 * COLUMNS / len(times), 0.8, 3.0)) ** 2
    looks: dict[str, Any] = {"c": BLUE} | points
    panel.scatter(times, gapped, s=size, linewidths=0, zorder=3, rasterized=pixels, **looks)
    for beyond, edge, marker in ((gapped > high, high, "^"), (gapped < low, low, "v")):
        if beyond.any():
            at = np.full(int(beyond.sum()), edge)
            panel.plot(times[beyond], at, marker, color=BLUE, markersize=4, clip_on=False, label=BEYOND)
