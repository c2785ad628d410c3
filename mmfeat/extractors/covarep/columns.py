"""The 74 columns in the published order, and the grid of frames that all of them are brought to."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from mmfeat.types import BoolArray, IntArray

Mode = Literal["default", "compat"]
Doubles = npt.NDArray[np.float64]

HOP = 160  # samples at 16 kHz: 10 ms
FIRST = 79  # sample of the first frame, from 0

VOICE = ("F0", "VUV", "NAQ", "QOQ", "H1H2", "PSP", "MDQ", "peakSlope", "Rd", "Rd_conf", "creak")
MCEP = tuple(f"MCEP_{index}" for index in range(25))
HMPDM = tuple(f"HMPDM_{index}" for index in range(25))
HMPDD = tuple(f"HMPDD_{index}" for index in range(13))
NAMES = VOICE + MCEP + HMPDM + HMPDD

WIDEST_GAP = 800  # samples between two nodes across which a value still counts as measured: 50 ms, a period of 20 Hz


def grid(length: int) -> IntArray:
    """Samples of the frames of a recording of ``length`` samples: 79, 239, 399 ...; (T,)."""
    return np.arange(FIRST, length, HOP)


def on_grid(places: IntArray | Doubles, values: Doubles, length: int) -> Doubles:
    """Linear interpolation of a track at the grid, 0 outside its support.

    Parameters
    ----------
    places : array, (N,)
        Samples from 0, increasing.
    values : array, (N,) or (N, D)
    length : int
        Of the recording.

    Returns
    -------
    array, (T,) or (T, D) float64
    """
    frames = grid(length)
    if not len(places):
        return np.zeros((len(frames), *values.shape[1:]))
    left, weight, inside = _between(places, frames)
    right = np.minimum(left + 1, len(places) - 1)
    wide = (slice(None), *(None,) * (values.ndim - 1))
    result = values[left] + weight[wide] * (values[right] - values[left])
    result[~inside] = 0.0
    return result


def angles_on_grid(places: IntArray, angles: Doubles, length: int) -> Doubles:
    """Like `on_grid` for angles in radians, along the shorter way round."""
    frames = grid(length)
    if not len(places):
        return np.zeros((len(frames), *angles.shape[1:]))
    left, weight, inside = _between(places, frames)
    step = wrapped(angles[np.minimum(left + 1, len(places) - 1)] - angles[left])
    result = wrapped(angles[left] + weight[:, None] * step)
    result[~inside] = 0.0
    return result


def measured_on_grid(places: IntArray, measured: BoolArray, length: int) -> BoolArray:
    """Whether a frame lies between two measured nodes that are at most 50 ms apart; (T,) bool."""
    frames = grid(length)
    if not len(places):
        return np.zeros(len(frames), dtype=np.bool_)
    left, weight, inside = _between(places, frames)
    right = np.where(weight > 0.0, np.minimum(left + 1, len(places) - 1), left)
    result: BoolArray = inside & measured[left] & measured[right] & (places[right] - places[left] <= WIDEST_GAP)
    return result


def wrapped(angle: Doubles) -> Doubles:
    """Angles in [-pi, pi)."""
    return angle - 2 * np.pi * np.floor(angle / (2 * np.pi) + 0.5)


def _between(places: IntArray | Doubles, frames: IntArray) -> tuple[IntArray, Doubles, BoolArray]:
    """Node to the left of each frame, the way from it to the next one (0 to 1), and whether the frame is inside."""
    inside = (frames >= places[0]) & (frames <= places[-1])
    left = np.clip(np.searchsorted(places, frames, side="right") - 1, 0, max(len(places) - 2, 0))
    if len(places) == 1:
        return left, np.zeros(len(frames)), inside
    weight = np.clip((frames - places[left]) / (places[left + 1] - places[left]), 0.0, 1.0)
    return left, weight, inside
