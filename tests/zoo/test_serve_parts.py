"""Parts of the service by themselves: bodies that lie, the token, the log, what a header claims."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.requests import Request as HttpRequest
from zoo_service import film

from mmfeat.errors import ConfigError
from zoo.serve.access import Access, read_token
from zoo.serve.arrays import from_npz, from_safetensors
from zoo.serve.bodies import read_body
from zoo.serve.gate import Gate
from zoo.serve.metrics import Metrics
from zoo.serve.probing import require_usable
from zoo.serve.refusals import Refused
from zoo.serve.settings import Limits
from zoo.serve.uploads import _kind

MIB = 2**20


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return file.getvalue()


def npy(shape: str, data: bytes = b"", kind: str = "'<f4'") -> bytes:
    header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@contextlib.contextmanager
def little_memory(limit: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def status_of(work: Callable[[], object]) -> int:
    with pytest.raises(Refused) as refused:
        work()
    return refused.value.status


def test_a_zip_bomb_is_refused_before_it_is_unpacked():
    bomb = archive({"text.npy": npy("(16, 16384, 256)", bytes(256 * MIB))})
    assert len(bomb) < MIB
    with little_memory(MIB):
        assert status_of(lambda: from_npz(bomb, 6, 32 * MIB)) == 413


def test_a_zip_bomb_that_lies_about_its_size_unpacks_no_more_than_it_said():
    bomb = archive({"text.npy": bytes(64 * MIB)})
    lying = bomb.replace(struct.pack("<I", 64 * MIB), struct.pack("<I", 100))
    with little_memory(4 * MIB):
        assert status_of(lambda: from_npz(lying, 6, 32 * MIB)) == 400


def test_a_long_table_of_members_is_refused_before_it_is_read():
    many = archive({f"{number}/text.npy": b"" for number in range(500)}, zipfile.ZIP_STORED)
    assert status_of(lambda: from_npz(many, 6, 32 * MIB)) == 413


@pytest.mark.parametrize(
    "member",
    [
        npy("(1000000000000,)"),  # would be 4 TB
        npy("(-1, -1)", bytes(4)),
        npy("(1,)", b"\x80\x04N.", "'|O'"),  # a pickle
        npy("(2, 2)", bytes(15)),
        npy("(" * 5000),
        b"\x93NUMPY\x03\x00",
        b"",
    ],
    ids=["huge", "negative", "pickle", "short", "nested", "version", "empty"],
)
def test_headers_of_arrays_are_not_believed(member: bytes):
    with little_memory(MIB):
        assert status_of(lambda: from_npz(archive({"text.npy": member}), 6, MIB)) == 400


def test_arrays_come_out_as_they_went_in(rng: np.random.Generator):
    given = {"a/text": rng.standard_normal((3, 4)), "a/observed.text": np.array([True, False, True])}
    file = io.BytesIO()
    np.savez(file, **(given | {"b/text": np.asfortranarray(given["a/text"]), "c/text": given["a/text"].astype(">f4")}))
    found = from_npz(file.getvalue(), 6, MIB)
    assert all(np.array_equal(found[name], values) for name, values in given.items())
    assert np.array_equal(found["b/text"], given["a/text"])
    assert np.array_equal(found["c/text"], given["a/text"].astype(np.float32))


def test_a_safetensors_body_of_another_type_or_with_too_many_arrays_is_refused():
    from safetensors.numpy import save

    arrays = {str(number): np.zeros(1, np.int64) for number in range(7)}
    assert status_of(lambda: from_safetensors(save({"text": arrays["0"]}), 6)) == 400
    assert status_of(lambda: from_safetensors(save(arrays), 6)) == 413


def http(chunks: list[bytes], delay: float = 0.0, **headers: str) -> HttpRequest:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(delay)
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HttpRequest({"type": "http", "method": "POST", "path": "/predict", "headers": given}, receive)


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (413, http([b""], content_length="101")),
        (413, http([b"x" * 60] * 2)),  # without a length, in pieces
        (408, http([b"x"] * 50, delay=0.02)),
    ],
    ids=["declared", "streamed", "slow"],
)
def test_a_body_that_is_too_large_or_too_slow_is_refused(status: int, request_: HttpRequest):
    limits = Limits(body=100, body_time=0.1)
    assert status_of(lambda: asyncio.run(read_body(request_, limits))) == status


TOKEN = "a-token-of-some-length"


@pytest.mark.parametrize(
    ("path", "given", "status"),
    [
        ("/predict", f"Bearer {TOKEN}", None),
        ("/predict", f"bearer {TOKEN}", None),
        ("/predict", "", 401),
        ("/metrics", f"Bearer {TOKEN}x", 401),
        ("/openapi.json", f"Basic {TOKEN}", 401),
        ("/health", "", None),
        ("/static/page.js", "", None),
        ("/staticx", "", 401),
        ("/", "", None),
    ],
)
def test_only_the_bearer_of_the_token_may_ask(path: str, given: str, status: int | None):
    access = Access(TOKEN, loopback=False)
    access.open("/", "/static")
    headers = {b"authorization": given.encode(), b"host": b"anything"}
    if status is None:
        access.require(path, headers)
    else:
        assert status_of(lambda: access.require(path, headers)) == status


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost:80", True),
        ("127.0.0.1", True),
        ("[::1]:8000", True),
        ("evil.example", False),
        ("localhost.evil.example:80", False),
        ("", False),
    ],
)
def test_on_loopback_only_names_of_this_machine_are_answered(host: str, allowed: bool):
    access = Access(None, loopback=True)
    if allowed:
        access.require("/predict", {b"host": host.encode()})
    else:
        assert status_of(lambda: access.require("/predict", {b"host": host.encode()})) == 421


def test_a_token_comes_from_a_file_and_weak_ones_are_refused(tmp_path: Path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert read_token(tmp_path / "token", "another-token-than-that") == TOKEN
    assert read_token(None, None) is None
    for weak in ("short", "with blanks in between them"):
        with pytest.raises(ConfigError, match="expected at least 16 printable ASCII"):
            read_token(None, weak)
    with pytest.raises(ConfigError, match="--token-file"):
        read_token(tmp_path / "absent", None)


def test_a_fault_of_ours_becomes_a_status_and_neither_log_nor_answer_tell_what_was_sent(
    capsys: pytest.CaptureFixture[str],
):
    async def faulty(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("secret words")

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def work() -> None:
        scope = {"type": "http", "method": "SECRET", "path": "/secret", "headers": []}
        await Gate(faulty, Access(None, loopback=False), Metrics(), {})(scope, None, send)  # type: ignore[arg-type]

    asyncio.run(work())
    fault, request = map(json.loads, capsys.readouterr().err.splitlines())
    assert (fault["event"], fault["kind"], request["status"], request["route"]) == ("fault", "ValueError", 500, "other")
    assert sent[0]["status"] == 500
    assert "secret" not in f"{fault}{request}{sent}".lower()


def code_of(path: Path) -> str:
    with pytest.raises(Refused) as refused:
        require_usable(path, 600.0)
    return refused.value.code


@pytest.mark.parametrize("kind", ["mp4", "matroska"])
def test_a_header_that_claims_ten_hours_is_believed_and_refused(tmp_path: Path, kind: str):
    assert code_of(film(tmp_path / "long", kind, claimed=36000.0)) == "too_long"
    require_usable(film(tmp_path / "short", kind), 600.0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello there, this is a text",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n",
        b"ffconcat version 1.0\nfile '/etc/hostname'\n",
        b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'></MPD>",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
        b"GIF89a" + bytes(100) + b"<script>alert(1)</script>",
        b"PK\x03\x04" + bytes(100),
    ],
)
def test_what_is_no_sound_or_video_is_refused_by_its_content(tmp_path: Path, content: bytes):
    (tmp_path / "clip").write_bytes(content)
    assert code_of(tmp_path / "clip") == "unusable_clip"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"what a lovely day", ".txt"),
        (b"\xef\xbb\xbf1\r\n00:00:01,000 --> 00:00:02,000\r\nhello\r\n", ".srt"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\nhello\n", ".vtt"),
        (b'File type = "ooTextFile"\nObject class = "TextGrid"\n', ".TextGrid"),
        (b'[{"word": "a", "start": 0, "end": 1}]', ".json"),
        (b"word,start,end,score\nhello,0,1,\n", ".csv"),
    ],
)
def test_a_transcript_is_known_by_what_is_in_it(text: bytes, kind: str):
    assert _kind(text) == kind
