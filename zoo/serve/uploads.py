"""Uploaded clips: streamed into a private folder as they come, under names of ours."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from zoo.serve.jobs import Job
from zoo.serve.refusals import Refused, too_large, too_slow
from zoo.serve.settings import Limits

PARTS = ("clip", "transcript", "cut")
FLAGS = {b"true": True, b"false": False}
ENVELOPE = 64 * 1024  # bytes of a body beside what is in it
FLUSH = 2**20  # bytes that are held before they are written


async def receive_upload(request: Request, job: Job, limits: Limits) -> None:
    """Read a form with a clip and perhaps a transcript into the folder of a job.

    Raises
    ------
    Refused
        With 400 where it is no such form, 408, 413, 415, 422 where a part is missing or unknown.
    """
    most = limits.upload + limits.transcript + ENVELOPE
    if int(request.headers.get("content-length", "0")) > most:
        raise too_large("the upload", limits.upload)
    form = _Form(request.headers.get("content-type", ""), job.folder, limits)
    try:
        async with asyncio.timeout(limits.upload_time):
            await _read(request, form, most)
    except TimeoutError:
        raise too_slow(limits.upload_time) from None
    except FormParserError:
        raise Refused(
            400, "broken_body", "the form cannot be read; expected multipart/form-data; send it anew"
        ) from None
    finally:
        form.close()
    form.settle(job)


async def _read(request: Request, form: _Form, most: int) -> None:
    size, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        data, more = message.get("body", b""), message.get("more_body", False)
        size += len(data)
        if size > most:
            raise too_large("the upload", most)
        form.write(data)
        if form.held > FLUSH:
            await asyncio.to_thread(form.flush)  # a disk may keep one waiting
    await asyncio.to_thread(form.flush)
    form.end()


class _Form:
    """What a multipart parser tells, part by part."""

    def __init__(self, content_type: str, folder: Path, limits: Limits) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise Refused(
                415, "unknown_type", "another content type; expected multipart/form-data with a boundary; send a form"
            )
        self._limits = {"clip": limits.upload, "transcript": limits.transcript, "cut": 16}
        self._clip = folder / "clip"
        self._file: IO[bytes] | None = None
        self._pending: list[bytes] = []  # of the clip, yet to be written
        self.held = 0
        self._sizes: dict[str, int] = {}
        self._small: dict[str, bytearray] = {"transcript": bytearray(), "cut": bytearray()}
        self._part = ""
        self._whole = False
        self._field, self._value, self._headers = bytearray(), bytearray(), dict[bytes, bytes]()
        told = {
            "on_part_begin": self._headers.clear,
            "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_ended,
            "on_headers_finished": self._part_begun,
            "on_part_data": self._take,
            "on_end": self._ended,
        }
        self._parser = MultipartParser(boundary, told, max_header_count=8, max_header_size=4096)  # type: ignore[arg-type]

    def write(self, data: bytes) -> None:
        """Parse what has come."""
        self._parser.write(data)

    def end(self) -> None:
        """No more comes."""
        self._parser.finalize()
        if not self._whole:
            raise FormParserError("cut off")

    def flush(self) -> None:
        """Write what is held of the clip."""
        pending, self._pending, self.held = self._pending, [], 0
        if pending:
            self._file = self._file or self._clip.open("xb")
            self._file.writelines(pending)

    def close(self) -> None:
        """No more is written."""
        if self._file is not None:
            self._file.close()

    def settle(self, job: Job) -> None:
        """Make a whole form the job's."""
        if not self._sizes.get("clip"):
            raise Refused(422, "unsuitable", "no clip; expected a file in the part 'clip'; send one")
        cut = bytes(self._small["cut"]) or b"true"
        if cut not in FLAGS:
            raise Refused(422, "unsuitable", "part 'cut'; expected true or false; mend it")
        job.cut = FLAGS[cut]
        text = bytes(self._small["transcript"])
        if text.strip():
            job.transcript = job.folder / f"transcript{_kind(text)}"
            job.transcript.write_bytes(text)

    def _header_ended(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _part_begun(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._part = options.get(b"name", b"").decode("latin-1")
        if self._part not in PARTS or self._part in self._sizes:
            raise Refused(
                422, "unsuitable", f"an unknown or repeated part; expected {', '.join(PARTS)}, each once; mend the form"
            )
        self._sizes[self._part] = 0

    def _take(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        self._sizes[part] += end - start
        if self._sizes[part] > self._limits[part]:
            raise too_large(f"part '{part}'", self._limits[part])
        if part == "clip":
            self._pending.append(data[start:end])
            self.held += end - start
        else:
            self._small[part] += data[start:end]

    def _ended(self) -> None:
        self._whole = True


_CUE = re.compile(rb"^\s*(\d+\s+)?\d+:\d\d:\d\d[,.]\d+\s*-->", re.MULTILINE)


def _kind(text: bytes) -> str:
    """The extension of a transcript by what is in it: names of clients say what they like."""
    start = text.removeprefix(b"\xef\xbb\xbf").lstrip()[:200]
    if start.startswith(b"WEBVTT"):
        return ".vtt"
    if b"ooTextFile" in start.replace(b"\0", b""):
        return ".TextGrid"
    if start[:1] in (b"{", b"["):
        return ".json"
    if start.splitlines()[0].replace(b" ", b"").lower().startswith(b"word,start,end"):
        return ".csv"
    return ".srt" if _CUE.search(start) else ".txt"
