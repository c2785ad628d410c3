"""A recording as a model hears it: its emotion over time, the words beneath, what each modality counted for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmfeat.types import MODALITIES, Modality, Seconds
from zoo.errors import InputError
from zoo.predict.answer import Answer
from zoo.results.drawing import COLOURS, INK, ink_on, new_figure, save

WORD = 0.34  # inch that a word needs
NARROWEST, WIDEST = 9.0, 60.0  # inch
CHANGE = "#b00020"
LEAST_SHARE = 0.12  # of a bar that still has room for its number


def draw_recording(answers: Sequence[Answer], path: Path) -> Path:
    """Draw one recording.

    Parameters
    ----------
    answers : sequence of Answer
        Of one recording, in the order of time.
    path : Path
        ``.png``.

    Raises
    ------
    InputError
        If there is no answer with times, or they are of several recordings.
    OutputError
        If the picture cannot be written.
    """
    recordings = {answer.recording for answer in answers}
    if len(recordings) != 1 or any(answer.start is None or answer.end is None for answer in answers):
        raise InputError(
            f"{len(answers)} answers of {len(recordings)} recordings; expected answers with times of one recording; "
            "draw each recording by itself"
        )
    return save(lambda: _draw(answers), path)


def changes(answers: Sequence[Answer]) -> list[tuple[Answer, Answer]]:
    """Neighbours of a recording whose labels differ."""
    pairs = zip(answers[:-1], answers[1:], strict=True)
    return [(first, second) for first, second in pairs if first.value.label != second.value.label]


def _draw(answers: Sequence[Answer]) -> Figure:
    words = sum(len(answer.words) for answer in answers)
    width = float(np.clip(WORD * words, NARROWEST, WIDEST))
    figure = new_figure(width, 6.2)
    curve, bars, text = figure.subplots(3, 1, sharex=True, height_ratios=(3, 1, 0.8))
    first, last = _start(answers[0]), _end(answers[-1])
    curve.set_xlim(first, last)
    _draw_values(curve, answers)
    _draw_shares(bars, answers)
    _draw_words(text, answers)
    turns = changes(answers)
    for _, after in turns:
        for panel in (curve, bars, text):
            panel.axvline(_start(after), color=CHANGE, linestyle=":", linewidth=1.2)
        curve.text(
            _start(after),
            1.01,
            f"▸ {after.value.label}",
            transform=curve.get_xaxis_transform(),
            color=CHANGE,
            fontsize=8,
        )
    counts = f"{len(answers)} utterance{'s' * (len(answers) != 1)}, {len(turns)} change{'s' * (len(turns) != 1)}"
    figure.suptitle(f"{answers[0].recording}: {counts}", fontsize=11)
    return figure


def _draw_values(panel: Axes, answers: Sequence[Answer]) -> None:
    """A line per score, class or yes-or-no label, flat over an utterance; a score also without each modality."""
    if answers[0].value.score is not None:
        panel.axhline(0, color="#999999", linewidth=0.8)
        for number, lost in enumerate(MODALITIES):
            rest = "+".join(name for name in MODALITIES if name != lost)
            left = [answer.what_if.get(rest) for answer in answers]
            values = [np.nan if value is None or value.score is None else value.score for value in left]
            if lost in {name for answer in answers for name in answer.used} and not np.isnan(values).all():
                _steps(panel, answers, values, COLOURS[number + 1], f"without {lost}", faint=True)
        _steps(panel, answers, [answer.value.score or 0.0 for answer in answers], COLOURS[0], "all that was observed")
        panel.set_ylabel("score")
    else:
        for number, name in enumerate(answers[0].value.probabilities):
            values = [answer.value.probabilities[name] for answer in answers]
            _steps(panel, answers, values, COLOURS[number % len(COLOURS)], name)
        panel.set_ylim(0, 1)
        panel.set_ylabel("probability")
    panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False, labelcolor=INK)


def _steps(
    panel: Axes, answers: Sequence[Answer], values: Sequence[float], colour: str, name: str, *, faint: bool = False
) -> None:
    times = [time for answer in answers for time in (_start(answer), _end(answer), np.nan)]  # a gap before the next
    style = {"linewidth": 1.0, "linestyle": "--", "alpha": 0.8} if faint else {"linewidth": 2.2}
    panel.plot(times, np.repeat(values, 3), color=colour, label=name, **style)


def _draw_shares(panel: Axes, answers: Sequence[Answer]) -> None:
    """Bars over time: the weight of each modality, or where the model has none the share that was observed."""
    weighted = answers[0].weights is not None
    for answer in answers:
        bottom, length = 0.0, _end(answer) - _start(answer)
        for number, name in enumerate(MODALITIES):
            share = _share(answer, name, weighted=weighted)
            style: dict[str, Any] = {
                "align": "edge",
                "color": COLOURS[number + 1],
                "edgecolor": "white",
                "linewidth": 0.5,
            }
            named = name if answer is answers[0] else None
            panel.bar(_start(answer), share, length, bottom, label=named, **style)
            if share > LEAST_SHARE:
                place, ink = (_start(answer) + length / 2, bottom + share / 2), ink_on(COLOURS[number + 1])
                panel.text(*place, f"{share:.0%}", ha="center", va="center", fontsize=7, color=ink, clip_on=True)
            bottom += share
    panel.set_yticks([])
    panel.set_ylabel("weight" if weighted else "observed")
    panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False, labelcolor=INK)


def _share(answer: Answer, name: Modality, *, weighted: bool) -> float:
    table = answer.weights if weighted and answer.weights is not None else answer.observed
    return table.get(name, 0.0)


def _draw_words(panel: Axes, answers: Sequence[Answer]) -> None:
    for answer in answers:
        for word in answer.words:
            panel.text(word.start, 0.95, word.text, rotation=90, ha="left", va="top", fontsize=8)
    panel.set_ylim(0, 1)
    panel.set_yticks([])
    panel.spines[["left", "right", "top"]].set_visible(False)
    panel.set_xlabel("time, s")


def _start(answer: Answer) -> Seconds:
    return answer.start or 0.0


def _end(answer: Answer) -> Seconds:
    return answer.end if answer.end is not None else _start(answer)
