"""The speaker's face over a clip: where it is at every moment, and pictures of it on demand."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from mmfeat.errors import ConfigError, ExtractionFailed
from mmfeat.faces.alignment import cut_out, eye_similarity
from mmfeat.faces.detection import Detections, FaceDetector, pyramid
from mmfeat.faces.pictures import picture_size, read_pictures
from mmfeat.faces.tracking import interpolate, largest_face, link, main_face
from mmfeat.types import BoolArray, ByteImage, FloatArray, Frames, Half, IntArray, Provenance, Seconds

VERSION = "1"
CROPS_AT_ONCE = 32
_DETECTED_AT_ONCE = 8  # frames, fewer if they are large
_PIXELS_AT_ONCE = 5_000_000
_BATCHES_TO_TRIM = 16  # more often costs time, since what was given back must be asked for again
_REFERENCE_WIDTH = 640  # px, in which `min_face_size` counts
_ROUNDING = 0.0005  # s; half of the coarsest time stamp unit


@dataclass(frozen=True)
class FaceConfig:
    """Settings of the face track.

    Raises
    ------
    ConfigError
        On construction, with all values that are out of range.
    """

    crops_per_second: float | None = 10.0  # rows of the track, by presentation time; None: every frame
    detections_per_second: float | None = 10.0  # of the rows, how many are searched for faces; None: all
    min_face_size: float = 40.0  # px in a frame that is 640 px wide or narrower; wider frames in proportion
    detection_width: int = 960  # px; wider frames are shrunk to it for detection
    min_probability: float = 0.9  # a less certain detection is no face
    min_detections: int = 2  # of one face, in a clip that is searched at least so often
    max_gap: Seconds = 0.3  # s; a face that was not detected for longer was not there
    speaker: Literal["main", "largest"] = "main"  # largest for longest, or the largest of every frame
    min_size: float = 0.5  # of the main face, for another that appears while it is away

    def __post_init__(self) -> None:
        """Check the ranges."""
        rules = {
            "crops_per_second": (
                self.crops_per_second is None or 0 < self.crops_per_second,
                "a number above 0 or none",
            ),
            "detections_per_second": (
                self.detections_per_second is None or 0 < self.detections_per_second,
                "a number above 0 or none",
            ),
            "min_face_size": (self.min_face_size >= 12, "12 px or more"),
            "detection_width": (self.detection_width >= 64, "64 px or more"),
            "min_probability": (0 <= self.min_probability <= 1, "0 to 1"),
            "min_detections": (self.min_detections >= 1, "1 or more"),
            "max_gap": (self.max_gap >= 0, "0 s or more"),
            "min_size": (0 <= self.min_size <= 1, "0 to 1"),
        }
        wrong = [f"{name}={getattr(self, name)}; expected {rule}" for name, (holds, rule) in rules.items() if not holds]
        if wrong:
            raise ConfigError(f"faces: {'; '.join(wrong)}; change the face track's settings")


@dataclass(frozen=True)
class FaceTrack:
    """The speaker's face in one clip. Rows where it was not seen are zeros with ``observed`` False.

    Of a picture of two people only the speaker's ``half`` is looked at, as if there were no other: places count from
    its own upper left corner.
    """

    path: Path
    times: FloatArray  # (T,) float64 s, of the frames
    boxes: FloatArray  # (T, 4) float32 px of the picture as shown: left, top, right, bottom
    landmarks: FloatArray  # (T, 5, 2) float32 px x, y: the eye left in the picture, the other eye, nose, mouth corners
    observed: BoolArray  # (T,)
    config: FaceConfig
    start: Seconds = 0.0
    end: Seconds | None = None
    half: Half | None = None  # of the frame, that the picture is; None: all of it

    def described(
        self, size: int, describe: Callable[[ByteImage], FloatArray], names: tuple[str, ...], source: Provenance
    ) -> Frames:
        """Features of the face, for every row of the track.

        Parameters
        ----------
        size : int
            px, side of a crop.
        describe : callable
            Crops (n, size, size, 3) to features (n, D).
        names : tuple of str
            Of the D dimensions.
        source : Provenance
            Of the extractor; the settings of the track are added.

        Returns
        -------
        Frames
            Zeros with ``observed`` False where there is no face.

        Raises
        ------
        ExtractionFailed
            As `crops`.
        """
        values = np.zeros((len(self.times), len(names)), dtype=np.float32)
        for rows, crops in self.crops(size):
            values[rows] = describe(crops)
        return Frames(values, self.times, self.observed, names, with_settings(source, self.config))

    def crops(self, size: int) -> Iterator[tuple[IntArray, ByteImage]]:
        """Decode the clip again and cut out the face, upright, both eyes always at the same places.

        Parameters
        ----------
        size : int
            px, side of a crop.

        Yields
        ------
        rows : IntArray, shape (n,)
            Rows of the track; those that are not observed are left out.
        crops : ByteImage, shape (n, size, size, 3)
            RGB, n at most 32.

        Raises
        ------
        ExtractionFailed
            If the file is no longer the one that was tracked.
        """
        if not self.observed.any():
            return
        similarities = eye_similarity(self.landmarks, self.boxes)
        rows: list[int] = []
        crops: list[ByteImage] = []
        count = 0
        pictures = read_pictures(self.path, self.start, self.end, self.config.crops_per_second, half=self.half)
        for frame in pictures:
            row, count = count, count + 1
            if row >= len(self.times) or abs(frame.time - self.times[row]) > _ROUNDING:
                raise self._changed(f"frame {row} is at {frame.time:.3f} s")
            if self.observed[row]:
                rows.append(row)
                crops.append(cut_out(frame.image, similarities[row], size))
            if len(rows) == CROPS_AT_ONCE:
                yield np.array(rows), np.stack(crops)
                rows, crops = [], []
        if rows:
            yield np.array(rows), np.stack(crops)
        if count < len(self.times):
            raise self._changed(f"has {count} frames; expected {len(self.times)}")

    def _changed(self, how: str) -> ExtractionFailed:
        return ExtractionFailed(
            f"{self.path}: {how}; expected the frames that the face was tracked in; the file has changed: "
            "track it again"
        )


def track_face(
    path: Path, config: FaceConfig, start: Seconds = 0.0, end: Seconds | None = None, half: Half | None = None
) -> FaceTrack:
    """Find the speaker's face in a clip and follow it.

    Parameters
    ----------
    path : Path
        A video; one without pictures gives a track without rows.
    config : FaceConfig
    start, end : float
        s, the stretch to look at; ``end`` None is the end of the file.
    half : {"left", "right"}, optional
        Of each picture, where it shows two people side by side; the other half is never looked at.

    Returns
    -------
    FaceTrack

    Raises
    ------
    MediaError
        If the file cannot be decoded.
    """
    found, times, searched = _search(path, config, start, end, half)
    enough = min(config.min_detections, len(searched))
    faces = [face for face in link(found, times[searched], config.max_gap) if len(face) >= enough]
    if config.speaker == "main":
        parts = main_face(found, faces, config.min_size)
    else:
        parts = largest_face(found, faces)
    values = np.concatenate((found.boxes, found.landmarks.reshape(-1, 10)), axis=1)
    smooth, observed = interpolate(values, times[searched[found.frames]], parts, times)
    return FaceTrack(
        path=path,
        times=times,
        boxes=smooth[:, :4].astype(np.float32),
        landmarks=smooth[:, 4:].reshape(-1, 5, 2).astype(np.float32),
        observed=observed,
        config=config,
        start=start,
        end=end,
        half=half,
    )


def untracked(
    path: Path, config: FaceConfig, start: Seconds = 0.0, end: Seconds | None = None, half: Half | None = None
) -> FaceTrack:
    """Say which stretch of which clip, without looking: a track without rows."""
    none = np.zeros(0, dtype=np.float32)
    return FaceTrack(
        path=path,
        times=np.zeros(0, dtype=np.float64),
        boxes=none.reshape(0, 4),
        landmarks=none.reshape(0, 5, 2),
        observed=np.zeros(0, dtype=np.bool_),
        config=config,
        start=start,
        end=end,
        half=half,
    )


def with_settings(source: Provenance, config: FaceConfig) -> Provenance:
    """Provenance of vision features: they depend on the settings of the face track as much as on their own."""
    return replace(source, config={**source.config, "faces": asdict(config)})


def _search(
    path: Path, config: FaceConfig, start: Seconds, end: Seconds | None, half: Half | None
) -> tuple[Detections, FloatArray, IntArray]:
    """All sufficiently certain faces, in px as shown; the times of all rows; the rows that were searched."""
    shown = picture_size(path, half)
    times: list[Seconds] = []
    searched: list[int] = []
    found: list[Detections] = []
    batch: list[ByteImage] = []
    last_tick = -1

    def detect() -> None:
        if batch and shown:
            found.append(_detect(np.stack(batch), shown[0], config, first=len(searched) - len(batch)))
            if len(found) % _BATCHES_TO_TRIM == 0:
                _give_back_memory()
        batch.clear()

    rate = config.detections_per_second
    for frame in read_pictures(path, start, end, config.crops_per_second, config.detection_width, half):
        tick = len(times) if rate is None else int((frame.time + _ROUNDING) * rate)
        if tick != last_tick:
            if batch and (batch[0].shape != frame.image.shape or len(batch) == _room(frame.image)):
                detect()
            searched.append(len(times))
            batch.append(frame.image)
            last_tick = tick
        times.append(frame.time)
    if times and searched[-1] != len(times) - 1:  # the last frame, so that what follows the last tick is known too
        detect()
        searched.append(len(times) - 1)
        batch.append(frame.image)
    detect()
    return _joined(found), np.array(times, dtype=np.float64), np.array(searched, dtype=np.int64)


def _give_back_memory() -> None:
    """Return freed memory to the system, where the C library can.

    glibc keeps what is freed below the last block in use. The small results of each batch lie above the large pictures
    of the next, and the process would grow with the length of the clip (1.4 GB after 30 s of 720p instead of 0.5).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _room(image: ByteImage) -> int:
    """How many frames of this size go through the detector at once."""
    pixels = int(image.shape[0] * image.shape[1])
    return max(1, min(_DETECTED_AT_ONCE, _PIXELS_AT_ONCE // pixels))


def _detect(images: ByteImage, shown_width: int, config: FaceConfig, first: int) -> Detections:
    """Faces in successive searched frames, the first of which has number ``first``."""
    height, width = images.shape[1:3]
    smallest = config.min_face_size * max(1.0, width / _REFERENCE_WIDTH)
    found = _detector()(images, pyramid(shown_width, width, height, smallest))
    certain = found.probabilities >= config.min_probability
    larger = shown_width / width
    return Detections(
        found.frames[certain] + first,
        found.boxes[certain] * larger,
        found.probabilities[certain],
        found.landmarks[certain] * larger,
    )


def _joined(parts: list[Detections]) -> Detections:
    none = Detections(np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))
    columns = ("frames", "boxes", "probabilities", "landmarks")
    return Detections(*(np.concatenate([getattr(part, column) for part in (none, *parts)]) for column in columns))


@functools.cache
def _detector() -> FaceDetector:
    """One per process: loading the networks takes longer than a short clip."""
    return FaceDetector()
