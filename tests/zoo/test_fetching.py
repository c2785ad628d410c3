"""Archives over HTTP: from a server on this machine, with all that servers and connections do."""

from __future__ import annotations

import http.server
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPMessage
from io import BytesIO
from pathlib import Path

import pytest

from mmfeat.errors import OutputError
from zoo import checkpoint
from zoo.errors import CheckpointError
from zoo.packing import fetch, shipped
from zoo.packing.downloading import _Redirects

ARCHIVE = shipped()["demo"].read_bytes()
HALF = len(ARCHIVE) // 2


class Web(http.server.ThreadingHTTPServer):
    """A server whose paths say how it behaves; ``asked`` are the requests so far, with their range."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[tuple[str, str | None]] = []
        self.tag = '"one"'
        self.cuts = 1  # connections that break in the middle before one holds

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Answer(http.server.BaseHTTPRequestHandler):
    server: Web

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        kind, *rest = self.path.strip("/").split("/")
        {"lead": self.lead, "flaky": self.flaky, "page": self.page}.get(kind, self.plain)(kind, "/".join(rest))

    def plain(self, kind: str, _: str) -> None:
        if kind in ("plain", "unsized"):
            self.send([("Content-Length", str(len(ARCHIVE)))] if kind == "plain" else [], ARCHIVE)
        elif kind == "huge":
            self.send([("Content-Length", str(1 << 40))], b"PK")
        elif kind == "odd":
            self.send([("Content-Length", "many")], b"PK")
        elif kind == "chunked":
            self.send([("Transfer-Encoding", "chunked")], b"5\r\n")
        elif kind == "part":
            self.send([("Content-Range", f"bytes 0-1/{len(ARCHIVE)}")], ARCHIVE[:2], 206)
        else:
            self.send_error(404)

    def page(self, *_: str) -> None:
        self.send([], b"<html>please log in</html>")

    def lead(self, _: str, where: str) -> None:
        self.send([("Location", where if ":" in where else f"/{where}")], b"", 302)

    def flaky(self, _: str, kind: str) -> None:
        """Breaks in the middle, then goes on from there; a kind of its own may get the rest wrong."""
        start, status = 0, 200
        headers = [("ETag", self.server.tag)]
        if kind == "restart":
            headers = []
        wanted = self.headers.get("Range")
        if wanted and self.headers.get("If-Range") == self.server.tag:
            start, status = int(wanted.removeprefix("bytes=").removesuffix("-")), 206
            if kind == "beyond":
                return self.send_error(416)
            told = 0 if kind == "elsewhere" else start
            headers.append(("Content-Range", f"bytes {told}-{len(ARCHIVE) - 1}/{len(ARCHIVE)}"))
        data = ARCHIVE[start:]
        if self.server.cuts:
            self.server.cuts -= 1
            data = ARCHIVE[start:HALF]
        self.send([*headers, ("Content-Length", str(len(ARCHIVE) - start))], data, status)
        return None

    def send(self, headers: list[tuple[str, str]], data: bytes, status: int = 200) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def partials(home: Path) -> list[int]:
    return [path.stat().st_size for path in (home / ".downloads").glob("*.part")]


@pytest.mark.parametrize("path", ["/plain", "/unsized", "/lead/plain", "/lead/lead/lead/plain"])
def test_an_archive_comes_over_http(path: str, web: Web, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    folder = fetch(web.url(path), home=tmp_path, progress=lambda *step: told.append(step))
    assert checkpoint.load(folder).card.model == "aumdf"
    assert told[-1] == ("download", len(ARCHIVE), 0 if path == "/unsized" else len(ARCHIVE))
    assert [step[1] for step in told] == sorted({step[1] for step in told})
    assert [file.name for file in (tmp_path / ".downloads").iterdir()] == [".lock"]


def test_a_broken_download_goes_on_where_it_stopped(web: Web, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"broke off after {HALF} of {len(ARCHIVE)} bytes; .* it goes on where"):
        fetch(web.url("/flaky/"), home=tmp_path)
    assert partials(tmp_path) == [HALF]
    fetch(web.url("/flaky/"), home=tmp_path)
    assert web.asked == [("/flaky/", None), ("/flaky/", f"bytes={HALF}-")]
    assert partials(tmp_path) == []


def test_a_file_that_has_changed_meanwhile_is_downloaded_from_the_start(web: Web, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="broke off"):
        fetch(web.url("/flaky/"), home=tmp_path)
    web.tag = '"two"'
    assert fetch(web.url("/flaky/"), home=tmp_path).is_dir()


@pytest.mark.parametrize(
    ("kind", "ranges"),
    [
        ("restart", [None, None]),  # a server that does not say which version it sends
        ("beyond", [None, f"bytes={HALF}-", None]),
        ("elsewhere", [None, f"bytes={HALF}-", None]),
    ],
)
def test_where_going_on_is_not_possible_it_begins_again(
    kind: str, ranges: list[str | None], web: Web, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="broke off"):
        fetch(web.url(f"/flaky/{kind}"), home=tmp_path)
    assert fetch(web.url(f"/flaky/{kind}"), home=tmp_path).is_dir()
    assert [wanted for _, wanted in web.asked] == ranges


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/none", "/none: the server answers 404 Not Found; expected an archive made by 'zoo pack'; check the address"),
        ("/none?key=secret", "/none: the server answers 404"),
        ("/lead/none", "the server answers 404"),
        ("/lead/file:///etc/passwd", "the server answers 302 Found"),
        ("/lead/ftp://127.0.0.1/a", "it leads to ftp://127.0.0.1/a, which is not as safe"),
        ("/lead/lead/lead/lead/lead/lead/lead/lead/lead/lead/lead/lead/plain", "the server answers 302"),
        ("/huge", f"{1 << 40} bytes or more; expected at most"),
        ("/odd", "/odd: not a zip file"),
        ("/part", "the server answers 206"),
        ("/chunked", "/chunked: IncompleteRead.*; expected an archive to be sent"),
        ("/page", "/page: not a zip file"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_line(path: str, message: str, web: Web, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        fetch(web.url(path), home=tmp_path)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert sum(partials(tmp_path)) == 0


def test_another_archive_than_announced_is_refused_and_forgotten(web: Web, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"sha256 .*; expected {'0' * 64}; it is another file"):
        fetch(web.url("/plain"), home=tmp_path, sha256="0" * 64)
    assert partials(tmp_path) == []
    with pytest.raises(CheckpointError, match="expected 64 hexadecimal digits"):
        fetch(web.url("/plain"), home=tmp_path, sha256="abc")
    assert len(web.asked) == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("ftp://127.0.0.1/a.zoo.zip", "begins with http:// or https://"),
        ("file:///etc/passwd", "begins with http:// or https://"),
        ("http://127.0.0.1:port/", "nonnumeric port"),
        ("http://", "no host given"),
        ("http://[", "Invalid IPv6 URL"),
        ("http://127.0.0.1/a b", "control characters"),
        ("http://user:secret@127.0.0.1:0/a?key=secret", "source http://127.0.0.1:0/a with a user name"),
        ("/nowhere/a.zoo.zip", "/nowhere/a.zoo.zip: No such file or directory"),
        ("/", "/: Is a directory"),
    ],
)
def test_what_is_no_source_is_said_in_one_line(source: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        fetch(source, home=tmp_path)


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(CheckpointError, match=f"127.0.0.1:{port}/a: .*Connection refused.*; expected an archive"):
        fetch(f"http://127.0.0.1:{port}/a", home=tmp_path)


def test_nothing_leads_from_a_safe_connection_to_an_open_one() -> None:
    asked = urllib.request.Request("https://example.org/a")
    given = (asked, BytesIO(), 302, "Found", HTTPMessage())
    with pytest.raises(urllib.error.URLError, match="it leads to http://example.org/b"):
        _Redirects().redirect_request(*given, "http://example.org/b?key=1")
    followed = _Redirects().redirect_request(*given, "https://example.org/b")
    assert followed is not None
    assert followed.full_url == "https://example.org/b"


def test_one_download_at_a_time(web: Web, tmp_path: Path) -> None:
    def again(stage: str, done: int, total: int) -> None:
        with pytest.raises(CheckpointError, match="another 'zoo fetch' is downloading"):
            fetch(web.url("/plain"), home=tmp_path)

    assert fetch(web.url("/plain"), home=tmp_path, progress=again).is_dir()


def test_a_download_to_where_nothing_can_be_written_names_the_variable(web: Web, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="set ZOO_HOME to another one"):
        fetch(web.url("/plain"), home=tmp_path / "file" / "home")
    assert web.asked == []
