"""The pictures in which a face is looked for: frames of a video, or the half of each that shows one of two people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmfeat.media import VideoFrame, probe, read_frames
from mmfeat.types import Half, Seconds


def read_pictures(
    path: Path,
    start: Seconds = 0.0,
    end: Seconds | None = None,
    rate: float | None = None,
    width: int | None = None,
    half: Half | None = None,
) -> Iterator[VideoFrame]:
    """As `media.read_frames`, of one half only where ``half`` is given.

    Halves are equally wide; the middle column of an odd number belongs to neither.

    Parameters
    ----------
    path : Path
    start, end : float
        s.
    rate : float, optional
        Pictures per second, at most.
    width : int, optional
        px to shrink what is given back to: of a half, its own width.
    half : {"left", "right"}, optional

    Returns
    -------
    Iterator[VideoFrame]
        ``image`` (H, W, 3), or (H, W // 2, 3) of a half.
    """
    if half is None:
        return read_frames(path, start, end, rate, width)
    frames = read_frames(path, start, end, rate, None if width is None else 2 * width)
    return (_halved(frame, half) for frame in frames)


def picture_size(path: Path, half: Half | None = None) -> tuple[int, int] | None:
    """Width and height in px of the pictures as shown, or of one half of them; None: there are none."""
    size = probe(path).video_size
    return size if size is None or half is None else (_half_width(size[0]), size[1])


def _halved(frame: VideoFrame, half: Half) -> VideoFrame:
    width = _half_width(frame.image.shape[1])
    columns = slice(None, width) if half == "left" else slice(-width, None)
    return replace(frame, image=np.ascontiguousarray(frame.image[:, columns]))


def _half_width(width: int) -> int:
    return max(1, width // 2)
