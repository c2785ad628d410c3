"""Frames on disk: one ``.npz`` or ``.csv`` per clip, or one HDF5 file per corpus and extractor."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mmfeat.errors import SchemaError
from mmfeat.safe_write import replacing
from mmfeat.types import Frames, Provenance

_BLOCK_ROWS = 1024  # rows per HDF5 chunk: some 2 MB at 512 dimensions


def write_npz(frames: Frames, path: Path) -> None:
    """Write ``names`` (D,), ``times`` (T,) s, ``values`` (T, D), ``observed`` (T,) and what made them.

    ``intervals`` (T, 2) s and ``valid`` (T, D) are there where the frames bring them.
    """
    arrays: dict[str, Any] = {
        "names": np.array(frames.names, dtype=np.str_),
        "times": frames.times,
        "values": frames.values,
        "observed": frames.observed,
        "source": np.array(json.dumps(asdict(frames.source), sort_keys=True)),
        "frame_shift": np.array(frames.frame_shift or 0.0),
    }
    if frames.intervals is not None:
        arrays["intervals"] = frames.intervals
    if frames.valid is not None:
        arrays["valid"] = frames.valid
    with replacing(path) as beside, beside.open("wb") as handle:
        np.savez(handle, **arrays)


def read_npz(path: Path) -> Frames:
    """Read what `write_npz` wrote.

    Raises
    ------
    SchemaError
        If the file is missing, cut short, or not ours.
    """
    try:
        # Opened here: numpy leaves the handle open when the archive is broken.
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as arrays:
            return Frames(
                values=arrays["values"],
                times=arrays["times"],
                observed=arrays["observed"],
                names=tuple(arrays["names"].tolist()),
                source=Provenance(**json.loads(str(arrays["source"]))),
                frame_shift=float(arrays["frame_shift"]) or None,
                intervals=arrays["intervals"] if "intervals" in arrays else None,
                valid=arrays["valid"] if "valid" in arrays else None,
            )
    except (OSError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise SchemaError(f"{path}: {error}; expected frames written by mmfeat; delete it and run again") from None


def write_csv(frames: Frames, path: Path) -> None:
    """Write one row per frame: ``time`` in s, ``observed`` as 0 or 1, then the named dimensions."""
    digits = 15 if frames.values.dtype == np.float64 else 7  # that the type can be relied on for
    with replacing(path) as beside, beside.open("w", encoding="utf-8") as handle:
        handle.write(",".join(("time", "observed", *frames.names)) + "\n")
        for time, observed, row in zip(frames.times, frames.observed, frames.values, strict=True):
            handle.write(f"{time:.6f},{int(observed)}," + ",".join(f"{value:.{digits}g}" for value in row) + "\n")


class FrameWriter:
    """Appends the frames of utterance after utterance, ragged: rows of all, and where each begins."""

    def __init__(self, file: h5py.File, names: tuple[str, ...], source: Provenance, frame_shift: float | None) -> None:
        self._file = file
        self._ids: list[str] = []
        self._spanned: list[bool] = []  # whether the frames of an utterance brought intervals of their own
        self._judged: list[bool] = []  # whether they brought the columns that are valid
        self._offsets = [0]
        file.attrs["names"] = json.dumps(names)
        file.attrs["frame_shift"] = frame_shift or 0.0
        file.attrs["source"] = json.dumps(asdict(source), sort_keys=True)
        self._create("values", (len(names),), np.float32)
        self._create("times", (), np.float64)
        self._create("observed", (), np.bool_)
        self._create("intervals", (2,), np.float64)

    def _create(self, name: str, tail: tuple[int, ...], dtype: Any) -> None:
        self._file.create_dataset(
            name, (0, *tail), dtype, maxshape=(None, *tail), chunks=(_BLOCK_ROWS, *(n or 1 for n in tail))
        )

    def append(self, utterance_id: str, frames: Frames) -> None:
        """Add one utterance."""
        first, last = self._offsets[-1], self._offsets[-1] + len(frames.times)
        spans = np.zeros((len(frames.times), 2)) if frames.intervals is None else frames.intervals
        columns = {
            "values": frames.values,
            "times": frames.times,
            "observed": frames.observed,
            "intervals": spans,
        }
        for name, rows in columns.items():
            self._fill(name, first, last, rows)
        if frames.valid is not None:
            if "valid" not in self._file:  # most extractors never bring it
                self._create("valid", frames.valid.shape[1:], np.bool_)
            self._fill("valid", first, last, frames.valid)
        self._ids.append(utterance_id)
        self._spanned.append(frames.intervals is not None)
        self._judged.append(frames.valid is not None)
        self._offsets.append(last)

    def _fill(self, name: str, first: int, last: int, rows: Any) -> None:
        dataset = self._file[name]
        dataset.resize(last, axis=0)
        dataset[first:last] = rows

    def finish(self) -> None:
        """Write the index."""
        self._file.create_dataset("ids", data=self._ids, dtype=h5py.string_dtype())
        self._file.create_dataset("spanned", data=np.array(self._spanned, dtype=np.bool_))
        if any(self._judged):
            self._file.create_dataset("judged", data=np.array(self._judged, dtype=np.bool_))
        self._file.create_dataset("offsets", data=np.array(self._offsets, dtype=np.int64))


@contextmanager
def writing(path: Path, names: tuple[str, ...], source: Provenance, frame_shift: float | None) -> Iterator[FrameWriter]:
    """Open a store of one corpus and extractor for writing; it appears at ``path`` when the block ends well."""
    with replacing(path) as beside, h5py.File(beside, "w", libver=("v110", "v110")) as file:
        writer = FrameWriter(file, names, source, frame_shift)
        yield writer
        writer.finish()


class FrameReader:
    """Reads the frames of one utterance at a time.

    Raises
    ------
    SchemaError
        If the file is not a frame store.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = h5py.File(path, "r")
            self.names = tuple(json.loads(self._file.attrs["names"]))
            self.source = Provenance(**json.loads(self._file.attrs["source"]))
            self.frame_shift = float(self._file.attrs["frame_shift"]) or None
            self._rows = {name: row for row, name in enumerate(self._file["ids"].asstr()[:])}
            self._offsets = self._file["offsets"][:]
            self._spanned = self._file["spanned"][:]
            self._judged = self._file["judged"][:] if "judged" in self._file else np.zeros(len(self._rows), np.bool_)
        except (OSError, KeyError) as error:
            raise SchemaError(f"{path}: {error}; expected frames written by mmfeat; run 'dvc repro' again") from None

    def get(self, utterance_id: str) -> Frames | None:
        """Frames of one utterance; None where its extraction failed."""
        row = self._rows.get(utterance_id)
        if row is None:
            return None
        span = slice(self._offsets[row], self._offsets[row + 1])
        return Frames(
            values=self._file["values"][span],
            times=self._file["times"][span],
            observed=self._file["observed"][span],
            names=self.names,
            source=self.source,
            frame_shift=self.frame_shift,
            intervals=self._file["intervals"][span] if self._spanned[row] else None,
            valid=self._file["valid"][span] if self._judged[row] else None,
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()
