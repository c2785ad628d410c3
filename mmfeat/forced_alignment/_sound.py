"""What the sound itself says to the aligner: a noise floor that the acoustic model knows, and where a voice begins."""

from __future__ import annotations

import numpy as np

from mmfeat.types import BoolArray, FloatArray, IntArray

_LONG_PAUSE, _PAUSE_LEFT = 100, 40  # frames
DITHER = 45.0  # dB below the loud parts
_FRAME = 160  # samples; 10 ms
_TRIM_WINDOW = 80  # samples; 5 ms
_TRIM_SHARE = 0.4  # of the way, in dB, from the floor of the pause up to the level of the word
_TRIM_MARGIN = 3  # windows that are left: h, f and th begin below any threshold
_TRIM_GAP = 30  # windows; 150 ms, more than the closure of any stop
_TRIM_LEAST = 10  # windows; 50 ms of every word are left
_TRIM_CONTRAST = 15.0  # dB; with less between word and pause the energy does not tell where the word begins


def levels(samples: FloatArray, window: int) -> FloatArray:
    """Mean power in dB of each window of so many samples, -120 dB at least."""
    count = len(samples) // window
    power = np.square(samples[: count * window].astype(np.float64)).reshape(count, window).mean(axis=1)
    return np.asarray(10.0 * np.log10(power + 1e-12))


def contrast(samples: FloatArray) -> float:
    """Loud parts against pauses in dB: the 95th over the 5th percentile of 10 ms."""
    if len(samples) < _FRAME:
        return 0.0
    pause, loud = np.percentile(levels(samples, _FRAME), (5, 95))
    return float(loud - pause)


def without_long_pauses(samples: FloatArray) -> tuple[FloatArray, IntArray]:
    """Shorten pauses of more than 1 s, which would drown the voice in the model's cepstral mean.

    Returns
    -------
    shortened : FloatArray, shape (m,)
        The sound with 0.4 s left on either side of each long pause.
    origin : IntArray, shape (m // 160 + 1,)
        Where each 10 ms of it stands in ``samples``, in frames of 10 ms.
    """
    power = levels(samples, _FRAME)
    if len(power) < 2 * _LONG_PAUSE:
        return samples, np.arange(len(power) + 1)
    loud = loudness(samples)
    quiet = power < min(max(float(np.percentile(power, 5)) + 10.0, loud - DITHER), loud - 20.0)
    edges = np.flatnonzero(np.diff(quiet, prepend=False, append=False)).reshape(-1, 2)
    keep = np.ones(len(power), dtype=bool)
    for first, last in edges[edges[:, 1] - edges[:, 0] > _LONG_PAUSE]:
        keep[first + _PAUSE_LEFT : last - _PAUSE_LEFT] = False
    origin = np.flatnonzero(keep)
    frames = samples[: len(power) * _FRAME].reshape(-1, _FRAME)[keep]
    return np.concatenate([frames.ravel(), samples[len(power) * _FRAME :]]), np.append(origin, len(power))


def loudness(samples: FloatArray) -> float:
    """Level of speech in dB: the 95th percentile of 10 ms in the loudest 10 s."""
    power = levels(samples, _FRAME)
    return max((float(np.percentile(power[at : at + 1000], 95)) for at in range(0, len(power), 1000)), default=-120.0)


def dithered(samples: FloatArray, loud: float) -> FloatArray:
    """Raise the noise in the pauses to that of a quiet room, the same way every time.

    Digital silence and the clean spectra of synthetic voices are unlike anything that the model was trained on. White
    noise brings the pauses (5th percentile of 10 ms) up to 45 dB below ``loud``, the level of speech in the recording.
    One with as much noise of its own stays as it is.
    """
    if len(samples) < _FRAME:
        return samples
    pause = float(np.percentile(levels(samples, _FRAME), 5))
    power = 10.0 ** ((loud - DITHER) / 10.0) - 10.0 ** (pause / 10.0)
    if power <= 0.0:
        return samples
    noise = np.random.default_rng(0).standard_normal(len(samples), dtype=np.float32)
    return np.asarray(samples + np.float32(np.sqrt(power)) * noise, dtype=np.float32)


def trimmed(samples: FloatArray, outer: int, inner: int) -> int:
    """Move the outer edge of a word inwards over silence that the decoder gave to the word.

    Parameters
    ----------
    samples : FloatArray, shape (n,)
        The sound.
    outer, inner : int
        The edge of the word on the side of the pause, and its other edge, in samples; either order.

    Returns
    -------
    int
        The new outer edge; the old one where the word is not clearly louder than the pause.
    """
    first, last = min(outer, inner), max(outer, inner)
    power = _smooth_levels(samples[first:last])
    if len(power) < 2 * _TRIM_MARGIN:
        return outer
    if inner < outer:
        power = power[::-1]
    floor, loud = np.percentile(_smooth_levels(samples), 10), np.percentile(power, 90)
    if loud - floor < _TRIM_CONTRAST:
        return outer
    quiet = _leading_quiet(power > floor + _TRIM_SHARE * (loud - floor))
    quiet = max(0, min(quiet - _TRIM_MARGIN, len(power) - _TRIM_LEAST))
    return outer + quiet * _TRIM_WINDOW if outer < inner else outer - quiet * _TRIM_WINDOW


def _leading_quiet(above: BoolArray) -> int:
    """Windows before the word: up to its first sound, or to the first after a gap that no word has."""
    sounds = np.flatnonzero(above)
    if not len(sounds):
        return 0
    gaps = np.flatnonzero(np.diff(sounds) > _TRIM_GAP)
    return int(sounds[gaps[-1] + 1] if len(gaps) else sounds[0])


def _smooth_levels(samples: FloatArray) -> FloatArray:
    """Level every 5 ms, averaged over 20 ms."""
    power = 10.0 ** (levels(samples, _TRIM_WINDOW) / 10.0)
    if len(power) < 4:
        return np.zeros(0)
    return np.asarray(10.0 * np.log10(np.convolve(power, np.full(4, 0.25), mode="same") + 1e-12))
