"""Pickles for other people's loaders: plain containers and numpy arrays, written as they are made.

`pickle.dump` would want every array in memory at once, and writes the name that numpy's insides have today
(``numpy._core``), which the numpy of the repositories that read these files does not know. What is written here any
numpy reads, and the same input gives the same bytes whatever numpy is installed. Protocol 4, as the published files.

The opcodes are those of the standard library's ``pickletools``, which documents each.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mmfeat.safe_write import replacing
from mmfeat.types import FloatArray


@dataclass(frozen=True)
class Streamed:
    """A float32 array that comes in blocks along its first axis, and never is in memory as a whole."""

    shape: tuple[int, ...]
    blocks: Iterator[FloatArray]


def write(value: Any, path: Path) -> None:
    """Write a pickle.

    Parameters
    ----------
    value : object
        Mapping, list, tuple, str, bytes, int, float, bool, None, numpy array of numbers or fixed-length text, or
        `Streamed`, in any nesting.
    path : Path

    Raises
    ------
    OutputError
        If ``path`` cannot be written.
    """
    with replacing(path) as beside, beside.open("wb") as handle:
        handle.write(b"\x80\x04")
        _write(value, handle)
        handle.write(b".")


def _write(value: Any, out: BinaryIO) -> None:
    if isinstance(value, Mapping):
        out.write(b"}(")
        for key, item in value.items():
            _write(key, out)
            _write(item, out)
        out.write(b"u")
    elif isinstance(value, list | tuple):
        out.write(b"](" if isinstance(value, list) else b"(")
        for item in value:
            _write(item, out)
        out.write(b"e" if isinstance(value, list) else b"t")
    elif isinstance(value, Streamed):
        _write_array(value.shape, np.dtype("<f4"), value.blocks, out)
    elif isinstance(value, np.ndarray):
        _write_array(value.shape, value.dtype.newbyteorder("<"), iter((value,)), out)
    else:
        out.write(_scalar(value))


def _scalar(value: Any) -> bytes:
    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return (b"X" if isinstance(value, str) else b"B") + struct.pack("<I", len(raw)) + raw


def _write_array(shape: tuple[int, ...], dtype: np.dtype[Any], blocks: Iterator[Any], out: BinaryIO) -> None:
    """Write what numpy's own ``__reduce__`` describes: an empty array, then its shape, dtype and content."""
    out.write(b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tB" + struct.pack("<I", 1) + b"btR(K\x01")
    _write(shape, out)
    described: Any = dtype.__reduce__()
    (code, *flags), state = described[1:]
    out.write(b"cnumpy\ndtype\n")
    _write((str(code), *(bool(flag) for flag in flags)), out)
    out.write(b"R")
    _write(state, out)
    size = math.prod(shape) * dtype.itemsize
    out.write(b"b\x89\x8e" + struct.pack("<Q", size))
    written = 0
    for block in blocks:
        written += out.write(block.astype(dtype, copy=False).tobytes())
    assert written == size, (shape, written)
    out.write(b"tb")
