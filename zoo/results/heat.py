"""All models in all combinations of modalities at one glance."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmfeat.types import FloatArray
from zoo.conditions import COMBINATIONS
from zoo.metrics import LOWER_IS_BETTER
from zoo.results.collected import FLOOR, SUMMARIES, Results
from zoo.results.drawing import INK, PALE, ink_on, new_figure, save
from zoo.results.layout import DASH, POINTS, unit

MEANS = ("mean_incomplete", "mean_all")


def draw_heat(results: Results, metric: str, path: Path) -> Path:
    """Draw a row per model and one for the floor, a field per combination, the mean over seeds in it.

    Lighter is better. A field without a score is empty.

    Parameters
    ----------
    results : Results
    metric : str
        A name that `zoo.metrics.measure` gives.
    path : Path
        ``.png``.

    Raises
    ------
    OutputError
        If the picture cannot be written.
    """
    return save(lambda: _draw(results, metric), path)


def _draw(results: Results, metric: str) -> Figure:
    models, columns = (*results.models, FLOOR), (*COMBINATIONS, *MEANS)
    scale, digits = (1, 3) if metric in POINTS else (100, 1)
    values = np.full((len(models), len(columns)), np.nan)
    for row, model in enumerate(models):
        found = results.spread(model, metric)
        values[row] = [scale * found[name].mean if name in found else np.nan for name in columns]
    figure = new_figure(1.6 + 0.09 * max(map(len, models)) + 0.85 * len(columns), 1.3 + 0.42 * len(models))
    panel = figure.subplots()
    colours = matplotlib.colormaps["cividis"]
    shares = _shares(values, upside_down=metric in LOWER_IS_BETTER)
    for (row, column), value in np.ndenumerate(values):
        fill = "white" if np.isnan(value) else colours(shares[row, column])
        x = column + (0.25 if columns[column] in MEANS else 0)
        panel.add_patch(Rectangle((x - 0.5, row - 0.5), 1, 1, facecolor=fill, edgecolor="white", linewidth=2))
        text = DASH if np.isnan(value) else f"{value:.{digits}f}"
        panel.text(x, row, text, ha="center", va="center", color=ink_on(fill))
    panel.set_xlim(-0.5, len(columns) - 0.25)
    panel.set_ylim(len(models) - 0.5, -0.5)
    places = np.arange(len(columns)) + [0.25 * (name in MEANS) for name in columns]
    panel.set_xticks(places, [SUMMARIES.get(name, f"{{{name}}}") for name in columns])
    panel.set_yticks(range(len(models)), models)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    panel.axhline(len(models) - 1.5, color=PALE, linewidth=1)
    panel.set_title(
        f"{results.dataset}   ·   {metric}{unit(metric)}   ·   lighter fields are better", fontsize=10, color=INK
    )
    return figure


def _shares(values: FloatArray, *, upside_down: bool) -> FloatArray:
    """Values as shares of the range of the models, 1 the best; the floor, the last row, is cut off at its ends."""
    there = values[:-1][~np.isnan(values[:-1])]
    low, high = (there.min(), there.max()) if len(there) else (0.0, 1.0)
    shares = np.clip((values - low) / max(high - low, 1e-12), 0.0, 1.0)
    return np.asarray(1 - shares if upside_down else shares)
