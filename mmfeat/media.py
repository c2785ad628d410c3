"""Media files in: sound as mono float32, pictures as RGB with their real presentation times (PyAV, ffmpeg's libraries).

Times of both streams count from the start of the container. Everything streams: of a long file only a few frames and
the resampled sound itself are ever in memory.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame as Picture
from av.video.reformatter import Interpolation, VideoReformatter

from mmfeat.decoding import EXPECTED, Media, check_readable, open_media
from mmfeat.errors import MediaError, MmfeatError
from mmfeat.types import SPEECH_RATE, ByteImage, Seconds, Waveform

_EPSILON = 1e-6  # s; a start or end given in decimals meets the time stamp it means
_ROUNDING = 0.0005  # s; half of the coarsest time stamp unit (mkv, webm, wmv: 1 ms)
_JITTER = 0.015  # s by which time stamps may waver; the shortest packet of sound that can get lost is 20 ms

Samples = npt.NDArray[np.float32]
Orientation = tuple[bool, bool, bool]  # swap the axes, then mirror the columns, then mirror the rows


@dataclass(frozen=True)
class MediaInfo:
    """What is in a media file."""

    path: Path
    duration: Seconds
    audio_rate: int | None  # Hz; None: no sound
    video_size: tuple[int, int] | None  # width, height in pixels as shown (rotation applied); None: no pictures
    frame_rate: float | None  # pictures per second, mean


@dataclass(frozen=True)
class VideoFrame:
    """One picture."""

    time: Seconds  # presentation time from the start of the container
    image: ByteImage  # (H, W, 3) RGB, upright


def probe(path: Path) -> MediaInfo:
    """Say what a file holds, having decoded its first sound and picture.

    Raises
    ------
    MediaError
        The file is missing, empty, not media, cut off in its header, or holds neither sound nor pictures.
    """
    with open_media(Path(path)) as media:
        sound = next((frame for _, frame in media.decode("audio")), None)
        picture = next((frame for _, frame in media.decode("video")), None)
        if sound is None and picture is None:
            raise MediaError(f"{path} holds no sound and no pictures; {EXPECTED}; give another file")
        return MediaInfo(
            path=media.path,
            duration=media.duration,
            audio_rate=None if sound is None else int(sound.sample_rate),
            video_size=None if picture is None else _shown_size(picture, _orientation(picture)[0]),
            frame_rate=None if picture is None else media.frame_rate,
        )


def read_waveform(path: Path, sample_rate: int, start: Seconds = 0.0, end: Seconds | None = None) -> Waveform | None:
    """Decode the sound of ``[start, end)``, mixed down to mono and resampled by soxr (quality HQ).

    Channels are averaged. Where the file has no sound (before a sound track that starts late, in gaps between time
    stamps) there is silence, so that sample ``i`` is at ``waveform.start + i / sample_rate``.

    Parameters
    ----------
    path
        Any media file.
    sample_rate
        Hz.
    start, end
        s from the start of the container; ``end`` None is the end of the sound.

    Returns
    -------
    Waveform or None
        (n,) float32; fewer samples than asked for where the sound ends earlier. None: the file has no sound.

    Raises
    ------
    MediaError
        The file cannot be read, has a sound track without sound, or ends well before its declared length.
    """
    _check_window(path, start, end)
    if sample_rate <= 0:
        raise MediaError(f"{path}: sample rate {sample_rate} Hz; expected a number above 0; change it")
    with open_media(Path(path)) as media:
        if media.stream("audio") is None:
            return None
        first = round(start * sample_rate)
        stop = math.inf if end is None else round(end * sample_rate)
        # The sampling grids of any two rates meet at whole seconds, so that a window has the very samples of the
        # whole; one second more on either side is far longer than the resampler's filter.
        since = max(0, math.floor(start) - 1)
        position = since * sample_rate
        samples = bytearray()  # grows in place: no second copy of a long sound
        for piece in _resampled(_continuous(media, since, math.inf if end is None else end + 1), sample_rate):
            low, high = max(first - position, 0), max(min(stop - position, len(piece)), 0)
            samples += piece[low : int(high)].tobytes()
            position += len(piece)
        return Waveform(np.frombuffer(samples, np.float32), sample_rate, first / sample_rate, media.path)


def read_frames(
    path: Path,
    start: Seconds = 0.0,
    end: Seconds | None = None,
    rate: float | None = None,
    width: int | None = None,
) -> Iterator[VideoFrame]:
    """Decode the pictures presented in ``[start, end)``, one by one.

    Parameters
    ----------
    path
        Any media file; from one without pictures (cover art is none) nothing comes.
    start, end
        s from the start of the container.
    rate
        At most that many pictures per second: the first one presented at or after each ``k / rate``. Pictures that
        are not chosen are never converted to RGB. None: every picture.
    width
        Shrink to this width in pixels (never enlarge), in the same step as the conversion.

    Returns
    -------
    Iterator[VideoFrame]
        Times strictly increase. The file is open from the first picture asked for until the last one, or until the
        iterator is closed or forgotten.

    Raises
    ------
    MediaError
        While iterating: the file cannot be read, none of its pictures can, or it ends well before its declared length.
    """
    _check_window(path, start, end)
    if rate is not None and not 0 < rate < math.inf:
        raise MediaError(f"{path}: {rate} pictures per second; expected a number above 0; change it")
    if width is not None and width < 1:
        raise MediaError(f"{path}: pictures {width} pixels wide; expected 1 or more; change it")
    return _converted(Path(path), start, math.inf if end is None else end, rate, width)


def require_sound(waveform: Waveform, sample_rate: int, error: type[MmfeatError] = MediaError) -> None:
    """Check that sound is as `read_waveform` gives it: at ``sample_rate`` Hz, every sample a number.

    Raises
    ------
    MediaError, or ``error``
        With the call that reads it so.
    """
    remedy = f"read it with mmfeat.media.read_waveform(path, {sample_rate})"
    if waveform.sample_rate != sample_rate:
        raise error(f"sound at {waveform.sample_rate} Hz; expected {sample_rate} Hz; {remedy}")
    if not np.isfinite(waveform.samples).all():
        raise error(f"samples that are not finite; expected numbers; {remedy}")


def require_speech_rate(waveform: Waveform) -> None:
    """`require_sound` at the 16 kHz that speech recognisers work at."""
    require_sound(waveform, SPEECH_RATE)


def digest(path: Path) -> str:
    """SHA-256 of the bytes of a file, in hexadecimal; raises MediaError if it cannot be read."""
    check_readable(Path(path))
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_window(path: Path, start: Seconds, end: Seconds | None) -> None:
    if not 0 <= start < math.inf or (end is not None and not end >= start):
        raise MediaError(f"{path}: start {start} s, end {end} s; expected 0 <= start <= end; change the times")


# Sound


def _continuous(media: Media, since: int, until: Seconds) -> Iterator[tuple[int, Samples]]:
    """Pieces (sample rate, (n,) mono) without gaps from second ``since`` until ``until`` or the end of the sound."""
    rate: int | None = None
    written = clock = 0  # indexes from the start of the container: of the next sample to give, and of the next by count
    for time, frame in media.decode("audio", since):
        samples = _mono(frame)
        if rate is None:
            rate, written = frame.sample_rate, since * frame.sample_rate
            clock = written if time is None else round(time * rate)
            clock = _counted(media, rate, clock + len(samples), since) - len(samples)
        if frame.sample_rate != rate:
            raise MediaError(
                f"{media.path}: the sample rate changes from {rate} to {frame.sample_rate} Hz; expected one rate; "
                "export it again"
            )
        if time is not None and abs(time * rate - clock) > _JITTER * rate:
            clock = round(time * rate)
        while written < min(clock, until * rate):  # second by second: a wrong time stamp may be far ahead
            silence = np.zeros(min(clock - written, rate), np.float32)
            yield rate, silence
            written += len(silence)
        clock += len(samples)
        if clock > written:
            yield rate, samples[len(samples) - (clock - written) :]
            written = clock
        if written >= until * rate:
            return


def _counted(media: Media, rate: int, index: int, since: int) -> int:
    """Index at the end of the first packet after a seek, mended to what counting from the very first would have given.

    Time stamps in milliseconds, say, do not tell samples apart; the equal lengths of packets do.
    """
    base = media.stream("audio").time_base
    if since == 0 or (1 / (base * rate)).denominator == 1:
        return index
    with open_media(media.path) as again:
        opening = list(islice(again.decode("audio"), 3))
    (time, first), *others = opening
    if time is None or len(others) < 2 or others[0][1].samples != others[1][1].samples:
        return index
    begin, length = round(time * rate) + first.samples, others[0][1].samples
    nearest: int = begin + round((index - begin) / length) * length
    return nearest if abs(nearest - index) <= 3 * _ROUNDING * rate else index


def _mono(frame: AudioFrame) -> Samples:
    """(n,) in [-1, 1]: the mean of the channels."""
    values: npt.NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    mean: Samples = (values[0] if len(values) == 1 else values.mean(axis=0)).astype(np.float32)
    if values.dtype.kind == "f":
        return mean if np.isfinite(mean).all() else np.nan_to_num(mean, posinf=0.0, neginf=0.0)
    full_scale = np.float32(2.0 ** (8 * values.dtype.itemsize - 1))
    return mean / full_scale - np.float32(values.dtype.kind == "u")  # unsigned sound is silent at full scale


def _resampled(pieces: Iterator[tuple[int, Samples]], sample_rate: int) -> Iterator[Samples]:
    resampler = None
    for rate, piece in pieces:
        if rate == sample_rate:
            yield piece
            continue
        resampler = resampler or soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="HQ")
        yield resampler.resample_chunk(np.ascontiguousarray(piece))
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


# Pictures


def _converted(path: Path, start: Seconds, end: Seconds, rate: float | None, width: int | None) -> Iterator[VideoFrame]:
    # From the grid point before the window on: whether a picture is chosen depends on those presented since then.
    since = start if rate is None else math.floor(start * rate) / rate
    reformatter, orientation = VideoReformatter(), None
    with open_media(path) as media:
        for time, picture in _chosen(_timed(media, since), rate):
            if time >= end - _EPSILON:
                return
            if time >= start - _EPSILON:
                orientation = orientation or _orientation(picture)
                yield VideoFrame(time, _rgb(picture, orientation, reformatter, width))


def _timed(media: Media, since: Seconds) -> Iterator[tuple[Seconds, Picture]]:
    """Pictures at strictly increasing times."""
    step = 1.0 / (media.frame_rate or 25.0)
    counts = media.stream("video") is not None and media.stream("video").name == "mpeg1video"
    last = None
    for stamp, picture in media.decode("video", since):
        expected = 0.0 if last is None else last + step
        time = expected if stamp is None else stamp
        if counts and last is not None and _ROUNDING < abs(time - expected) < 2.5 * step:
            # MPEG-1 runs at one rate, and its program streams stamp small pictures that share a packet wrongly.
            time = expected
        if last is None or time > last:
            yield time, picture
            last = time


def _chosen(pictures: Iterator[tuple[Seconds, Picture]], rate: float | None) -> Iterator[tuple[Seconds, Picture]]:
    last_tick = None
    for time, picture in pictures:
        tick = None if rate is None else math.floor((time + _ROUNDING) * rate)
        if tick is None or tick != last_tick:
            yield time, picture
        last_tick = tick


def _orientation(picture: Picture) -> Orientation:
    """How to show the pictures of a stream upright (display matrix).

    To be asked once a stream, not once a picture: a picture and its side data refer to each other, so each one asked
    would stay in memory until Python's next search for cycles.
    """
    matrix: Any = picture.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()  # x' = a x + c y, y' = b x + d y
    swap = abs(b) > abs(a)
    return (swap, c < 0, b < 0) if swap else (swap, a < 0, d < 0)


def _shown_size(picture: Picture, swap: bool) -> tuple[int, int]:
    return (picture.height, picture.width) if swap else (picture.width, picture.height)


def _rgb(picture: Picture, orientation: Orientation, reformatter: VideoReformatter, width: int | None) -> ByteImage:
    swap, mirror_columns, mirror_rows = orientation
    shown_width, shown_height = _shown_size(picture, swap)
    scale = min(1.0, (width or shown_width) / shown_width)
    shown = max(1, round(shown_width * scale)), max(1, round(shown_height * scale))
    # Area averaging takes every source pixel into account, so fine detail does not alias when shrunk.
    method = Interpolation.AREA if scale < 1 else Interpolation.BILINEAR
    stored_width, stored_height = shown[::-1] if swap else shown
    rgb = reformatter.reformat(picture, stored_width, stored_height, "rgb24", interpolation=method).to_ndarray()
    rgb = rgb.transpose(1, 0, 2) if swap else rgb
    return np.ascontiguousarray(rgb[:: -1 if mirror_rows else 1, :: -1 if mirror_columns else 1])
