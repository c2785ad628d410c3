"""Long signals, read in stretches: an hour of sound is never held as an array of float64.

COVAREP decides some things from the whole file (polarity, pitch range, median F0, scales) and computes the rest from
the neighbourhood of each sample. So every derived signal here can be read between any two samples; it fetches from the
signal below it the context that it needs, and what is read does not depend on where the stretches are cut (up to
rounding: recursive filters start early enough that their beginning has decayed below the precision of a double).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import signal as dsp

from mmfeat.types import FloatArray, IntArray

BLOCK = 320_000  # samples read at a time by consumers of whole recordings: 20 s

_HELD = 8_000_000  # samples

Doubles = npt.NDArray[np.float64]


class Signal(Protocol):
    """A real signal of known length."""

    def __len__(self) -> int:
        """Count of samples."""
        ...

    def read(self, start: int, stop: int) -> Doubles:
        """Samples from ``start`` to ``stop`` (0-based, half open), zeros where that lies outside."""
        ...


class Recording:
    """Samples in memory of any floating type, times ``gain`` (the polarity)."""

    def __init__(self, samples: FloatArray, gain: float = 1.0) -> None:
        self._samples = samples
        self._gain = gain

    def __len__(self) -> int:
        return len(self._samples)

    def read(self, start: int, stop: int) -> Doubles:
        """See `Signal.read`."""
        inside = self._samples[max(start, 0) : max(stop, 0)]
        values = np.zeros(stop - start)
        offset = max(-start, 0)
        np.multiply(inside, self._gain, out=values[offset : offset + len(inside)])
        return values


class ZeroPhase:
    """A recursive filter run forward and backward, like MATLAB's and SciPy's ``filtfilt``.

    The ends are extended by odd reflection over ``3 (max(len(b), len(a)) - 1)`` samples with matching initial states,
    MATLAB's rule. Second-order sections instead of a transfer function: the high orders here lose six digits in the
    latter, so that COVAREP itself is uncertain at 1e-6 of full scale where it uses these filters.

    Parameters
    ----------
    signal : Signal
    sections : array, (n, 6)
    order : int
        Of the transfer function, ``max(len(b), len(a)) - 1``.
    """

    def __init__(self, signal: Signal, sections: Doubles, order: int) -> None:
        self._signal = signal
        self._sections = sections
        self._states = dsp.sosfilt_zi(sections)
        self._pad = min(3 * order, max(len(signal) - 1, 0))
        radius = float(np.abs(np.concatenate([np.roots(row[3:]) for row in sections])).max())
        self._decay = int(np.ceil(-40.0 / np.log(radius)))

    def __len__(self) -> int:
        return len(self._signal)

    def read(self, start: int, stop: int) -> Doubles:
        """See `Signal.read`."""
        count = len(self)
        first, last = max(start, 0), min(stop, count)
        values = np.zeros(stop - start)
        if last <= first:
            return values
        begin = max(first - self._decay, -self._pad)
        end = min(last + self._decay, count + self._pad)
        extended = self._extended(begin, end)
        forward, _ = dsp.sosfilt(self._sections, extended, zi=self._states * extended[0])
        backward, _ = dsp.sosfilt(self._sections, forward[::-1], zi=self._states * forward[-1])
        values[first - start : last - start] = backward[::-1][first - begin : last - begin]
        return values

    def _extended(self, begin: int, end: int) -> Doubles:
        """The signal with its odd reflections, from ``-pad`` to ``count + pad``."""
        count = len(self)
        parts = []
        if begin < 0:
            mirrored = self._signal.read(0, 1 - begin)
            parts.append(2 * mirrored[0] - mirrored[:0:-1])
        parts.append(self._signal.read(max(begin, 0), min(end, count)))
        if end > count:
            mirrored = self._signal.read(count - 1 - (end - count), count)
            parts.append(2 * mirrored[-1] - mirrored[-2::-1])
        return np.concatenate(parts)


def held(signal: Signal) -> Signal:
    """The same signal, computed once where that costs at most 64 MB, so that several passes share it."""
    return Recording(signal.read(0, len(signal))) if len(signal) <= _HELD else signal


def peak(signal: Signal) -> float:
    """Largest absolute value, NaN left out; 0 for silence."""
    tops = (np.nan_to_num(np.abs(signal.read(*block))).max(initial=0.0) for block in blocks(len(signal)))
    return float(max(tops, default=0.0))


def blocks(count: int, size: int = BLOCK) -> Iterator[tuple[int, int]]:
    """Cut ``count`` samples in stretches ``(start, stop)``."""
    return ((start, min(start + size, count)) for start in range(0, count, size))


def near_rows(places: IntArray, rows: IntArray) -> Iterator[IntArray]:
    """Cut ``rows`` of increasing ``places`` (samples) in groups that span less than a block, to be read at once."""
    chosen = places[rows]
    first = 0
    while first < len(rows):
        last = int(np.searchsorted(chosen, chosen[first] + BLOCK))
        yield rows[first:last]
        first = last


def convolved(values: Doubles, kernel: Doubles) -> Doubles:
    """Centred convolution that stays inside ``values``: shape (n,) and (k,), k odd, give (n - k + 1,)."""
    result: Doubles = dsp.oaconvolve(values, kernel, mode="valid")
    return result


def round_half_away(value: float) -> int:
    """MATLAB's ``round`` of a number that is not negative; Python's rounds halves to even."""
    return int(np.floor(value + 0.5))
