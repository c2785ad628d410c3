"""How the zoo's pictures look: colours that differ in grey and to every eye, and how they are saved."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from mmfeat.errors import OutputError
from mmfeat.safe_write import replacing

DPI = 130
EVEN = 0.179  # luminance against which black and white are equally clear
INK, PALE = "#333333", "#d8d8d8"
# Okabe and Ito's colours without the yellow, which is lost on white; by turns dark and light, so that grey keeps them.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)), (0, (1, 1)), (0, (9, 3)), "-")


def look(number: int) -> dict[str, Any]:
    """Colour, marker and dashes of the line with this number; they repeat, out of step, after seven."""
    turn, place = divmod(number, len(COLOURS))
    marker = MARKERS[(place + turn) % len(MARKERS)]
    return {"color": COLOURS[place], "marker": marker, "linestyle": DASHES[(place + 2 * turn) % len(DASHES)]}


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inch whose parts make room for each other."""
    figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def ink_on(colour: Any) -> str:
    """Black or white, whichever is read more easily on a colour (contrast ratio of WCAG 2.1)."""
    shares = np.array(to_rgb(colour))
    light = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)
    return "black" if light > EVEN else "white"


def plain(panel: Axes) -> None:
    """Leave a panel only its left and lower edge."""
    panel.spines[["top", "right"]].set_visible(False)


def save(make: Callable[[], Figure], path: Path) -> Path:
    """Draw and write a picture beside its place, then rename it.

    Parameters
    ----------
    make : callable
        Draws; called with our settings.
    path : Path
        ``.png``.

    Raises
    ------
    OutputError
        If the picture cannot be written or its name does not end in ``.png``.
    """
    if path.suffix.lower() != ".png":
        raise OutputError(f"picture {path.name!r}; expected a name that ends in .png; rename the output")
    # Signs such as $ and _ in names mean themselves.
    settings: Any = {"text.parse_math": False, "font.family": ["DejaVu Sans"], "font.size": 10.0}
    with matplotlib.rc_context(settings), replacing(path) as beside, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a box stands for it
        make().savefig(beside, format="png", dpi=DPI)
    return path
