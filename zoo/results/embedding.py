"""Representations of utterances laid out in the plane, a panel per condition: AUMDF's figure 7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mmfeat.types import FloatArray, IntArray
from zoo.errors import DataError
from zoo.results.drawing import COLOURS, INK, MARKERS, new_figure, save

FEWEST = 4  # utterances
MOST = 500  # that are laid out (some seconds a panel), drawn from all of them by the seed
PERPLEXITY = 30.0  # t-SNE's usual, less for few utterances
NEIGHBOURS = 5
LAYERS = 8  # of points over each other


def draw_embedding(
    representations: Mapping[str, FloatArray],
    labels: IntArray,
    names: Sequence[str],
    path: Path,
    *,
    ordered: bool = False,
    seed: int = 0,
) -> Path:
    """Draw t-SNE of representations, coloured by label.

    A panel's title gives the share of utterances that their 5 nearest neighbours name rightly. It is measured on the
    representations themselves: distances and sizes of clusters in the picture mean little.

    Parameters
    ----------
    representations : mapping of str to FloatArray, shape (N, D)
        Per condition, one panel each; the same utterances in all.
    labels : IntArray, shape (N,)
        Number of each utterance's label; -1, unknown, is left out.
    names : sequence of str
        Of the labels, in the order of their numbers.
    path : Path
        ``.png``.
    ordered : bool
        The labels are steps of a scale (rounded scores) rather than classes.
    seed : int
        Of the choice of utterances and of t-SNE.

    Raises
    ------
    DataError
        If fewer than 4 utterances have a label, or there is nothing to draw.
    OutputError
        If the picture cannot be written.

    References
    ----------
    van der Maaten and Hinton, Visualizing Data using t-SNE, JMLR 9 (2008).
    """
    rows = np.flatnonzero(labels >= 0)
    if len(rows) < FEWEST or not representations:
        raise DataError(
            f"{len(rows)} utterances with a label under {len(representations)} conditions; expected at least {FEWEST} "
            "and one; choose another split"
        )
    chosen = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST])
    looks = _looks(len(names), ordered=ordered)
    parts = {name: values[chosen].astype(np.float64) for name, values in representations.items()}
    note = "" if len(chosen) == len(rows) else f"{len(chosen)} of {len(rows)} utterances   ·   "
    return save(lambda: _draw(parts, labels[chosen], names, looks, note, seed), path)


def neighbour_accuracy(representations: FloatArray, labels: IntArray) -> float:
    """Share of utterances whose 5 nearest others (fewer, where there are not so many) have its label most often.

    Parameters
    ----------
    representations : FloatArray, shape (N, D)
    labels : IntArray, shape (N,)
        From 0. Of equally frequent labels the lowest counts.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(NEIGHBOURS, len(labels) - 1)
    near = NearestNeighbors(n_neighbors=count).fit(representations).kneighbors(return_distance=False)
    votes = np.array([np.bincount(labels[row]).argmax() for row in near])
    return float((votes == labels).mean())


def _looks(count: int, *, ordered: bool) -> list[dict[str, Any]]:
    """A colour and a marker per label."""
    if ordered:
        shades = matplotlib.colormaps["cividis"](np.linspace(0, 1, count))
        return [{"color": shade, "marker": "o"} for shade in shades]
    return [{"color": COLOURS[n % len(COLOURS)], "marker": MARKERS[n % len(MARKERS)]} for n in range(count)]


def _draw(
    parts: Mapping[str, FloatArray],
    labels: IntArray,
    names: Sequence[str],
    looks: Sequence[dict[str, Any]],
    note: str,
    seed: int,
) -> Figure:
    columns = min(len(parts), 4)
    lines = -(-len(parts) // columns)
    figure = new_figure(3.1 * columns + 1.4, 3.2 * lines + 0.6)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel in panels[len(parts) :]:
        panel.set_visible(False)
    for panel, (name, values) in zip(panels, parts.items(), strict=False):
        _draw_panel(panel, name, values, labels, looks, seed)
    there = [number for number in range(len(names)) if (labels == number).any()]
    handles = [Line2D([], [], linestyle="", markersize=6, label=names[number], **looks[number]) for number in there]
    figure.legend(handles=handles, loc="outside right center", frameon=False)
    largest = np.bincount(labels).max() / len(labels)
    figure.suptitle(
        f"t-SNE   ·   {note}5-NN: accuracy of the 5 nearest neighbours; {100 * largest:.0f} % is the largest label",
        fontsize=10,
        color=INK,
    )
    return figure


def _draw_panel(
    panel: Axes, name: str, values: FloatArray, labels: IntArray, looks: Sequence[dict[str, Any]], seed: int
) -> None:
    panel.set_xticks([])
    panel.set_yticks([])
    panel.spines[:].set_color("#cccccc")
    if not np.ptp(values, axis=0).any():
        panel.set_title(f"{name}   ·   all alike", fontsize=10)
        return
    panel.set_title(f"{name}   ·   5-NN {100 * neighbour_accuracy(values, labels):.0f} %", fontsize=10)
    places = _lay_out(values, seed)
    for part in np.array_split(np.arange(len(places)), LAYERS):  # else the last label would cover the others
        for number in np.unique(labels[part]):
            rows = part[labels[part] == number]
            panel.plot(*places[rows].T, linestyle="", markersize=4, markeredgewidth=0, alpha=0.75, **looks[number])


def _lay_out(values: FloatArray, seed: int) -> FloatArray:
    """Places in the plane, (N, 2)."""
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
    method = TSNE(perplexity=perplexity, random_state=seed, init="pca", learning_rate="auto", n_jobs=1)
    return np.asarray(method.fit_transform(values), dtype=np.float64)
