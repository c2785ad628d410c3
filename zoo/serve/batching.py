"""Requests that wait for a model worker. A free worker takes whatever waits, up to a size.

One client never waits for others; where several asked at a time, a worker gives them a moment to come together again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from functools import cached_property

from mmfeat.types import Seconds
from zoo.predict.features import Features
from zoo.serve.messages import Bytes
from zoo.serve.refusals import Refused

DEATHS = 2  # workers that a request may take with it


@dataclass(eq=False)
class Request:
    """Utterances of one client that are answered together."""

    utterances: tuple[Features, ...]
    what_if: bool
    answered: asyncio.Future[Bytes]  # the answers as JSON, joined by commas
    deaths: int = 0  # of workers that had it

    @cached_property
    def size(self) -> int:
        """Bytes of its features."""
        return sum(values.nbytes for utterance in self.utterances for values in utterance.rows.values())


@dataclass
class Waiting:
    """The queue in front of the model workers."""

    limit: int  # requests
    batch: int  # utterances
    size: int  # bytes of the features of those that wait
    _queue: deque[Request] = field(default_factory=deque)
    _idle: deque[asyncio.Future[None]] = field(default_factory=deque)  # workers that wait for something to come
    _gathering: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)  # and for more to come
    working: int = 0  # requests that workers have

    def __len__(self) -> int:
        return len(self._queue)

    def require_room(self) -> None:
        """Refuse where the queue is full."""
        if len(self._queue) >= self.limit or sum(request.size for request in self._queue) > self.size:
            raise Refused(
                429, "queue_full", f"{len(self._queue)} requests wait; expected fewer; try again soon", retry_after=1
            )

    def put(self, utterances: tuple[Features, ...], what_if: bool) -> asyncio.Future[Bytes]:
        """Queue a request.

        Raises
        ------
        Refused
            If the queue is full.
        """
        self.require_room()
        request = Request(utterances, what_if, asyncio.get_running_loop().create_future())
        self._queue.append(request)
        self._wake()
        for wanted, enough in self._gathering:
            if len(self._queue) >= wanted and not enough.done():
                enough.set_result(None)
        return request.answered

    async def take(self) -> list[Request]:
        """Wait for requests, and take those that can be answered together."""
        batch: list[Request] = []
        while not batch:
            if not self._queue:
                await self._something()
                await asyncio.sleep(0)  # what the sockets hold already may join
            batch = self._together()
        self.working += len(batch)
        if self._queue:
            self._wake()
        return batch

    async def gather(self, count: int, patience: Seconds) -> None:
        """Wait until about so many requests are there, but no longer than that.

        Clients that were answered together ask again together. A worker that took the first of them at once would work
        on small batches for ever, each of which costs nearly as much as a large one.

        Parameters
        ----------
        count : int
            How many were asked for lately; where it was one, nothing is waited for.
        patience : float
            Most that is waited, s.
        """
        wanted = min(count, self.batch) * 7 // 8  # one that stays away should not keep the others
        if wanted < 2 or len(self._queue) >= wanted:
            return
        enough: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gathering.append((wanted, enough))
        try:
            await asyncio.wait((enough,), timeout=patience)
        finally:
            self._gathering.remove((wanted, enough))

    def done(self, batch: list[Request]) -> None:
        """Take note that a worker has answered."""
        self.working -= len(batch)

    def give_back(self, batch: list[Request]) -> None:
        """Take back what a worker died over, for another one; it is asked each by itself, so that one is guilty."""
        self.working -= len(batch)
        for request in reversed(batch):
            request.deaths += 1
            if request.answered.done():
                continue
            if request.deaths >= DEATHS:
                request.answered.set_exception(
                    Refused(503, "worker_died", "the model failed twice; expected an answer; try again", retry_after=5)
                )
            else:
                self._queue.appendleft(request)
        if self._queue:
            self._wake()

    def _together(self) -> list[Request]:
        """The request that waits longest, and others of its kind as far as they fit."""
        batch: list[Request] = []
        rest: list[Request] = []
        size = 0
        while self._queue and size < self.batch and not (batch and batch[0].deaths):
            request = self._queue.popleft()
            if request.answered.done():  # its client waited too long
                continue
            fits = size + len(request.utterances) <= self.batch
            if not batch or (fits and request.what_if == batch[0].what_if and not request.deaths):
                batch.append(request)
                size += len(request.utterances)
            else:
                rest.append(request)
        self._queue.extendleft(reversed(rest))
        return batch

    async def _something(self) -> None:
        """Wait until a request is there."""
        coming: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._idle.append(coming)
        try:
            await coming
        except asyncio.CancelledError:
            if coming.done() and not coming.cancelled() and self._queue:
                self._wake()  # it was this worker's turn, which is gone
            raise

    def _wake(self) -> None:
        while self._idle:
            coming = self._idle.popleft()
            if not coming.done():
                coming.set_result(None)
                return
