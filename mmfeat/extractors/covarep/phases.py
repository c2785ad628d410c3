"""Mean and deviation of the phase distortion (HMPDM, HMPDD).

Degottex and Erro, "A uniform phase representation for the harmonic model in speech synthesis applications", EURASIP
JASMP 2014:38, and "A measure of phase randomness for the harmonic model in speech synthesis", Interspeech 2014.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from scipy import fft

from mmfeat.extractors.covarep.envelope import mel_cepstrum
from mmfeat.extractors.covarep.harmonics import SMALLEST, Analysed, Sinusoids, harmonic_count, wrapped_angle
from mmfeat.extractors.covarep.signals import Doubles
from mmfeat.types import SPEECH_RATE, IntArray

BINS = 513  # of the phase distortion, from 0 to 8 kHz
MEANS, DEVIATIONS = 25, 13  # coefficients
FLOOR = 0.001  # of the deviation
SEED = 20141  # of the random phases above the last harmonic
_MEAN_FRAMES = 25  # of the box that is run forward and backward
_TREND_FRAMES = 9  # of the median, of the Hann window and of the box of the deviation
_CONTEXT = 32  # frames to either side of a block: more than any of these reaches
_BLOCK = 512  # frames


@dataclass(frozen=True)
class PhaseDistortion:
    """One row per analysed frame.

    Attributes
    ----------
    mean : array, (K, 25) float64
        HMPDM, radians in (-pi, pi].
    deviation : array, (K, 13) float64
        HMPDD, mel-cepstrum of the deviation.
    """

    mean: Doubles
    deviation: Doubles


def phase_distortion(analysed: Analysed, found: Sinusoids, *, floor: bool = True) -> PhaseDistortion:
    """HMPDM and HMPDD of harmonic sinusoids.

    Phases less the minimum phase of the amplitudes give the phase distortion ``PD_h = phi_h - phi_{h-1} - phi_1``
    (Degottex and Erro 2014, equation 9), spread over 513 bins. HMPDM is its circular mean over about a quarter of a
    second to either side, on a scale that widens with frequency; HMPDD the mel-cepstrum of its deviation
    ``sqrt(-2 ln |mean of exp(i PD)|)`` around a slow trend (equation 12).

    Above a frame's last harmonic phases are random, by a generator with a fixed seed, so that the same sound gives the
    same features.

    Parameters
    ----------
    analysed : Analysed
    found : Sinusoids
        Of all these frames.
    floor : bool
        Keep the deviation at 0.001 or above. Without it, it is 0 or 1e-8 below F0, depending on the last bit of a
        rounding, and the cepstrum jumps by up to 3.5: so the original.

    Returns
    -------
    PhaseDistortion
    """
    tracker = PhaseTracker(analysed)
    if not len(analysed.rows):
        return PhaseDistortion(np.zeros((0, MEANS)), np.zeros((0, DEVIATIONS)))
    parts = [part for _, part in tracker.smoothed(iter([tracker.distortion(0, found)]), floor=floor)]
    return PhaseDistortion(np.concatenate([p.mean for p in parts]), np.concatenate([p.deviation for p in parts]))


class PhaseTracker:
    """Phase distortion of frames that come in batches; means and deviations follow as their context is complete."""

    def __init__(self, analysed: Analysed) -> None:
        self._f0 = analysed.f0
        self._most = int(harmonic_count(analysed.f0).max(initial=0))

    def distortion(self, first: int, found: Sinusoids) -> Doubles:
        """Phase distortion on 513 bins of the frames from ``first`` on; (K, 513)."""
        rows = np.arange(first, first + len(found.count))
        above = np.concatenate([_random(group) for group in range(first // _BLOCK, rows[-1] // _BLOCK + 1)])
        above = above[rows - first // _BLOCK * _BLOCK]
        flat = _without_minimum_phase(found)
        return _spread(flat, found.count, self._f0[rows], above, self._most)

    def smoothed(self, batches: Iterator[Doubles], *, floor: bool) -> Iterator[tuple[slice, PhaseDistortion]]:
        """Features of the frames of all batches, in order."""
        count = len(self._f0)
        held, start, done = np.zeros((0, BINS)), 0, 0
        for batch in batches:
            held = np.concatenate([held, batch])
            end = start + len(held)
            ready = count if end == count else end - _CONTEXT
            if ready <= done or (ready - done < _BLOCK and end < count):
                continue
            own = slice(done - start, ready - start)
            ends = (start == 0, end == count)
            cosine, sine = np.cos(held), np.sin(held)
            mean, deviation = _mean(cosine, sine, ends), _deviation(held, cosine, sine, ends, floor)
            yield slice(done, ready), PhaseDistortion(mean[own], deviation[own])
            done = ready
            keep = max(done - _CONTEXT - start, 0)
            held, start = held[keep:], start + keep


def _random(group: int) -> Doubles:
    """Uniform phases of 512 frames, which do not depend on any other frames."""
    generator = np.random.Generator(np.random.Philox(key=SEED, counter=group << 64))
    return generator.uniform(-np.pi, np.pi, (_BLOCK, BINS))


def _without_minimum_phase(found: Sinusoids) -> Doubles:
    """Harmonic phases less the minimum phase of the amplitude envelope; (K, 1 + H)."""
    level = np.log(np.maximum(found.amplitude, SMALLEST))
    envelope = _interpolated_level(level, found.count, found.spacing)
    cepstrum = fft.irfft(envelope, axis=1)
    # Folding the cepstrum to positive times makes the phase the sine transform of twice its odd part.
    half = cepstrum.shape[1] // 2
    cepstrum[:, 1:half] *= 2
    cepstrum[:, half + 1 :] = 0.0
    phase = fft.rfft(cepstrum, axis=1).imag
    return _subtracted(found.phase, phase, found.count, found.spacing)


@njit(cache=True)
def _interpolated_level(level: Doubles, count: IntArray, spacing: Doubles) -> Doubles:
    """Log amplitudes over 513 bins; the first harmonic also stands for 0, the last one holds up to the end."""
    result = np.empty((len(level), BINS))
    for row in range(len(level)):
        for index in range(BINS):
            place = index * (SPEECH_RATE / (2.0 * (BINS - 1))) / spacing[row]
            below = int(place)
            if below >= count[row]:
                result[row, index] = level[row, count[row]]
            else:
                left = level[row, max(below, 1)]
                result[row, index] = left + (place - below) * (level[row, below + 1] - left)
    return result


@njit(cache=True)
def _subtracted(phase: Doubles, minimum: Doubles, count: IntArray, spacing: Doubles) -> Doubles:
    result = np.zeros_like(phase)
    for row in range(len(phase)):
        for harmonic in range(1, count[row] + 1):
            place = harmonic * spacing[row] / (SPEECH_RATE / (2.0 * (BINS - 1)))
            below = min(int(place), BINS - 2)
            weight = min(place - below, 1.0)
            curve = minimum[row, below] + weight * (minimum[row, below + 1] - minimum[row, below])
            result[row, harmonic] = phase[row, harmonic] - curve
    return result


@njit(cache=True)
def _spread(phase: Doubles, count: IntArray, f0: Doubles, above: Doubles, most: int) -> Doubles:
    """PD over 513 bins, wrapped; harmonics lie at multiples of the tracked F0 here, not of their median spacing.

    A frame with fewer harmonics than the richest one of the recording has a random one above its last.
    """
    result = np.empty((len(phase), BINS))
    for row in range(len(phase)):
        last = count[row]
        nodes = np.zeros(last + 2)
        for harmonic in range(2, last + 1):
            step = wrapped_angle(phase[row, harmonic] - phase[row, harmonic - 1] - phase[row, 1])
            nodes[harmonic] = nodes[harmonic - 1] + wrapped_angle(step - nodes[harmonic - 1])
        top = last
        if last < most:
            top = last + 1
            nodes[top] = nodes[last] + wrapped_angle(above[row, 0] - nodes[last])
        width = f0[row]
        for index in range(BINS):
            frequency = index * (SPEECH_RATE / (2.0 * (BINS - 1)))
            below = int(frequency / width)
            if below < top:
                fraction = frequency / width - below
                result[row, index] = wrapped_angle(nodes[below] + fraction * (nodes[below + 1] - nodes[below]))
            elif frequency == top * width:
                result[row, index] = wrapped_angle(nodes[top])
            else:
                result[row, index] = above[row, index]
    return result


def _zero_phase(values: Doubles, taps: Doubles, ends: tuple[bool, bool]) -> Doubles:
    """Taps run forward and backward over frames; odd reflections at the ends of the recording, as ``filtfilt`` does.

    The sums run in the order of a plain delay line: whether nine ninths make one or almost one decides in `_deviation`,
    without the floor, between 0.001 and 1e-8.
    """
    extended = _extended(values, len(taps) - 1, ends)
    return _delayed(_delayed(extended, taps)[::-1], taps)[::-1]


def _extended(values: Doubles, reach: int, ends: tuple[bool, bool]) -> Doubles:
    """``reach`` more frames on both sides; (K + 2 reach, D)."""
    pad = min(reach, len(values) - 1)
    before = 2 * values[0] - values[pad:0:-1] if ends[0] else values[:0]
    after = 2 * values[-1] - values[-2 : -pad - 2 : -1] if ends[1] else values[:0]
    # Beyond a short recording's reflection, and beyond the context of a block, the last frame is repeated.
    missing = ((reach - len(before), reach - len(after)), (0, 0))
    return np.pad(np.concatenate([before, values, after]), missing, mode="edge")


@njit(cache=True)
def _delayed(values: Doubles, taps: Doubles) -> Doubles:
    """Filter over rows, without the first ``len(taps) - 1`` that lack a history: (n + k - 1, D) gives (n, D)."""
    reach = len(taps) - 1
    result = np.empty((len(values) - reach, values.shape[1]))
    for row in range(len(result)):
        result[row] = taps[reach] * values[row]
        for tap in range(reach - 1, -1, -1):
            result[row] += taps[tap] * values[row + reach - tap]
    return result


def _mean(cosine: Doubles, sine: Doubles, ends: tuple[bool, bool]) -> Doubles:
    """HMPDM of a stretch of frames, (K, 25)."""
    cosine, sine = _averaged(cosine, ends), _averaged(sine, ends)
    length = np.hypot(cosine, sine)
    length[length == 0.0] = 1.0
    cosine /= length
    sine /= length
    groups = _groups()
    return np.arctan2(sine[:, :-1] @ groups, cosine[:, :-1] @ groups)


def _averaged(values: Doubles, ends: tuple[bool, bool]) -> Doubles:
    """A box of 25 frames forward and backward, by running sums."""
    extended = _extended(values, _MEAN_FRAMES - 1, ends)
    for _ in range(2):
        sums = np.cumsum(extended, axis=0)
        extended = sums[_MEAN_FRAMES - 1 :].copy()
        extended[1:] -= sums[:-_MEAN_FRAMES]
    extended /= _MEAN_FRAMES**2
    return extended


@lru_cache(maxsize=1)
def _groups() -> Doubles:
    """Which bins 1 .. 512 make each coefficient, (512, 25).

    Linear up to 8, then a quadratic Bézier curve with control points (8, 8), (25, 25), (512, 25). The scale was made
    for harmonic numbers, and is applied to bins of 15.6 Hz: coefficients 0 to 7 are single bins up to 109 Hz.
    """
    position = np.linspace(0, 1, 101)
    weights = (1 - position) ** 2, 2 * position * (1 - position), position**2
    across = weights[0] * 8 + weights[1] * 25 + weights[2] * 512
    up = weights[0] * 8 + weights[1] * 25 + weights[2] * 25
    bins = np.arange(1, 513)
    scale = np.where(bins <= 8, bins, np.interp(bins, across, up))
    number = np.floor(scale + 0.5).astype(np.int64)
    member = (number[:, None] == np.arange(1, MEANS + 1)).astype(np.float64)
    groups: Doubles = member / member.sum(axis=0)
    return groups


def _deviation(distortion: Doubles, cosine: Doubles, sine: Doubles, ends: tuple[bool, bool], floor: bool) -> Doubles:
    """HMPDD of a stretch of frames, (K, 13)."""
    hann = np.hanning(_TREND_FRAMES)
    hann /= hann.sum()
    trend = np.arctan2(_zero_phase(_medians(sine), hann, ends), _zero_phase(_medians(cosine), hann, ends))
    residual = distortion - trend
    box = np.full(_TREND_FRAMES, 1 / _TREND_FRAMES)
    kept = np.hypot(_zero_phase(np.cos(residual), box, ends), _zero_phase(np.sin(residual), box, ends))
    deviation = np.sqrt(-2 * np.log(np.clip(kept, SMALLEST, 1.0)))
    deviation[:, 0] = deviation[:, 1]
    deviation = np.maximum(deviation, FLOOR) if floor else np.where(deviation == 0.0, FLOOR, deviation)
    return mel_cepstrum(np.log(deviation), DEVIATIONS)


@njit(cache=True)
def _medians(values: Doubles) -> Doubles:
    """Median of nine rows, zeros beyond the ends: nineteen exchanges per element, whole rows at a time.

    The network is the one of Devillard, "Fast median search", 1998, after Paeth, Graphics Gems I, 1990.
    """
    count, width = values.shape
    result = np.empty((count, width))
    window = np.zeros((9, width))
    pairs = (
        (1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8), (0, 3), (5, 8), (4, 7), (3, 6), (1, 4),
        (2, 5), (4, 7), (4, 2), (6, 4), (4, 2),
    )  # fmt: skip
    for row in range(count):
        for offset in range(9):
            other = row + offset - 4
            if 0 <= other < count:
                window[offset] = values[other]
            else:
                window[offset] = 0.0
        for low, high in pairs:
            for column in range(width):
                left, right = window[low, column], window[high, column]
                window[low, column] = min(left, right)
                window[high, column] = max(left, right)
        result[row] = window[4]
    return result
