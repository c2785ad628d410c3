"""A service that was really started, and clients that mean no good: slow ones, and files that lie."""

from __future__ import annotations

import contextlib
import io
import json
import select
import socket
import struct
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zoo_service import TYPES, Started, film, rows, same, started, until, written

from zoo.packing import sample_of
from zoo.predict import Features, Handling, Predictor, answer_clips

pytestmark = pytest.mark.slow

MIB = 2**20
LIMITS = {"head_time": 2.0, "body_time": 3.0, "upload_time": 6.0, "upload": 100 * MIB, "connections": 64}
SLOW = 6  # clients of each kind
GROWTH = 60.0  # MiB that a process may grow by over everything hostile: less than any of it would take
HEAD = b"POST /predict%b HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\n%b\r\n\r\n"
FORM = b'--b\r\nContent-Disposition: form-data; name="clip"; filename="a.mp4"\r\n\r\n'
MULTIPART = b"multipart/form-data; boundary=b"


@pytest.fixture(scope="module")
def service() -> Iterator[Started]:
    with started(limits=LIMITS) as service:
        yield service
        assert service.stop() == 0
        assert service.unstructured() == []


@pytest.fixture(scope="module")
def sample(demo: Path) -> tuple[bytes, str]:
    """A good clip and what is said in it."""
    found = sample_of(demo)
    assert found is not None
    return found[0].read_bytes(), found[1].read_text()


@pytest.fixture(scope="module")
def job(service: Started, sample: tuple[bytes, str]) -> dict[str, Any]:
    """What becomes of the good clip; from then on the media worker has all that it needs."""
    status, told = service.upload(sample[0], transcript=sample[1])
    assert status == 202, told
    return service.ended(told["id"])


def test_a_clip_sent_over_http_is_answered_for_as_offline(job: dict[str, Any], demo: Path, predictor: Predictor):
    clip, transcript = sample_of(demo) or (demo, demo)
    offline = answer_clips(predictor, [clip], transcript, Handling())
    expected = [answer.as_json() for answer in offline.answers]
    assert (job["status"], job["failures"], len(expected) > 0) == ("done", [], True)
    unnamed = [[{**answer, "id": "", "recording": ""} for answer in found] for found in (job["answers"], expected)]
    assert same(*unnamed)


def test_slow_clients_are_told_so_or_closed_and_hold_nobody_up(service: Started, predictor: Predictor):
    kinds = {
        "silent": b"",
        "no end of the head": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        "slow body": HEAD % (b"", b"application/json", b"Content-Length: 5000"),
        "slow chunks": HEAD % (b"", b"application/json", b"Transfer-Encoding: chunked") + b"1000\r\n",
        "slow upload": HEAD % (b"/media", MULTIPART, b"Content-Length: 5000") + FORM,
        "unwanted body": b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n",
    }
    before = service.descriptors()
    mute = contextlib.ExitStack()
    for _ in range(SLOW):
        mute.enter_context(reads_nothing(service.port))
    slow = [Slow(service.port, kind, begin) for kind, begin in kinds.items() for _ in range(SLOW)]
    arrays = rows()
    offline = predictor.answer([Features("0", arrays)], what_if=False)[0].as_json()
    times = []
    # The whole time over one connection: that it rests now and then is no reason to close it.
    with contextlib.closing(service.connect()) as connection:
        while any(client.is_alive() for client in slow):
            asked = time.monotonic()
            connection.request("POST", "/predict", written(arrays, "npz"), {"Content-Type": TYPES["npz"]})
            response = connection.getresponse()
            said = json.loads(response.read())
            times.append(time.monotonic() - asked)
            assert (response.status, same(said["answers"][0], offline)) == (200, True)
            time.sleep(0.05)
    ends = {kind: {client.status for client in slow if client.kind == kind} for kind in kinds}
    print(f"{len(times)} others, p50 {np.median(times):.3f} s, slowest {max(times):.3f} s; {ends}")
    assert ends == {
        "silent": {0},
        "no end of the head": {0},
        "slow body": {408},
        "slow chunks": {408},
        "slow upload": {408},
        "unwanted body": {200},
    }
    assert max(times) < 3.0  # busy cores; one that is held up would wait as long as the slow ones
    with mute:
        until(lambda: service.descriptors() <= before, 15)


def reads_nothing(port: int) -> socket.socket:
    """A client that asks for far more than fits on the way to it, and takes none of it."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    connection.setblocking(False)
    connection.send(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
    return connection


def test_more_connections_than_are_allowed_are_told_to_come_again(service: Started):
    with contextlib.ExitStack() as stack:
        for _ in range(int(LIMITS["connections"])):
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
        connection = stack.enter_context(contextlib.closing(service.connect()))
        connection.request("GET", "/models")
        response = connection.getresponse()
        told = (response.status, response.getheader("Retry-After"), json.loads(response.read())["error"]["code"])
        assert told == (503, "1", "overloaded")
        assert service.ask("GET", "/health")[0] == 200
        until(lambda: service.ask("GET", "/models")[0] == 200, 15)  # the idle ones are closed


class Slow(threading.Thread):
    """A client that begins, and goes on byte by byte until it is answered or thrown out."""

    def __init__(self, port: int, kind: str, begin: bytes) -> None:
        super().__init__()
        self._port, self.kind, self._begin = port, kind, begin
        self.status = -1  # of the answer; 0: closed without one; -1: never
        self.start()

    def run(self) -> None:
        began = time.monotonic()
        with socket.socket() as connection:
            connection.connect(("127.0.0.1", self._port))
            connection.sendall(self._begin)
            connection.setblocking(False)
            while self.status < 0 and time.monotonic() < began + 30:
                time.sleep(0.2)
                self.status = self._step(connection)

    def _step(self, connection: socket.socket) -> int:
        try:
            if self.kind != "silent":
                connection.send(b"x")
            data = connection.recv(4096)
        except BlockingIOError:
            return -1
        except OSError:
            return 0
        return int(data.split()[1]) if data else 0


def refused(service: Started, head: bytes, chunk: bytes, most: int) -> tuple[int, int]:
    """Send chunks until there is an answer; gives its status and how many bytes were sent."""
    with socket.create_connection(("127.0.0.1", service.port), 30) as connection:
        connection.sendall(head)
        sent = 0
        while sent < most and not select.select([connection], [], [], 0)[0]:
            try:
                connection.sendall(chunk)
            except OSError:
                break
            sent += len(chunk)
        return int(connection.recv(4096).split()[1]), sent


def bomb(lie: bool) -> bytes:
    """An npz of 512 MiB of zeros in half a MiB, which may claim to be small."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    block, size, check = bytes(MIB), 512 * MIB, 0
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (16384, 8192)}\n"
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    parts = [deflate.compress(start)] + [deflate.compress(block) for _ in range(512)] + [deflate.flush()]
    check = zlib.crc32(start)
    for _ in range(512):
        check = zlib.crc32(block, check)
    data = b"".join(parts)
    claimed = 1000 if lie else size + len(start)
    common = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, check, len(data), claimed, 8, 0)
    local = b"PK\x03\x04" + common + b"text.npy"
    table = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"text.npy"
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(table), len(local) + len(data), 0)
    return local + data + table + end


def clips(sample: bytes, folder: Path) -> dict[str, tuple[bytes, str]]:
    """Files that lie, and the code by which each is refused."""
    picture = io.BytesIO()
    import matplotlib.image

    matplotlib.image.imsave(picture, np.zeros((8, 8, 3)), format="png")
    pixel = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"
    target = folder / "target.mp4"
    target.write_bytes(sample)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("clip.mp4", sample)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{target}\n#EXT-X-ENDLIST\n"
    return {
        "a picture with a clip behind it": (picture.getvalue() + sample, "unusable_clip"),
        "a moving picture with a clip behind it": (pixel + sample, "unusable_clip"),
        "a page that calls itself a clip": (b"<!doctype html><script>alert(1)</script>" + sample, "unusable_clip"),
        "an archive with a clip in it": (zipped.getvalue(), "unusable_clip"),
        "a playlist": (playlist.encode(), "unusable_clip"),
        "a playlist of an address": (playlist.replace("file://", "http://127.0.0.1").encode(), "unusable_clip"),
        "half a clip": (sample[: len(sample) // 2], "unusable_clip"),
        "ten hours, mp4": (film(folder / "long.mp4", "mp4", 36000.0).read_bytes(), "too_long"),
        "ten hours, mkv": (film(folder / "long.mkv", "matroska", 36000.0).read_bytes(), "too_long"),
    }


# What is said in it, and the codes of what becomes of a good clip with that; "": it is answered for.
TRANSCRIPTS = {
    "deep": (b"[" * 100_000, {"internal", "unusable_clip"}),
    "a long number": (b"[" + b"9" * 20_000 + b"]", {"internal", "unusable_clip"}),
    "endless": (b"word,start,end\nhello,-inf,inf\n", {"unusable_clip"}),
    "many intervals": (
        b'File type = "ooTextFile"\nObject class = "TextGrid"\n0 9 <exists> 1000000000 "IntervalTier" "words" 0 9',
        {"unusable_clip"},
    ),
    "zero bytes": (b"hello \0 there", {"unusable_clip"}),
}
NAMES = ["../../etc/passwd", "/etc/passwd", "..\\..\\a.mp4", "clip\\0.mp4", "a" * 3000, "%2e%2e%2fa", ".."]


def test_what_lies_is_refused_and_neither_memory_nor_files_grow(
    service: Started, job: dict[str, Any], sample: tuple[bytes, str], tmp_path: Path
):
    assert job["status"] == "done"
    before, there = service.memory(), sorted(service.temporary.rglob("*"))
    for lie in (False, True):
        assert service.ask("POST", "/predict", bomb(lie), "application/x-npz")[0] == (400 if lie else 413)
    chunk, declared, chunked = bytes(MIB), b"Content-Length: %d" % 2**31, b"Transfer-Encoding: chunked"
    counted = b"%x\r\n%b\r\n" % (len(chunk), chunk)
    npz = b"application/x-npz"
    floods = {
        "declared": refused(service, HEAD % (b"", npz, declared), chunk, 2**31),
        "chunked": refused(service, HEAD % (b"", npz, chunked), counted, 2**31),
        "declared clip": refused(service, HEAD % (b"/media", MULTIPART, declared) + FORM, chunk, 2**31),
        "chunked clip": refused(
            service, HEAD % (b"/media", MULTIPART, chunked) + b"%x\r\n%b\r\n" % (len(FORM), FORM), counted, 2**31
        ),
    }
    print({name: (status, f"{sent / MIB:.0f} MiB") for name, (status, sent) in floods.items()})
    assert {status for status, _ in floods.values()} == {413}
    assert max(sent for _, sent in floods.values()) < LIMITS["upload"] + 32 * MIB
    for what, (clip, code) in clips(sample[0], tmp_path).items():
        status, told = service.upload(clip, f"{what}.mp4", transcript="hello there")
        assert status == 202, what
        ended = service.ended(told["id"])
        assert (ended["status"], ended["error"] and ended["error"]["code"]) == ("failed", code), (what, ended)
        assert str(service.temporary) not in json.dumps(ended)
    for what, (text, codes) in TRANSCRIPTS.items():
        status, told = service.upload(sample[0], transcript=text)
        assert status == 202, what
        ended = service.ended(told["id"])
        assert (ended["status"], ended["error"]["code"] in codes) == ("failed", True), (what, ended)
    for name in NAMES:
        status, told = service.upload(b"no clip", name)
        assert status in (202, 400), (name, told)
        assert status == 400 or service.ended(told["id"])["error"]["code"] == "unusable_clip"
    assert sorted(service.temporary.rglob("*")) == there
    after = service.memory()
    print({number: f"{before.get(number, 0):.0f} -> {most:.0f} MiB" for number, most in after.items()})
    assert set(after) == set(before)  # no worker died over it
    assert {fault["kind"] for fault in service.said("fault")} <= {"RecursionError", "ValueError"}
    assert max(after[number] - before[number] for number in after) < GROWTH
