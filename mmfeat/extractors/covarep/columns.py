"""The 74 columns in the published order, and the grid of frames that all of them are brought to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from mmfeat.types import BoolArray, IntArray, batched_rows

Mode = Literal["default", "compat"]
Doubles = npt.NDArray[np.float64]

HOP = 160  # samples at 16 kHz: 10 ms
FIRST = 79  # sample of the first frame, from 0

VOICE = ("F0", "VUV", "NAQ", "QOQ", "H1H2", "PSP", "MDQ", "peakSlope", "Rd", "Rd_conf", "creak")
MCEP = tuple(f"MCEP_{index}" for index in range(25))
HMPDM = tuple(f"HMPDM_{index}" for index in range(25))
HMPDD = tuple(f"HMPDD_{index}" for index in range(13))
NAMES = VOICE + MCEP + HMPDM + HMPDD

_ROWS = 20_000  # frames at a time
WIDEST_GAP = 800  # samples between two nodes across which a value still counts as measured: 50 ms, a period of 20 Hz


def grid(length: int) -> IntArray:
    """Samples of the frames of a recording of ``length`` samples: 79, 239, 399 ...; (T,)."""
    return np.arange(FIRST, length, HOP)


def on_grid(places: IntArray | Doubles, values: Doubles, out: Doubles) -> None:
    """Linear interpolation of a track at the grid.

    Parameters
    ----------
    places : array, (N,)
        Samples from 0, increasing.
    values : array, (N,) or (N, D)
    out : array, (T,) or (T, D)
        Frames from the first node to the last are filled, the others left as they are. So a long track can come in
        pieces, each beginning with the last node of the one before: an hour has no room for copies of itself.
    """
    for rows, left, right, weight in _between(places, len(out)):
        weight = weight.reshape(-1, *(1,) * (values.ndim - 1))
        out[rows] = values[left] + weight * (values[right] - values[left])


def angles_on_grid(places: IntArray, angles: Doubles, out: Doubles) -> None:
    """Like `on_grid` for angles in radians, (N, D), along the shorter way round."""
    for rows, left, right, weight in _between(places, len(out)):
        out[rows] = wrapped(angles[left] + weight[:, None] * wrapped(angles[right] - angles[left]))


def measured_on_grid(places: IntArray, measured: BoolArray, count: int) -> BoolArray:
    """Whether a frame lies between two measured nodes that are at most 50 ms apart; (``count``,) bool."""
    result = np.zeros(count, dtype=np.bool_)
    for rows, left, following, weight in _between(places, count):
        right = np.where(weight > 0.0, following, left)
        result[rows] = measured[left] & measured[right] & (places[right] - places[left] <= WIDEST_GAP)
    return result


def wrapped(angle: Doubles) -> Doubles:
    """Angles in [-pi, pi)."""
    return angle - 2 * np.pi * np.floor(angle / (2 * np.pi) + 0.5)


def _between(places: IntArray | Doubles, count: int) -> Iterator[tuple[slice, IntArray, IntArray, Doubles]]:
    """Frames from the first node to the last, some at a time: the nodes on their left and right, the way between."""
    if not len(places):
        return
    first = max(int(np.ceil((places[0] - FIRST) / HOP)), 0)
    last = min(int(np.floor((places[-1] - FIRST) / HOP)) + 1, count)
    for block in batched_rows(max(last - first, 0), _ROWS):
        rows = slice(first + block.start, first + block.stop)
        frames = FIRST + HOP * np.arange(rows.start, rows.stop)
        left = np.clip(np.searchsorted(places, frames, side="right") - 1, 0, max(len(places) - 2, 0))
        right = np.minimum(left + 1, len(places) - 1)
        apart = np.maximum(places[right] - places[left], 1)
        yield rows, left, right, np.clip((frames - places[left]) / apart, 0.0, 1.0)
