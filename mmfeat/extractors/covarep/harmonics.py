"""Harmonic sinusoids of short frames by peak picking, and the spectra that they are picked from.

McAulay and Quatieri, "Speech analysis/synthesis based on a sinusoidal representation", IEEE TASSP 34(4), 1986. Rd, the
spectral envelope and the phase features all start here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import fft

from mmfeat.extractors.covarep.columns import wrapped
from mmfeat.extractors.covarep.pitch import Pitch
from mmfeat.extractors.covarep.signals import Doubles, Recording, Signal
from mmfeat.types import SPEECH_RATE, FloatArray, IntArray

BINS = 4096  # size of the spectrum
PERIODS = 3  # length of the window
UNKNOWN_F0 = 100.0  # Hz, where the tracker gives 0
SMALLEST = 1e-300  # in place of 0 before a logarithm
_BATCH = 512  # frames at a time

Complexes = npt.NDArray[np.complex128]

wrapped_angle: Any = njit(wrapped)  # for compiled loops, one angle at a time


@dataclass(frozen=True)
class Analysed:
    """Which frames of a pitch track can be analysed, and at what F0.

    Attributes
    ----------
    rows : array, (K,) int
        Of the pitch track.
    centres : array, (K,) int
        Samples from 0.
    f0 : array, (K,) float64
        Hz.
    ranks : array, (K,) int
        Their places among the frames that the original keeps, which has some of digital silence between them.
    kept : int
        How many the original keeps.
    """

    rows: IntArray
    centres: IntArray
    f0: Doubles
    ranks: IntArray
    kept: int


@dataclass(frozen=True)
class Sinusoids:
    """Harmonics of consecutive frames; element 0 is the constant part, elements beyond ``count`` are 0.

    Attributes
    ----------
    spacing : array, (K,)
        Hz between harmonics, the median over the picked peaks.
    count : array, (K,) int
        Harmonics up to half the sample rate, H.
    amplitude, phase : array, (K, 1 + largest H)
        Of the spectrum, whose window has the sum 1 (half the amplitude of a cosine); radians.
    level : array, (K, 2049)
        Logarithm of the magnitude of the spectrum, natural.
    """

    spacing: Doubles
    count: IntArray
    amplitude: Doubles
    phase: Doubles
    level: Doubles


def sinusoids(samples: FloatArray, pitch: Pitch) -> tuple[Analysed, Sinusoids]:
    """Harmonics at each frame of a pitch track, unvoiced ones too.

    A Blackman window over three periods, a spectrum of 4096 points; each multiple of F0 takes the nearest peak closer
    than F0 / 2, refined by a parabola through the logarithms, or its own bin where there is no such peak. Frequencies
    are then made multiples of their median spacing; amplitudes and phases stay.

    Parameters
    ----------
    samples : array, (n,)
        Sound at 16 kHz.
    pitch : Pitch

    Returns
    -------
    analysed : Analysed
        Frames whose window stays inside the recording.
    found : Sinusoids
    """
    analysed = analysable(pitch, len(samples))
    parts = [part for _, part in read_sinusoids(Recording(samples), analysed)]
    if not parts:
        return analysed, _nothing()
    width = max(part.amplitude.shape[1] for part in parts)
    wide = [np.pad(part.amplitude, ((0, 0), (0, width - part.amplitude.shape[1]))) for part in parts]
    turned = [np.pad(part.phase, ((0, 0), (0, width - part.phase.shape[1]))) for part in parts]
    return analysed, Sinusoids(
        np.concatenate([part.spacing for part in parts]),
        np.concatenate([part.count for part in parts]),
        np.concatenate(wide),
        np.concatenate(turned),
        np.concatenate([part.level for part in parts]),
    )


def analysable(pitch: Pitch, length: int) -> Analysed:
    """Frames whose window of three periods stays inside a recording of ``length`` samples."""
    f0 = np.where(pitch.f0 == 0.0, UNKNOWN_F0, pitch.f0)
    centres = pitch.samples + 1
    half = _half_window(f0)
    kept = (centres - half >= 0) & (centres + half < length)
    # 1 Hz is what the tracker says of digital silence; a window of three seconds around it could hold anything.
    rows = np.flatnonzero(kept & (f0 > 1.0))
    return Analysed(rows, centres[rows], f0[rows], np.cumsum(kept)[rows] - 1, int(kept.sum()))


def harmonic_count(f0: Doubles) -> IntArray:
    """H: multiples of F0 up to half the sample rate; (K,)."""
    return np.floor((SPEECH_RATE / 2 - f0 / 2) / f0 + 0.5).astype(np.int64)


def read_sinusoids(signal: Signal, analysed: Analysed) -> Iterator[tuple[slice, Sinusoids]]:
    """`sinusoids` of a signal that may be long, some frames at a time with their place among all of them."""
    for first in range(0, len(analysed.rows), _BATCH):
        rows = slice(first, min(first + _BATCH, len(analysed.rows)))
        yield rows, pick(signal, analysed.centres[rows], analysed.f0[rows])


def pick(signal: Signal, centres: IntArray, f0: Doubles) -> Sinusoids:
    """Harmonics of some frames that lie close together."""
    half = _half_window(f0)
    start = int((centres - half).min())
    samples = signal.read(start, int((centres + half).max()) + 1)
    spectra: Complexes = fft.rfft(_windowed(samples, centres - start, half), axis=1)
    with np.errstate(divide="ignore"):
        level = np.log(np.maximum(np.abs(spectra), SMALLEST))
    count = harmonic_count(f0)
    amplitude = np.zeros((len(centres), int(count.max()) + 1))
    phase = np.zeros_like(amplitude)
    spacing = _harmonics(spectra, level, f0, count, amplitude, phase)
    return Sinusoids(spacing, count, amplitude, phase, level)


def _nothing() -> Sinusoids:
    return Sinusoids(
        np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros((0, 1)), np.zeros((0, 1)), np.zeros((0, BINS // 2 + 1))
    )


def _half_window(f0: Doubles) -> IntArray:
    return np.floor(PERIODS * SPEECH_RATE / f0 / 2 + 0.5).astype(np.int64)


@njit(cache=True)
def _windowed(samples: Doubles, centres: IntArray, half: IntArray) -> Doubles:
    """Frames under a Blackman window of sum 1, turned so that the centre is sample 0; (K, 4096)."""
    result = np.zeros((len(centres), BINS))
    for row in range(len(centres)):
        reach = half[row]
        # The Blackman window 0.42 + 0.5 cos + 0.08 cos 2 about its centre sums to 0.84 times half its width.
        scale = 1.0 / (0.84 * reach)
        for offset in range(-reach, reach + 1):
            turn = np.cos(np.pi * offset / reach)
            weight = 0.42 + 0.5 * turn + 0.08 * (2.0 * turn * turn - 1.0)
            result[row, offset % BINS] += samples[centres[row] + offset] * weight * scale
    return result


@njit(cache=True)
def _harmonics(
    spectra: Complexes, level: Doubles, f0: Doubles, count: IntArray, amplitude: Doubles, phase: Doubles
) -> Doubles:
    """Fill amplitudes and phases, and give the spacing of each frame."""
    bin_width = SPEECH_RATE / BINS
    spacing = np.empty(len(f0))
    for row in range(len(f0)):
        shape = level[row]
        peaks = np.empty(len(shape))
        heights = np.empty(len(shape))
        found = 0
        for index in range(1, len(shape) - 1):
            if shape[index] > shape[index - 1] and shape[index] > shape[index + 1]:
                before, here, after = shape[index - 1], shape[index], shape[index + 1]
                shift = 0.5 * (before - after) / (before - 2.0 * here + after)
                peaks[found] = index + shift
                heights[found] = here - 0.25 * (before - after) * shift
                found += 1
        frequency = np.empty(count[row] + 1)
        frequency[0] = 0.0
        amplitude[row, 0] = abs(spectra[row, 0])
        phase[row, 0] = np.angle(spectra[row, 0])
        nearest = 0
        for harmonic in range(1, count[row] + 1):
            place = harmonic * f0[row] / bin_width
            while nearest + 1 < found and abs(peaks[nearest + 1] - place) < abs(peaks[nearest] - place):
                nearest += 1
            if found and abs(peaks[nearest] - place) * bin_width < f0[row] / 2:
                place = peaks[nearest]
                amplitude[row, harmonic] = np.exp(heights[nearest])
            else:
                amplitude[row, harmonic] = np.exp(shape[int(np.floor(place + 0.5))])
            frequency[harmonic] = place * bin_width
            below = int(place)
            left = np.angle(spectra[row, below])
            step = wrapped_angle(np.angle(spectra[row, min(below + 1, len(shape) - 1)]) - left)
            phase[row, harmonic] = left + (place - below) * step
        spacing[row] = np.median(np.diff(frequency))
    return spacing
