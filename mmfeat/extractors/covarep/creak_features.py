"""The twelve acoustic features that tell creaky voice.

Drugman, Kane and Gobl, "Data-driven detection and analysis of the patterns of creaky voice", Computer Speech and
Language 28(5), 2014; Kane, Drugman and Gobl, "Improved automatic detection of creak", CSL 27(4), 2013. Four of the
features are Ishi's (`creak_pulses`).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import ndimage
from scipy import signal as dsp

from mmfeat.extractors.covarep.creak_pulses import band_of, periodicity, power_pulses
from mmfeat.extractors.covarep.creak_tracks import (
    BATCH,
    HOP,
    LONG,
    SHORT,
    Track,
    autocorrelations,
    energies,
    frame_count,
    framed,
    measured,
    power_contour,
)
from mmfeat.extractors.covarep.pitch import Pitch
from mmfeat.extractors.covarep.signals import Doubles, Signal, blocks
from mmfeat.types import SPEECH_RATE, IntArray

FEATURES = (
    "h2_h1",
    "residual_peak_prominence",
    "zero_crossings",
    "intra_frame_periodicity",
    "inter_pulse_similarity",
    "power_fall",
    "power_rise",
    "f0",
    "f0_median",
    "energy",
    "power_deviation",
    "creak_f0",
)
_ENERGY_HOP = 80  # samples: 5 ms
_UNKNOWN_F0 = 100.0  # Hz, where nothing is voiced


class Resonator:
    """``1 / (1 - 2 rho cos(2 pi f / fs) z^-1 + rho^2 z^-2)`` on a signal; not scaled."""

    def __init__(self, signal: Signal, frequency: float, rho: float) -> None:
        self._signal = signal
        self._denominator = np.array([1.0, -2 * rho * np.cos(2 * np.pi * frequency / SPEECH_RATE), rho**2])
        self._decay = int(-40.0 / np.log(rho))

    def __len__(self) -> int:
        return len(self._signal)

    def read(self, start: int, stop: int) -> Doubles:
        """See `signals.Signal.read`."""
        values = np.nan_to_num(self._signal.read(start - self._decay, stop))
        ringing: Doubles = dsp.lfilter([1.0], self._denominator, values)[self._decay :]
        return ringing


def row_places(length: int) -> IntArray:
    """Samples of the rows of a recording, from 0."""
    return np.arange(HOP - 1, length, HOP)


def creak_features(signal: Signal, residual: Signal, pitch: Pitch) -> Doubles:
    """The twelve features of `FEATURES` each 10 ms; (K, 12).

    Parameters
    ----------
    signal : Signal
        Sound at 16 kHz with the right polarity.
    residual : Signal
        Its prediction residual of order 18.
    pitch : Pitch
        By `pitch.track_pitch` between 20 and 500 Hz.
    """
    length = len(signal)
    rows = row_places(length)
    features = np.empty((len(rows), len(FEATURES)))
    column = {name: features[:, place] for place, name in enumerate(FEATURES)}
    median = pitch.median(0.0, np.inf) or _UNKNOWN_F0
    # One after the other: the tracks of an hour would not fit beside each other.
    energy, crossings = _energy_and_crossings(signal)
    column["energy"][:] = energy.at(rows)
    column["zero_crossings"][:] = crossings.at(rows)
    column["residual_peak_prominence"][:] = _prominence(residual, median, energy).at(rows)
    del energy, crossings
    creak_f0, difference = _harmonic_difference(residual, median)
    column["creak_f0"][:] = creak_f0.at(rows)
    column["h2_h1"][:] = difference.at(rows)
    del creak_f0, difference
    band = band_of(signal)
    column["intra_frame_periodicity"][:] = periodicity(band).at(rows)
    pulses = power_pulses(band).at(rows)
    del band
    for name, values in zip(("inter_pulse_similarity", "power_fall", "power_rise"), pulses, strict=True):
        column[name][:] = values
    column["power_deviation"][:] = _power_deviation(signal).at(rows)
    column["f0"][:] = Track(np.linspace(0, length - 1, len(pitch.f0)), pitch.f0).at(rows)
    column["f0_median"][:] = median
    return features


def _energy_and_crossings(signal: Signal) -> tuple[Track, Track]:
    """Log energy below its maximum, and zero crossings per millisecond; 32 ms every 5 ms."""
    places, (energy, crossings) = measured(signal, SHORT, _ENERGY_HOP, energies, _crossings)
    level = np.log(np.maximum(energy, 1e-15))
    # The original stamps the crossings one hop late.
    return Track(places, level - level.max(initial=-np.inf)), Track(places + _ENERGY_HOP, crossings)


def _crossings(frames: Doubles) -> Doubles:
    positive = frames >= 0
    counted: Doubles = (positive[:, 1:] != positive[:, :-1]).sum(axis=1) / 32.0
    return counted


def _harmonic_difference(residual: Signal, median: float) -> tuple[Track, Track]:
    """F0 by correlation and H2 - H1 of the residual, 50 ms every 10 ms, both through resonators."""
    window = np.hanning(LONG + 2)[1:-1]
    narrow, wide = Resonator(residual, median, 0.97), Resonator(residual, median, 0.8)
    count = frame_count(residual, LONG, HOP)
    f0, difference = np.empty(count), np.empty(count)
    for (rows, tonal), (_, broad) in zip(framed(narrow, LONG, HOP), framed(wide, LONG, HOP), strict=True):
        f0[rows] = _strongest_lag(autocorrelations(broad * window, LONG))
        difference[rows] = _second_over_first(autocorrelations(tonal * window**2, LONG), f0[rows])
    smooth = _moving_average(ndimage.median_filter(f0, 7, mode="constant"))
    # The original spreads these frames over the whole recording.
    places = np.linspace(0, len(residual) - 1, len(smooth))
    return Track(places, smooth), Track(places, _moving_average(difference))


@njit(cache=True)
def _strongest_lag(correlations: Doubles) -> Doubles:
    """Frequency of the largest correlation after the first lobe, corrected for the bias of a finite frame; Hz."""
    result = np.zeros(len(correlations))
    for row in range(len(correlations)):
        lags = correlations.shape[1]
        start = 0
        while start < lags and correlations[row, start] >= 0.0:
            start += 1
        best, where = 0.0, 0
        for lag in range(max(start, 5), lags):
            value = correlations[row, lag] * lags / (lags - lag)
            if value > best:
                best, where = value, lag
        if where:
            result[row] = np.floor(SPEECH_RATE / where + 0.5)
    return result


@njit(cache=True)
def _second_over_first(correlations: Doubles, f0: Doubles) -> Doubles:
    """Level of the spectrum at 2 f0 over that at f0, dB; bins count from 1."""
    result = np.zeros(len(correlations))
    for row in range(len(correlations)):
        if f0[row] == 0.0:
            continue
        levels = np.zeros(2)
        for order in range(2):
            # A turning pointer in place of a cosine and a sine per lag.
            turn = np.exp(2j * np.pi * ((order + 1) * f0[row] - 1.0) / SPEECH_RATE)
            pointer = 1.0 + 0.0j
            total = 0.0 + 0.0j
            for lag in range(correlations.shape[1]):
                total += correlations[row, lag] * pointer
                pointer *= turn
            levels[order] = 20.0 * np.log10(max(abs(total), 1e-150))
        result[row] = levels[1] - levels[0]
    return result


def _prominence(residual: Signal, median: float, energy: Track) -> Track:
    """How much the largest pulse of the residual stands out of its surroundings, every 20 ms."""
    if median > 100:
        lowest = 90
    elif 85 <= median < 100:
        lowest = 65
    elif median < 85:
        lowest = 55
    else:
        lowest = 80
    half = int(np.floor(SPEECH_RATE / lowest + 0.5))
    ringing = Resonator(residual, median, 0.8)
    starts = np.arange(0, max(len(residual) - 2 * half, 0), 320)
    values = np.zeros(len(starts))
    for first, last in blocks(len(starts), BATCH):
        begin = int(starts[first]) - half
        stretch = ringing.read(begin, int(starts[last - 1]) + 3 * half + 1)
        values[first:last] = _standing_out(stretch, starts[first:last] - begin, half)
    places: Doubles = (starts + half).astype(np.float64)
    loudest = ndimage.maximum_filter1d(energy.values, 161, mode="nearest") if len(energy.values) else energy.values
    quiet = Track(energy.places, energy.values - loudest).at(places) < -4.0
    values[quiet] = 0.0
    return Track(places, ndimage.median_filter(values, 5, mode="constant"))


@njit(cache=True)
def _standing_out(values: Doubles, starts: IntArray, half: int) -> Doubles:
    result = np.zeros(len(starts))
    for row in range(len(starts)):
        window = values[starts[row] : starts[row] + 2 * half]
        centre = starts[row] + np.argmax(np.abs(window))
        around = values[max(centre - half, 0) : centre + half + 1]
        sign = 1.0 if values[centre] >= 0.0 else -1.0
        spared = int(np.floor(0.2 * 2 * half + 0.5))
        middle = min(half, centre)
        top = largest = 0.0
        for index in range(len(around)):
            top = max(top, sign * around[index])
            if abs(index - middle) > spared:
                largest = max(largest, sign * around[index])
        if top > 0.0:
            result[row] = 1.0 - largest / top
    return result


def _power_deviation(signal: Signal) -> Track:
    """Standard deviation of the power contour of the whole band within 66 ms."""
    contour = power_contour(signal)
    power = contour.values
    if len(power) < 33:
        return Track(np.zeros(0), np.zeros(0))
    deviation = ndimage.uniform_filter1d(np.square(power), 33, mode="nearest")
    mean = ndimage.uniform_filter1d(power, 33, mode="nearest")
    deviation -= np.square(mean, out=mean)
    np.sqrt(np.maximum(deviation, 0.0, out=deviation), out=deviation)
    return Track(contour.places, ndimage.median_filter(deviation, 13, mode="constant"))


def _moving_average(values: Doubles) -> Doubles:
    """Nine values, fewer at the ends but always as many on both sides."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    reach = np.minimum(np.minimum(place, len(values) - 1 - place), 4)
    averaged: Doubles = (sums[place + reach + 1] - sums[place - reach]) / (2 * reach + 1)
    return averaged
