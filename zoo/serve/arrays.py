"""Arrays in the bytes of a request: npz and safetensors. What they claim is checked before anything is unpacked."""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.serve.refusals import Refused, too_large

Arrays = dict[str, npt.NDArray[Any]]

MEMBER = 600  # bytes of the table of a zip file that one array may take; its name is most of it
HEADER = 512  # bytes that describe one array in a header; about 120 do
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x07"
_END_SIZE, _LOCATOR_SIZE = 22, 20
_TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BOOL": "?"}


def from_npz(body: bytes, most: int, limit: int) -> Arrays:
    """Read at most ``most`` arrays of ``limit`` bytes together.

    Raises
    ------
    Refused
        With 400 where it is not such a file, 413 where it would become too large, or has too many members.
    """
    _check_table(body, most)
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = archive.infolist()
            if len(members) > most:
                raise Refused(413, "too_large", f"{len(members)} arrays; expected at most {most}; send fewer")
            if sum(member.file_size for member in members) > limit:
                raise too_large("the unpacked npz", limit)
            return {member.filename.removesuffix(".npy"): _array(_unpacked(archive, member)) for member in members}
    except (
        zipfile.BadZipFile,
        zlib.error,
        ValueError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        struct.error,
    ) as error:
        raise _broken("npz", error) from None


def from_safetensors(body: bytes, most: int) -> Arrays:
    """Read at most ``most`` arrays; they are as large as they say.

    Raises
    ------
    Refused
        With 400 where it is not such a file, 413 where it has too many arrays.
    """
    import safetensors

    length = int.from_bytes(body[:8], "little")
    if length > len(body):
        raise _broken("safetensors", "cut off")
    if length > most * HEADER:
        raise Refused(413, "too_large", f"a header of {length} bytes; expected {most * HEADER}; send fewer arrays")
    try:
        found = safetensors.deserialize(body)  # type: ignore[no-untyped-call]
        if len(found) > most:
            raise Refused(413, "too_large", f"{len(found)} arrays; expected at most {most}; send fewer")
        return {name: _tensor(entry) for name, entry in found}
    except (safetensors.SafetensorError, ValueError) as error:
        raise _broken("safetensors", error) from None


def _check_table(body: bytes, most: int) -> None:
    """Look at what closes a zip file: ``zipfile`` reads the whole table at once, and a long one takes it seconds."""
    end = body[-_END_SIZE:]
    if end[:4] != _END or end[-2:] != b"\0\0" or body[-_END_SIZE - _LOCATOR_SIZE :][:4] == _END_64:
        raise _broken("npz", "no plain zip file without a comment")
    if int.from_bytes(end[12:16], "little") > most * MEMBER:
        raise Refused(413, "too_large", f"a long table of members; expected at most {most} arrays; send fewer")


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("neither stored nor deflated")
    with archive.open(member) as file:
        return file.read(member.file_size)  # no more than it said, whatever comes out


def _array(data: bytes) -> npt.NDArray[Any]:
    """An array of an npy file. Its header is believed only where it agrees with the size of the rest."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if int.from_bytes(data[8:10], "little") > HEADER:
        raise ValueError("a long header")
    if version == (1, 0):
        shape, by_column, kind = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, by_column, kind = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError("neither npy 1.0 nor 2.0")
    rest = memoryview(data)[file.tell() :]
    if kind.hasobject or not kind.itemsize or any(size < 0 for size in shape):
        raise ValueError("not an array of numbers")
    if math.prod(shape) * kind.itemsize != len(rest):
        raise ValueError("another size than the header says")
    return np.frombuffer(rest, kind).reshape(shape, order="F" if by_column else "C")


def _tensor(entry: dict[str, Any]) -> npt.NDArray[Any]:
    if entry["dtype"] not in _TYPES:
        raise ValueError(f"type {entry['dtype']}; expected one of {', '.join(_TYPES)}")
    return np.frombuffer(entry["data"], _TYPES[entry["dtype"]]).reshape(entry["shape"])


def _broken(what: str, reason: object) -> Refused:
    text = " ".join(str(reason).split())[:200]
    return Refused(400, "broken_body", f"the body is no {what} that can be read ({text}); expected one; write it anew")
