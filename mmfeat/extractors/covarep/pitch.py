"""F0 and voicing by the summation of residual harmonics (SRH).

Drugman and Alwan, "Joint robust voicing detection and pitch estimation based on residual harmonics", Interspeech 2011.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import fft

from mmfeat.extractors.covarep.linear_prediction import Residual
from mmfeat.extractors.covarep.signals import Doubles, Recording, Signal, round_half_away
from mmfeat.types import SPEECH_RATE, BoolArray, FloatArray, IntArray

SPAN, HOP = 1598, 160  # samples: 100 ms - 2, 10 ms
FIRST = 799  # sample of the first frame's centre, from 0
HARMONICS = 5
ORDER = 12  # of the linear prediction
F0_MIN, F0_MAX = 50, 500  # Hz, searched at first
REFINE = 0.1  # value above which a frame takes part in narrowing the range
VOICED, VOICED_SPREAD, SPREAD = 0.07, 0.085, 0.05  # thresholds on the value, and where the second one holds
_ROWS = 8  # spectra at a time: few enough to stay in the processor's cache


@dataclass(frozen=True)
class Pitch:
    """A pitch track, one frame each 10 ms, the first at 50 ms.

    Attributes
    ----------
    samples : array, (K,) int
        Centres of the frames, from 0; COVAREP's times are ``(samples + 1) / 16000``.
    f0 : array, (K,) float64
        Hz, whole numbers, also in unvoiced frames.
    strength : array, (K,) float64
        SRH at ``f0``.
    voiced : array, (K,) bool
    """

    samples: IntArray
    f0: Doubles
    strength: Doubles
    voiced: BoolArray

    def median(self, lowest: float = F0_MIN, highest: float = F0_MAX) -> float | None:
        """Median F0 of voiced frames strictly inside a range, Hz; None if there is none."""
        inside = self.f0[self.voiced & (self.f0 > lowest) & (self.f0 < highest)]
        return float(np.median(inside)) if len(inside) else None


def srh(samples: FloatArray, f0_min: int = F0_MIN, f0_max: int = F0_MAX) -> Pitch:
    """Pitch and voicing of a recording at 16 kHz.

    ``SRH(f) = E(f) + sum_{k=2..5} E(k f) - E((k - 1/2) f)`` with E the unit-norm magnitude spectrum of the residual
    (Drugman and Alwan 2011, equation 1); F0 is its largest place. A second pass searches half to twice the median.

    Parameters
    ----------
    samples : array, (n,)
        Sound at 16 kHz. Frames need 100 ms; shorter sound gives none.
    f0_min, f0_max : int
        Hz.

    Returns
    -------
    Pitch
    """
    return track_pitch(Recording(samples), [(f0_min, f0_max)])[0]


def track_pitch(signal: Signal, ranges: list[tuple[int, int]], *, faithful: bool = False) -> list[Pitch]:
    """Like `srh` for several ranges at once, which share the spectra.

    Parameters
    ----------
    signal : Signal
    ranges : list of (int, int)
        Hz.
    faithful : bool
        A frame that touches digital silence gets F0 = 1 Hz and strength 0, as in the original (its residual is NaN).

    Returns
    -------
    list of Pitch
    """
    residual = Residual(signal, ORDER, faithful=faithful)
    count = max((len(signal) - SPAN - 1) // HOP + 1, 0)
    found = [_Found(count) for _ in ranges]
    everything = np.arange(count)
    limits = np.array(ranges, dtype=np.int64).reshape(-1, 2)
    _search(residual, everything, found, limits)
    for position, track in enumerate(found):
        narrowed = _narrowed(track, *ranges[position])
        if narrowed == ranges[position]:
            continue
        # A largest value that lies inside the narrower range is also the largest there: only the others change.
        outside = everything[(track.f0 < narrowed[0]) | (track.f0 > narrowed[1])]
        _search(residual, outside, [track], np.array([narrowed], dtype=np.int64))
    return [_decided(track, count) for track in found]


class _Found:
    """Largest SRH of each frame."""

    def __init__(self, count: int) -> None:
        self.f0 = np.ones(count, dtype=np.int64)
        self.strength = np.zeros(count)


def _search(residual: Residual, frames: IntArray, found: list[_Found], limits: IntArray) -> None:
    top = round_half_away((HARMONICS + 0.5) * int(limits[:, 1].max(initial=1))) + 1
    for rows, spectra in _spectra(residual, frames, top):
        for track, (lowest, highest) in zip(found, limits, strict=True):
            _largest(spectra, rows, lowest, highest, track.f0, track.strength)


def _spectra(residual: Residual, frames: IntArray, bins: int) -> Iterator[tuple[IntArray, Doubles]]:
    """Unit-norm magnitude spectra of given frames up to some bin, a few at a time."""
    window, alternating = np.blackman(SPAN), 1.0 - 2.0 * (np.arange(SPAN) % 2)
    batch = 2000
    for first in range(0, len(frames), batch):
        group = frames[first : first + batch]
        last = 0
        while last < len(group):
            # One stretch of the residual for frames that lie close together.
            end = int(np.searchsorted(group, group[last] + batch))
            begin = group[last] * HOP
            stretch = residual.read(begin, group[end - 1] * HOP + SPAN)
            for row in range(last, end, _ROWS):
                rows = group[row : min(row + _ROWS, end)]
                cut = stretch[(rows * HOP - begin)[:, None] + np.arange(SPAN)] * window
                cut -= cut.mean(axis=1, keepdims=True)
                spectrum = fft.rfft(cut, SPEECH_RATE, axis=1)[:, :bins]  # one bin is one hertz
                # Parseval gives the norm over the first 8000 bins: the signal's, less the last bin, the first is 0.
                last_bin = cut @ alternating
                power = (SPEECH_RATE * np.einsum("ij,ij->i", cut, cut) - last_bin**2) / 2
                norm = np.sqrt(np.where(power > 0.0, power, np.nan))
                yield rows, np.abs(spectrum) / norm[:, None]
            last = end


@njit(cache=True)
def _largest(spectra: Doubles, rows: IntArray, lowest: int, highest: int, f0: IntArray, strength: Doubles) -> None:
    """Argmax of SRH over whole frequencies, the first on ties. E is indexed from 1 at 0 Hz, as in the original."""
    for row in range(len(rows)):
        spectrum = spectra[row]
        best, place = -np.inf, 1
        for frequency in range(lowest, highest + 1):
            total = 0.0
            for harmonic in range(1, HARMONICS + 1):
                total += spectrum[harmonic * frequency - 1]
            for harmonic in range(1, HARMONICS):
                total -= spectrum[(2 * harmonic * frequency + frequency + 1) // 2 - 1]
            if total > best:
                best, place = total, frequency
        if place == 1:
            best = 0.0
        f0[rows[row]] = place
        strength[rows[row]] = best


def _narrowed(track: _Found, lowest: int, highest: int) -> tuple[int, int]:
    """Range of the second pass: half to twice the median, where that is narrower."""
    if not track.strength.max(initial=0.0) > REFINE:
        return lowest, highest
    median = float(np.median(track.f0[track.strength > REFINE]))
    return max(lowest, round_half_away(0.5 * median)), min(highest, round_half_away(2 * median))


def _decided(track: _Found, count: int) -> Pitch:
    """Voicing; the threshold depends on the spread of the strength over the whole recording."""
    spread = float(np.std(track.strength, ddof=1)) if count > 1 else 0.0
    voiced = track.strength > (VOICED_SPREAD if spread > SPREAD else VOICED)
    return Pitch(FIRST + HOP * np.arange(count), track.f0.astype(np.float64), track.strength, voiced)
