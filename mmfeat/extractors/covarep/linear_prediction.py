"""Linear prediction by autocorrelation, and the residual of a whole recording.

Makhoul, "Linear prediction: a tutorial review", Proc. IEEE 63(4), 1975. The residual as in GLOAT (Drugman): windowed
frames, inverse filtered, brought back to the energy of the frame, overlap-added.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mmfeat.extractors.covarep.signals import Doubles, Signal

SPAN, HOP = 401, 80  # samples at 16 kHz: 25 ms and one, 5 ms
ORDER = 18  # fs / 1000 + 2


@njit(cache=True, fastmath={"reassoc", "contract"})
def autocorrelation(values: Doubles, lags: int) -> Doubles:
    """``r[k] = sum_n x[n] x[n + k]`` for k = 0 .. ``lags``; shape (n,) gives (lags + 1,)."""
    result = np.zeros(lags + 1)
    for lag in range(min(lags + 1, len(values))):
        total = 0.0
        for index in range(len(values) - lag):
            total += values[index] * values[index + lag]
        result[lag] = total
    return result


@njit(cache=True)
def prediction_filter(correlation: Doubles) -> Doubles:
    """Levinson-Durbin recursion: autocorrelation (p + 1,) to A(z) = 1 + a_1 z^-1 + ... (p + 1,).

    A signal of zeros has no filter: all coefficients after the first are NaN, as in MATLAB.
    """
    order = len(correlation) - 1
    filter_ = np.zeros(order + 1)
    filter_[0] = 1.0
    error = correlation[0]
    if error == 0.0:
        filter_[1:] = np.nan
        return filter_
    previous = np.empty(order + 1)
    for step in range(1, order + 1):
        total = correlation[step]
        for index in range(1, step):
            total += filter_[index] * correlation[step - index]
        reflection = -total / error
        previous[:] = filter_
        for index in range(1, step):
            filter_[index] += reflection * previous[step - index]
        filter_[step] = reflection
        error *= 1.0 - reflection * reflection
    return filter_


@njit(cache=True, fastmath={"reassoc", "contract"})
def inverse_filtered(filter_: Doubles, values: Doubles) -> Doubles:
    """A(z) applied from zero state: (p + 1,) and (n,) give (n,)."""
    result = np.zeros(len(values))
    for tap in range(len(filter_)):
        weight = filter_[tap]
        for index in range(tap, len(values)):
            result[index] += weight * values[index - tap]
    return result


@njit(cache=True)
def _add_frames(
    out: Doubles, filtered: Doubles, predicted: Doubles, window: Doubles, first: int, order: int, faithful: bool
) -> None:
    """Overlap-add residual frames; ``first`` is where the first frame lies in ``out``."""
    span = len(window)
    for frame in range((len(filtered) - span) // HOP + 1):
        start = frame * HOP
        windowed = filtered[start : start + span] * window
        filter_ = prediction_filter(autocorrelation(predicted[start : start + span] * window, order))
        residual = inverse_filtered(filter_, windowed)
        energy, left = 0.0, 0.0
        for index in range(span):
            energy += windowed[index] * windowed[index]
            left += residual[index] * residual[index]
        if energy == 0.0 and not faithful:
            continue
        scale = np.sqrt(energy / left) if left != 0.0 else np.nan
        low = first + start
        for index in range(max(0, -low), min(span, len(out) - low)):
            out[low + index] += residual[index] * scale


class Residual:
    """Prediction residual of a recording at 16 kHz, not yet scaled.

    Frames of 401 samples every 80; the last, partial frame is not processed. COVAREP divides the sum by its absolute
    maximum, which takes the whole recording: see `signals.peak`.

    Parameters
    ----------
    signal : Signal
        What is filtered.
    order : int
    predictor : Signal, optional
        What the filters are estimated on, ``signal`` itself by default.
    faithful : bool
        A frame of digital silence gives NaN, as in the original, and not zeros.
    """

    def __init__(self, signal: Signal, order: int, predictor: Signal | None = None, *, faithful: bool = False) -> None:
        self._signal = signal
        self._order = order
        self._predictor = predictor
        self._faithful = faithful
        # Hanning without its zero ends: 0.5 (1 - cos(2 pi i / 402)), i = 1 .. 401.
        self._window = np.hanning(SPAN + 2)[1:-1]
        self._frames = max(-(-(len(signal) - SPAN) // HOP), 0)

    def __len__(self) -> int:
        return len(self._signal)

    def read(self, start: int, stop: int) -> Doubles:
        """See `signals.Signal.read`."""
        values = np.zeros(stop - start)
        first = max(-(-(start - SPAN + 1) // HOP), 0)
        last = min((stop - 1) // HOP, self._frames - 1)
        if last < first:
            return values
        begin, end = first * HOP, last * HOP + SPAN
        filtered = self._signal.read(begin, end)
        predicted = filtered if self._predictor is None else self._predictor.read(begin, end)
        _add_frames(values, filtered, predicted, self._window, begin - start, self._order, self._faithful)
        return values
