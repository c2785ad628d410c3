"""Action units, head pose and gaze as OpenFace wrote them: its CSV file of each clip, read and checked.

OpenFace (Baltrusaitis et al., FG 2018) is a program of its own with a licence of its own; its user runs it. The clip's
pictures are not looked at here, and which face is the speaker's is OpenFace's business (docs/openface.md).
"""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np

from mmfeat.errors import ConfigError, ExtractionFailed, MissingDependency
from mmfeat.faces import FaceTrack
from mmfeat.types import BoolArray, FloatArray, Frames, Half, IntArray, Modality, Provenance, Seconds

MODALITY: Modality = "vision"
VERSION = "1"

_UNITS = "01 02 04 05 06 07 09 10 12 14 15 17 20 23 25 26 45".split()
_EYES = tuple(f"eye_lmk_{axis}_{number}" for axis, number in product("xyXYZ", range(56)))
GROUPS: dict[str, tuple[str, ...]] = {  # in the order of the file
    "gaze": tuple(f"gaze_{eye}_{axis}" for eye, axis in product("01", "xyz")),
    "gaze_angle": ("gaze_angle_x", "gaze_angle_y"),
    "eyes": _EYES,
    "pose": tuple(f"pose_{kind}{axis}" for kind, axis in product("TR", "xyz")),
    "landmarks": tuple(f"{axis}_{number}" for axis, number in product("xy", range(68))),
    "landmarks3d": tuple(f"{axis}_{number}" for axis, number in product("XYZ", range(68))),
    "shape": ("p_scale", "p_rx", "p_ry", "p_rz", "p_tx", "p_ty", *(f"p_{number}" for number in range(34))),
    "intensities": tuple(f"AU{unit}_r" for unit in _UNITS),
    "presences": tuple(f"AU{unit}_c" for unit in sorted([*_UNITS, "28"])),
}
_OLDER_NAMES = {"gaze_2_z": "gaze_1_z", "detection_success": "success"}  # OpenFace 1 and what was made with it
_ABOUT = ("timestamp", "confidence", "success")
_NOT_NUMBERS = ("-nan(ind)", "nan(ind)", "-nan(snan)", "1.#INF", "-1.#INF")  # as Windows writes them
_ROUNDING: Seconds = 0.0005  # OpenFace writes times in whole milliseconds
_SOLE_FRAME: Seconds = 0.04  # how long a frame without neighbours lasts
_WIDEST = {"_r": (-10.0, 10.0), "_c": (0.0, 1.0)}  # intensities are 0 to 5, a little beyond without its last step

Group = Literal[
    "all", "gaze", "gaze_angle", "eyes", "pose", "landmarks", "landmarks3d", "shape", "intensities", "presences"
]


@dataclass(frozen=True)
class Config:
    """Which files, and what of them.

    Raises
    ------
    ConfigError
        On construction, if no columns are chosen or the confidence is out of range.
    """

    folder: Path  # holds <stem of the media file>.csv, or <stem>.left.csv and .right.csv where a picture shows two
    columns: tuple[Group, ...] = ("gaze", "gaze_angle", "pose", "intensities", "presences")
    min_confidence: float = 0.0  # of a frame, beside OpenFace's own ``success``, which has a limit of its own

    def __post_init__(self) -> None:
        """Check the values."""
        if not self.columns or not 0 <= self.min_confidence <= 1:
            raise ConfigError(
                f"openface: columns={','.join(self.columns)!r}, min_confidence={self.min_confidence}; expected one or "
                f"more of all, {', '.join(GROUPS)}, and a number from 0 to 1; change the settings"
            )


@dataclass(frozen=True)
class _Table:
    """One CSV file."""

    times: FloatArray  # (R,) s
    faces: IntArray  # (R,) number of the face; zeros where the file has one only
    confidence: FloatArray  # (R,)
    usable: BoolArray  # (R,) success, and every chosen column is a number
    values: FloatArray  # (R, D) float32
    digest: str  # sha256


class OpenfaceExtractor:
    """Give back what OpenFace measured in the frames of an utterance."""

    name = "openface"
    modality = MODALITY
    frame_shift = None  # frames are as far apart as those of the video

    def __init__(self, config: Config) -> None:
        self._config = config
        chosen = [group for group in GROUPS if group in config.columns or "all" in config.columns]
        self.names = tuple(name for group in chosen for name in GROUPS[group])
        settings = {"columns": chosen, "min_confidence": config.min_confidence}
        self.source = Provenance(self.name, VERSION, settings)

    def __call__(self, signal: FaceTrack) -> Frames:
        """Frames of one utterance.

        Parameters
        ----------
        signal : FaceTrack
            Only its ``path``, ``start``, ``end`` and ``half`` are looked at.

        Returns
        -------
        Frames
            One for every row of the file in ``[start, end)``; of several faces, the one with the most confidence summed
            over the utterance, whose number then stands in ``source``. Zeros with ``observed`` False where OpenFace
            had no success or too little confidence, or where a chosen column is not finite.

        Raises
        ------
        ExtractionFailed
            If the clip has no file, or the file is cut off, lacks columns, holds anything but numbers, or ends before
            the utterance begins.
        """
        path = self.sidecar(signal.path, signal.half)
        table = _table(path, self.names)
        end = np.inf if signal.end is None else signal.end
        within = (table.times >= signal.start - _ROUNDING) & (table.times < end - _ROUNDING)
        if end > signal.start > table.times.max():
            raise ExtractionFailed(
                f"{path} ends at {table.times.max():.3f} s; expected frames from {signal.start:.3f} s on; run OpenFace "
                f"again on the whole of {signal.path.name}"
            )
        usable = table.usable & (table.confidence >= self._config.min_confidence)
        face = _main_face(table, within & usable)
        rows = np.flatnonzero(within & (table.faces == face))
        observed = usable[rows]
        _require_plausible(table.values[rows[observed]], self.names, path)
        times = table.times[rows]
        intervals = _intervals(times, path)
        values = np.where(observed[:, None], table.values[rows], np.float32(0))
        several = {"face_id": face} if np.unique(table.faces).size > 1 else {}
        source = replace(self.source, config={**self.source.config, **several}, sources={path.name: table.digest})
        return Frames(values, times, observed, self.names, source, intervals=intervals)

    def sidecar(self, media: Path, half: Half | None) -> Path:
        """The CSV file of a clip, whether it is there or not."""
        return self._config.folder / (f"{media.stem}.csv" if half is None else f"{media.stem}.{half}.csv")


def build(config: Config) -> OpenfaceExtractor:
    """Make the extractor.

    Raises
    ------
    MissingDependency
        If there are no CSV files.
    """
    if not any(config.folder.glob("*.csv")):
        raise MissingDependency(
            f"openface finds no CSV files in {config.folder}; expected one for each clip; run OpenFace's "
            f"FeatureExtraction -f CLIP -out_dir {config.folder} first, or give another folder="
        )
    return OpenfaceExtractor(config)


def _table(path: Path, names: tuple[str, ...]) -> _Table:
    try:
        state = path.stat()
    except OSError as error:
        raise ExtractionFailed(
            f"no file {path}; expected what OpenFace wrote about that clip; run FeatureExtraction on it"
        ) from error
    return _read(path, names, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=1)  # utterances of one video come one after the other
def _read(path: Path, names: tuple[str, ...], size: int, modified: int) -> _Table:
    data = path.read_bytes()
    header = [name.strip() for name in data.partition(b"\n")[0].decode("utf-8-sig", errors="replace").split(",")]
    header = [_OLDER_NAMES.get(name, name) for name in header]
    _require_columns(header, (*_ABOUT, *names), path)
    _require_whole(data, path)
    about = [*_ABOUT, *(["face_id"] if "face_id" in header else [])]
    cells = _numbers(data, [header.index(name) for name in (*about, *names)], path)
    times, confidence, success = cells[:, :3].T
    faces = cells[:, 3] if "face_id" in about else np.zeros(len(cells))
    if not (np.isfinite(times).all() and np.isfinite(faces).all()):
        raise ExtractionFailed(f"{path}: a timestamp or face_id is no number; expected one in every row; run it again")
    with np.errstate(over="ignore"):
        values = cells[:, len(about) :].astype(np.float32)
    return _Table(
        times=times,
        faces=faces.astype(np.int64),
        confidence=confidence,
        usable=(success == 1) & np.isfinite(confidence) & np.isfinite(values).all(axis=1),
        values=values,
        digest=hashlib.sha256(data).hexdigest(),
    )


def _numbers(data: bytes, columns: Sequence[int], path: Path) -> FloatArray:
    """(R, len(columns)) float64."""
    import pandas as pd

    try:
        frame = pd.read_csv(
            io.BytesIO(data),
            header=None,
            skiprows=1,
            usecols=sorted(columns),
            dtype=np.float64,
            skipinitialspace=True,
            na_values=list(_NOT_NUMBERS),
        )
    except ValueError as error:  # which pandas' own errors are as well
        reason = " ".join(str(error).split())
        raise ExtractionFailed(
            f"{path} cannot be read ({reason}); expected a number in every cell; run OpenFace again"
        ) from error
    numbers: FloatArray = frame[list(columns)].to_numpy()
    return numbers


def _require_columns(header: Sequence[str], wanted: Sequence[str], path: Path) -> None:
    missing = [name for name in wanted if name not in header]
    if not missing:
        return
    remedy = "run FeatureExtraction without options that leave columns out, or choose others with columns="
    if "timestamp" in missing:
        remedy = "write it with FeatureExtraction (FaceLandmarkImg knows no times), cells separated by commas"
    raise ExtractionFailed(
        f"{path} lacks {len(missing)} of {len(wanted)} columns ({', '.join(missing[:3])}); expected them in its first "
        f"line; {remedy}"
    )


def _require_whole(data: bytes, path: Path) -> None:
    lines = data.rstrip().rsplit(b"\n", 1)
    first = data.split(b"\n", 2)[1:2]
    if len(lines) < 2 or not first or not data.endswith(b"\n") or lines[-1].count(b",") != first[0].count(b","):
        raise ExtractionFailed(
            f"{path} has no rows or is cut off in its last one; expected rows as long as the first, each with a line "
            "end; run OpenFace on the clip again"
        )


def _main_face(table: _Table, counted: BoolArray) -> int:
    """Number of the face with the most confidence summed over the counted rows; the lowest of equals."""
    numbers = np.unique(table.faces)
    sums = [float(table.confidence[counted & (table.faces == number)].sum()) for number in numbers]
    return int(numbers[int(np.argmax(sums))])


def _intervals(times: FloatArray, path: Path) -> FloatArray:
    """(T, 2) s: halfway to the neighbours, but not into stretches that OpenFace left out because it saw no face."""
    gaps = np.diff(times)
    if not (gaps > 0).all():
        at = times[1:][gaps <= 0][0]
        raise ExtractionFailed(
            f"{path}: the time {at:.3f} s comes after one that is not earlier; expected increasing timestamps; "
            "run OpenFace on the video itself"
        )
    step = float(np.median(gaps)) if len(gaps) else _SOLE_FRAME
    reach = np.minimum(gaps, 1.5 * step) / 2
    before, after = np.append(step / 2, reach)[: len(times)], np.append(reach, step / 2)[: len(times)]
    return np.stack((times - before, times + after), axis=1)


def _require_plausible(values: FloatArray, names: Sequence[str], path: Path) -> None:
    for column, name in enumerate(names):
        low, high = _WIDEST.get(name[-2:] if name.startswith("AU") else "", (-np.inf, np.inf))
        wrong = values[(values[:, column] < low) | (values[:, column] > high), column]
        if len(wrong):
            raise ExtractionFailed(
                f"{path}: {name} is {wrong[0]:g}; expected {'0 or 1' if name.endswith('_c') else '0 to 5'}; a "
                "spreadsheet program that takes the point for a separator does this: use the file as OpenFace wrote it"
            )
