"""Parameters of the glottal pulse in the time and the frequency domain: NAQ, QOQ, H1-H2, PSP.

NAQ: Alku, Bäckström and Vilkman, JASA 112(2), 2002. QOQ: Hacki, Folia Phoniatrica 41, 1989. PSP: Alku, Strik and
Vilkman, Speech Communication 22, 1997.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numba import njit
from scipy import fft

from mmfeat.extractors.covarep.inverse_filtering import LONGEST, periods
from mmfeat.extractors.covarep.signals import Doubles, Recording, near_rows
from mmfeat.types import SPEECH_RATE, BoolArray, FloatArray, IntArray, batched_rows

F0_RANGE = (20.0, 500.0)  # Hz, exclusive: closures outside are not measured
_BEYOND = 8  # samples after the closure where the steepest descent may lie: 0.5 ms
_FEWEST = 5  # spectral peaks for H1-H2
_PARABOLA = 2048  # size of the spectrum of PSP
_PULSES = 512  # spectra at a time
_MISFIT = 0.01  # of the parabola, where its fit ends
_LOW = 6.0  # times F0: as much of the spectrum as H1 - H2 is looked for in
_SIMILAR = 1.25  # periods within this ratio share a table
_TINY = 1e-300
_SCALE = 2.0**15  # the original works on 16-bit numbers here


@dataclass(frozen=True)
class GlottalParameters:
    """One value per glottal closure, each (N,) float64.

    Attributes
    ----------
    naq : array
        Normalised amplitude quotient, ``f_ac / (d_peak T0)``; no unit.
    qoq : array
        Quasi-open quotient: part of the period in which the flow exceeds half its amplitude.
    h1h2 : array
        Level of the first harmonic of the flow derivative above the second, dB.
    psp : array
        Parabolic spectral parameter, relative to a pulse that lasts the whole period.
    measured : array, (N,) bool
        False where the distance to the closure before is no period between 20 and 500 Hz; the four values are 0 there.
    """

    naq: Doubles
    qoq: Doubles
    h1h2: Doubles
    psp: Doubles
    measured: BoolArray


def glottal_parameters(flow: FloatArray, derivative: FloatArray, closures: IntArray) -> GlottalParameters:
    """NAQ, QOQ, H1-H2 and PSP of each glottal closure.

    Parameters
    ----------
    flow, derivative : array, (n,)
        Glottal flow and its derivative at 16 kHz, from `inverse_filtering.glottal_flow` or any other source.
    closures : array, (N,) int
        Samples from 0.

    Returns
    -------
    GlottalParameters
    """
    return find_parameters(_Given(flow, derivative), closures)


class FlowReader(Protocol):
    """Flow and derivative that can be read in stretches: `inverse_filtering.GlottalFlow`."""

    def __len__(self) -> int:
        """Count of samples."""
        ...

    def read(self, start: int, stop: int) -> tuple[Doubles, Doubles]:
        """Flow and derivative from ``start`` to ``stop``."""
        ...


class _Given:
    """Flow and derivative in memory."""

    def __init__(self, flow: FloatArray, derivative: FloatArray) -> None:
        self._flow, self._derivative = Recording(flow), Recording(derivative)

    def __len__(self) -> int:
        return len(self._flow)

    def read(self, start: int, stop: int) -> tuple[Doubles, Doubles]:
        return self._flow.read(start, stop), self._derivative.read(start, stop)


def find_parameters(flow: FlowReader, closures: IntArray) -> GlottalParameters:
    """`glottal_parameters` of a flow that may be long."""
    count = len(closures)
    values = np.zeros((4, count))
    if count < 2:
        return GlottalParameters(values[0], values[1], values[2], values[3], np.zeros(count, dtype=np.bool_))
    lengths = periods(closures)
    measured = (F0_RANGE[0] < SPEECH_RATE / lengths) & (SPEECH_RATE / lengths < F0_RANGE[1])
    before = np.concatenate([[max(0, int(closures[0]) - LONGEST)], closures[:-1]])
    rows = np.flatnonzero(measured)
    for group in near_rows(closures, rows):
        reach = int(1.5 * lengths[group].max()) + _BEYOND + 1
        start = min(int(before[group[0]]), int(closures[group[0]]) - reach)
        stop = int(closures[group[-1]]) + reach
        pulses, derivative = flow.read(max(start, 0), min(stop, len(flow)))
        begin, end = before[group] - max(start, 0), closures[group] - max(start, 0)
        period = lengths[group]
        values[0, group], values[1, group] = _quotients(pulses, derivative, begin, end, period)
        values[2, group] = _first_harmonics(derivative, end, period)
        for some in batched_rows(len(group), _PULSES):
            values[3, group[some]] = _parabolic(pulses, begin[some], end[some], period[some])
    if measured[0]:
        values[3, 0] = 0.0  # no cycle ends at the first closure
    return GlottalParameters(values[0], values[1], values[2], values[3], measured)


@njit(cache=True)
def _quotients(
    flow: Doubles, derivative: Doubles, begin: IntArray, end: IntArray, period: IntArray
) -> tuple[Doubles, Doubles]:
    """NAQ and QOQ of the cycles between ``begin`` and ``end``, both included."""
    naq, qoq = np.zeros(len(begin)), np.zeros(len(begin))
    for row in range(len(begin)):
        low, high = begin[row], end[row]
        cycle = flow[low : high + 1] - np.linspace(flow[low], flow[high], high - low + 1)
        top = np.argmax(cycle)
        amplitude = cycle[top]
        steepest = 0.0
        for index in range(low, min(high + _BEYOND + 1, len(derivative))):
            steepest = max(steepest, abs(derivative[index]))
        if steepest > 0.0:
            naq[row] = amplitude / steepest / period[row]
        left = right = top
        while cycle[left] > 0.5 * amplitude and left > 2:
            left -= 1
        while cycle[right] > 0.5 * amplitude and right < len(cycle) - 3:
            right += 1
        qoq[row] = (right - left) / period[row]
    return naq, qoq


def _first_harmonics(derivative: Doubles, closures: IntArray, period: IntArray) -> Doubles:
    """H1 - H2 of three periods around each closure, dB.

    The spectrum has a bin per hertz, but the first two harmonics need only its beginning: it comes from a product with
    cosines and sines, tabulated for periods of similar length.
    """
    result = np.zeros(len(closures))
    half = np.floor(1.5 * period + 0.5).astype(np.int64)
    classes = np.floor(np.log(period) / np.log(_SIMILAR)).astype(np.int64)
    for similar in np.unique(classes):
        cosines, sines = _low_spectrum(int(similar))
        members = np.flatnonzero(classes == similar)
        for rows in np.array_split(members, -(-len(members) // 256)):
            frames = np.zeros((len(rows), len(cosines)))
            for frame, row in zip(frames, rows, strict=True):
                cut = derivative[max(closures[row] - half[row], 0) : closures[row] + half[row] + 1]
                frame[: len(cut)] = cut * np.hamming(len(cut)) * _SCALE
            power = (frames @ cosines) ** 2 + (frames @ sines) ** 2
            result[rows] = _differences(np.log10(np.maximum(power, _TINY)), SPEECH_RATE / period[rows])
            for row in rows[np.isnan(result[rows])]:
                # Peaks so dense that what lies above could matter: the whole spectrum.
                spectrum = np.abs(fft.rfft(frames[np.searchsorted(rows, row)], SPEECH_RATE))
                levels = 2 * np.log10(np.maximum(np.concatenate([spectrum, spectrum[-2:0:-1]]), _TINY))
                result[row] = _differences(levels[None], SPEECH_RATE / period[[row]])[0]
    return 10 * result


@lru_cache(maxsize=8)
def _low_spectrum(similar: int) -> tuple[Doubles, Doubles]:
    """Cosines and sines (samples, bins) for frames of periods from ``1.25 ** similar`` to 1.25 times that."""
    longest, shortest = int(np.ceil(_SIMILAR ** (similar + 1))), _SIMILAR**similar
    samples = np.arange(2 * (int(1.5 * longest) + 1) + 1)
    bins = np.arange(min(int(_LOW * SPEECH_RATE / shortest), SPEECH_RATE // 2))
    turns = np.outer(samples, bins) % SPEECH_RATE
    angle = 2 * np.pi * np.arange(SPEECH_RATE) / SPEECH_RATE
    return np.cos(angle)[turns], np.sin(angle)[turns]


@njit(cache=True)
def _differences(spectra: Doubles, f0: Doubles) -> Doubles:
    """H1 - H2 from spectra whose bins are 1 Hz: two-sided, or their low end, and then NaN where that does not tell.

    0 where a whole spectrum has fewer than five peaks.
    """
    result = np.zeros(len(spectra))
    places, levels = np.empty(spectra.shape[1]), np.empty(spectra.shape[1])
    whole = spectra.shape[1] == SPEECH_RATE
    for row in range(len(spectra)):
        spectrum = spectra[row]
        if np.max(spectrum) <= np.log10(_TINY) + 1.0:
            continue
        count, index = 0, 1
        while index < len(spectrum) - 1:
            last = index
            while last + 1 < len(spectrum) and spectrum[last + 1] == spectrum[index]:
                last += 1
            falls = last + 1 < len(spectrum) and spectrum[last + 1] < spectrum[last]
            if falls and spectrum[index - 1] < spectrum[index]:
                places[count], levels[count] = 0.5 * (index + last), spectrum[index]
                count += 1
            index = last + 1
        count, rounds = _thinned(places, levels, count, f0[row] / 2)
        if count < _FEWEST:
            result[row] = 0.0 if whole else np.nan
            continue
        # Places count from 1 in the original, so that every peak lies 1 Hz too high.
        first = np.argmin(np.abs(places[:count] + 1 - f0[row]))
        second = np.argmin(np.abs(places[:count] + 1 - 2 * f0[row]))
        # Each round of thinning hears of peaks half of F0 further away.
        known = len(spectrum) - (rounds + 2) * f0[row] / 2
        result[row] = levels[first] - levels[second] if whole or places[second] + f0[row] < known else np.nan
    return result


@njit(cache=True)
def _thinned(places: Doubles, levels: Doubles, count: int, distance: float) -> tuple[int, int]:
    """Drop the lower of each two neighbours that are too close, all at once, until none are; count left, rounds."""
    drop = np.zeros(count, dtype=np.bool_)
    rounds = 0
    while True:
        drop[:count] = False
        found = False
        for index in range(count - 1):
            if places[index + 1] - places[index] <= distance:
                drop[index + (levels[index] >= levels[index + 1])] = True
                found = True
        if not found:
            return count, rounds
        rounds += 1
        kept = 0
        for index in range(count):
            if not drop[index]:
                places[kept], levels[kept] = places[index], levels[index]
                kept += 1
        count = kept


def _parabolic(flow: Doubles, begin: IntArray, end: IntArray, period: IntArray) -> Doubles:
    """PSP of the cycles between ``begin`` and ``end``."""
    pulses = np.zeros((len(begin), _PARABOLA))
    for row, (low, high) in enumerate(zip(begin, end, strict=True)):
        cycle = flow[low : high + 1][:_PARABOLA]
        cycle = cycle - cycle.min()
        top = cycle.max()
        if top > 0.0:
            pulses[row, : len(cycle)] = cycle / top
    curvature = _fitted(_power(pulses))
    lengths, which = np.unique(period, return_inverse=True)
    longest = (np.arange(_PARABOLA) < lengths[:, None]) / lengths[:, None]
    reference = _fitted(_power(longest))[which]
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = curvature / reference
    return np.where(np.isfinite(relative), relative, 0.0)


def _power(pulses: Doubles) -> Doubles:
    spectrum = fft.rfft(pulses, axis=1)[:, : _PARABOLA // 2]
    power: Doubles = spectrum.real**2 + spectrum.imag**2
    return power


@njit(cache=True)
def _fitted(spectra: Doubles) -> Doubles:
    """Curvature of the parabola ``a k^2 + b`` over as many low bins as it fits in dB, from three on.

    ``spectra`` are powers, (N, 1024). Sums grow bin by bin, about the first level so that they stay exact.
    """
    result = np.zeros(len(spectra))
    for row in range(len(spectra)):
        power = spectra[row]
        origin = 10.0 * np.log10(max(power[0], _TINY))
        sum_level = sum_square = sum_cross = sum_k2 = sum_k4 = 0.0
        slope = 0.0
        for index in range(len(power)):
            level = 10.0 * np.log10(max(power[index], _TINY)) - origin
            square = float(index) * index
            sum_level += level
            sum_square += level * level
            sum_cross += level * square
            sum_k2 += square
            sum_k4 += square * square
            count = index + 1
            if count < 3:
                continue
            spread = sum_k4 - sum_k2 * sum_k2 / count
            slope = (sum_cross - sum_k2 * sum_level / count) / spread
            misfit = sum_square - sum_level * sum_level / count - slope * slope * spread
            energy = sum_square + 2.0 * origin * sum_level + count * origin * origin
            if not misfit < _MISFIT * energy:
                break
        result[row] = slope
    return result
