"""Frames of a signal and what is measured in them, as the features of creaky voice need it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import fft

from mmfeat.extractors.covarep.signals import Doubles, Signal, blocks
from mmfeat.types import IntArray

HOP = 160  # samples between rows of features: 10 ms
LONG, SHORT = 800, 512  # samples: frames of 50 ms and of 32 ms
BATCH = 500  # frames at a time
_POWER_SPAN, _POWER_HOP = 64, 32  # samples: 4 ms, 2 ms


@dataclass(frozen=True)
class Track:
    """Values at samples from 0; linear in between, the end values outside, 0 where there are none."""

    places: Doubles
    values: Doubles

    def at(self, rows: IntArray | Doubles) -> Doubles:
        """Values at other samples; (K,)."""
        if not len(self.places):
            return np.zeros(len(rows))
        return np.interp(rows, self.places, self.values)


def frame_count(signal: Signal, span: int, hop: int) -> int:
    """How many frames of ``span`` samples, ``hop`` apart, a signal has."""
    return max((len(signal) - span) // hop + 1, 0)


def framed(signal: Signal, span: int, hop: int) -> Iterator[tuple[slice, Doubles]]:
    """Frames of a signal, some at a time: which ones, and (rows, ``span``)."""
    for first, last in blocks(frame_count(signal, span, hop), BATCH):
        values = signal.read(first * hop, (last - 1) * hop + span)
        yield slice(first, last), np.lib.stride_tricks.sliding_window_view(values, span)[::hop]


def measured(
    signal: Signal, span: int, hop: int, *measures: Callable[[Doubles], Doubles]
) -> tuple[Doubles, tuple[Doubles, ...]]:
    """Centres of the frames, samples from 0, (K,), and for each measure its value in each frame, (K,)."""
    count = frame_count(signal, span, hop)
    values = tuple(np.empty(count) for _ in measures)
    for rows, frames in framed(signal, span, hop):
        for measure, column in zip(measures, values, strict=True):
            column[rows] = measure(frames)
    return span / 2 + hop * np.arange(count, dtype=np.float64), values


def energies(frames: Doubles) -> Doubles:
    """Sum of squares of each frame; (K,)."""
    summed: Doubles = np.einsum("ij,ij->i", frames, frames)
    return summed


def power_contour(signal: Signal) -> Track:
    """``20 log10`` of the mean square of 4 ms, every 2 ms."""
    places, (energy,) = measured(signal, _POWER_SPAN, _POWER_HOP, energies)
    energy /= _POWER_SPAN
    np.log10(np.maximum(energy, 1e-15, out=energy), out=energy)
    energy *= 20
    return Track(places, energy)


def autocorrelations(frames: Doubles, lags: int) -> Doubles:
    """Autocorrelation of each frame at lags 0 .. ``lags`` - 1; (K, lags)."""
    size = fft.next_fast_len(frames.shape[1] + lags, real=True)
    spectrum = fft.rfft(frames, size, axis=1)
    correlation: Doubles = fft.irfft(spectrum.real**2 + spectrum.imag**2, size, axis=1)[:, :lags]
    return correlation
