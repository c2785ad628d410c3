"""Clips that wait to be answered for, are, or were: one at a time, in a process that may be lost over any of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from zoo.serve.messages import Message
from zoo.serve.metrics import Metrics
from zoo.serve.processes import Child, ChildDied, Supervised, ready_child
from zoo.serve.refusals import Refused
from zoo.serve.settings import Settings

MODULE = "zoo.serve.media_worker"


@dataclass(eq=False)
class Job:
    """A clip and how far it is."""

    id: str
    folder: Path  # of its files
    clip: Path
    transcript: Path | None = None
    cut: bool = True  # at pauses
    status: Literal["queued", "running", "done", "failed"] = "queued"
    progress: Mapping[str, Any] = field(default_factory=dict)  # stage, done, total
    answers: str = "[]"  # JSON
    failures: list[Mapping[str, str]] = field(default_factory=list)
    error: Mapping[str, str] | None = None
    seen: bool = False  # its end was told to the client
    abandoned: bool = False  # nobody wants it any more


class Jobs:
    """All clips of a service."""

    def __init__(self, settings: Settings, metrics: Metrics, folder: Path) -> None:
        self._settings, self._metrics, self._folder = settings, metrics, folder
        self._limits = settings.limits
        self._known: dict[str, Job] = {}  # in the order of their arrival
        self._queue: deque[Job] = deque()
        self._running: Job | None = None
        self._arriving = 0  # uploads that have a place
        self._something = asyncio.Event()
        self._supervised = Supervised(self._start, self._work, lambda: metrics.died("media"))
        metrics.watch_queue("media", lambda: len(self._queue))
        metrics.watch_workers("media", lambda: int(self._supervised.child is not None))

    @property
    def busy(self) -> bool:
        """Whether any clip is without its answer, or its client without the news."""
        return bool(self._queue or self._running or self._arriving)

    @property
    def unseen(self) -> bool:
        """Whether a client has yet to fetch what it waits for."""
        return any(not job.seen for job in self._known.values())

    async def run(self) -> None:
        """Work until cancelled."""
        await self._supervised.run()

    @contextlib.contextmanager
    def place(self) -> Iterator[Job]:
        """A place in the queue and a private folder while a clip is uploaded; `put` or nothing is left of it.

        Raises
        ------
        Refused
            If the queue is full.
        """
        if len(self._queue) + self._arriving >= self._limits.jobs:
            raise Refused(
                429, "queue_full", f"{self._limits.jobs} clips wait; expected fewer; try later", retry_after=30
            )
        identity = secrets.token_urlsafe(16)
        folder = self._folder / identity
        folder.mkdir(mode=0o700)
        job = Job(identity, folder, folder / "clip")
        self._arriving += 1
        try:
            yield job
        finally:
            self._arriving -= 1
            if identity not in self._known:
                _remove(folder)

    def put(self, job: Job) -> int:
        """Queue a clip that has arrived whole; gives how many wait before it."""
        self._known[job.id] = job
        self._queue.append(job)
        self._something.set()
        return len(self._queue) - 1

    def get(self, identity: str) -> Job:
        """Find a clip; raises Refused with 404."""
        job = self._known.get(identity)
        if job is None:
            raise Refused(
                404, "unknown_job", "no such clip; expected the id of one that is not forgotten; send it again"
            )
        return job

    def forget(self, identity: str) -> None:
        """Forget a clip, whether it waits, is being answered for, or is done; raises Refused with 404."""
        job = self.get(identity)
        job.abandoned = True
        del self._known[identity]
        if job in self._queue:
            self._queue.remove(job)
            _remove(job.folder)
        if job is self._running and self._supervised.child is not None:
            self._supervised.child.process.kill()

    def as_json(self, job: Job) -> bytes:
        """What ``GET /predict/media/{id}`` says."""
        job.seen = job.status in ("done", "failed")
        told = {
            "id": job.id,
            "status": job.status,
            "position": self._queue.index(job) if job.status == "queued" else None,
            "stage": job.progress.get("stage"),
            "done": job.progress.get("done", 0),
            "total": job.progress.get("total", 0),
            "failures": job.failures,
            "error": job.error,
        }
        return f'{json.dumps(told)[:-1]}, "answers": {job.answers}}}'.encode()

    async def _start(self) -> Child:
        # Whatever it writes it writes where we look after it.
        workshop = self._folder / "workshop"
        _remove(workshop)
        workshop.mkdir(mode=0o700)
        setup = {
            "checkpoint": str(self._settings.checkpoint),
            "folder": str(self._folder),
            "glove": self._settings.glove and str(self._settings.glove),
            "memory": self._limits.memory,
        }
        child, _ = await ready_child(MODULE, setup, {"TMPDIR": str(workshop)}, self._limits.start_time)
        return child

    async def _work(self, child: Child) -> None:
        while True:
            while not self._queue:
                self._something.clear()
                await self._something.wait()
            job = self._running = self._queue.popleft()
            job.status = "running"
            try:
                await self._answer(child, job)
            except BaseException:
                self._end(job, {"error": {"code": "worker_died", "message": _DIED}})
                raise
            finally:
                self._running = None
                _remove(job.folder)

    async def _answer(self, child: Child, job: Job) -> None:
        await child.send(
            Message(
                {
                    "clip": str(job.clip),
                    "transcript": job.transcript and str(job.transcript),
                    "cut": job.cut,
                    "duration": self._limits.duration,
                }
            )
        )
        try:
            async with asyncio.timeout(self._limits.job_time):
                while "stage" in (said := (await child.receive()).head):
                    job.progress = said
        except TimeoutError:
            message = f"over {self._limits.job_time:g} s of work; expected less; send a shorter clip"
            self._end(job, {"error": {"code": "took_too_long", "message": message}})
            raise ChildDied(message) from None
        self._end(job, said)

    def _end(self, job: Job, said: Mapping[str, Any]) -> None:
        if job.status in ("done", "failed"):
            return
        job.status = "failed" if "error" in said else "done"
        job.error, job.failures = said.get("error"), said.get("failures", [])
        job.answers = json.dumps(said.get("answers", []))
        self._metrics.finished_job("abandoned" if job.abandoned else job.status)
        asyncio.get_running_loop().call_later(self._limits.keep, self._known.pop, job.id, None)
        ended = [known for known in self._known.values() if known.status in ("done", "failed")]
        for known in ended[: max(0, len(ended) - self._limits.kept)]:
            del self._known[known.id]


_DIED = "the process that read the clip died over it; expected a clip that can be read; export it again"


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
