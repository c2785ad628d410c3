"""All 74 columns of one recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmfeat.extractors.covarep.columns import (
    HMPDD,
    HMPDM,
    HOP,
    MCEP,
    NAMES,
    Mode,
    angles_on_grid,
    grid,
    measured_on_grid,
    on_grid,
)
from mmfeat.extractors.covarep.creak import posterior_of
from mmfeat.extractors.covarep.creak_features import creak_features, row_places
from mmfeat.extractors.covarep.envelope import mel_cepstrum, true_envelope
from mmfeat.extractors.covarep.glottal_closure import find_closures
from mmfeat.extractors.covarep.harmonics import SMALLEST, analysable, read_sinusoids
from mmfeat.extractors.covarep.inverse_filtering import GlottalFlow
from mmfeat.extractors.covarep.linear_prediction import ORDER, Residual
from mmfeat.extractors.covarep.phases import PhaseTracker
from mmfeat.extractors.covarep.pitch import Pitch, track_pitch
from mmfeat.extractors.covarep.pulse_shape import find_parameters
from mmfeat.extractors.covarep.rd import rd_of
from mmfeat.extractors.covarep.signals import Doubles, Recording, Signal, blocks, held
from mmfeat.extractors.covarep.uprightness import find_polarity
from mmfeat.extractors.covarep.wavelets import SLOPE_FIRST, SLOPE_HOP, find_dispersion, find_slopes
from mmfeat.types import BoolArray, FloatArray, IntArray

_FRAMES = 2000  # at a time
_LEVEL_SPAN = 800  # samples around a frame whose level says whether it is silent: 50 ms
_COLUMN = {name: column for column, name in enumerate(NAMES)}
_SPECTRAL = ("Rd", "Rd_conf", *MCEP, *HMPDM, *HMPDD)  # columns measured on frames of sinusoids


@dataclass(frozen=True)
class Analysis:
    """The columns of one recording.

    Attributes
    ----------
    values : array, (T, 74) float64
        Finite.
    observed : array, (T,) bool
        False in silence and outside the analysis.
    valid : array, (T, 74) bool
        Whether that column means anything there.
    """

    values: Doubles
    observed: BoolArray
    valid: BoolArray


def analyse(samples: FloatArray, *, mode: Mode, silence: float) -> Analysis:
    """Measure a recording at 16 kHz.

    Parameters
    ----------
    samples : array, (n,)
    mode : "default" or "compat"
        See the package's README.
    silence : float
        dB relative to full scale below which 50 ms are silent.

    Returns
    -------
    Analysis
    """
    faithful = mode == "compat"
    length = len(samples)
    result = _Result(length)
    upright = Recording(samples, find_polarity(Recording(samples), faithful=faithful))
    pitch, low_pitch = track_pitch(upright, [(50, 500), (20, 500)], faithful=faithful)
    result.pitch(pitch)
    residual = held(Residual(upright, ORDER, faithful=faithful))
    _add_glottal(result, upright, residual, pitch)
    _add_creak(result, upright, residual, low_pitch)
    _add_slopes(result, upright, faithful=faithful)
    _add_spectral(result, upright, pitch, faithful=faithful)
    return result.finished(_variances(samples), silence, faithful=faithful)


class _Result:
    """Columns as they come in."""

    def __init__(self, length: int) -> None:
        self.length = length
        count = len(grid(length))
        self.values = np.zeros((count, len(NAMES)))
        self.valid = np.zeros((count, len(NAMES)), dtype=np.bool_)
        self.analysed = np.zeros(count, dtype=np.bool_)
        self.voiced = np.zeros(count, dtype=np.bool_)

    def pitch(self, pitch: Pitch) -> None:
        places = pitch.samples
        on_grid(places, pitch.f0, self.values[:, 0])
        on_grid(places, pitch.voiced.astype(np.float64), self.values[:, 1])
        self.voiced = self.values[:, 1] >= 0.5
        self.values[:, 1] = self.voiced
        self.analysed = measured_on_grid(places, np.isfinite(pitch.f0), len(self.values))
        self.valid[:, 0], self.valid[:, 1] = self.voiced, self.analysed

    def finished(self, variances: Doubles, silence: float, *, faithful: bool) -> Analysis:
        observed = self.analysed & (variances > 10 ** (silence / 10))
        for first, last in blocks(len(observed), _FRAMES):
            values = self.values[first:last]
            self.valid[first:last] &= observed[first:last, None] & np.isfinite(values)
            if not faithful:
                # Deviation of the default mode: in digital silence there is nothing, not what lies on either side.
                values[variances[first:last] == 0.0] = 0.0
            # The original leaves infinities where a band is zero throughout a frame; no file of ours holds one.
            np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return Analysis(self.values, observed, self.valid)


def _add_glottal(result: _Result, signal: Signal, residual: Signal, pitch: Pitch) -> None:
    """NAQ, QOQ, H1H2, PSP and MDQ, between glottal closures."""
    closures = find_closures(signal, residual, pitch)
    measured = find_parameters(GlottalFlow(signal, closures), closures)
    dispersion = find_dispersion(residual, closures)
    values = np.stack([measured.naq, measured.qoq, measured.h1h2, measured.psp], axis=1)
    first = _COLUMN["NAQ"]
    on_grid(closures, values, result.values[:, first : first + 4])
    # MDQ's time stamps come one sample earlier.
    on_grid(closures - 1, dispersion, result.values[:, first + 4])
    valid = measured_on_grid(closures, measured.measured, len(result.values)) & result.voiced
    result.valid[:, first : first + 5] = valid[:, None]


def _add_slopes(result: _Result, signal: Signal, *, faithful: bool) -> None:
    slopes = find_slopes(signal)
    places = SLOPE_FIRST - 1 + SLOPE_HOP * np.arange(len(slopes))
    if not faithful:
        places, slopes = places[np.isfinite(slopes)], slopes[np.isfinite(slopes)]
    else:
        slopes = np.where(np.isnan(slopes), 0.0, slopes)
    column = _COLUMN["peakSlope"]
    with np.errstate(invalid="ignore"):
        on_grid(places, slopes, result.values[:, column])
    result.valid[:, column] = measured_on_grid(places, np.isfinite(slopes), len(result.values))


def _add_creak(result: _Result, signal: Signal, residual: Signal, pitch: Pitch) -> None:
    """The posterior of creaky voice, by rows of its own."""
    places = row_places(result.length)
    column = _COLUMN["creak"]
    posterior = posterior_of(creak_features(signal, residual, pitch))
    on_grid(places, posterior, result.values[:, column])
    result.valid[:, column] = measured_on_grid(places, np.ones(len(places), dtype=np.bool_), len(result.values))


def _add_spectral(result: _Result, signal: Signal, pitch: Pitch, *, faithful: bool) -> None:
    """Rd, MCEP, HMPDM and HMPDD, which share frames of sinusoids."""
    analysed = analysable(pitch, result.length)
    if not len(analysed.rows):
        return
    sounding = np.ones(len(analysed.rows), dtype=np.bool_)
    # Deviation of the default mode: the original spreads the spectra over the whole recording, which moves each by up
    # to 50 ms, more where frames were dropped.
    stretched = np.floor(np.linspace(1, result.length, analysed.kept) + 0.5)[analysed.ranks] - 1
    spectra = _Filling(result, "MCEP_0", on_grid, stretched if faithful else analysed.centres, sounding)
    pulses = _Filling(result, "Rd", on_grid, analysed.centres - 1, sounding)  # time stamps one sample earlier
    means = _Filling(result, "HMPDM_0", angles_on_grid, analysed.centres, sounding)
    deviations = _Filling(result, "HMPDD_0", on_grid, analysed.centres, sounding)
    tracker = PhaseTracker(analysed)

    def distortions() -> Iterator[Doubles]:
        for rows, found in read_sinusoids(signal, analysed):
            # Deviation of the default mode: a window of zeros is no measurement, nor are its neighbours drawn to it.
            sounding[rows] = faithful | (found.level.max(axis=1) > np.log(SMALLEST))
            pulses.add(rows, np.stack(rd_of(found, conjugate=faithful), axis=1))
            spectra.add(rows, mel_cepstrum(true_envelope(found.level, analysed.f0[rows])))
            yield tracker.distortion(rows.start, found)

    for rows, smoothed in tracker.smoothed(distortions(), floor=not faithful):
        means.add(rows, smoothed.mean)
        deviations.add(rows, smoothed.deviation)
    places = analysed.centres[sounding]
    measured = measured_on_grid(places, np.ones(len(places), dtype=np.bool_), len(result.values))
    for name in _SPECTRAL:
        result.valid[:, _COLUMN[name]] = measured
    result.valid[:, _COLUMN["Rd"]] &= result.voiced


class _Filling:
    """Columns that are filled as the frames of their track come in; frames that do not sound are left out."""

    def __init__(
        self,
        result: _Result,
        first: str,
        fill: Callable[[Any, Doubles, Doubles], None],
        places: IntArray | Doubles,
        sounding: BoolArray,
    ) -> None:
        self._values = result.values[:, _COLUMN[first] :]
        self._fill = fill
        self._places = places.astype(np.float64)
        self._sounding = sounding
        self._last_place, self._last_values = np.zeros(0), np.zeros((0, 0))

    def add(self, rows: slice, values: Doubles) -> None:
        """Take the next frames of the track, (rows, D)."""
        kept = self._sounding[rows]
        places, values = self._places[rows][kept], values[kept]
        if not len(places):
            return
        if len(self._last_place):
            places, values = np.append(self._last_place, places), np.concatenate([self._last_values, values])
        self._fill(places, values, self._values[:, : values.shape[1]])
        self._last_place, self._last_values = places[-1:], values[-1:]


def _variances(samples: FloatArray) -> Doubles:
    """Mean square of the 50 ms around each frame about their mean; (T,). Beyond the ends the last sample goes on."""
    frames = grid(len(samples))
    variances = np.zeros(len(frames))
    for first, last in blocks(len(frames), _FRAMES):
        start, stop = int(frames[first]) - _LEVEL_SPAN // 2, int(frames[last - 1]) + _LEVEL_SPAN // 2
        inside = samples[max(start, 0) : stop].astype(np.float64)
        values = np.pad(inside, (max(-start, 0), max(stop - len(samples), 0)), mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(values, _LEVEL_SPAN)[::HOP]
        variances[first:last] = windows.var(axis=1)
    return variances
