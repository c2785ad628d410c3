"""Random numbers that are the same everywhere: SplitMix64 in whole numbers, one stream per draw, purpose and utterance.

Nothing here asks numpy's generators, whose streams may change between versions, and nothing rounds a floating-point
number. A stream depends on the utterance's id and not on its place or its neighbours, so any part of a corpus, drawn by
any worker, gets the rows that the whole would give it.

References
----------
Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014 (SplitMix64: gamma and the mixing
constants, which are Stafford's variant 13).
"""

from __future__ import annotations

import bisect
import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from mmfeat.types import BoolArray, IntArray

WordArray = npt.NDArray[np.uint64]

GAMMA = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
POSITION_BITS = 24  # of a sorting key; the upper 40 are random, so keys of one utterance are never equal
LONGEST = 2**POSITION_BITS - 1  # rows of one utterance and modality
BLOCK = 2**17  # keys sorted at once: 1 MB, which stays in the cache of a core
DENOMINATOR = 10**6  # a rate is the nearest fraction with at most this denominator: 0.3 is 3/10, 0.6666666666666666 2/3


@dataclass(frozen=True)
class Streams:
    """The streams of one draw over N utterances."""

    draw: bytes  # sha256 of what the draw is, without the rows
    ids: tuple[str, ...]

    def states(self, purpose: str) -> WordArray:
        """Starting state (N,) of each utterance's stream for one purpose."""
        tag = np.frombuffer(hashlib.sha256(self.draw + purpose.encode()).digest()[:8], dtype="<u8").astype(np.uint64)
        return _mix(_id_words(self.ids) ^ tag)


@functools.lru_cache(maxsize=4)  # splits of a corpus, each drawn for dozens of masks
def _id_words(ids: tuple[str, ...]) -> WordArray:
    """First eight bytes of the sha256 of each id."""
    digests = b"".join(hashlib.sha256(name.encode()).digest()[:8] for name in ids)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _mix(words: WordArray) -> WordArray:
    words = (words ^ (words >> np.uint64(30))) * FIRST
    words = (words ^ (words >> np.uint64(27))) * SECOND
    return words ^ (words >> np.uint64(31))


def words(states: WordArray, numbers: npt.NDArray[np.uint64]) -> WordArray:
    """Word number 0, 1, ... of each stream; ``numbers`` broadcasts against ``states``."""
    return _mix(states + (numbers + np.uint64(1)) * GAMMA)


def below(states: WordArray, limits: IntArray) -> IntArray:
    """A whole number in [0, limit) from the first word of each stream; 0 where the limit is 0."""
    upper = words(states, np.zeros(1, dtype=np.uint64)) >> np.uint64(32)
    return ((upper * limits.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)


def choose(states: WordArray, sizes: IntArray, counts: IntArray) -> BoolArray:
    """Choose rows without replacement, every set of them as likely as any other.

    Parameters
    ----------
    states : WordArray, shape (N,)
    sizes : IntArray, shape (N,)
        How many there are to choose from, at most `LONGEST`.
    counts : IntArray, shape (N,)
        How many to choose, at most ``sizes``.

    Returns
    -------
    BoolArray, shape (sum of sizes,)
        The utterances one after the other.
    """
    chosen = np.repeat(counts == sizes, sizes)
    begins = np.cumsum(sizes) - sizes
    open_ = np.flatnonzero((counts > 0) & (counts < sizes))
    for members in _of_like_size(open_, sizes):
        position = np.arange(sizes[members[-1]], dtype=np.uint64)
        keys = words(states[members, None], position)
        keys = (keys & ~np.uint64(LONGEST)) | position
        inside = position < sizes[members, None].astype(np.uint64)
        keys[~inside] = np.iinfo(np.uint64).max
        # Sorting gives one answer whatever the algorithm, since no two keys are equal.
        threshold = np.take_along_axis(np.sort(keys, axis=1), counts[members, None], axis=1)
        rows = begins[members, None] + np.arange(len(position))
        chosen[rows[inside]] = (keys < threshold)[inside]
    return chosen


def _of_like_size(members: IntArray, sizes: IntArray) -> Iterator[IntArray]:
    """Blocks of utterances, ascending in size, that fill at most `BLOCK` cells when padded."""
    ordered = members[np.argsort(sizes[members], kind="stable")]
    widths = sizes[ordered]
    first = 0
    while first < len(ordered):
        numbers = range(first, len(ordered))
        fitting = bisect.bisect_right(numbers, BLOCK, key=lambda last: int((last - first + 1) * widths[last]))
        last = first + max(fitting, 1)
        yield ordered[first:last]
        first = last


def fraction(number: float) -> Fraction:
    """A setting as the exact fraction that all arithmetic is done with."""
    return Fraction(number).limit_denominator(DENOMINATOR)


def rounded(counts: IntArray, numerator: Any, denominator: Any) -> IntArray:
    """Counts times numerator / denominator, to the nearest whole number, halves to the even one."""
    whole, rest = np.divmod(counts * numerator, denominator)
    up = (2 * rest > denominator) | ((2 * rest == denominator) & (whole % 2 == 1))
    return np.asarray(whole + up, dtype=np.int64)
