"""One dialogue: what each speaker's emotion was, turn by turn, and what a model answered under some conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from mmfeat.types import BoolArray, IntArray
from zoo.emotion_change import SIGNS, Timeline
from zoo.errors import DataError
from zoo.results.drawing import COLOURS, INK, ink_on, new_figure, save

TURN, ROW, GAP = 0.42, 0.34, 0.2  # inch: width of a turn, height of a row, between two speakers' rows
PER_LINE = 36  # turns, before the picture goes on below
ENTRY = 1.7  # inch: width of an entry of the legend
LETTERS = 3  # of an emotion's name that fit into its field
CHANGE, UNKNOWN = "#b00020", "#ececec"

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class _Row:
    """One row of fields of one speaker."""

    name: str
    places: IntArray  # (n,) which turns of the dialogue
    emotions: IntArray  # (n,) -1 where unknown
    right: BoolArray  # (n,)
    counted: BoolArray  # (n,) False where it is in no pair
    top: float  # inch from the top of the panel


def draw_dialogue(timelines: Mapping[str, Timeline], title: str, path: Path) -> Path:
    """Draw the turns of a dialogue, for each speaker the true emotions and below them the answers per condition.

    A field is a turn; a framed one is answered wrongly. A mark before a turn is a change from
    the emotion of the speaker's turn before, as `zoo.emotion_change` counts them by default: turns without a label, and
    those that the mask could not be applied to, are passed over.

    Parameters
    ----------
    timelines : mapping of str to Timeline
        Name of a condition (or a model) -> the dialogue as answered there, from `zoo.emotion_change.timeline`.
    title : str
        Of the picture: model, dialogue.
    path : Path
        ``.png``.

    Raises
    ------
    DataError
        If there is no timeline, or two are of different dialogues.
    OutputError
        If the picture cannot be written.
    """
    dialogues = {each.ids for each in timelines.values()}
    if len(dialogues) != 1:
        raise DataError(
            f"{len(timelines)} timelines of {len(dialogues)} dialogues; expected one dialogue; lay out the same one "
            "under each condition"
        )
    return save(lambda: _draw(timelines, title), path)


def _draw(timelines: Mapping[str, Timeline], title: str) -> Figure:
    first = next(iter(timelines.values()))
    turns, speakers = len(first.ids), list(dict.fromkeys(first.speakers))
    rows = [row for number, speaker in enumerate(speakers) for row in _rows(timelines, speaker, number)]
    height = rows[-1].top + ROW
    starts = range(0, turns, PER_LINE)
    across = min(max(turns, 12), PER_LINE)
    figure = new_figure(2.4 + TURN * across, len(starts) * (height + 0.6) + 0.9)
    panels = figure.subplots(len(starts), 1, squeeze=False)[:, 0]
    colours = _colours(first.names)
    for panel, start in zip(panels, starts, strict=True):
        panel.set_xlim(start - 0.5, start + across - 0.5)
        panel.set_ylim(height + 0.12, -0.12)
        for row in rows:
            _draw_row(panel, row, range(start, start + across), first.names, colours)
        _name_rows(panel, rows)
        panel.set_xticks(range(start, min(start + across, turns)))
    panels[-1].set_xlabel("utterance of the dialogue")
    figure.suptitle(title, fontsize=11)
    _explain(figure, first.names, colours, wrong=any(not row.right.all() for row in rows))
    return figure


def _rows(timelines: Mapping[str, Timeline], speaker: str, number: int) -> list[_Row]:
    """The truth, then each condition, of one speaker."""
    first = next(iter(timelines.values()))
    places = np.flatnonzero(np.array(first.speakers, dtype=np.str_) == speaker)
    top = number * ((1 + len(timelines)) * ROW + GAP)
    who = f"{speaker or 'speaker unknown'}   true"
    truth = first.truth[places]
    rows = [_Row(who, places, truth, np.ones(len(places), dtype=np.bool_), truth >= 0, top)]
    for line, (name, each) in enumerate(timelines.items(), 1):
        scored = each.scored[places]
        answer = np.where(scored | (truth < 0), each.predicted[places], -1)  # of a spared turn nothing was asked
        rows.append(_Row(name, places, answer, (truth == answer) | ~scored, scored, top + line * ROW))
    return rows


def _draw_row(panel: Axes, row: _Row, shown: range, names: Sequence[str], colours: Sequence[Colour]) -> None:
    middle = row.top + ROW / 2
    for place, emotion, right in zip(row.places, row.emotions, row.right, strict=True):
        if place not in shown:
            continue
        colour = colours[emotion] if emotion >= 0 else to_rgb(UNKNOWN)
        panel.add_patch(Rectangle((place - 0.42, row.top + 0.03), 0.84, ROW - 0.06, facecolor=colour, linewidth=0))
        if not right:
            frame = Rectangle((place - 0.4, row.top + 0.045), 0.8, ROW - 0.09, fill=False, edgecolor="black")
            frame.set_linewidth(1.6)
            panel.add_patch(frame)
        text = names[emotion][:LETTERS] if emotion >= 0 else "?"
        panel.text(place, middle, text, ha="center", va="center", fontsize=8, color=ink_on(colour))
    counted = np.flatnonzero(row.counted)
    for before, after in zip(counted[:-1], counted[1:], strict=True):
        if row.emotions[before] != row.emotions[after] and row.places[after] in shown:
            panel.plot(row.places[after] - 0.5, middle, marker=">", markersize=5, color=CHANGE, clip_on=False, zorder=3)


def _name_rows(panel: Axes, rows: Sequence[_Row]) -> None:
    panel.set_yticks([row.top + ROW / 2 for row in rows], [row.name for row in rows])
    panel.tick_params(axis="y", length=0, pad=9)
    panel.spines[["top", "right", "left"]].set_visible(False)


def _colours(names: Sequence[str]) -> list[Colour]:
    """Of signs from dark to light, so that grey keeps their order; of classes any that differ."""
    if tuple(names) == SIGNS:
        return [to_rgb(matplotlib.colormaps["cividis"](place)) for place in (0.0, 0.55, 1.0)]
    return [to_rgb(COLOURS[number % len(COLOURS)]) for number in range(len(names))]


def _explain(figure: Figure, names: Sequence[str], colours: Sequence[Colour], *, wrong: bool) -> None:
    handles: list[Patch | Line2D] = [Patch(facecolor=c, label=name) for c, name in zip(colours, names, strict=True)]
    handles.append(Patch(facecolor=UNKNOWN, label="no label, or spared"))
    if wrong:
        handles.append(Patch(facecolor="white", edgecolor="black", linewidth=1.6, label="wrong"))
    handles.append(Line2D([], [], marker=">", linestyle="", color=CHANGE, label="change"))
    across = max(1, int(figure.get_figwidth() / ENTRY))
    figure.legend(handles=handles, loc="outside lower center", ncol=across, frameon=False, labelcolor=INK)
