"""An open media file: packets to decoded pictures and sound, each with its time from the start of the container."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition

from mmfeat.errors import MediaError
from mmfeat.types import Seconds

EXPECTED = (
    "expected a sound or video file that ffmpeg reads (wav, flac, mp3, m4a, ogg, mp4, avi, mpg, mov, mkv, webm, wmv)"
)
# Playlists and scripts, which name other files and addresses, are not among what is opened.
FORMATS = (
    *("mov", "matroska", "webm", "avi", "mpeg", "mpegts", "mpegvideo", "asf", "flv", "gif"),
    *("wav", "w64", "flac", "mp3", "aac", "ac3", "ogg", "aiff", "au", "caf", "amr"),
    "tty",  # recognised, to be refused by name
)
_LEADS = (0.0, 1.0, 10.0, 60.0)  # s before the wanted time to seek to, in turn: some indexes are coarse or by dts
_MISSING_TAIL = 1.0  # s by which a file may end before its declared length without being called cut off
_DECLARES_LENGTH = {"mov", "matroska", "flac", "flv"}  # in s, and ffmpeg passes it on as it is
_DECLARES_SIZE = {"avi", "asf", "wav"}  # in bytes; ffmpeg corrects their length by the size of the file
_ESTIMATES_LENGTH = {"mp3", "aac", "mpeg", "mpegts"}  # from the bit rate or from sparse time stamps
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # GUID of the object with the size of the file
_SIZE_UNKNOWN = 0x7FFF_0000  # what a recorder that could not go back to its header leaves there, or more
_OVERRUN = 10.0  # s by which a time stamp may exceed the declared length
_STEP_BACK = 1.0  # s by which time stamps may go back: pictures come in the order of showing, or nearly so
_UNREADABLE = 20  # errors in a row while looking for the next packet, after which the rest counts as unreadable

_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)}

Kind = Literal["audio", "video"]
Decoded = tuple[Seconds | None, Any]  # time, frame


@dataclass
class Media:
    """An open file. One decoding at a time."""

    path: Path
    container: InputContainer
    origin: Fraction = field(init=False)  # s; what the time stamps say at the start of the container
    _at_start: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        start = Fraction(self.container.start_time or 0, av.time_base)
        exact = (Fraction(s.start_time) * s.time_base for s in self.container.streams if s.start_time and s.time_base)
        # The container rounds to microseconds what its earliest stream knows exactly.
        self.origin = next((time for time in exact if abs(time - start) <= Fraction(1, av.time_base)), start)

    @property
    def format(self) -> str:
        """First of the names that ffmpeg gives the container format."""
        return self.container.format.name.split(",")[0]

    @cached_property
    def duration(self) -> Seconds:
        """Declared or, where only an estimate is, counted."""
        declared = self.container.duration
        if declared is not None and self.format not in _ESTIMATES_LENGTH:
            return float(declared / av.time_base)
        with open_media(self.path) as again:
            ends = (again._end(packet) for packet in again._packets())
            return max((end for end in ends if end is not None), default=0.0)

    @property
    def frame_rate(self) -> float | None:
        """Mean pictures per second."""
        stream = self.stream("video")
        rate = stream and (stream.average_rate or stream.guessed_rate)
        return float(rate) if rate else None

    def stream(self, kind: Kind) -> Any:
        """The stream to decode: the default one of its kind, else the first; None if there is none (cover art)."""
        pictures = Disposition.attached_pic | Disposition.timed_thumbnails
        streams = [s for s in getattr(self.container.streams, kind) if not s.disposition & pictures]
        return max(streams, key=lambda stream: bool(stream.disposition & Disposition.default), default=None)

    def decode(self, kind: Kind, since: Seconds = 0.0) -> Iterator[Decoded]:
        """Decoded frames with their times, from some point at or before ``since`` on.

        Raises
        ------
        MediaError
            Nothing can be decoded, or the file ends well before its declared length.
        """
        if self.stream(kind) is None:
            return
        for lead in _LEADS:
            if since - lead <= 0:
                break
            frames = self._decode_after_seek(kind, since - lead)
            time, frame = next(frames, (None, None))
            if time is not None and time <= since:
                yield time, frame
                yield from frames
                return
        if self._at_start:
            yield from self._decode_on(kind, from_start=True)
            return
        with open_media(self.path) as fresh:  # no format seeks back to its very start without fail
            yield from fresh._decode_on(kind, from_start=True)

    def _decode_after_seek(self, kind: Kind, since: Seconds) -> Iterator[Decoded]:
        self._at_start = False
        try:
            self.container.seek(math.floor((Fraction(since) + self.origin) * av.time_base))
        except av.FFmpegError:
            return
        ready = kind == "audio"
        for time, frame in self._decode_on(kind, from_start=False):
            ready = ready or frame.key_frame  # pictures before the first key frame lack what they refer to
            if ready:
                yield time, frame

    def _decode_on(self, kind: Kind, from_start: bool) -> Iterator[Decoded]:
        self._at_start = False
        stream = self.stream(kind)
        if not stream.codec_context.is_open:
            stream.thread_type = "AUTO"
        ends: dict[int, Seconds] = {}
        packets = decoded = 0
        last = 0.0
        for packet in self._packets():
            end = self._end(packet)
            if end is not None:
                ends[packet.stream_index] = max(end, ends.get(packet.stream_index, end))
            if packet.stream.index != stream.index:  # (the last, empty packet of a stream has stream_index 0)
                continue
            packets += packet.size > 0
            for frame in _decode_packet(packet):
                decoded += 1
                time = self._frame_time(kind, frame)
                last = self._check_order(last, time)
                yield time, frame
        if from_start and not decoded and (packets or not ends):
            raise MediaError(
                f"{self.path}: {packets} packets of {kind} ({stream.name}), none decoded; {EXPECTED} with at least "
                "one sample or picture; export it again"
            )
        if from_start or stream.index in ends:
            self._check_complete(stream, ends)

    def _packets(self) -> Iterator[Packet[Any]]:
        """All packets in file order, past stretches that cannot be read."""
        errors = 0
        while errors < _UNREADABLE:
            try:
                for packet in self.container.demux():
                    errors = 0
                    yield packet
                return
            except av.FFmpegError:
                errors += 1

    def _time(self, stamp: int | None, base: Fraction | None) -> Seconds | None:
        if stamp is None or base is None:
            return None
        origin = self.origin  # stamp * base - origin, exactly, but quicker than with fractions
        whole = stamp * base.numerator * origin.denominator - origin.numerator * base.denominator
        return whole / (base.denominator * origin.denominator)

    def _end(self, packet: Packet[Any]) -> Seconds | None:
        stamp = packet.pts if packet.pts is not None else packet.dts
        return None if stamp is None else self._time(stamp + (packet.duration or 0), packet.time_base)

    def _frame_time(self, kind: Kind, frame: Any) -> Seconds | None:
        if kind == "video" and self.format == "avi":
            return None if frame.dts is None else self._time(frame.dts - self._reordering, frame.time_base)
        time = self._time(frame.pts if frame.pts is not None else frame.dts, frame.time_base)
        declared = self.container.duration if self.format in _DECLARES_LENGTH | _DECLARES_SIZE else None
        beyond = time is not None and declared is not None and time > declared / av.time_base + _OVERRUN
        return None if beyond else time  # a damaged time stamp is none

    @cached_property
    def _reordering(self) -> int:
        """Ticks by which the decoder gives pictures late: an avi counts packets and knows no presentation times."""
        with open_media(self.path) as again:
            stream = again.stream("video")
            fed: list[int] = []
            for packet in again._packets():
                if packet.stream.index != stream.index:
                    continue
                fed += [packet.dts] if packet.dts is not None else []
                for frame in _decode_packet(packet):
                    return 0 if frame.dts is None else int(frame.dts - fed[0])
        return 0

    def _check_order(self, last: Seconds, time: Seconds | None) -> Seconds:
        if time is None:
            return last
        if time < last - _STEP_BACK:
            raise MediaError(
                f"{self.path}: time stamps go back from {last:.2f} s to {time:.2f} s; expected one continuous "
                "recording; split it there or encode it again"
            )
        return max(last, time)

    def _check_complete(self, stream: Any, ends: dict[int, Seconds]) -> None:
        if self.format in _DECLARES_SIZE:
            reached = max(ends.values(), default=0.0)
            declared = reached * _declared_size(self.path) / self.path.stat().st_size
        elif self.format in _DECLARES_LENGTH and stream.duration:
            reached = ends.get(stream.index, 0.0)
            declared = self._time((stream.start_time or 0) + stream.duration, stream.time_base) or 0.0
        elif self.format in _DECLARES_LENGTH:
            reached, declared = max(ends.values(), default=0.0), self.duration
        else:
            return
        if reached < declared - _MISSING_TAIL:
            raise MediaError(
                f"{self.path} can be read up to {reached:.2f} s of a declared {declared:.2f} s; expected a whole "
                "file; it was cut off or damaged: copy or download it again"
            )


@contextmanager
def open_media(path: Path) -> Iterator[Media]:
    """Open a file for the length of a ``with`` block.

    Raises
    ------
    MediaError
        The file is missing, empty, unreadable or not media.
    """
    check_readable(path)
    try:
        # "file:" keeps a colon in a name from being read as a protocol.
        container = av.open(f"file:{path}", options=_OPTIONS, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"{path} cannot be opened ({getattr(error, 'strerror', None) or error}); {EXPECTED}; it may be cut off, or "
            "of another kind than its name says: copy or export it again"
        ) from error
    with container:
        if container.format.name == "tty":  # ffmpeg would draw the text
            raise MediaError(f"{path} is a text file; {EXPECTED}; give another file")
        yield Media(path, container)


def check_readable(path: Path) -> None:
    """Raise MediaError unless ``path`` is a file with something in it that may be read."""
    problem = None
    try:
        if path.is_dir():
            problem = "is a folder"
        elif not path.exists():
            problem = "does not exist"
        elif not path.is_file():
            problem = "is not an ordinary file"
        elif path.stat().st_size == 0:
            problem = "is empty (0 bytes)"
        elif not os.access(path, os.R_OK):
            problem = "may not be read (permission denied)"
    except (OSError, ValueError) as error:  # a folder above it may not be entered; no possible name
        problem = f"cannot be reached ({getattr(error, 'strerror', None) or error})"
    if problem:
        raise MediaError(f"{path} {problem}; {EXPECTED}; check the path and its permissions")


def _decode_packet(packet: Packet[Any]) -> list[Any]:
    try:
        return packet.decode()
    except av.FFmpegError:  # a damaged packet: the stream goes on after it
        return []


def _declared_size(path: Path) -> int:
    """Bytes that a RIFF or ASF header says the file has; 0 where it does not say."""
    with path.open("rb") as file:
        head = file.read(65_536)
    if head[:4] == b"RIFF":
        size = int.from_bytes(head[4:8], "little") + 8
        return size if size < _SIZE_UNKNOWN else 0
    found = head.find(_ASF_PROPERTIES)  # GUID 16, object size 8, file GUID 16, then the size of the file
    return int.from_bytes(head[found + 40 : found + 48], "little") if found >= 0 else 0
