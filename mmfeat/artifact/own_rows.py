"""Modalities whose rows are not the words: frames at their own rate, or one vector per utterance."""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np

from mmfeat.types import BoolArray, FloatArray, IntArray, Modality

BUFFERED = 1 << 14  # rows in memory before they are written
CHUNK = 1 << 10  # rows of one HDF5 chunk


@dataclass(frozen=True)
class OwnRows:
    """Rows of one modality in one split; their values are in `Split.features`."""

    offsets: IntArray  # (N + 1,)
    observed: BoolArray  # (R_m,)
    intervals: FloatArray  # (R_m, 2) s


@dataclass(frozen=True)
class PaddedRows:
    """The same, padded to T_m rows; their values are in `Padded.features`."""

    mask: BoolArray  # (N, T_m) True at real rows
    observed: BoolArray  # (N, T_m)
    intervals: FloatArray  # (N, T_m, 2) s


class OwnRowsWriter:
    """Appends the rows of one utterance after the other; their number need not be known before."""

    def __init__(self, group: h5py.Group, modality: Modality, width: int) -> None:
        self._room = group.require_group("own").create_group(modality)
        self._values = _growing(group, modality, (width,), np.float32)
        self._observed = _growing(self._room, "observed", (), np.bool_)
        self._intervals = _growing(self._room, "intervals", (2,), np.float64)
        self._waiting: list[tuple[FloatArray, BoolArray, FloatArray]] = []
        self._lengths: list[int] = []
        self._buffered = 0

    def append(self, values: FloatArray, observed: BoolArray, intervals: FloatArray) -> None:
        """Take (T, D), (T,), (T, 2) of the next utterance."""
        self._waiting.append((values, observed, intervals))
        self._lengths.append(len(values))
        self._buffered += len(values)
        if self._buffered >= BUFFERED:
            self._flush()

    def close(self) -> None:
        """Write what is waiting, and where each utterance begins."""
        self._flush()
        self._room["offsets"] = np.cumsum([0, *self._lengths], dtype=np.int64)

    def _flush(self) -> None:
        targets = (self._values, self._observed, self._intervals)
        if self._buffered:
            for dataset, parts in zip(targets, zip(*self._waiting, strict=True), strict=True):
                rows = np.concatenate(parts)
                dataset.resize(len(dataset) + len(rows), axis=0)
                dataset[-len(rows) :] = rows
        self._waiting, self._buffered = [], 0


def read_own_rows(group: h5py.Group, modality: Modality) -> OwnRows:
    """Rows of one modality, without their values."""
    room = group["own"][modality]
    return OwnRows(room["offsets"][:], room["observed"][:], room["intervals"][:])


def _growing(group: h5py.Group, name: str, shape: tuple[int, ...], kind: type) -> h5py.Dataset:
    return group.create_dataset(name, (0, *shape), kind, maxshape=(None, *shape), chunks=(CHUNK, *shape))
