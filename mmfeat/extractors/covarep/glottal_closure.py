"""Instants of glottal closure (SEDREAMS).

Drugman and Dutoit, "Glottal closure and opening instant detection from speech signals", Interspeech 2009; Drugman,
Thomas, Gudnason, Naylor and Dutoit, IEEE TASLP 20(3), 2012. A mean-based signal swings once per glottal cycle and says
where to look; the residual says where exactly.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import signal as dsp

from mmfeat.extractors.covarep.linear_prediction import ORDER, Residual
from mmfeat.extractors.covarep.pitch import Pitch
from mmfeat.extractors.covarep.signals import (
    BLOCK,
    Doubles,
    Recording,
    Signal,
    ZeroPhase,
    blocks,
    convolved,
    held,
    peak,
    round_half_away,
)
from mmfeat.types import SPEECH_RATE, FloatArray, IntArray

_CYCLES = 1.7  # length of the averaging window in periods
_CLEAR = 0.4  # of the largest residual: samples above it show where in the cycle closures lie
_REACH = 0.35  # of the way from minimum to maximum, searched around that place


class MeanBasedSignal:
    """Moving average over 1.7 mean periods, high-passed at 50 Hz; not scaled.

    Drugman et al. 2012, equation 1, with a Blackman window divided by its length.

    Parameters
    ----------
    signal : Signal
    period : int
        Mean period in samples.
    """

    def __init__(self, signal: Signal, period: int) -> None:
        sections = dsp.ellip(5, 3, 60, 50 / (SPEECH_RATE / 2), "highpass", output="sos")
        self._filtered = ZeroPhase(_Averaged(signal, round_half_away(_CYCLES * period / 2)), sections, 5)

    def __len__(self) -> int:
        return len(self._filtered)

    def read(self, start: int, stop: int) -> Doubles:
        """See `signals.Signal.read`."""
        return self._filtered.read(start, stop)


class _Averaged:
    """Centred moving average with a Blackman window; zeros where the window leaves the recording."""

    def __init__(self, signal: Signal, half: int) -> None:
        self._signal = signal
        self._half = half
        self._window = np.blackman(2 * half + 1) / (2 * half + 1)

    def __len__(self) -> int:
        return len(self._signal)

    def read(self, start: int, stop: int) -> Doubles:
        values = np.zeros(stop - start)
        first, last = max(start, self._half), min(stop, len(self) - self._half)
        if last > first:
            read = self._signal.read(first - self._half, last + self._half)
            values[first - start : last - start] = convolved(read, self._window)
        return values


def glottal_closures(samples: FloatArray, pitch: Pitch) -> IntArray:
    """Glottal closure instants of a recording at 16 kHz whose polarity is right (see `uprightness.polarity`).

    Parameters
    ----------
    samples : array, (n,)
    pitch : Pitch
        Of the same recording; its median F0 sets the averaging window, and closures where the interpolated voicing is
        below one half are dropped.

    Returns
    -------
    array, (N,) int
        Samples from 0, increasing; empty where there is no voice.
    """
    signal = Recording(samples)
    return find_closures(signal, held(Residual(signal, ORDER)), pitch)


def find_closures(signal: Signal, residual: Signal, pitch: Pitch) -> IntArray:
    """`glottal_closures` of a signal that may be long, with its residual of order 18."""
    median = pitch.median()
    if median is None:
        return np.zeros(0, dtype=np.int64)
    minima, maxima = _cycles(MeanBasedSignal(signal, round_half_away(SPEECH_RATE / median)))
    if not len(minima):
        return np.zeros(0, dtype=np.int64)
    place = _place_in_cycle(residual, minima, maxima)
    if place is None:
        return np.zeros(0, dtype=np.int64)
    closures = _strongest(residual, minima, maxima, place)
    voicing = np.interp(closures, pitch.samples + 1, pitch.voiced.astype(np.float64), left=0.0, right=0.0)
    kept: IntArray = np.unique(closures[voicing >= 0.5])
    return kept


def _cycles(signal: Signal) -> tuple[IntArray, IntArray]:
    """Each minimum with the maximum that follows it."""
    lows, highs = [], []
    for start, stop in blocks(len(signal)):
        # One sample of context on each side; the first and last sample of the recording are never extrema.
        values = signal.read(start - 1, stop + 1)
        inner = slice(max(1 - start, 0), stop - start - (stop == len(signal)))
        middle, before, after = values[1:-1][inner], values[:-2][inner], values[2:][inner]
        offset = start + inner.start
        highs.append(offset + np.flatnonzero((middle > before) & (middle > after)))
        lows.append(offset + np.flatnonzero((middle < before) & (middle < after)))
    minima, maxima = np.concatenate(lows), np.concatenate(highs)
    if not len(minima) or not len(maxima):
        return minima[:0], maxima[:0]
    maxima = maxima[maxima > minima[0]]
    minima = minima[minima < maxima[-1]] if len(maxima) else minima[:0]
    count = min(len(minima), len(maxima))
    return minima[:count], maxima[:count]


def _place_in_cycle(residual: Signal, minima: IntArray, maxima: IntArray) -> float | None:
    """Median place of strong residual samples, as a fraction of the way from minimum to maximum."""
    scale = peak(residual)
    if scale == 0.0:
        return None
    places = []
    for start, stop in blocks(len(residual)):
        values = residual.read(start, stop)
        strong = start + np.flatnonzero(values / scale > _CLEAR)
        right = np.clip(np.searchsorted(minima, strong), 1, len(minima) - 1) if len(minima) > 1 else 0 * strong
        left = np.maximum(right - 1, 0)
        # The nearer minimum, the earlier of two that are equally near.
        nearest = np.where(np.abs(minima[right] - strong) < np.abs(minima[left] - strong), right, left)
        places.append((strong - minima[nearest]) / (maxima[nearest] - minima[nearest]))
    found = np.concatenate(places)
    return float(np.median(found)) if len(found) else None


def _strongest(residual: Signal, minima: IntArray, maxima: IntArray, place: float) -> IntArray:
    """Largest residual of each cycle around the place where closures lie."""
    length = maxima - minima
    begin = minima + np.floor((place - _REACH) * length + 0.5).astype(np.int64)
    end = minima + np.floor((place + _REACH) * length + 0.5).astype(np.int64)
    begin, end = np.maximum(begin, 0), np.minimum(end, len(residual) - 1)
    closures = np.zeros(len(minima), dtype=np.int64)
    first = 0
    while first < len(minima):
        last = max(int(np.searchsorted(minima, minima[first] + BLOCK)), first + 1)
        start, stop = int(begin[first:last].min()), int(end[first:last].max()) + 1
        _argmax_within(
            residual.read(start, stop), begin[first:last] - start, end[first:last] - start, closures[first:last]
        )
        closures[first:last] += start
        first = last
    inside: IntArray = closures[begin <= end]
    return inside


@njit(cache=True)
def _argmax_within(values: Doubles, begin: IntArray, end: IntArray, out: IntArray) -> None:
    """First largest value in each closed range, NaN passed over."""
    for row in range(len(begin)):
        best, where = -np.inf, begin[row]
        for index in range(begin[row], end[row] + 1):
            if values[index] > best:
                best, where = values[index], index
        out[row] = where
