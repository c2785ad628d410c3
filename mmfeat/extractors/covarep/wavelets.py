"""What a bank of wavelets says about voice quality: MDQ on the residual, peakSlope on the sound.

Kane and Gobl, "Wavelet maxima dispersion for breathy to tense voice discrimination", IEEE TASLP 21(6), 2013, and
"Identifying regions of non-modal phonation using features of the wavelet transform", Interspeech 2011. The mother
wavelet is that of d'Alessandro and Sturmel, Sadhana 36(5), 2011: a cosine under a Gaussian.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mmfeat.extractors.covarep.inverse_filtering import periods
from mmfeat.extractors.covarep.signals import BLOCK, Doubles, Recording, Signal, blocks, convolved
from mmfeat.types import FloatArray, IntArray

SLOPE_SPAN, SLOPE_HOP = 640, 160  # samples: 40 ms, 10 ms
SLOPE_FIRST = 320  # sample of the first frame's time stamp, from 0
_DISPERSION_SCALES = (4, 8, 16, 32, 64)  # 2000, 1000, 500, 250, 125 Hz
_SLOPE_SCALES = (64, 32, 16, 8, 4, 2, 1)  # 125 Hz to 8 kHz
_SEARCHED = 0.2  # of the period, to either side of the closure
_TAPS = 1000  # to either side of a wavelet's centre in the original
_TAIL = 10.0  # standard deviations of the Gaussian, beyond which it is below the last digit of a double


def wavelet(scale: int) -> Doubles:
    """``h(t) = -cos(2 pi f_o t / s) exp(-(t / s)^2 / (2 tau^2))``, f_o = 8 kHz, tau = 1 / (2 f_o).

    Kane and Gobl 2013, equation 1. Shape (k,), centre in the middle, at 16 kHz.
    """
    half = min(_TAPS, int(_TAIL * scale))
    place = np.arange(-half, half + 1) / scale  # in units of tau, which is one sample
    kernel: Doubles = -np.cos(np.pi * place) * np.exp(-(place**2) / 2)
    return kernel


def maxima_dispersion(residual: FloatArray, closures: IntArray) -> Doubles:
    """Maxima dispersion quotient (MDQ) of each closure.

    Mean distance, in periods, between the closure and the largest value of each of five bands (2000 to 125 Hz) of the
    residual within a fifth of a period: small for a sharp closure, large for a breathy one.

    Parameters
    ----------
    residual : array, (n,)
        Prediction residual of order 18 at 16 kHz; its scale does not matter.
    closures : array, (N,) int
        Samples from 0.

    Returns
    -------
    array, (N,) float64
        0 where a period on either side leaves the recording. The distance is measured from the sample before the
        closure (a slip of the original, kept): a perfectly compact downward pulse gives ``1 / T0``.
    """
    return find_dispersion(Recording(residual), closures)


def find_dispersion(residual: Signal, closures: IntArray) -> Doubles:
    """`maxima_dispersion` of a signal that may be long."""
    result = np.zeros(len(closures))
    if len(closures) < 2:
        return result
    lengths = periods(closures)
    inside = np.flatnonzero((closures - lengths >= 0) & (closures + lengths < len(residual)))
    reach = np.floor(_SEARCHED * lengths + 0.5).astype(np.int64)
    kernels = [wavelet(scale) for scale in _DISPERSION_SCALES]
    first = 0
    while first < len(inside):
        last = int(np.searchsorted(closures[inside], closures[inside[first]] + BLOCK))
        rows = inside[first:last]
        start, stop = int((closures - reach)[rows].min()), int((closures + reach)[rows].max()) + 1
        bands = np.stack([_band(residual, kernel, start, stop) for kernel in kernels])
        result[rows] = _dispersion(bands, closures[rows] - start, reach[rows]) / lengths[rows]
        first = last
    return result


def peak_slope(samples: FloatArray) -> Doubles:
    """Slope of the largest absolute value per octave band, a line through seven logarithms per frame.

    ``log10 max |y_i|`` over bands i = 1 (125 Hz) to 7 (8 kHz); more negative for a breathier voice.

    Parameters
    ----------
    samples : array, (n,)
        Sound at 16 kHz.

    Returns
    -------
    array, (K,) float64
        Frames of 40 ms every 10 ms, the first time stamp at sample 320. ``-inf`` or NaN where bands are zero
        throughout a frame (digital silence), as in the original; the extractor decides what becomes of it.
    """
    return find_slopes(Recording(samples))


def find_slopes(signal: Signal) -> Doubles:
    """`peak_slope` of a signal that may be long."""
    count = max((len(signal) - SLOPE_SPAN) // SLOPE_HOP + 1, 0)
    tops = np.zeros((count, len(_SLOPE_SCALES)))
    kernels = [wavelet(scale) for scale in _SLOPE_SCALES]
    for first, last in blocks(count, BLOCK // SLOPE_HOP):
        start, stop = first * SLOPE_HOP, (last - 1) * SLOPE_HOP + SLOPE_SPAN
        for column, kernel in enumerate(kernels):
            band = np.abs(_band(signal, kernel, start, stop))
            steps = band.reshape(-1, SLOPE_HOP).max(axis=1)
            tops[first:last, column] = np.lib.stride_tricks.sliding_window_view(steps, SLOPE_SPAN // SLOPE_HOP).max(1)
    abscissa = np.arange(len(_SLOPE_SCALES)) - (len(_SLOPE_SCALES) - 1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes: Doubles = np.log10(tops) @ (abscissa / np.square(abscissa).sum())
    return slopes


def _band(signal: Signal, kernel: Doubles, start: int, stop: int) -> Doubles:
    half = len(kernel) // 2
    return convolved(signal.read(start - half, stop + half), kernel)


@njit(cache=True)
def _dispersion(bands: Doubles, closures: IntArray, reach: IntArray) -> Doubles:
    """Mean distance of the largest values from the sample before the closure, samples."""
    result = np.zeros(len(closures))
    for row in range(len(closures)):
        total = 0.0
        for band in range(len(bands)):
            best, where = -np.inf, 0
            for offset in range(-reach[row], reach[row] + 1):
                value = bands[band, closures[row] + offset]
                if value > best:
                    best, where = value, offset
            total += abs(where + 1)
        result[row] = total / len(bands)
    return result
