"""Glottal flow by iterative adaptive inverse filtering (IAIF), one analysis per glottal closure.

Alku, "Glottal wave analysis with pitch synchronous iterative adaptive inverse filtering", Speech Communication 11(2-3),
1992.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import signal as dsp

from mmfeat.extractors.covarep.linear_prediction import autocorrelation, inverse_filtered, prediction_filter
from mmfeat.extractors.covarep.signals import Doubles, Recording, Signal
from mmfeat.types import SPEECH_RATE, FloatArray, IntArray

TRACT, GLOTTIS = 20, 8  # orders of the vocal tract and of the glottal source
LEAK = 0.99  # of the integrator
LONGEST = 20 * SPEECH_RATE  # samples; a longer distance to the closure before is no period, and would cost memory
_TAPS = 301  # of the high pass


def periods(closures: IntArray) -> IntArray:
    """T0 of each closure: its distance to the one before, for the first to the one after; (N,) samples, N > 1.

    The original takes every distance. A pause of more than 20 s counts here as the start of another recording.
    """
    distances = np.diff(closures)
    longs = np.concatenate([distances[:1], distances])
    following = np.concatenate([distances, distances[-1:]])
    return np.where(longs > LONGEST, np.minimum(following, LONGEST), longs)


class GlottalFlow:
    """Glottal flow and its derivative, overlap-added over the frames of all closures without normalisation.

    Frames reach one period to either side of a closure, so about two frames add up at each sample. Frames that leave
    the recording are skipped. The frame's centre lies one sample before the closure, a slip of the original that is
    kept in both modes: it changes nothing that could be called wrong.

    Parameters
    ----------
    signal : Signal
        Sound at 16 kHz with the right polarity.
    closures : array, (N,)
        Samples from 0.
    """

    def __init__(self, signal: Signal, closures: IntArray) -> None:
        self._signal = signal
        self._high_pass = dsp.firls(_TAPS, [0, 40, 70, SPEECH_RATE / 2], [0, 0, 1, 1], fs=SPEECH_RATE)
        lengths = periods(closures) if len(closures) > 1 else closures[:0]
        begin, end = closures[: len(lengths)] - 1 - lengths, closures[: len(lengths)] + lengths
        self._begin, self._end = np.maximum(begin, 0), np.minimum(end, len(signal))

    def __len__(self) -> int:
        return len(self._signal)

    def read(self, start: int, stop: int) -> tuple[Doubles, Doubles]:
        """Flow and derivative from ``start`` to ``stop``; zeros outside."""
        flow, derivative = np.zeros(stop - start), np.zeros(stop - start)
        touched = np.flatnonzero((self._begin < stop) & (self._end > start))
        if len(touched):
            begin, end = self._begin[touched], self._end[touched]
            first = int(begin.min())
            samples = self._signal.read(first, int(end.max()))
            _add_flows(samples, begin - first, end - first, self._high_pass, flow, derivative, start - first)
        return flow, derivative


def glottal_flow(samples: FloatArray, closures: IntArray) -> tuple[Doubles, Doubles]:
    """IAIF of a recording at 16 kHz whose polarity is right.

    Per closure: tilt of the source by prediction of order 1, vocal tract by order 20 on what is left, source by order 8
    on the inverse filtered and integrated sound, vocal tract again by order 20; the sound inverse filtered by that is
    the derivative of the flow, its leaky integral the flow (Alku 1992, section 3).

    Parameters
    ----------
    samples : array, (n,)
    closures : array, (N,)
        From `glottal_closure.glottal_closures`.

    Returns
    -------
    flow, derivative : array, (n,) float64
        In the units of the sound.
    """
    return GlottalFlow(Recording(samples), closures).read(0, len(samples))


@njit(cache=True)
def _add_flows(
    samples: Doubles,
    begin: IntArray,
    end: IntArray,
    high_pass: Doubles,
    flow: Doubles,
    derivative: Doubles,
    offset: int,
) -> None:
    """Frames ``begin`` to ``end`` of ``samples``, added where they meet the outputs, which start at ``offset``."""
    for row in range(len(begin)):
        count = end[row] - begin[row]
        window = np.hanning(count + 2)[1:-1]
        frame = _filtered(samples[begin[row] : end[row]] * window, high_pass)
        source, integrated = _iaif(frame, window)
        low = begin[row] - offset
        for index in range(max(0, -low), min(count, len(flow) - low)):
            flow[low + index] += integrated[index]
            derivative[low + index] += source[index]


@njit(cache=True, fastmath={"reassoc", "contract"})
def _filtered(values: Doubles, taps: Doubles) -> Doubles:
    """Symmetric filter with its delay removed."""
    count, half = len(values), len(taps) // 2
    padded = np.zeros(count + 2 * half)
    padded[half : half + count] = values
    result: Doubles = taps[half] * values
    for shift in range(1, half + 1):
        weight = taps[half + shift]
        before, after = padded[half - shift :], padded[half + shift :]
        for index in range(count):
            result[index] += weight * (before[index] + after[index])
    return result


@njit(cache=True)
def _integrated(values: Doubles) -> Doubles:
    """1 / (1 - 0.99 z^-1)."""
    result = np.empty(len(values))
    state = 0.0
    for index in range(len(values)):
        state = values[index] + LEAK * state
        result[index] = state
    return result


@njit(cache=True)
def _iaif(frame: Doubles, window: Doubles) -> tuple[Doubles, Doubles]:
    """Derivative and flow of one frame, (n,) each; zeros where nothing can be estimated."""
    count, lead = len(frame), TRACT + 1
    if count <= TRACT or np.all(frame == 0.0):
        return np.zeros(count), np.zeros(count)
    # A ramp in front lets every filter start before the frame does.
    led = np.concatenate((np.linspace(-frame[0], frame[0], lead), frame))
    tilt = prediction_filter(autocorrelation(frame * window, 1))
    left = inverse_filtered(tilt, led)[lead:]
    tract = prediction_filter(autocorrelation(left * window, TRACT))
    source = _integrated(inverse_filtered(tract, led))[lead:]
    glottis = prediction_filter(autocorrelation(source * window, GLOTTIS))
    left = _integrated(inverse_filtered(glottis, led))[lead:]
    tract = prediction_filter(autocorrelation(left * window, TRACT))
    derivative = inverse_filtered(tract, led)
    return derivative[lead:], _integrated(derivative)[lead:]
