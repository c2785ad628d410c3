"""Rows padded with zeros to one length, (N, T, D), as pickles of other toolkits hold them, and back.

Such a file does not say which rows are real. What can be said is where the first and the last row lie that are not all
zeros; a row of zeros between them is real and was not observed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mmfeat.artifact import Artifact
from mmfeat.errors import FormatError
from mmfeat.formats.pickle_writing import Streamed
from mmfeat.types import BoolArray, FloatArray, IntArray, Modality, batched_rows

BLOCK = 256  # utterances looked at or written at once


@dataclass(frozen=True)
class Room:
    """How many rows of each kind a file of padded arrays has place for."""

    words: int = 50
    audio: int = 500  # rows that are not words
    vision: int = 375

    def of(self, modality: Modality, own: bool) -> int:
        """Rows of one modality; ``own`` where they are not the words."""
        return {"text": self.words, "audio": self.audio, "vision": self.vision}[modality] if own else self.words


def require_numbers(values: Any, where: str, count: int | None, axes: int = 3) -> Any:
    """Give an array back, if it is one of numbers, with so many axes, the first as long as ``count``.

    Raises
    ------
    FormatError
        If it is not.
    """
    array = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=object)
    fits = array.dtype.kind in "fiub" and array.ndim == axes and count in (None, len(array))
    if not fits:
        raise FormatError(
            f"{where} is an array of shape {array.shape} and dtype {array.dtype}; expected {axes} axes of numbers"
            f"{'' if count is None else f', the first of {count}'}; the file is not of the published layout"
        )
    return array


def filled(*arrays: FloatArray) -> IntArray:
    """Find where the real rows lie.

    Parameters
    ----------
    *arrays : array, each (N, T, D_m)

    Returns
    -------
    IntArray, shape (N, 2)
        First row that is not all zeros in every array, and one past the last; NaN and infinities are not zeros.
        (0, 0) where there is none.
    """
    count, width = arrays[0].shape[:2]
    spans = np.zeros((count, 2), dtype=np.int64)
    for block in batched_rows(count, BLOCK):
        real = np.any([(values[block] != 0).any(axis=2) for values in arrays], axis=0)
        some = real.any(axis=1)
        spans[block, 0] = np.where(some, real.argmax(axis=1), 0)
        spans[block, 1] = np.where(some, width - real[:, ::-1].argmax(axis=1), 0)
    return spans


def joined(first: IntArray, second: IntArray) -> IntArray:
    """Give the spans (N, 2) that cover both, where one of them is empty the other."""
    lowest = np.minimum(first[:, 0], second[:, 0])
    only_second, only_first = first[:, 1] == 0, second[:, 1] == 0
    start = np.where(only_second, second[:, 0], np.where(only_first, first[:, 0], lowest))
    return np.stack([start, np.maximum(first[:, 1], second[:, 1])], axis=1)


def stated(values: FloatArray, lengths: IntArray) -> tuple[IntArray, BoolArray]:
    """Take the first ``lengths`` rows, unless there are rows behind them that are not zeros.

    The published lengths end at the first row of zeros, which may be a frame without a face, or the padding where that
    stands in front.

    Returns
    -------
    spans : IntArray, shape (N, 2)
    outside : BoolArray, shape (N,)
        True where rows lay behind the stated length; they are in the span.
    """
    spans = filled(values)
    # A file must state one row where there is none: some layers take no empty sequence.
    empty = (spans[:, 1] == 0) & (lengths <= 1)
    outside = spans[:, 1] > lengths
    inside = np.stack([np.zeros_like(lengths), np.where(empty, 0, np.minimum(lengths, values.shape[1]))], axis=1)
    return np.where(outside[:, None], spans, inside), outside


def padded(
    artifact: Artifact,
    split: str,
    chosen: IntArray,
    modality: Modality,
    room: int,
    side: Literal["front", "behind"],
    advance: Callable[[int], None],
) -> Streamed:
    """Rows of one modality, padded with zeros, to be written as they are read.

    Parameters
    ----------
    artifact : Artifact
    split : str
    chosen : IntArray, shape (N,)
        Positions of the utterances in the split.
    modality : Modality
        One that is not in the artefact is one column of zeros.
    room : int
        T.
    side : {"front", "behind"}
        Where the zeros stand; in front, the last T rows are kept, behind, the first T.
    advance : callable
        Told how many utterances were read, block by block.
    """
    width = artifact.dims.get(modality, 1)
    offsets = artifact.observed(split).offsets[modality]
    rows: Any = artifact.group(split)[modality] if modality in artifact.dims else None

    def blocks() -> Iterator[FloatArray]:
        for block in batched_rows(len(chosen), BLOCK):
            out = np.zeros((len(chosen[block]), room, width), dtype=np.float32)
            for place, number in zip(out, chosen[block], strict=True) if rows is not None else ():
                first, last = offsets[number : number + 2].tolist()
                kept = min(last - first, room)
                if side == "behind":
                    place[:kept] = rows[first : first + kept]
                else:
                    place[room - kept :] = rows[last - kept : last]
            yield out
            advance(len(out))

    return Streamed((len(chosen), room, width), blocks())


def texts(values: Any, where: str, count: int | None) -> list[str]:
    """Text of each utterance.

    Raises
    ------
    FormatError
        If there is no list of them, or one that is not as long as ``count``.
    """
    found = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(found, list | tuple) or count not in (None, len(found)):
        raise FormatError(
            f"{where} is {str(found)[:60]!r}; expected a list of {'' if count is None else f'{count} '}texts; "
            "the file is not of the published layout"
        )
    return [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in found]
