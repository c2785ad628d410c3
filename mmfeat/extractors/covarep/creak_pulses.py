"""Single glottal pulses in the sound between 100 and 1500 Hz, which creaky voice lets one tell apart.

Ishi, Sakakibara, Ishiguro and Hagita, "A method for automatic detection of vocal fry", IEEE TASLP 16(1), 2008.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import fft
from scipy import signal as dsp

from mmfeat.extractors.covarep.creak_tracks import HOP, SHORT, Track, autocorrelations, measured, power_contour
from mmfeat.extractors.covarep.signals import Doubles, Signal, ZeroPhase, held, near_rows
from mmfeat.types import SPEECH_RATE, IntArray

_LAGS = 241  # of the periodicity: 15 ms
_HELD = 0.035  # s before a power peak in which its values hold
_APART = 0.1  # s, at most, between peaks that are compared
_AROUND = 120  # samples to either side of a peak that are compared: 7.5 ms


def band_of(signal: Signal) -> Signal:
    """Sound between 100 and 1500 Hz, for `periodicity` and `power_pulses`."""
    sections = dsp.butter(7, [100 / (SPEECH_RATE / 2), 1500 / (SPEECH_RATE / 2)], "bandpass", output="sos")
    return held(ZeroPhase(signal, sections, 14))


def periodicity(band: Signal) -> Track:
    """Intra-frame periodicity (Ishi et al. 2008, equation 2), 32 ms every 10 ms."""
    places, (values,) = measured(band, SHORT, HOP, lambda frames: _periodic(autocorrelations(frames, _LAGS)))
    following = np.concatenate([values[1:], values[-1:]]), np.concatenate([values[2:], values[-1:], values[-1:]])
    values = np.where((following[0][: len(values)] < 0.5) | (following[1][: len(values)] < 0.5), 0.0, values)
    return Track(places, values)


@njit(cache=True)
def _periodic(correlations: Doubles) -> Doubles:
    result = np.zeros(len(correlations))
    lags = correlations.shape[1]
    for row in range(len(correlations)):
        if correlations[row, 0] <= 0.0:
            continue
        values = np.zeros(lags)
        for lag in range(16, lags):
            values[lag] = correlations[row, lag] / correlations[row, 0] * SHORT / (SHORT - lag)
        period = int(np.argmax(values))
        least = values[period]
        for multiple in range(2 * period, lags, max(period, 1)):
            least = min(least, np.max(values[multiple - 16 : min(multiple + 17, lags)]))
        result[row] = max(least, 0.0)
    return result


@dataclass(frozen=True)
class Pulses:
    """Peaks of the power contour, each with the similarity to the one before and its slopes."""

    places: Doubles
    similarity: Doubles
    fall: Doubles
    rise: Doubles

    def at(self, rows: IntArray) -> tuple[Doubles, Doubles, Doubles]:
        """Values of the next peak, up to 35 ms before it; 0 elsewhere."""
        following = np.searchsorted(self.places, rows)
        padded = np.append(self.places, np.inf)
        near = padded[following] - rows <= _HELD * SPEECH_RATE
        columns = (np.append(column, 0.0)[following] for column in (self.similarity, self.fall, self.rise))
        similarity, fall, rise = (np.where(near, column, 0.0) for column in columns)
        return similarity, fall, rise


def power_pulses(band: Signal) -> Pulses:
    """Power peaks of the band-passed sound (Ishi et al. 2008)."""
    contour = power_contour(band)
    power = contour.values
    peaks = _power_peaks(power)
    fall, rise = np.zeros(len(peaks)), np.zeros(len(peaks))
    for offset in range(1, 6):
        fall = np.maximum(fall, power[peaks] - power[np.minimum(peaks + offset, len(power) - 1)])
        rise = np.maximum(rise, power[peaks] - power[np.maximum(peaks - offset, 0)])
    places = contour.places[peaks]
    return Pulses(places, _similarities(band, places.astype(np.int64)), fall, rise)


def _power_peaks(power: Doubles) -> IntArray:
    if len(power) < 7:
        return np.zeros(0, dtype=np.int64)
    inner = power[3:-3]
    peaked = (inner > power[2:-4]) & (inner >= power[4:-2]) & (inner - power[:-6] > 2) & (inner - power[6:] > 2)
    return 3 + np.flatnonzero(peaked & (inner > power.max() - 30))


def _similarities(band: Signal, centres: IntArray) -> Doubles:
    """Largest normalised cross-correlation of 15 ms around each peak with those around the one before."""
    result = np.zeros(len(centres))
    near = 1 + np.flatnonzero(np.diff(centres) <= _APART * SPEECH_RATE)
    for rows in near_rows(centres, near):
        begin = int(centres[rows[0] - 1]) - _AROUND
        stretch = band.read(begin, int(centres[rows[-1]]) + _AROUND + 1)
        window = np.arange(-_AROUND, _AROUND + 1) - begin
        earlier, later = stretch[centres[rows - 1][:, None] + window], stretch[centres[rows][:, None] + window]
        size = fft.next_fast_len(2 * window.size, real=True)
        product = np.conj(fft.rfft(earlier, size, axis=1)) * fft.rfft(later, size, axis=1)
        energy = np.sqrt(np.square(earlier).sum(axis=1) * np.square(later).sum(axis=1))
        result[rows] = fft.irfft(product, size, axis=1).max(axis=1) / np.maximum(energy, 1e-300)
    return result
