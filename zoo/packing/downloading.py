"""A file from the web, to the disk: what arrived before a connection broke is kept, and the next try goes on there."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO
from urllib.parse import urlsplit

from mmfeat.types import Progress
from zoo.errors import CheckpointError
from zoo.packing.home import writing_to
from zoo.packing.manifest import ARCHIVE_LIMIT

SCHEMES = ("http", "https")
TIMEOUT = 30.0  # s without a byte
BLOCK = 1 << 18  # bytes
LOCK = ".lock"
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
OK, PARTIAL, NOT_SATISFIABLE = 200, 206, 416
# Whatever a server, a proxy or a cable can do. What the disk does is an OSError too, and is caught elsewhere.
TROUBLE = (urllib.error.URLError, http.client.HTTPException, OSError, ValueError)


def is_url(source: str) -> bool:
    """Whether a source is an address rather than a path."""
    return "://" in source


@dataclass(frozen=True)
class Partial:
    """What is there of a file so far."""

    path: Path

    @property
    def note(self) -> Path:
        """Which version of the file it is, as the server names it."""
        return self.path.with_suffix(".version")

    def resumable(self) -> tuple[int, str]:
        """Bytes that can be gone on from, and the version that they are of; 0 and nothing where that is not known."""
        try:
            version, size = self.note.read_text(encoding="utf-8"), self.path.stat().st_size
        except FileNotFoundError:
            return 0, ""
        return (size, version) if version else (0, "")

    def remove(self) -> None:
        """Forget it."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


@contextlib.contextmanager
def downloaded(url: str, folder: Path, progress: Progress | None = None) -> Iterator[Path]:
    """Download a file; it is removed at the end.

    Parameters
    ----------
    url : str
        http or https; it may lead elsewhere, but not from https to http.
    folder : Path
        Where it is put. One download at a time.
    progress : Progress, optional
        Told ``("download", bytes so far, bytes in all)``, the latter 0 where the server does not say.

    Raises
    ------
    CheckpointError
        If it cannot be had, or is too large.
    mmfeat.errors.OutputError
        If the folder cannot be written.
    """
    if not re.match("https?://", url, re.IGNORECASE):
        raise CheckpointError(f"source {url!r}; expected a path, or an address that begins with http:// or https://")
    if "@" in url.split("/")[2]:
        raise CheckpointError(f"source {shown(url)} with a user name; expected an address without; download it by hand")
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / LOCK).open("a")
    with handle:
        _lock(handle, folder)
        partial = Partial(folder / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.part")
        with writing_to(folder):
            _complete(url, partial, progress)
        try:
            yield partial.path
        finally:
            partial.remove()


def shown(url: str) -> str:
    """An address without what may be secret in it."""
    scheme, _, rest = re.split("[?#]", url)[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to http and https only, and never from a safe connection to an open one."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme.lower()
        if scheme not in SCHEMES or (req.type == "https" and scheme == "http"):
            fp.close()
            raise urllib.error.URLError(f"it leads to {shown(newurl)}, which is not as safe")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _lock(handle: TextIO, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CheckpointError(
            f"{folder}: another 'zoo fetch' is downloading; expected one at a time; wait for it to end"
        ) from None


def _complete(url: str, partial: Partial, progress: Progress | None) -> None:
    """Download what is not there yet."""
    try:
        response, done, total = _begin(url, partial)
    except urllib.error.HTTPError as error:
        error.close()
        raise CheckpointError(
            f"{shown(url)}: the server answers {error.code} {http.client.responses.get(error.code, '')}; expected an "
            "archive made by 'zoo pack'; check the address"
        ) from None
    except TROUBLE as error:
        raise _trouble(url, error) from None
    with response, partial.path.open("ab") as handle:
        _require_size(url, total)
        for block in _blocks(url, response):
            done += len(block)
            _require_size(url, done)
            handle.write(block)
            if progress:
                progress("download", done, total)
    if done < total:
        raise _trouble(url, f"the connection broke off after {done} of {total} bytes")


def _begin(url: str, partial: Partial) -> tuple[http.client.HTTPResponse, int, int]:
    """Ask for the file, or for the rest of it: the answer, where that begins, bytes in all (0: not known)."""
    start, version = partial.resumable()
    try:
        response = _ask(url, start, version)
    except urllib.error.HTTPError as error:
        if error.code != NOT_SATISFIABLE or not start:
            raise
        error.close()
        partial.remove()
        return _begin(url, partial)
    found = _extent(response, start)
    if found is None:
        response.close()
        if not start:
            raise ValueError(f"the server answers {response.status}")
        partial.remove()
        return _begin(url, partial)
    if response.status == OK:
        partial.remove()
        partial.note.write_text(_version(response.headers), encoding="utf-8")
    return response, *found


def _extent(response: http.client.HTTPResponse, start: int) -> tuple[int, int] | None:
    """Where an answer begins, and bytes in all; None where it is not what was asked for."""
    if response.status == OK:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else 0
    part = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    asked = start and response.status == PARTIAL and part and int(part[1]) == start
    return (start, int(part[2])) if asked and part else None


def _ask(url: str, start: int, version: str) -> http.client.HTTPResponse:
    headers = {"User-Agent": "mmfeat-zoo", "Accept-Encoding": "identity"}
    if start:  # If-Range: of another version the server sends all of it
        headers |= {"Range": f"bytes={start}-", "If-Range": version}
    request = urllib.request.Request(url, headers=headers)
    response: http.client.HTTPResponse = urllib.request.build_opener(_Redirects).open(request, timeout=TIMEOUT)
    return response


def _version(headers: http.client.HTTPMessage) -> str:
    """What `If-Range` may be asked with: a strong entity tag, else the date."""
    tag = str(headers.get("ETag", ""))
    return tag if tag.startswith('"') else str(headers.get("Last-Modified", ""))


def _blocks(url: str, response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while block := response.read1(BLOCK):
            yield block
    except TROUBLE as error:
        raise _trouble(url, error) from None


def _require_size(url: str, size: int) -> None:
    if size > ARCHIVE_LIMIT:
        raise CheckpointError(f"{shown(url)}: {size} bytes or more; expected at most {ARCHIVE_LIMIT}; it is too large")


def _trouble(url: str, error: Exception | str) -> CheckpointError:
    reason = getattr(error, "reason", None) or str(error) or type(error).__name__
    return CheckpointError(
        f"{shown(url)}: {reason}; expected an archive to be sent; check the address and the connection, and run it "
        "again: it goes on where it stopped"
    )
