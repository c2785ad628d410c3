"""Spectral envelope through the peaks (true envelope) and its mel-cepstrum.

Roebel and Rodet, "Efficient spectral envelope estimation and its application to pitch shifting and envelope
preservation", DAFx 2005; Villavicencio, Roebel and Rodet, "Improving LPC spectral envelope extraction of voiced speech
by true-envelope estimation", ICASSP 2006.

Only the first hundred or so cepstral coefficients are ever kept, so cosines are summed as products of matrices, which
is three times faster than Fourier transforms of the whole spectrum.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit

from mmfeat.extractors.covarep.signals import Doubles
from mmfeat.types import SPEECH_RATE, IntArray

CEPSTRA = 25  # coefficients of the mel-cepstrum
_SMOOTHED = 1.2  # cepstral smoothing allows a higher order than the number of harmonics
_CLOSE = np.log(10 ** (2 / 20))  # 2 dB: how far a peak may stand above the envelope
_STEPS = 200
_EDGE = 0.25  # part of a cepstral ripple at either end of the spectrum that is repaired
_GROUP = 128  # frames of similar order that are fitted together


def true_envelope(level: Doubles, f0: Doubles) -> Doubles:
    """Envelope that lies at most 2 dB below any peak of a spectrum.

    Of order ``round(fs / (2 F0))``, as many coefficients as harmonics can tell apart (Villavicencio et al. 2006,
    equation 7), smoothed by half a Hamming window of 1.2 times that.

    Parameters
    ----------
    level : array, (K, 2049)
        Natural logarithm of the magnitude of spectra of 4096 points at 16 kHz (`harmonics.Sinusoids.level`).
    f0 : array, (K,)
        Hz.

    Returns
    -------
    array, (K, 2049) float64
        Natural logarithm of the envelope.
    """
    result = np.empty_like(level)
    order = _order(np.floor(SPEECH_RATE / (2 * f0) + 0.5))
    ordered = np.argsort(order, kind="stable")
    for first in range(0, len(ordered), _GROUP):
        rows = ordered[first : first + _GROUP]
        coarse = _fitted(level[rows], _order(np.floor(order[rows] / 2 + 0.5)))
        repaired = level[rows].copy()
        width = np.floor(_EDGE * 2 * (level.shape[1] - 1) / order[rows] + 0.5).astype(np.int64)
        for row, count in enumerate(width):
            repaired[row, :count] = coarse[row, :count]
            repaired[row, level.shape[1] - count + 1 :] = coarse[row, level.shape[1] - count + 1 :]
        result[rows] = _fitted(repaired, order[rows])
    return result


def mel_cepstrum(envelope: Doubles, coefficients: int = CEPSTRA) -> Doubles:
    """Cepstrum of envelopes over a mel axis.

    Frequency f goes to ``ln(1 + f / 700)``; the envelope (not its logarithm) is interpolated linearly. Coefficient 0 is
    ``c_0``, the others ``2 c_i``, of the natural logarithm; no scaling like that of an MFCC.

    Parameters
    ----------
    envelope : array, (K, bins)
        Natural logarithm, from 0 to 8 kHz.
    coefficients : int

    Returns
    -------
    array, (K, coefficients) float64
    """
    left, weight = _warp(envelope.shape[1])
    linear = np.exp(envelope)
    warped = linear[:, left]
    warped += weight * (linear[:, left + 1] - warped)
    cepstrum: Doubles = np.log(warped) @ _cepstral(envelope.shape[1], coefficients)
    return cepstrum


@lru_cache(maxsize=4)
def _warp(bins: int) -> tuple[IntArray, Doubles]:
    """Where each bin of the mel axis lies between two bins of the linear one."""
    frequency = np.linspace(0, SPEECH_RATE / 2, bins)
    warped = SPEECH_RATE / 2 * np.log1p(frequency / 700) / np.log1p(SPEECH_RATE / 2 / 700)
    place = np.interp(frequency, warped, np.arange(bins))
    left = np.minimum(place.astype(np.int64), bins - 2)
    return left, place - left


@lru_cache(maxsize=4)
def _cepstral(bins: int, coefficients: int) -> Doubles:
    """Matrix from a spectrum of ``bins`` to its cepstrum, all but the first doubled."""
    place, size = np.arange(bins), 2 * (bins - 1)
    matrix = np.cos(2 * np.pi * np.outer(place, np.arange(coefficients)) / size)
    matrix *= np.where((place == 0) | (place == bins - 1), 1.0, 2.0)[:, None] / size
    matrix[:, 1:] *= 2
    return matrix


def _order(harmonics: Doubles) -> IntArray:
    return np.floor(_SMOOTHED * harmonics + 0.5).astype(np.int64)


@lru_cache(maxsize=1)
def _cosines(half: int) -> tuple[Doubles, Doubles]:
    """``cos(pi k n / half)`` for k = 0 .. half / 2, of even and of odd n up to 2 * 200."""
    turns = np.outer(np.arange(half // 2 + 1), np.arange(400)) % (2 * half)
    table = np.cos(np.pi * np.arange(2 * half) / half)[turns]
    return np.ascontiguousarray(table[:, 0::2]), np.ascontiguousarray(table[:, 1::2])


def _fitted(level: Doubles, order: IntArray) -> Doubles:
    """True envelopes of the given orders; (K, bins)."""
    half, highest = level.shape[1] - 1, int(order.max())
    even, odd = (table[:, : (highest + 2 - side) // 2] for side, table in enumerate(_cosines(half)))
    place = np.arange(highest + 1)
    inside = (place <= order[:, None]).astype(np.float64)
    lifter = inside * (0.54 + 0.46 * np.cos(np.pi * place / order[:, None]))
    result = np.empty_like(level)
    rows = np.arange(len(level))
    raised, cepstrum = level.copy(), np.zeros(lifter.shape)
    for step in range(_STEPS):
        total, difference, power = _folded(raised)
        found = np.empty_like(cepstrum)
        found[:, 0::2] = total @ even
        found[:, 1::2] = difference @ odd
        found *= 2 / half
        found[:, 0] *= 0.5
        found *= inside[rows]
        # Parseval: what the doubled coefficients beyond the order hold, the very last one left out.
        within = np.einsum("ij,ij->i", found, found)
        beyond = 2 * power - found[:, 0] ** 2 - within
        gain = np.ones(len(rows))
        np.divide(np.sqrt(np.maximum(beyond, 0.0)), np.sqrt(within), out=gain, where=within > 0.0)
        gain[within > 0.0] += 1.0
        cepstrum += gain[:, None] * lifter[rows] * (found - cepstrum)
        below = _raise(level, rows, cepstrum[:, 0::2] @ even.T, cepstrum[:, 1::2] @ odd.T, raised, result)
        left = below > _CLOSE
        if not left.any() or step == _STEPS - 1:
            return result
        if not left.all():
            rows, cepstrum, raised = rows[left], cepstrum[left], raised[left]
    raise AssertionError("unreachable")


@njit(cache=True, fastmath={"reassoc", "contract"})
def _folded(level: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Sum and difference of the lower half of each spectrum and its mirrored upper half, and the mean square.

    Even cosines see the sums, odd ones the differences, (K, bins // 2 + 1) each, the ends weighted for summation. The
    mean square is that of the two-sided spectrum less the last cepstral coefficient's share; (K,).
    """
    half = level.shape[1] - 1
    middle = half // 2
    total, difference = np.empty((len(level), middle + 1)), np.empty((len(level), middle + 1))
    power = np.empty(len(level))
    for row in range(len(level)):
        spectrum = level[row]
        squares = last = 0.0
        for index in range(middle + 1):
            low, high = spectrum[index], spectrum[half - index]
            total[row, index] = low + high
            difference[row, index] = low - high
        for index in range(1, half):
            squares += spectrum[index] * spectrum[index]
        for index in range(1, half, 2):
            last += spectrum[index + 1] - spectrum[index]
        # Both ends of the spectrum count once and the middle is its own mirror image.
        total[row, 0] *= 0.5
        total[row, middle] *= 0.5
        difference[row, 0] *= 0.5
        ends = spectrum[0] * spectrum[0] + spectrum[half] * spectrum[half]
        last = (2.0 * last + spectrum[0] - spectrum[half]) / (2 * half)
        power[row] = (2.0 * squares + ends) / (2 * half) - last * last
    return total, difference, power


@njit(cache=True, fastmath={"nnan", "nsz", "reassoc", "contract"})
def _raise(level: Doubles, rows: IntArray, even: Doubles, odd: Doubles, raised: Doubles, result: Doubles) -> Doubles:
    """Put envelopes together and lift the spectra to them; how far each spectrum stands above its envelope, (K,)."""
    half = level.shape[1] - 1
    middle = half // 2
    below = np.empty(len(rows))
    for row in range(len(rows)):
        spectrum, envelope, lifted = level[rows[row]], result[rows[row]], raised[row]
        for index in range(middle):
            envelope[index] = even[row, index] + odd[row, index]
            envelope[half - index] = even[row, index] - odd[row, index]
        envelope[middle] = even[row, middle] + odd[row, middle]
        most = -np.inf
        for index in range(half + 1):
            most = max(most, spectrum[index] - envelope[index])
            lifted[index] = max(lifted[index], envelope[index])
        below[row] = most
    return below
