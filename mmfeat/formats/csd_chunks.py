"""An HDF5 dataset to an array on several cores.

HDF5 inflates under one lock, so that two threads read no faster than one. Here the lock is held only while the packed
bytes of a chunk are copied; zlib, which lets other Python threads run, unpacks them outside. What is packed in another
way than the SDK packs (gzip, perhaps with shuffle) is left to h5py.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

_DEFLATE, _SHUFFLE = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE


def read_array(dataset: h5py.Dataset) -> npt.NDArray[Any]:
    """Read a whole dataset.

    Parameters
    ----------
    dataset : h5py.Dataset
        Of any layout and type.

    Raises
    ------
    OSError, zlib.error
        If the file is damaged there.
    """
    filters = _filters(dataset)
    if dataset.chunks is None or not dataset.size or not _is_plain(dataset) or filters not in _UNPACK:
        return np.asarray(dataset[()])
    found = _read_chunks(dataset, _UNPACK[filters])
    return np.asarray(dataset[()]) if found is None else found


def _is_plain(dataset: h5py.Dataset) -> bool:
    """Whether the bytes in the file are those of the array: numbers and texts of fixed length, bytes not swapped."""
    return dataset.dtype.kind in "fiuS" and dataset.dtype.isnative


def _filters(dataset: h5py.Dataset) -> tuple[int, ...]:
    properties = dataset.id.get_create_plist()
    return tuple(properties.get_filter(number)[0] for number in range(properties.get_nfilters()))


def _inflate(packed: bytes, size: int, itemsize: int) -> bytes:
    return zlib.decompress(packed, bufsize=size)


def _inflate_shuffled(packed: bytes, size: int, itemsize: int) -> bytes:
    """Undo shuffle too, which puts the first bytes of all numbers before their second bytes, and so on."""
    planes = np.frombuffer(_inflate(packed, size, itemsize), dtype=np.uint8)
    return planes.reshape(itemsize, -1).T.tobytes()


_UNPACK: dict[tuple[int, ...], Callable[[bytes, int, int], bytes]] = {
    (_DEFLATE,): _inflate,
    (_SHUFFLE, _DEFLATE): _inflate_shuffled,
}


def _read_chunks(dataset: h5py.Dataset, unpack: Callable[[bytes, int, int], bytes]) -> npt.NDArray[Any] | None:
    """All chunks, laid side by side; None where one was never written or skipped a filter."""
    shape, chunk, kind = dataset.shape, dataset.chunks, dataset.dtype
    grid = [range(0, extent, step) for extent, step in zip(shape, chunk, strict=True)]
    if dataset.id.get_num_chunks() != math.prod(map(len, grid)):
        return None
    size = math.prod(chunk) * kind.itemsize
    values = np.empty(shape, dtype=kind)
    for corner in itertools.product(*grid):
        skipped, packed = dataset.id.read_direct_chunk(corner)
        if skipped:
            return None
        tile = np.frombuffer(unpack(packed, size, kind.itemsize), dtype=kind).reshape(chunk)
        place = tuple(slice(first, first + step) for first, step in zip(corner, chunk, strict=True))
        inside = values[place]  # shorter than a chunk at the far edges
        inside[...] = tile[tuple(slice(length) for length in inside.shape)]
    return values
