"""Where the words go on a picture so that they can be read, and in which fonts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import RendererAgg

from mmfeat.types import FloatArray, Seconds, Word

FONT = "DejaVu Sans"  # comes with matplotlib
LONGEST = 18  # characters of a word that are shown
SIZE = 9.0  # points
LINE = 0.155  # inch, height of a line of text with its distance from the next
FLOOR = 0.3  # inch from the lower edge of the panel to the lowest label
STAGGERED = 2  # lines of labels before they are set upright


@dataclass(frozen=True)
class Label:
    """A word on the picture."""

    text: str
    centre: Seconds  # of the word
    x: Seconds  # where the label stands
    y: float  # inch from the lower edge of the panel to the label's
    upright: bool


@dataclass(frozen=True)
class Labels:
    """All labels, the height they need (inch), and what the reader should know about them."""

    labels: tuple[Label, ...]
    height: float
    note: str


def place_labels(words: Sequence[Word], first: Seconds, last: Seconds, per_second: float) -> Labels:
    """Place one label per word without overlaps.

    Side by side on one or two lines where they fit, else upright and moved apart, else upright for every second,
    third, ... word.

    Parameters
    ----------
    words : sequence of Word
    first, last : float
        s at the left and right edge of the panel.
    per_second : float
        Inch per second.
    """
    texts = [_shown(word.text) for word in words]
    centres = np.array([(word.start + word.end) / 2 for word in words])
    order = np.argsort(centres, kind="stable")
    texts, centres = [texts[row] for row in order], centres[order]
    widths = np.array([_width(text) for text in texts]) / per_second
    for lines in range(1, STAGGERED + 1):
        xs = np.clip(centres, first + widths / 2, np.maximum(last - widths / 2, first + widths / 2))
        if all(_apart(xs[line::lines], widths[line::lines]) for line in range(lines)):
            labels = tuple(
                Label(text, centre, x, FLOOR + LINE * (index % lines), upright=False)
                for index, (text, centre, x) in enumerate(zip(texts, centres, xs, strict=True))
            )
            return Labels(labels, FLOOR + LINE * lines + 0.05, "")
    gap = LINE / per_second
    every = int(np.ceil(len(texts) * gap / (last - first)))
    texts, centres = texts[::every], centres[::every]
    xs = spread(centres, np.full(len(texts), gap), first + gap / 2, last - gap / 2)
    labels = tuple(
        Label(text, centre, x, FLOOR + 0.05, upright=True) for text, centre, x in zip(texts, centres, xs, strict=True)
    )
    note = "" if every == 1 else f"{len(words)} words: one in {every} is written out"
    return Labels(labels, FLOOR + 0.15 + max(_width(text) for text in texts), note)


def spread(centres: FloatArray, widths: FloatArray, low: float, high: float) -> FloatArray:
    """Move things of given widths apart along a line, each as little as need be.

    Parameters
    ----------
    centres : FloatArray, shape (n,)
        Where they would stand, in rising order.
    widths : FloatArray, shape (n,)
    low, high : float
        Least and greatest centre; they must all fit in between.
    """
    if len(centres) == 0:
        return centres
    gaps = (widths[1:] + widths[:-1]) / 2
    offsets = np.concatenate(([0.0], np.cumsum(gaps)))
    wanted = centres - offsets  # to be non-falling: pushed right from the left, and left from the right, then halfway
    pushed_right = np.maximum.accumulate(wanted)
    pushed_left = np.minimum.accumulate(wanted[::-1])[::-1]
    return np.clip((pushed_right + pushed_left) / 2, low, high - offsets[-1]) + offsets


def font_families(texts: Sequence[str]) -> tuple[list[str], int]:
    """Fonts to draw some texts with: matplotlib's own, then installed ones that have what it lacks.

    Returns the families, and how many of the characters no font has.
    """
    lacking = {ord(letter) for text in texts for letter in text if letter.isprintable() and not letter.isspace()}
    families = [FONT]
    lacking -= _characters(font_manager.findfont(FONT))
    for entry in sorted(font_manager.fontManager.ttflist, key=lambda entry: (entry.name, entry.fname)):
        if not lacking:
            break
        if entry.style == "normal" and entry.name not in families and not entry.name.startswith("Last Resort"):
            has = lacking & _characters(entry.fname)
            families += [entry.name] if has else []
            lacking -= has
    return families, len(lacking)


def _characters(font: str) -> set[int]:
    return set(font_manager.get_font(font).get_charmap())


def _shown(text: str) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in text).strip() or "…"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _apart(centres: FloatArray, widths: FloatArray) -> bool:
    needed = (widths[1:] + widths[:-1]) / 2
    return bool((np.diff(centres) >= needed).all())


def _width(text: str) -> float:
    """Inch, with a little room on both sides."""
    renderer: Any = RendererAgg(1, 1, 72)  # type: ignore[no-untyped-call]
    width, _, _ = renderer.get_text_width_height_descent(text, font_manager.FontProperties(size=SIZE), ismath=False)
    return float(width) / 72 + 0.1
