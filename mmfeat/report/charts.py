"""Charts as inline SVG. Their colours are names that the page's style gives a value, light or dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from mmfeat.types import FloatArray, IntArray

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 380, 60, 14, 10, 40  # px of the drawing, and its margins
PANEL = 150  # px: height of the one panel
SEVERAL, GAP = 72, 18  # px: height of each of several panels, and between them
BARS = 24  # about so many in a histogram
GRID = 60  # evenly spaced values up to which each has a bar of its own
TICKS = 7  # labels below a histogram at most
SHOWN = 0.995  # quantile up to which lengths get bars of their own; the last bar holds the rest
DASHES = ("", "7 3", "2 3")  # lines differ by more than their colour


@dataclass(frozen=True)
class Bins:
    """A histogram's edges; the last bin holds all that is larger where it is ``open``."""

    edges: FloatArray  # (n + 1,), between possible values where those are known
    open: bool
    grid: float  # distance between possible values, whole numbers for instance; 0: any value is possible

    @property
    def single(self) -> bool:
        """Whether each bin stands for one value."""
        return bool(self.edges[1] - self.edges[0] < 1.5 * self.grid)

    def count(self, values: FloatArray) -> IntArray:
        """How many values fall into each bin, (n,)."""
        last = len(self.edges) - 2
        places = np.clip(np.searchsorted(self.edges, values, side="right") - 1, 0, last)
        found: IntArray = np.bincount(places.astype(np.int64), minlength=last + 1)
        return found

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Labels below the bars: where, counted in bars, and what."""
        closed = len(self.edges) - 1 - self.open
        lows = self.edges + self.grid / 2
        # One value stands below the middle of its bar, a stretch of values begins at its bar's edge.
        middle, places = (0.5, list(range(closed))) if self.single else (0.0, list(range(closed + 1)))
        whole = [place for place in places if abs(lows[place] - lows[place].round()) < 1e-3]
        places = whole if self.single and len(whole) > 1 else places
        every = math.ceil(len(places) / TICKS)
        ticks = [(place + middle, _plain(lows[place])) for place in places[::every]]
        if self.open:
            ticks = [tick for tick in ticks if tick[0] < closed - closed / TICKS / 2] + [(closed + 0.5, "more")]
        return ticks

    def say(self, unit: str) -> list[str]:
        """Each bin in words."""
        half = self.grid / 2
        lows = [_plain(low + half) for low in self.edges[:-1]]
        spans = [f"{low} to {_plain(high - half)}" for low, high in zip(lows, self.edges[1:], strict=True)]
        said = [f"{what} {unit}".rstrip() for what in (lows if self.single else spans)]
        if self.open:
            said[-1] = f"{lows[-1]} {unit}".rstrip() + " or more"
        return said


def length_bins(values: FloatArray, *, whole: bool) -> Bins:
    """Bins with round edges for lengths, of which few are far larger than the rest: those share the last bin.

    Parameters
    ----------
    values : FloatArray, shape (n,)
        At least one.
    whole : bool
        The values are whole numbers.
    """
    return _round_bins(values, float(np.quantile(values, SHOWN)), 1.0 if whole else 0.0)


def value_bins(values: FloatArray) -> Bins:
    """Bins for any values: one per value where they are few and evenly spaced, as ratings are, else with round edges.

    Parameters
    ----------
    values : FloatArray, shape (n,)
        At least one.
    """
    different = np.unique(values.round(3))
    if 1 < len(different) <= GRID:
        step = float(np.diff(different).min())
        places = (different - different[0]) / step
        # Means of three ratings are thirds, which rounding has moved a little; over many steps that adds up.
        step = float((different[-1] - different[0]) / places[-1].round())
        places = (different - different[0]) / step
        if places[-1] <= GRID and np.abs(places - places.round()).max() < 0.05:
            edges = different[0] + step * (np.arange(round(places[-1]) + 2) - 0.5)
            return Bins(edges, open=False, grid=step)
    return _round_bins(values, float(values.max()), 0.0)


def _round_bins(values: FloatArray, high: float, grid: float) -> Bins:
    """Bins up to about ``high``, and one for what is beyond."""
    low, top = float(values.min()), float(values.max())
    # What differs in its last digits only is one value: edges so close to each other could not be told apart.
    span = high - low if high - low > 1e-9 * max(abs(low), abs(high)) else 0.0
    step = max(_round_step(span / BARS), grid)
    step = math.ceil(step / grid) * grid if grid else step
    first = math.floor(low / step)
    closed = max(1, math.floor(high / step) + 1 - first if grid else math.ceil(high / step - 1e-9) - first)
    edges = (first + np.arange(closed + 1)) * step - grid / 2
    beyond = top > edges[-1]
    return Bins(np.append(edges, edges[-1] + step) if beyond else edges, bool(beyond), grid)


def bars(
    panels: Sequence[tuple[str, Sequence[float]]],
    ticks: Sequence[tuple[float, str]],
    said: Sequence[str],
    x_label: str,
    y_label: str,
    *,
    percent: bool = False,
    colour: str = "plain",
) -> Markup:
    """Draw a histogram, or several one below the other over the same bins and with the same scale.

    Parameters
    ----------
    panels : sequence of (str, sequence of float)
        Name and height of each bar; the name is written where there are several.
    ticks : sequence of (float, str)
        Labels below: where, counted in bars, and what.
    said : sequence of str
        Each bin in words.
    x_label, y_label : str
        With units.
    percent : bool
        Heights are shares.
    colour : str
        Class of the bars.
    """
    height = SEVERAL if len(panels) > 1 else PANEL
    highest = max((max(heights, default=0.0) for _, heights in panels), default=0.0) or 1.0
    levels = _levels(highest, 4 if len(panels) == 1 else 2, whole=not percent)
    width = (WIDTH - LEFT - RIGHT) / max(len(said), 1)
    parts: list[str] = []
    for row, (name, heights) in enumerate(panels):
        top = TOP + row * (height + GAP)
        parts += _grid(levels, top, height, percent)
        for place, (value, what) in enumerate(zip(heights, said, strict=True)):
            if value > 0:
                tall = max(value * height / levels[-1], 0.8)
                shown = f"{value:.1%}" if percent else f"{int(value):,}"
                parts.append(
                    f'<rect class="{colour}" x="{LEFT + place * width + 0.5:.1f}" y="{top + height - tall:.1f}" '
                    f'width="{max(width - 1, 0.6):.1f}" height="{tall:.1f}">'
                    f"<title>{escape(f'{name}: ' if len(panels) > 1 else '')}{escape(what)}: {shown}</title></rect>"
                )
        if len(panels) > 1:
            parts.append(f'<text class="name" x="{WIDTH - RIGHT}" y="{top + 9}">{escape(_cut(name, 40))}</text>')
    bottom = TOP + len(panels) * (height + GAP) - GAP
    for at, label in ticks:
        parts.append(f'<text class="x" x="{LEFT + at * width:.1f}" y="{bottom + 15}">{escape(label)}</text>')
    return _drawing(parts, bottom, x_label, y_label)


def lines(
    series: Sequence[tuple[str, FloatArray]], ticks: Sequence[tuple[float, str]], x_label: str, y_label: str
) -> Markup:
    """Draw shares (0 to 1) over equal steps, one line per series.

    Parameters
    ----------
    series : sequence of (str, FloatArray of shape (n,))
        Name, which is the class of the line too, and values.
    ticks : sequence of (float, str)
        Labels below: where, counted in steps, and what.
    x_label, y_label : str
        With units.
    """
    legend = 20
    top, height = TOP + legend, PANEL - legend
    parts = _grid([0.0, 0.25, 0.5, 0.75, 1.0], top, height, percent=True)
    step = (WIDTH - LEFT - RIGHT) / max(len(values) for _, values in series)
    for number, (name, values) in enumerate(series):
        points = [
            (LEFT + (place + 0.5) * step, top + height * (1 - float(value))) for place, value in enumerate(values)
        ]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        dash = f' stroke-dasharray="{DASHES[number]}"' if DASHES[number] else ""
        left = LEFT + number * 100
        parts.append(f'<path class="line {escape(name)}"{dash} d="{path}"/>')
        parts.append(f'<path class="line {escape(name)}"{dash} d="M{left} {TOP + 4}h30"/>')
        parts.append(f'<text class="key" x="{left + 36}" y="{TOP + 8}">{escape(name)}</text>')
    for at, label in ticks:
        parts.append(f'<text class="x" x="{LEFT + at * step:.1f}" y="{TOP + PANEL + 15}">{escape(label)}</text>')
    return _drawing(parts, TOP + PANEL, x_label, y_label)


def outline(counts: IntArray) -> Markup:
    """Draw a histogram small enough for a cell of a table."""
    highest = int(counts.max(initial=0))
    if not highest:
        return Markup("")
    path, level = "M0 19", 0
    for count in counts:
        risen = math.ceil(18 * int(count) / highest)
        path += (f"v{level - risen}" if risen != level else "") + "h4"
        level = risen
    return Markup('<svg class="outline" viewBox="0 0 {} 20" aria-hidden="true"><path d="{}"/></svg>').format(
        4 * len(counts), f"{path}V19z"
    )


def _drawing(parts: Sequence[str], bottom: int, x_label: str, y_label: str) -> Markup:
    centre, middle = (LEFT + WIDTH - RIGHT) / 2, (TOP + bottom) / 2
    labels = [
        f'<text class="x" x="{centre:.0f}" y="{bottom + 33}">{escape(x_label)}</text>',
        f'<text class="y" transform="translate(10 {middle:.0f}) rotate(-90)">{escape(y_label)}</text>',
    ]
    said = escape(f"{y_label}, over {x_label}")
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {bottom + BOTTOM}" role="img" aria-label="{said}">'
        + "".join([*parts, *labels])
        + "</svg>"
    )


def _grid(levels: Sequence[float], top: int, height: int, percent: bool) -> list[str]:
    """Lines and labels of the vertical scale."""
    parts = []
    for level in levels:
        y = top + height * (1 - level / levels[-1])
        label = f"{100 * level:.4g} %" if percent else f"{int(level):,}"
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 5}" y="{y + 3.5:.1f}">{label}</text>')
    return parts


def _levels(highest: float, count: int, *, whole: bool) -> list[float]:
    """Round levels from 0 to at least the highest value."""
    step = _round_step(highest / count)
    if whole:
        step = max(1.0, math.ceil(step))
    return [step * level for level in range(math.ceil(highest / step - 1e-9) + 1)]


def _round_step(least: float) -> float:
    """The next larger of 1, 2, 2.5, 5 times a power of ten; 1 for nothing."""
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * (1 - 1e-9))


def _plain(value: float) -> str:
    value = round(float(value), 9) + 0.0  # no 4e-16, no -0
    return f"{value:.{9 if value.is_integer() else 4}g}".replace("-", "\N{MINUS SIGN}")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
