"""A metric against the rate of what is dropped: AUMDF's figures 4 to 6."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zoo.conditions import Group
from zoo.results.collected import FLOOR, Results
from zoo.results.drawing import INK, look, new_figure, plain, save
from zoo.results.layout import POINTS, unit

DROPPED: dict[Group, str] = {
    "frame_drop": "share of rows dropped",
    "burst": "share of rows dropped in stretches",
    "random_modality": "share of modalities dropped",
}


def has_curve(results: Results) -> bool:
    """Whether any protocol was answered under at two rates."""
    return bool(_groups(results))


def draw_curves(results: Results, metric: str, path: Path) -> Path:
    """Draw a panel per protocol: a line per model, its band one deviation over seeds, the floor dashed.

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


def _groups(results: Results) -> list[Group]:
    rates = {group: [each for each in results.conditions if each.group == group] for group in DROPPED}
    return [group for group, conditions in rates.items() if len(conditions) > 1]


def _draw(results: Results, metric: str) -> Figure:
    groups = _groups(results)
    figure = new_figure(3.0 + 4.2 * len(groups), 4.2)
    panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for panel, group in zip(panels, groups, strict=True):
        _draw_group(panel, results, metric, group)
    panels[0].set_ylabel(f"{metric}{unit(metric)}")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, handlelength=3.5)
    seeds = sorted({len(runs) for runs in results.runs.values()})
    several = f"{seeds[0]} seeds" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    band = f"mean over {several}, band: ± one standard deviation" if seeds != [1] else "one seed"
    figure.suptitle(f"{results.dataset}   ·   {band}", fontsize=10, color=INK)
    return figure


def _draw_group(panel: Axes, results: Results, metric: str, group: Group) -> None:
    scale = 1 if metric in POINTS else 100
    conditions = [condition for condition in results.conditions if condition.group == group]
    for number, model in enumerate((*results.models, FLOOR)):
        found = results.spread(model, metric)
        there = [condition for condition in conditions if condition.name in found]
        rates = np.array([condition.rate for condition in there], dtype=np.float64)
        mean = scale * np.array([found[condition.name].mean for condition in there])
        if model == FLOOR:
            panel.plot(rates, mean, color="#7f7f7f", linestyle=(0, (2, 2)), linewidth=1.4, label=FLOOR, zorder=1)
            continue
        lines = look(number)
        deviation = scale * np.array([found[condition.name].deviation or 0.0 for condition in there])
        panel.fill_between(rates, mean - deviation, mean + deviation, color=lines["color"], alpha=0.18, linewidth=0)
        panel.plot(rates, mean, **lines, linewidth=1.8, markersize=5, label=model, zorder=2)
    panel.set_xlabel(DROPPED[group])
    panel.set_xlim(-0.03, 0.93)
    panel.set_xticks(np.arange(0, 1.0, 0.1), [f"{rate / 10:g}" for rate in range(10)])
    panel.grid(axis="y", color="#e8e8e8", linewidth=0.8)
    panel.set_axisbelow(True)
    plain(panel)
