"""Draws the panels of one utterance's picture over a common time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from mmfeat.plots.clip import Clip
from mmfeat.plots.labels import Label, place_labels, spread
from mmfeat.plots.panels import DPI, GREY, clear_frame, cut, name_panel, say_in, stack_panels
from mmfeat.types import MODALITIES, AlignedUtterance, BoolArray, FloatArray, Modality, Seconds, Utterance

MARGINS = (1.45, 0.7, 0.75, 0.8)  # inch: left, right, top, bottom
THUMBNAIL = 1.0  # inch
SAID = 0.32  # inch, of a panel that only says why it is empty

COLOURS: dict[Modality, str] = {"text": "#4c72b0", "audio": "#dd8452", "vision": "#55a868"}
SHADES = ("#d9dfea", "#bcc7dc")  # of neighbouring words
UNSEEN: dict[str, Any] = {"facecolor": "#f2f2f2", "edgecolor": "#d0d0d0", "hatch": "////"}


def thumbnails_on(width: float) -> int:
    """How many pictures fit side by side on a figure of this width (inch)."""
    return int((width - MARGINS[0] - MARGINS[1]) / (1.1 * THUMBNAIL))


def draw_figure(
    utterance: AlignedUtterance, curves: Mapping[str, FloatArray], clip: Clip, width: float, note: str
) -> Figure:
    """Draw all panels.

    Parameters
    ----------
    utterance : AlignedUtterance
    curves : mapping of str to FloatArray, shape (W,)
        Audio features to draw.
    clip : Clip
    width : float
        Inch.
    note : str
        For the lower edge.
    """
    said = utterance.utterance
    first, last = _span(said, clip)
    per_second = (width - MARGINS[0] - MARGINS[1]) / (last - first)
    labels = place_labels(said.words, first, last, per_second)
    heard = bool(curves) and bool(utterance.observed["audio"].any())
    heights = [THUMBNAIL * 1.25 if clip.pictures else SAID, labels.height, SAID if clip.sound_note else 1.3]
    heights += [0.7 if heard else SAID] * max(len(curves), 1) + [0.8]
    figure, panels = stack_panels(width, heights, MARGINS)
    for panel in panels:
        panel.set_xlim(first, last)
        clear_frame(panel)
    _draw_pictures(panels[0], clip, per_second)
    _draw_words(panels[1], said, labels.labels, labels.height)
    _draw_sound(panels[2], clip, said, int(width * DPI))
    _draw_features(panels[3:-1], utterance, curves)
    _draw_observed(panels[-1], utterance)
    panels[-1].tick_params(bottom=True, labelbottom=True)
    panels[-1].set_xlabel("seconds from the start of the media file")
    _write_around(figure, utterance, "   ·   ".join(filter(None, (labels.note, note))))
    return figure


def _write_around(figure: Figure, utterance: AlignedUtterance, note: str) -> None:
    """Title, legend and notes."""
    width, height = figure.get_size_inches()
    left, right = MARGINS[0] / width, 1 - MARGINS[1] / width
    figure.text(left, 1 - 0.3 / height, cut(utterance.utterance.id, 90), fontsize=13, fontweight="bold", va="center")
    figure.text(left, 1 - 0.56 / height, _subtitle(utterance), color="#444444", va="center")
    figure.text(left, 0.14 / height, note, color="#444444", fontsize=8)
    patches = [Patch(facecolor=colour, label=f"{modality} observed") for modality, colour in COLOURS.items()]
    patches.append(Patch(**UNSEEN, label="not observed"))
    figure.legend(handles=patches, loc="lower right", bbox_to_anchor=(right, 0.0), ncol=4, frameon=False, fontsize=8)


def _span(said: Utterance, clip: Clip) -> tuple[Seconds, Seconds]:
    ends = [word.end for word in said.words] + [moment for moment, _, _ in clip.pictures]
    ends += [] if clip.sound is None else [clip.sound.start + clip.sound.duration]
    ends += [] if said.end is None else [said.end]
    first = min([said.start, *(word.start for word in said.words)])
    return first, max([first + 0.1, *ends])


def _subtitle(utterance: AlignedUtterance) -> str:
    said = utterance.utterance
    parts = [f"split {said.split}", f"{len(said.words)} word{'' if len(said.words) == 1 else 's'}"]
    if said.speaker is not None:
        parts.insert(0, f"speaker {said.speaker}")
    if said.dialogue is not None:
        parts.append(f"dialogue {said.dialogue}, turn {said.turn}")
    for name, value in said.labels.items():
        classes = utterance.classes.get(name)
        parts.append(f"{name} {classes[int(value)] if classes else format(value, 'g')}")
    return cut("   ·   ".join(parts), 170)


def _draw_pictures(panel: Axes, clip: Clip, per_second: float) -> None:
    name_panel(panel, "faces")
    panel.set_ylim(0, THUMBNAIL * 1.25)
    if not clip.pictures:
        say_in(panel, clip.pictures_note)
        return
    first, last = panel.get_xlim()
    size = THUMBNAIL / per_second
    moments = np.array([moment for moment, _, _ in clip.pictures])
    places = spread(moments, np.full(len(moments), size * 1.06), first + size / 2, last - size / 2)
    for place, (moment, image, found) in zip(places, clip.pictures, strict=True):
        base, top = THUMBNAIL * 0.22, THUMBNAIL * 1.22
        extent = (place - size / 2, place + size / 2, base, top)
        panel.imshow(image, extent=extent, aspect="auto", interpolation="antialiased")
        edge: dict[str, Any] = {"edgecolor": "#333333"} if found else {"edgecolor": "#c0392b", "linestyle": "--"}
        panel.add_patch(Rectangle((extent[0], base), size, THUMBNAIL, fill=False, clip_on=False, **edge))
        if not found:
            panel.text(
                place, base + 0.08, "no face", ha="center", color="white", backgroundcolor="#c0392bcc", fontsize=7
            )
        panel.plot([place, moment], [base, 0], color=GREY, linewidth=0.7)
    panel.set_xlim(first, last)
    panel.set_ylim(0, THUMBNAIL * 1.25)


def _draw_words(panel: Axes, said: Utterance, labels: Sequence[Label], height: float) -> None:
    name_panel(panel, "words")
    panel.set_ylim(0, height)
    if not said.words:
        say_in(panel, "this utterance has no words")
        return
    for index, word in enumerate(said.words):
        panel.add_patch(
            Rectangle((word.start, 0), word.end - word.start, 0.2, facecolor=SHADES[index % 2], edgecolor="white")
        )
    for label in labels:
        panel.plot([label.x, label.centre], [label.y - 0.03, 0.2], color=GREY, linewidth=0.5)
        panel.text(
            label.x,
            label.y,
            label.text,
            rotation=90 if label.upright else 0,
            ha="center",
            va="bottom",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        )


def _draw_sound(panel: Axes, clip: Clip, said: Utterance, columns: int) -> None:
    name_panel(panel, "sound")
    if clip.sound is None or clip.sound_note:
        say_in(panel, clip.sound_note)
        return
    samples = clip.sound.samples
    edges = np.unique(np.linspace(0, len(samples), min(columns, len(samples)) + 1).astype(int))[:-1]
    times = clip.sound.start + edges / clip.sound.sample_rate
    low, high = np.minimum.reduceat(samples, edges), np.maximum.reduceat(samples, edges)
    panel.fill_between(times, low, high, color="#555555", linewidth=0.4)
    loudest = max(float(np.abs(samples).max()), 1e-3)
    panel.set_ylim(-1.08 * loudest, 1.08 * loudest)
    for word in said.words:
        panel.axvline(word.start, color=SHADES[1], linewidth=0.6, zorder=0)
    if said.words:
        panel.axvline(said.words[-1].end, color=SHADES[1], linewidth=0.6, zorder=0)


def _draw_features(panels: Sequence[Axes], utterance: AlignedUtterance, curves: Mapping[str, FloatArray]) -> None:
    if not curves:
        name_panel(panels[0], "audio")
        say_in(panels[0], "no audio features in this artefact")
    for panel, (name, values) in zip(panels, curves.items(), strict=False):
        name_panel(panel, cut(name, 18))
        _draw_steps(panel, _spans(utterance, "audio"), values, utterance.observed["audio"])


def _spans(utterance: AlignedUtterance, modality: Modality) -> FloatArray:
    """Start and end of each row of a modality, (R, 2) s: of the words, unless it has rows of its own."""
    words = [(word.start, word.end) for word in utterance.utterance.words]
    return utterance.intervals.get(modality, np.array(words, dtype=np.float64).reshape(-1, 2))


def _draw_steps(panel: Axes, spans: FloatArray, values: FloatArray, observed: BoolArray) -> None:
    """One level per row; rows where the sound was not observed leave a gap."""
    if not observed.any():
        say_in(panel, "not observed in any word" if len(spans) else "no words")
        return
    panel.spines["right"].set_visible(True)
    panel.tick_params(right=True, labelright=True, labelsize=7)
    panel.yaxis.set_major_locator(MaxNLocator(3))
    panel.yaxis.set_offset_position("right")
    panel.ticklabel_format(axis="y", useOffset=False)
    levels = values[observed]
    room = max(0.15 * float(levels.max() - levels.min()), 0.05 * float(np.abs(levels).max()), 1e-3)
    panel.set_ylim(float(levels.min()) - room, float(levels.max()) + room)
    for start, end in spans[~observed]:
        panel.axvspan(start, end, linewidth=0, **UNSEEN)
    panel.hlines(levels, *spans[observed].T, color=COLOURS["audio"], linewidth=2)
    joined = np.flatnonzero(observed[:-1] & observed[1:])
    places, rises = (spans[joined, 1], spans[joined + 1, 0]), (values[joined], values[joined + 1])
    panel.plot(places, rises, color=COLOURS["audio"], linewidth=0.8, alpha=0.6)


def _draw_observed(panel: Axes, utterance: AlignedUtterance) -> None:
    words = utterance.utterance.words
    panel.set_ylim(len(MODALITIES), 0)
    for row, modality in enumerate(MODALITIES):
        name_panel(panel, modality, 1 - (row + 0.5) / len(MODALITIES))
        if modality not in utterance.observed:
            say_in(panel, "not in this artefact", 1 - (row + 0.5) / len(MODALITIES))
            continue
        own = modality in utterance.intervals  # so many that white edges would hide them
        for (start, end), seen in zip(_spans(utterance, modality), utterance.observed[modality], strict=True):
            look = {"facecolor": COLOURS[modality], "edgecolor": "none" if own else "white"} if seen else UNSEEN
            panel.add_patch(Rectangle((start, row + 0.06), end - start, 0.88, linewidth=0.8, **look))
    if not words:
        say_in(panel, "no words, so nothing to observe")
