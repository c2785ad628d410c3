"""The panels of a voice analysis with COVAREP's columns: voicing, the glottal flow, and the spectral envelope.

Which way a parameter points between tense and breathy voice: NAQ, Alku, Bäckström and Vilkman, J. Acoust. Soc. Am.
2002; QOQ and H1-H2, Airas and Alku, Interspeech 2007; MDQ, Kane and Gobl, IEEE TASLP 2013; Rd, Fant, STL-QPSR 1995.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mmfeat.plots.panels import say_in
from mmfeat.plots.tracks import (
    BLUE,
    COLUMNS,
    INK,
    ORANGE,
    PALE,
    draw_track,
    fill_spans,
    half_shift,
    heavy,
    label_panel,
    show_axis,
    track_of,
)
from mmfeat.types import BoolArray, FloatArray, Frames

Row = tuple[float, Callable[[Axes], None]]  # height of a panel in inch, and what draws it

# Column -> its name with the unit, what it is, and whether more of it is a breathier voice.
PARAMETERS = {
    "NAQ": ("NAQ", "amplitude quotient", True),
    "QOQ": ("QOQ", "quasi-open quotient", True),
    "H1H2": ("H1H2 (dB)", "1st over 2nd harmonic", True),
    "PSP": ("PSP", "parabolic spectrum", False),
    "MDQ": ("MDQ", "dispersion of maxima", True),
    "peakSlope": ("peakSlope", "spectral tilt", False),
}
MCEP = tuple(f"MCEP_{index}" for index in range(25))
COLUMNS_DRAWN = ("F0", "VUV", *PARAMETERS, "Rd", "Rd_conf", "creak", *MCEP)

HIGHEST = 8000.0  # Hz, upper end of the mel axis
PITCHES = 160  # rows of the picture of the envelope
TRUST = (0.3, 0.6, 0.9)  # of Rd_conf, pale to dark; 99 % of the voiced frames of 16 recordings lie within
DEPTH = 100.0  # dB below the highest that are told apart
DECIBEL = 20 / np.log(10)  # of the natural logarithm of a magnitude


def voice_rows(frames: Frames) -> list[Row]:
    """Make the panels under the spectrogram, from the top."""
    return [
        (0.26, partial(_draw_voicing, frames=frames)),
        *((0.62, partial(_draw_parameter, frames=frames, column=column)) for column in PARAMETERS),
        (0.72, partial(_draw_rd, frames=frames)),
        (0.5, partial(_draw_creak, frames=frames)),
        (1.7, partial(_draw_envelope, frames=frames)),
    ]


def draw_pitch(panel: Axes, frames: Frames) -> None:
    """Draw F0 of voiced frames over a panel, with an axis of its own on the right."""
    f0, valid = track_of(frames, "F0")
    voiced = valid & (track_of(frames, "VUV")[0] >= 0.5)
    if not voiced.any():
        return
    over = panel.twinx()
    over.set_ylim(0, 100 * np.ceil(float(f0[voiced].max()) / 100 + 0.5))
    track = np.where(voiced, f0, np.nan)
    size = float(np.clip(1.6 * COLUMNS / len(track), 1.2, 3.2))
    for colour, width in (("white", size + 1.8), (ORANGE, size)):  # white around it keeps it apart from the sound
        over.plot(frames.times, track, "o", color=colour, markersize=width, markeredgewidth=0, rasterized=heavy(frames))
    over.set_ylabel("F0 (Hz)", color=ORANGE)
    over.tick_params(right=True, labelsize=8, colors=ORANGE, width=0.6, length=3)
    for spine in over.spines.values():
        spine.set_visible(False)


def voiced_share(frames: Frames) -> float:
    """Share of the observed frames that are voiced."""
    voicing, known = track_of(frames, "VUV")
    return float((voicing[known] >= 0.5).mean()) if known.any() else 0.0


def log_envelope(cepstra: FloatArray, pitches: FloatArray) -> FloatArray:
    """Turn mel-cepstra back into envelopes.

    Parameters
    ----------
    cepstra : FloatArray, shape (T, 25)
        ``c_0, 2 c_1, 2 c_2 ...``, of the natural logarithm: COVAREP's MCEP.
    pitches : FloatArray, shape (P,)
        Places on the mel axis, from 0 to 1.

    Returns
    -------
    FloatArray, shape (P, T)
        dB.
    """
    waves = np.cos(np.pi * np.outer(pitches, np.arange(cepstra.shape[1])))
    envelope: FloatArray = DECIBEL * (waves @ cepstra.T)
    return envelope


def mel_place(frequency: FloatArray) -> FloatArray:
    """Place on the mel axis, from 0 (0 Hz) to 1 (8 kHz)."""
    place: FloatArray = np.log1p(frequency / 700) / np.log1p(HIGHEST / 700)
    return place


def _draw_voicing(panel: Axes, frames: Frames) -> None:
    show_axis(panel)
    panel.tick_params(left=False, labelleft=False)
    panel.set_ylim(0, 1)
    label_panel(panel, "voicing (VUV)")
    voicing, known = track_of(frames, "VUV")
    half = half_shift(frames)
    for wanted, colour in ((voicing >= 0.5, BLUE), (voicing < 0.5, PALE)):
        runs = _runs(known & wanted)
        fill_spans(panel, [(frames.times[a] - half, frames.times[b - 1] + half) for a, b in runs], colour, zorder=1)


def _runs(flags: BoolArray) -> list[tuple[int, int]]:
    """Runs of True, as half-open ranges of rows."""
    changes = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False]))))
    return list(zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True))


def _draw_parameter(panel: Axes, frames: Frames, column: str) -> None:
    name, hint, breathy = PARAMETERS[column]
    show_axis(panel)
    label_panel(panel, name, hint)
    draw_track(panel, frames, column)
    if breathy:
        where: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "xytext": (6, 0)}
        panel.annotate("↑ breathy", (1, 1), va="top", fontsize=7.5, color=INK, **where)
        panel.annotate("↓ tense", (1, 0), va="bottom", fontsize=7.5, color=INK, **where)


def _draw_rd(panel: Axes, frames: Frames) -> None:
    """Rd, darker where the fit is to be trusted more."""
    show_axis(panel)
    label_panel(panel, "Rd", "↑ breathy  ↓ tense")
    trust, _ = track_of(frames, "Rd_conf")
    draw_track(panel, frames, "Rd", c=trust, cmap="plasma_r", vmin=TRUST[0], vmax=TRUST[-1])
    if panel.collections:
        _draw_scale(panel, panel.collections[-1], "Rd_conf", TRUST)


def _draw_creak(panel: Axes, frames: Frames) -> None:
    show_axis(panel)
    label_panel(panel, "creak", "probability")
    draw_track(panel, frames, "creak")
    if panel.collections:
        panel.set_ylim(-0.08, 1.08)
        panel.set_yticks([0, 1])


def _draw_envelope(panel: Axes, frames: Frames) -> None:
    show_axis(panel)
    label_panel(panel, "envelope (kHz)", "from MCEP, mel axis")
    shown = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0])  # kHz
    panel.set_ylim(0, 1)
    panel.set_yticks(mel_place(1000 * shown), [f"{frequency:g}" for frequency in shown])
    columns = [frames.names.index(name) for name in MCEP]
    _, valid = track_of(frames, MCEP[0])
    if not valid.any():
        say_in(panel, "nothing measured here")
        return
    cepstra, there = _thinned(frames.values[:, columns], valid)
    image = log_envelope(cepstra, (np.arange(PITCHES) + 0.5) / PITCHES)
    low, high = np.percentile(image[:, there], (1, 99.8))
    low = max(low, high - DEPTH)
    image[:, ~there] = np.nan
    half = half_shift(frames)
    extent = (frames.times[0] - half, frames.times[-1] + half, 0.0, 1.0)
    drawn = panel.imshow(
        image, extent=extent, origin="lower", aspect="auto", interpolation="nearest", vmin=low, vmax=high, zorder=1
    )
    _draw_scale(panel, drawn, "dB")


def _thinned(cepstra: FloatArray, valid: BoolArray) -> tuple[FloatArray, BoolArray]:
    """Means of the valid frames that share a column of pixels, and which columns have any."""
    edges = np.linspace(0, len(cepstra), min(2 * COLUMNS, len(cepstra)) + 1).astype(int)[:-1]
    counts = np.add.reduceat(valid.astype(np.int64), edges)
    sums = np.add.reduceat(cepstra * valid[:, None], edges, axis=0)
    return sums / np.maximum(counts, 1)[:, None], counts > 0


def _draw_scale(panel: Axes, drawn: Any, name: str, ticks: Sequence[float] | None = None) -> None:
    """Explain colours on the right of a panel."""
    beside = panel.inset_axes((1.008, 0.0, 0.011, 1.0))
    scale = panel.figure.colorbar(drawn, cax=beside, ticks=ticks)
    scale.set_label(name, fontsize=8)
    scale.outline.set_visible(False)
    beside.tick_params(labelsize=7.5, length=2, width=0.6)
