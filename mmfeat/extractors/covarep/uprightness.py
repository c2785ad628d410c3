"""Which way up the sound is recorded: the sign that makes glottal closures point downwards (RESKEW).

Drugman, "Residual excitation skewness for automatic speech polarity detection", IEEE Signal Processing Letters 20(4),
2013.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import signal as dsp

from mmfeat.extractors.covarep.linear_prediction import ORDER, Residual
from mmfeat.extractors.covarep.signals import Doubles, Recording, Signal, ZeroPhase, blocks
from mmfeat.types import SPEECH_RATE, FloatArray

_FILTER = 9  # order of the elliptic high pass
_EDGE = 480.0  # Hz


def polarity(samples: FloatArray) -> int:
    """1, or -1 where the sound is upside down.

    The sign of ``skewness(r1) - skewness(r2)``: two residuals of the sound, the second by filters estimated on the
    sound above 480 Hz, which see less of the glottal source.

    Parameters
    ----------
    samples : array, (n,)
        Sound at 16 kHz.

    Returns
    -------
    int
        1 also where nothing can be decided (silence); the original multiplies such sound by 0.
    """
    return find_polarity(Recording(samples), faithful=False)


def find_polarity(signal: Signal, *, faithful: bool) -> int:
    """`polarity` of a signal that may be long."""
    sections = dsp.ellip(_FILTER, 3, 60, _EDGE / (SPEECH_RATE / 2), "highpass", output="sos")
    high = ZeroPhase(signal, sections, _FILTER)
    plain = _skewness(Residual(signal, ORDER, faithful=faithful))
    return 1 if plain >= _skewness(Residual(signal, ORDER, high, faithful=faithful)) else -1


def _skewness(signal: Signal) -> float:
    """Biased skewness, NaN counted as 0; 0 for a constant."""
    sums = np.zeros(3)
    for block in blocks(len(signal)):
        _add_powers(signal.read(*block), sums)
    if sums[1] == 0.0:
        return 0.0
    first, second, third = sums / len(signal)
    variance = second - first**2
    return float((third - 3 * first * second + 2 * first**3) / variance**1.5) if variance > 0.0 else 0.0


@njit(cache=True)
def _add_powers(values: Doubles, sums: Doubles) -> None:
    """Add the sums of the values, of their squares and of their cubes."""
    for value in values:
        if not np.isnan(value):
            sums[0] += value
            sums[1] += value * value
            sums[2] += value * value * value
