"""An archive from anywhere, read without trusting it: nothing is written that its manifest does not name and bound."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zoo.errors import CheckpointError
from zoo.packing.manifest import (
    ARCHIVE_LIMIT,
    MANIFEST,
    MEMBERS_LIMIT,
    TEXT_LIMIT,
    TEXTS,
    UNPACKED_LIMIT,
    Manifest,
    Member,
    parse,
)

BLOCK = 1 << 20
FIRST, END, END_64 = b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x07"  # records of a zip file
END_SIZE, LOCATOR_SIZE = 22, 20  # bytes, of an archive without a comment
KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# All that the standard library raises over bytes that are no archive, or no longer one.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
)


@dataclass(frozen=True)
class Archive:
    """An open archive whose table of contents is in order; its members are checked as they are read."""

    source: str  # where it is from, for messages
    zip: zipfile.ZipFile
    manifest: Manifest

    def blocks(self, name: str) -> Iterator[bytes]:
        """Contents of a member, piece by piece.

        Raises
        ------
        CheckpointError
            After the last piece, if they are not what the manifest says.
        """
        digest, size = hashlib.sha256(), 0
        try:
            with self.zip.open(name) as stream:
                while block := stream.read(BLOCK):
                    digest.update(block)
                    size += len(block)
                    yield block
        except DAMAGE as error:
            raise _damaged(self.source, f"{name}: {error}") from None
        if Member(digest.hexdigest(), size) != self.manifest.members[name]:
            raise _damaged(self.source, f"{name} has not the size and sha256 that {MANIFEST} states")

    def check(self) -> None:
        """Read everything once.

        Raises
        ------
        CheckpointError
            Naming the first member that is damaged.
        """
        for name in self.manifest.members:
            for _ in self.blocks(name):
                pass

    def unpack(self, folder: Path) -> None:
        """Write all members into a new folder, and to the disk before this returns.

        Raises
        ------
        CheckpointError
            As `blocks`; what was written so far is left.
        OSError
            If the folder is there or cannot be written.
        """
        folder.mkdir(parents=True)
        for name in self.manifest.members:
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            with path.open("xb") as handle:
                for block in self.blocks(name):
                    handle.write(block)
                handle.flush()
                os.fsync(handle.fileno())
        (folder / MANIFEST).write_text(self.manifest.text(), encoding="utf-8")


@contextlib.contextmanager
def opened(path: Path, *, sha256: str | None = None, source: str | None = None) -> Iterator[Archive]:
    """Open an archive.

    Parameters
    ----------
    path : Path
    sha256 : str, optional
        What the whole file has to have.
    source : str, optional
        What messages call it; default: the path.

    Raises
    ------
    CheckpointError
        If it is not there, another file than stated, not made by `pack`, damaged, too large, or of a newer format.
    """
    source = source or str(path)
    with contextlib.ExitStack() as stack:
        try:
            handle = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise CheckpointError(
                f"{source}: {error.strerror}; expected an archive made by 'zoo pack'; check the path"
            ) from None
        if sha256 is not None:
            found = hashlib.file_digest(handle, "sha256").hexdigest()
            if found != sha256.lower():
                raise CheckpointError(
                    f"{source}: sha256 {found}; expected {sha256}; it is another file than was announced, or it was "
                    "damaged on its way: get it again"
                )
        try:
            _require_plain_zip(source, handle)
            archive = stack.enter_context(zipfile.ZipFile(handle))
            manifest = _manifest(source, archive)
        except DAMAGE as error:
            raise _damaged(source, str(error)) from None
        yield Archive(source, archive, manifest)


def _require_plain_zip(source: str, handle: BinaryIO) -> None:
    """One zip and nothing else, its table of contents small: the standard library reads all of that into memory."""
    size = handle.seek(0, os.SEEK_END)
    if size > ARCHIVE_LIMIT:
        raise CheckpointError(
            f"{source}: {size} bytes; expected at most {ARCHIVE_LIMIT}; it is too large for an archive"
        )
    handle.seek(0)
    if handle.read(len(FIRST)) != FIRST:
        raise CheckpointError(
            f"{source}: not a zip file; expected an archive made by 'zoo pack'; check where it is from"
        )
    handle.seek(max(size - END_SIZE - LOCATOR_SIZE, 0))
    locator, end = (tail := handle.read())[:-END_SIZE], tail[-END_SIZE:]
    if not end.startswith(END) or locator.startswith(END_64):
        raise ValueError("the end is cut off, or something was added to it")
    entries, directory = struct.unpack_from("<HI", end, 10)
    if entries > MEMBERS_LIMIT or directory > TEXT_LIMIT:
        raise ValueError(f"{entries} members; expected at most {MEMBERS_LIMIT}")


def _manifest(source: str, archive: zipfile.ZipFile) -> Manifest:
    """The manifest, once the table of contents is exactly what it states."""
    entries = archive.infolist()
    sizes = {entry.filename: entry.file_size for entry in entries}
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.filename != entry.orig_filename or kind not in (0, stat.S_IFREG):
            raise ValueError(f"{entry.orig_filename!r} is not a plain file")
        if entry.flag_bits & 1 or entry.compress_type not in KINDS:
            raise ValueError(f"{entry.filename!r} is encrypted or packed in a way of its own")
    if len(sizes) < len(entries):
        raise ValueError("two members have the same name")
    if sizes.pop(MANIFEST, TEXT_LIMIT + 1) > TEXT_LIMIT:
        raise ValueError(f"no {MANIFEST}, or one that is too long")
    manifest = parse(archive.read(MANIFEST), source)
    stated = {name: member.size for name, member in manifest.members.items()}
    if sizes != stated:
        odd = sorted(name for name, _ in sizes.items() ^ stated.items())
        raise ValueError(f"{odd[0]!r} is not what {MANIFEST} states")
    if sum(stated.values()) > UNPACKED_LIMIT or any(stated[name] > TEXT_LIMIT for name in TEXTS):
        raise CheckpointError(
            f"{source}: {sum(stated.values())} bytes unpacked; expected at most {UNPACKED_LIMIT}, {TEXT_LIMIT} of them "
            "per card; it is too large"
        )
    return manifest


def _damaged(source: str, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{source}: damaged, or not made by 'zoo pack': {reason or 'it ends too early'}; expected the archive as it "
        "was packed; get it again"
    )
