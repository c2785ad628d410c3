"""What our processes say to each other: a head in JSON and the bytes of arrays behind it. Nothing in it runs code."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_PREFIX = struct.Struct("!IQ")  # bytes of the head, and of all that follows it

Bytes = bytes | memoryview


@dataclass(frozen=True)
class Message:
    """A head, and blobs that it describes."""

    head: dict[str, Any]
    blobs: Sequence[Bytes] = ()

    def packed(self) -> list[Bytes]:
        """As it goes over the socket."""
        sizes = [len(blob) for blob in self.blobs]
        head = json.dumps({"head": self.head, "sizes": sizes}).encode()
        return [_PREFIX.pack(len(head), sum(sizes)) + head, *self.blobs]


async def receive(reader: asyncio.StreamReader) -> Message:
    """Wait for the next message; raises ``asyncio.IncompleteReadError`` where the other side is gone."""
    first, second = _PREFIX.unpack(await reader.readexactly(_PREFIX.size))
    return _unpacked(await reader.readexactly(first + second), first)


class Channel:
    """The side of a child process: it waits for what the front says, and answers."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._file = self._socket.makefile("rb")

    def receive(self) -> Message | None:
        """Wait for the next message; None: the front is gone."""
        prefix = self._file.read(_PREFIX.size)
        if len(prefix) < _PREFIX.size:
            return None
        first, second = _PREFIX.unpack(prefix)
        data = self._file.read(first + second)
        return _unpacked(data, first) if len(data) == first + second else None

    def send(self, message: Message) -> None:
        """Say something; raises OSError where the front is gone."""
        self._socket.sendall(b"".join(message.packed()))


def channel_to_front() -> Channel:
    """Open the channel to the process that started this one, and leave it to that one when to stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    return Channel(int(sys.argv[1]))


def _unpacked(data: bytes, length: int) -> Message:
    content = json.loads(data[:length])
    view, blobs, start = memoryview(data), [], length
    for size in content["sizes"]:
        blobs.append(view[start : start + size])
        start += size
    return Message(content["head"], blobs)
