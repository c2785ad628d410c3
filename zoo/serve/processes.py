"""Child processes that are watched: started, talked to, and started again when they die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

from mmfeat.types import Seconds
from zoo.errors import ZooError
from zoo.serve.messages import Message, receive

FIRST_DELAY, LONGEST_DELAY = 0.1, 10.0  # s before a dead child is started again; doubles each time
STEADY = 30.0  # s of life after which a death counts as the first again
SECRETS = ("ZOO_TOKEN",)  # of the environment, which children have no use for


class ChildDied(ZooError):
    """A child process is gone, or said nothing for too long."""


class CannotStart(ZooError):
    """A child process says that it can never do its work."""


class Child:
    """One life of a child process, and the socket to it. Nothing that it does or leaves undone blocks the front."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.process = process
        self._reader, self._writer = reader, writer
        writer.transport.set_write_buffer_limits(0)  # a message is on its way once nothing of it is left here

    @classmethod
    async def start(cls, module: str, setup: Mapping[str, Any], environment: Mapping[str, str]) -> Self:
        """Start ``python -m MODULE DESCRIPTOR``; ``setup`` is the first message."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", module, str(theirs.fileno())),
                pass_fds=(theirs.fileno(),),
                stdin=DEVNULL,
                stdout=DEVNULL,
                env=_environment() | dict(environment),
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        child = cls(process, reader, writer)
        await child.send(Message(dict(setup)))
        return child

    async def send(self, message: Message) -> None:
        """Say something, and wait until all of it is on its way; raises ChildDied where the child is gone."""
        self._writer.writelines(message.packed())
        try:
            await self._writer.drain()
        except OSError:
            raise _gone() from None

    async def receive(self) -> Message:
        """Wait for what it says; raises ChildDied where it is gone."""
        try:
            return await receive(self._reader)
        except (asyncio.IncompleteReadError, OSError):
            raise _gone() from None

    async def stop(self, grace: Seconds = 0.0) -> None:
        """Let it end by itself, which it does when the socket closes; then kill it."""
        self._writer.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self.process.wait()
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        await self.process.wait()


class Supervised:
    """A child process that is always there again: its work goes on with the next one where one dies."""

    def __init__(
        self,
        start: Callable[[], Awaitable[Child]],
        work: Callable[[Child], Awaitable[None]],
        died: Callable[[], None],
    ) -> None:
        self._start, self._work, self._died = start, work, died
        self.child: Child | None = None  # the living one, once it is ready

    async def run(self) -> None:
        """Work until cancelled; raises CannotStart where there is no point in another try."""
        delay = FIRST_DELAY
        while True:
            began = time.monotonic()
            with contextlib.suppress(ChildDied):
                child = await self._start()
                try:
                    self.child = child
                    await _while_alive(child, self._work(child))
                finally:
                    self.child = None
                    await asyncio.shield(child.stop())
            self._died()
            delay = FIRST_DELAY if time.monotonic() - began > STEADY else min(2 * delay, LONGEST_DELAY)
            await asyncio.sleep(delay)


async def ready_child(
    module: str, setup: Mapping[str, Any], environment: Mapping[str, str], limit: Seconds
) -> tuple[Child, dict[str, Any]]:
    """Start a child and wait until it says that it is ready; give what it said too.

    Raises
    ------
    ChildDied
        If it died or took too long.
    CannotStart
        If it says that it cannot do its work: no such checkpoint.
    """
    child = await Child.start(module, setup, environment)
    try:
        async with asyncio.timeout(limit):
            said = (await child.receive()).head
    except BaseException as error:
        await asyncio.shield(child.stop())
        if isinstance(error, TimeoutError):
            raise ChildDied(
                f"a child process took over {limit:g} s to start; expected less; it is tried again"
            ) from None
        raise
    if "failed" in said:
        await child.stop()
        raise CannotStart(said["failed"])
    return child, said


def _gone() -> ChildDied:
    return ChildDied("a child process died; expected it to live; it is started again")


async def _while_alive(child: Child, work: Awaitable[None]) -> None:
    """Do work until it ends or the child dies, whichever is first."""
    working = asyncio.ensure_future(work)
    dying = asyncio.ensure_future(child.process.wait())
    try:
        await asyncio.wait((working, dying), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, dying):
            task.cancel()
        results = await asyncio.gather(working, dying, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]


def _environment() -> dict[str, str]:
    """Ours, with our search path and one thread: workers are spread over cores as processes."""
    kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return kept | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
