"""Posterior probability of creaky voice: twelve acoustic features, their changes, and a small network.

Drugman, Kane and Gobl, "Data-driven detection and analysis of the patterns of creaky voice", Computer Speech and
Language 28(5), 2014; Kane, Drugman and Gobl, "Improved automatic detection of creak", CSL 27(4), 2013; Ishi,
Sakakibara, Ishiguro and Hagita, "A method for automatic detection of vocal fry", IEEE TASLP 16(1), 2008.

The network is our own (``pipelines/creak_network.py`` trains it on posteriors that COVAREP gave for free recordings):
the original's weights are under the GPL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numba import njit
from scipy import fft, ndimage, special
from scipy import signal as dsp

from mmfeat.extractors.covarep.linear_prediction import ORDER, Residual
from mmfeat.extractors.covarep.pitch import Pitch, track_pitch
from mmfeat.extractors.covarep.signals import Doubles, Recording, Signal, ZeroPhase, blocks, held
from mmfeat.types import FloatArray, IntArray

RATE = 16_000  # Hz
HOP = 160  # samples between rows: 10 ms
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
WEIGHTS = Path(__file__).parent / "creak.npz"
_SPAN, _SHORT = 800, 512  # samples: frames of 50 ms and of 32 ms
_POWER_SPAN, _POWER_HOP = 64, 32  # samples: 4 ms, 2 ms
_FRAMES = 500  # at a time
_HELD = 0.035  # s before a power peak in which its values hold
_UNKNOWN_F0 = 100.0  # Hz, where nothing is voiced


class Resonator:
    """``1 / (1 - 2 rho cos(2 pi f / fs) z^-1 + rho^2 z^-2)`` on a signal; not scaled."""

    def __init__(self, signal: Signal, frequency: float, rho: float) -> None:
        self._signal = signal
        self._denominator = np.array([1.0, -2 * rho * np.cos(2 * np.pi * frequency / RATE), rho**2])
        self._decay = int(-40.0 / np.log(rho))

    def __len__(self) -> int:
        return len(self._signal)

    def read(self, start: int, stop: int) -> Doubles:
        """See `signals.Signal.read`."""
        values = np.nan_to_num(self._signal.read(start - self._decay, stop))
        ringing: Doubles = dsp.lfilter([1.0], self._denominator, values)[self._decay :]
        return ringing


@dataclass(frozen=True)
class _Track:
    """Values at samples from 0; linear in between, the end values outside, 0 where there are none."""

    places: Doubles
    values: Doubles

    def at(self, rows: IntArray | Doubles) -> Doubles:
        if not len(self.places):
            return np.zeros(len(rows))
        return np.interp(rows, self.places, self.values)


def creak_posterior(samples: FloatArray) -> tuple[IntArray, Doubles]:
    """Probability of creaky voice each 10 ms.

    Parameters
    ----------
    samples : array, (n,)
        Sound at 16 kHz with the right polarity (`uprightness.polarity`).

    Returns
    -------
    places : array, (K,) int
        Samples from 0: 159, 319 ...
    posterior : array, (K,) float64
        0 to 1.
    """
    signal = Recording(samples)
    pitch = track_pitch(signal, [(20, 500)])[0]
    features = creak_features(signal, held(Residual(signal, ORDER)), pitch)
    return row_places(len(signal)), posterior_of(features)


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
    column["intra_frame_periodicity"][:] = _periodicity(signal).at(rows)
    pulses = _power_pulses(signal).at(rows)
    for name, values in zip(("inter_pulse_similarity", "power_fall", "power_rise"), pulses, strict=True):
        column[name][:] = values
    column["power_deviation"][:] = _power_deviation(signal).at(rows)
    column["f0"][:] = _Track(np.linspace(0, length - 1, len(pitch.f0)), pitch.f0).at(rows)
    column["f0_median"][:] = median
    return features


def with_changes(features: Doubles) -> Doubles:
    """Features, their differences from row to row and the differences of these, 0 at first; (K, 12) to (K, 36)."""
    first = np.diff(features, axis=0, prepend=features[:1])
    second = np.diff(first, axis=0, prepend=first[:1])
    return np.concatenate([features, first, second], axis=1)


def posterior_of(features: Doubles) -> Doubles:
    """Mean of a few networks of 36 inputs, 32 units with tanh and one logistic output each; (K, 12) to (K,)."""
    posterior = np.empty(len(features))
    for first, last in blocks(len(features), 10 * _FRAMES):
        begin = max(first - 2, 0)  # second differences look two rows back
        posterior[first:last] = _networks_on(with_changes(features[begin:last])[first - begin :])
    return posterior


def _networks_on(inputs: Doubles) -> Doubles:
    nets = _networks()
    scaled = (inputs - nets["centre"]) / nets["scale"]
    outputs = [
        np.tanh(scaled @ hidden.T + hidden_bias) @ output + output_bias
        for hidden, hidden_bias, output, output_bias in zip(
            nets["hidden_weight"], nets["hidden_bias"], nets["output_weight"], nets["output_bias"], strict=True
        )
    ]
    posterior: Doubles = special.expit(outputs).mean(axis=0)
    return posterior


@lru_cache(maxsize=1)
def _networks() -> dict[str, Doubles]:
    with np.load(WEIGHTS, allow_pickle=False) as arrays:
        return {name: arrays[name].astype(np.float64) for name in arrays.files}


def _frames(signal: Signal, span: int, hop: int) -> Iterator[tuple[slice, Doubles]]:
    """Frames of a signal, some at a time: rows and (rows, span)."""
    count = max((len(signal) - span) // hop + 1, 0)
    for first, last in blocks(count, _FRAMES):
        values = signal.read(first * hop, (last - 1) * hop + span)
        yield slice(first, last), np.lib.stride_tricks.sliding_window_view(values, span)[::hop]


def _over_frames(signal: Signal, span: int, hop: int, measure: Callable[[Doubles], Doubles]) -> Doubles:
    """One value per frame; (K,)."""
    parts = [measure(frames) for _, frames in _frames(signal, span, hop)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _centres(count: int, span: int, hop: int) -> Doubles:
    return span / 2 + hop * np.arange(count, dtype=np.float64)


def _decibels(power: Doubles) -> Doubles:
    decibels: Doubles = 20 * np.log10(np.maximum(power, 1e-15))
    return decibels


def _energy_and_crossings(signal: Signal) -> tuple[_Track, _Track]:
    """Log energy below its maximum, and zero crossings per millisecond; 32 ms every 5 ms."""
    energies = _over_frames(signal, _SHORT, 80, lambda frames: np.einsum("ij,ij->i", frames, frames))
    level = np.log(np.maximum(energies, 1e-15))
    crossings = _over_frames(signal, _SHORT, 80, _crossings)
    places = _centres(len(level), _SHORT, 80)
    # The original stamps the crossings one hop late.
    return _Track(places, level - level.max(initial=-np.inf)), _Track(places + 80, crossings)


def _crossings(frames: Doubles) -> Doubles:
    positive = frames >= 0
    counted: Doubles = (positive[:, 1:] != positive[:, :-1]).sum(axis=1) / 32.0
    return counted


def _correlations(frames: Doubles, lags: int) -> Doubles:
    """Autocorrelation of each frame at lags 0 .. ``lags`` - 1."""
    size = fft.next_fast_len(frames.shape[1] + lags, real=True)
    spectrum = fft.rfft(frames, size, axis=1)
    correlation: Doubles = fft.irfft(spectrum.real**2 + spectrum.imag**2, size, axis=1)[:, :lags]
    return correlation


def _harmonic_difference(residual: Signal, median: float) -> tuple[_Track, _Track]:
    """F0 by correlation and H2 - H1 of the residual, 50 ms every 10 ms, both through resonators."""
    window = np.hanning(_SPAN + 2)[1:-1]
    narrow, wide = Resonator(residual, median, 0.97), Resonator(residual, median, 0.8)
    f0, difference = [np.zeros(0)], [np.zeros(0)]
    for (_, tonal), (_, broad) in zip(_frames(narrow, _SPAN, HOP), _frames(wide, _SPAN, HOP), strict=True):
        f0.append(_strongest_lag(_correlations(broad * window, _SPAN)))
        difference.append(_second_over_first(_correlations(tonal * window**2, _SPAN), f0[-1]))
    smooth = _moving_average(ndimage.median_filter(np.concatenate(f0), 7, mode="constant"))
    # The original spreads these frames over the whole recording.
    places = np.linspace(0, len(residual) - 1, len(smooth))
    return _Track(places, smooth), _Track(places, _moving_average(np.concatenate(difference)))


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
            result[row] = np.floor(RATE / where + 0.5)
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
            turn = np.exp(2j * np.pi * ((order + 1) * f0[row] - 1.0) / RATE)
            pointer = 1.0 + 0.0j
            total = 0.0 + 0.0j
            for lag in range(correlations.shape[1]):
                total += correlations[row, lag] * pointer
                pointer *= turn
            levels[order] = 20.0 * np.log10(max(abs(total), 1e-150))
        result[row] = levels[1] - levels[0]
    return result


def _prominence(residual: Signal, median: float, energy: _Track) -> _Track:
    """How much the largest pulse of the residual stands out of its surroundings, every 20 ms."""
    if median > 100:
        lowest = 90
    elif 85 <= median < 100:
        lowest = 65
    elif median < 85:
        lowest = 55
    else:
        lowest = 80
    half = int(np.floor(RATE / lowest + 0.5))
    ringing = Resonator(residual, median, 0.8)
    starts = np.arange(0, max(len(residual) - 2 * half, 0), 320)
    values = np.zeros(len(starts))
    for first, last in blocks(len(starts), _FRAMES):
        begin = int(starts[first]) - half
        stretch = ringing.read(begin, int(starts[last - 1]) + 3 * half + 1)
        values[first:last] = _standing_out(stretch, starts[first:last] - begin, half)
    places: Doubles = (starts + half).astype(np.float64)
    loudest = ndimage.maximum_filter1d(energy.values, 161, mode="nearest") if len(energy.values) else energy.values
    quiet = _Track(energy.places, energy.values - loudest).at(places) < -4.0
    values[quiet] = 0.0
    return _Track(places, ndimage.median_filter(values, 5, mode="constant"))


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


def _band(signal: Signal) -> ZeroPhase:
    """Sound between 100 and 1500 Hz."""
    sections = dsp.butter(7, [100 / (RATE / 2), 1500 / (RATE / 2)], "bandpass", output="sos")
    return ZeroPhase(signal, sections, 14)


def _periodicity(signal: Signal) -> _Track:
    """Intra-frame periodicity (Ishi et al. 2008, equation 2), 32 ms every 10 ms."""
    values = _over_frames(_band(signal), _SHORT, HOP, lambda frames: _periodic(_correlations(frames, 241)))
    following = np.concatenate([values[1:], values[-1:]]), np.concatenate([values[2:], values[-1:], values[-1:]])
    values = np.where((following[0][: len(values)] < 0.5) | (following[1][: len(values)] < 0.5), 0.0, values)
    return _Track(_centres(len(values), _SHORT, HOP), values)


@njit(cache=True)
def _periodic(correlations: Doubles) -> Doubles:
    result = np.zeros(len(correlations))
    lags = correlations.shape[1]
    for row in range(len(correlations)):
        if correlations[row, 0] <= 0.0:
            continue
        values = np.zeros(lags)
        for lag in range(16, lags):
            values[lag] = correlations[row, lag] / correlations[row, 0] * _SHORT / (_SHORT - lag)
        period = int(np.argmax(values))
        least = values[period]
        for multiple in range(2 * period, lags, max(period, 1)):
            least = min(least, np.max(values[multiple - 16 : min(multiple + 17, lags)]))
        result[row] = max(least, 0.0)
    return result


@dataclass(frozen=True)
class _Pulses:
    """Peaks of the power contour, each with the similarity to the one before and its slopes."""

    places: Doubles
    similarity: Doubles
    fall: Doubles
    rise: Doubles

    def at(self, rows: IntArray) -> tuple[Doubles, Doubles, Doubles]:
        """Values of the next peak, up to 35 ms before it; 0 elsewhere."""
        following = np.searchsorted(self.places, rows)
        padded = np.append(self.places, np.inf)
        near = padded[following] - rows <= _HELD * RATE
        columns = (np.append(column, 0.0)[following] for column in (self.similarity, self.fall, self.rise))
        similarity, fall, rise = (np.where(near, column, 0.0) for column in columns)
        return similarity, fall, rise


def _power_pulses(signal: Signal) -> _Pulses:
    """Power peaks of the band-passed sound (Ishi et al. 2008)."""
    band = held(_band(signal))
    power = _decibels(_over_frames(band, _POWER_SPAN, _POWER_HOP, lambda f: np.einsum("ij,ij->i", f, f) / _POWER_SPAN))
    peaks = _power_peaks(power)
    fall, rise = np.zeros(len(peaks)), np.zeros(len(peaks))
    for offset in range(1, 6):
        fall = np.maximum(fall, power[peaks] - power[np.minimum(peaks + offset, len(power) - 1)])
        rise = np.maximum(rise, power[peaks] - power[np.maximum(peaks - offset, 0)])
    places = _centres(len(power), _POWER_SPAN, _POWER_HOP)[peaks]
    return _Pulses(places, _similarities(band, places), fall, rise)


def _power_peaks(power: Doubles) -> IntArray:
    if len(power) < 7:
        return np.zeros(0, dtype=np.int64)
    inner = power[3:-3]
    peaked = (inner > power[2:-4]) & (inner >= power[4:-2]) & (inner - power[:-6] > 2) & (inner - power[6:] > 2)
    return 3 + np.flatnonzero(peaked & (inner > power.max() - 30))


def _similarities(band: Signal, places: Doubles) -> Doubles:
    """Largest normalised cross-correlation of 15 ms around each peak with those around the one before."""
    half = 120  # samples: 7.5 ms
    result = np.zeros(len(places))
    if len(places) < 2:
        return result
    near = 1 + np.flatnonzero(np.diff(places) <= 0.1 * RATE)
    for first, last in blocks(len(near), _FRAMES):
        rows = near[first:last]
        centres = places.astype(np.int64)
        begin = int(centres[rows[0] - 1]) - half
        stretch = band.read(begin, int(centres[rows[-1]]) + half + 1)
        window = np.arange(-half, half + 1) - begin
        earlier, later = stretch[centres[rows - 1][:, None] + window], stretch[centres[rows][:, None] + window]
        size = fft.next_fast_len(2 * window.size, real=True)
        product = np.conj(fft.rfft(earlier, size, axis=1)) * fft.rfft(later, size, axis=1)
        energy = np.sqrt(np.square(earlier).sum(axis=1) * np.square(later).sum(axis=1))
        result[rows] = fft.irfft(product, size, axis=1).max(axis=1) / np.maximum(energy, 1e-300)
    return result


def _power_deviation(signal: Signal) -> _Track:
    """Standard deviation of the power contour of the whole band within 66 ms."""
    power = _decibels(
        _over_frames(signal, _POWER_SPAN, _POWER_HOP, lambda f: np.einsum("ij,ij->i", f, f) / _POWER_SPAN)
    )
    if len(power) < 33:
        return _Track(np.zeros(0), np.zeros(0))
    deviation = ndimage.uniform_filter1d(np.square(power), 33, mode="nearest")
    deviation -= ndimage.uniform_filter1d(power, 33, mode="nearest") ** 2
    np.sqrt(np.maximum(deviation, 0.0, out=deviation), out=deviation)
    places = _centres(len(power), _POWER_SPAN, _POWER_HOP)
    return _Track(places, ndimage.median_filter(deviation, 13, mode="constant"))


def _moving_average(values: Doubles) -> Doubles:
    """Nine values, fewer at the ends but always as many on both sides."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    reach = np.minimum(np.minimum(place, len(values) - 1 - place), 4)
    averaged: Doubles = (sums[place + reach + 1] - sums[place - reach]) / (2 * reach + 1)
    return averaged
