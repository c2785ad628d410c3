"""Computational sequences of the CMU-MultimodalSDK, ``.csd``: one feature set of all videos of a corpus, in HDF5.

Layout::

    /<root name>
        /data/<video>/features       (T, D)
        /data/<video>/intervals      (T, 2) s within the video
        /metadata/<field>            (1,) text, JSON; plain text in files of the first generation

After alignment by the SDK the keys are ``<video>[<row of the reference>]``. Files are opened lazily and give one video
at a time. The layout and its variants follow CMU-MultimodalSDK, ``mmsdk/mmdatasdk/computational_sequence``.
"""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import numpy.typing as npt

from mmfeat.errors import FormatError
from mmfeat.formats.csd_chunks import read_array
from mmfeat.formats.csd_names import Published, clean_name, known_as
from mmfeat.safe_write import replacing
from mmfeat.types import FloatArray

_WHAT = "a computational sequence (.csd), one HDF5 group with 'data' and 'metadata' inside"
_NAMES_FIELDS = ("dimension names", "dimension namescomputational sequence version")  # the SDK lacks a comma there
_BLOCK_BYTES = 1 << 18  # of a written chunk: whole rows, so that a video is a few pieces


@dataclass(frozen=True)
class Rows:
    """One video of a sequence."""

    intervals: FloatArray  # (T, 2) float64 s
    features: npt.NDArray[Any]  # (T, D) numbers, or (T, 1) texts


class Csd:
    """Reads a computational sequence.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    root : str
        Name of the sequence as the file has it, without ``b'...'``.
    published : Published or None
        The published sequence that this name stands for.
    metadata : mapping
        Fields that the file states; JSON values where they are JSON, else text.
    videos : tuple of str
        Keys, in alphabetical order.

    Raises
    ------
    FormatError
        If the file is missing, cut short, no HDF5, or no computational sequence.

    Examples
    --------
    >>> with Csd(Path("CMU_MOSI_COVAREP.csd")) as covarep:        # doctest: +SKIP
    ...     covarep.published.name, covarep.rows("03bSnISJMiM").features.shape
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _open(path)
        try:
            group = _root(self._file, path)
            self.root = clean_name(group.name.removeprefix("/"))
            self.published: Published | None = known_as(self.root) or known_as(path.stem)
            self.metadata: Mapping[str, Any] = _metadata(group)
            self._data = group["data"]
            self.videos: tuple[str, ...] = tuple(sorted(self._data))
        except (OSError, RuntimeError) as error:
            self.close()
            raise _damaged(path, error) from None
        except FormatError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __contains__(self, video: object) -> bool:
        return video in self._data

    def rows(self, video: str) -> Rows:
        """Read one video; several threads may do so at once.

        Raises
        ------
        FormatError
            If there is no such video, or its arrays are missing, damaged, or do not fit together.
        """
        where = f"{self.path}: video {video!r}"
        try:
            entry = self._data.get(video)
            if not isinstance(entry, h5py.Group):
                raise FormatError(f"{where} is not in the file; expected one of its {len(self.videos)}; check the id")
            found = entry.get("features"), entry.get("intervals")
            if not all(isinstance(one, h5py.Dataset) for one in found):
                raise FormatError(f"{where} lacks features or intervals; expected both; get the file again")
            features, intervals = map(read_array, found)
        except (OSError, RuntimeError, ValueError, MemoryError, zlib.error) as error:
            raise FormatError(f"{where} cannot be read ({_line(error)}); expected a whole file; get it again") from None
        features = features[:, None] if features.ndim == 1 else features
        if features.ndim != 2 or intervals.shape != (len(features), 2) or intervals.dtype.kind not in "fiu":
            raise FormatError(
                f"{where}: features {features.shape} and intervals {intervals.shape} {intervals.dtype}; expected "
                "(T, D) and numbers (T, 2); mend or leave out the video"
            )
        return Rows(intervals.astype(np.float64, copy=False), features)

    def width(self, video: str) -> int | None:
        """Give D of one video without reading it; None where it has no numbers of shape (T, D)."""
        entry = self._data[video]
        features = entry.get("features") if isinstance(entry, h5py.Group) else None
        if not isinstance(features, h5py.Dataset) or features.ndim not in (1, 2) or features.dtype.kind not in "fiub":
            return None
        return int(features.shape[1]) if features.ndim == 2 else 1

    def stated_names(self, width: int) -> tuple[str, ...] | None:
        """Names that the file gives its D columns; None where it does not name D different ones."""
        lists = (self.metadata.get(field) for field in _NAMES_FIELDS)
        names = next((tuple(map(str, names)) for names in lists if isinstance(names, list)), ())
        return names if len(names) == len(set(names)) == width else None

    def dimension_names(self, width: int) -> tuple[str, ...]:
        """Names of the D columns: the file's, else numbers behind the name of the sequence."""
        stem = self.published.name if self.published else self.root
        return self.stated_names(width) or tuple(f"{stem}_{number:03d}" for number in range(width))


def texts_of(rows: Rows, where: str) -> list[str]:
    """Words or phones of a video, one per row, in lower case.

    Raises
    ------
    FormatError
        If the features are no texts, one per row.
    """
    if rows.features.shape[1:] != (1,) or rows.features.dtype.kind not in "SOU":
        raise FormatError(
            f"{where}: features {rows.features.shape} {rows.features.dtype}; expected one text per row; "
            "give the file of the words"
        )
    return [_text(token).strip().lower() for token in rows.features[:, 0]]


def write(
    path: Path,
    root: str,
    videos: Iterable[tuple[str, Rows]],
    *,
    dimension_names: Sequence[str],
    dataset: str,
    description: str,
    gzip: int = 0,
) -> None:
    """Write a computational sequence that the CMU-MultimodalSDK reads; the same input gives the same bytes.

    Parameters
    ----------
    path : Path
    root : str
        Name of the sequence.
    videos : iterable of (str, Rows)
        One at a time; keys once each.
    dimension_names : sequence of str
        D names.
    dataset, description : str
        Kept in the metadata.
    gzip : int
        Level 1 to 9; 0 leaves the numbers unpacked, which reads fastest.

    Raises
    ------
    OutputError
        If ``path`` cannot be written.
    """
    with replacing(path) as beside, h5py.File(beside, "w", libver=("v110", "v110")) as file:
        group = file.create_group(root)
        data = group.create_group("data")
        for video, rows in videos:
            entry = data.create_group(video)
            for name, values in (("features", rows.features), ("intervals", rows.intervals)):
                packing = {"chunks": _chunks(values), "compression": "gzip", "compression_opts": gzip}
                entry.create_dataset(name, data=values, **(packing if gzip and values.size else {}))
        metadata = group.create_group("metadata")
        for field, value in _described(root, dimension_names, dataset, description).items():
            metadata.create_dataset(field, data=[json.dumps(value)], dtype=h5py.string_dtype())


def _open(path: Path) -> h5py.File:
    if not path.is_file():
        raise FormatError(f"no such file {path}; expected {_WHAT}; check the path")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> FormatError:
    reason = _line(error)
    if "truncated" in reason:
        reason = "it is cut short"
    elif "signature" in reason:
        reason = "it is no HDF5 file"
    return FormatError(f"cannot read {path}: {reason}; expected {_WHAT}; get the whole file again")


def _root(file: h5py.File, path: Path) -> h5py.Group:
    """The only group at the top, which must hold data."""
    groups = sorted(name for name in file if isinstance(file.get(name), h5py.Group))
    if len(groups) != 1:
        found = ", ".join(map(repr, groups[:4])) + (" ..." if len(groups) > 4 else "")
        raise FormatError(
            f"{path}: {len(groups)} groups at the root{': ' + found if groups else ''}; expected exactly one of "
            f"{_WHAT}; give another file"
        )
    group = file[groups[0]]
    if not isinstance(group.get("data"), h5py.Group):
        raise FormatError(f"{path}: no group 'data' in {groups[0]!r}; expected {_WHAT}; give another file")
    if not len(group["data"]):
        raise FormatError(f"{path}: no videos in {groups[0]!r}; expected at least one; get the file again")
    return group


def _metadata(group: h5py.Group) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    stated = group.get("metadata")
    for name, entry in stated.items() if isinstance(stated, h5py.Group) else ():
        if isinstance(entry, h5py.Dataset) and entry.size == 1:
            text = _text(np.asarray(entry[()], dtype=object).item())
            try:
                fields[name] = json.loads(text)
            except json.JSONDecodeError:  # the first generation of files
                fields[name] = text
    return fields


def _described(root: str, names: Sequence[str], dataset: str, description: str) -> dict[str, Any]:
    """All fields that the SDK asks for."""
    fields = {
        "root name": root,
        "computational sequence description": description,
        "dimension names": list(names),
        "computational sequence version": "1.0",
        "alignment compatible": True,
        "dataset name": dataset,
        "dataset version": "1.0",
        "creator": "mmfeat",
        "contact": "",
        "featureset bib citation": "",
        "dataset bib citation": "",
        "md5": None,
    }
    # From the content, not drawn: the same sequence has the same name everywhere.
    return fields | {"uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(fields, sort_keys=True)))}


def _chunks(values: npt.NDArray[Any]) -> tuple[int, ...]:
    row = max(values.itemsize * values.shape[1], 1)
    return max(min(len(values), _BLOCK_BYTES // row), 1), max(values.shape[1], 1)


def _text(value: object) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]
