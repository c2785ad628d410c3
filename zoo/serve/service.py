"""What lives as long as the service does: workers, queues, the folder for uploads."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from zoo.serve.access import Access
from zoo.serve.answering import Answering
from zoo.serve.jobs import Jobs
from zoo.serve.logs import log
from zoo.serve.metrics import Metrics
from zoo.serve.processes import CannotStart
from zoo.serve.refusals import stopping
from zoo.serve.settings import Settings

FETCHING = 3.0  # s that clients are given to fetch the answers for their clips before the doors close


class Service:
    """One service, from its start to its stop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.access = Access(settings.token, settings.loopback)
        self.answering = Answering(settings, self.metrics)
        self.stopping = False  # nothing new is accepted
        self.failed: str | None = None  # why it can never work
        self.at_failure: Callable[[], None] = lambda: None
        self._jobs: Jobs | None = None

    @property
    def jobs(self) -> Jobs:
        """The clips; they are there while the service lives."""
        assert self._jobs is not None
        return self._jobs

    @property
    def ready(self) -> bool:
        """Whether requests are answered now."""
        return self.answering.ready and not self.stopping

    def require_open(self) -> None:
        """Refuse new work while the model is loaded, or the service stops."""
        if self.stopping:
            raise stopping()
        self.answering.require_described()

    @contextlib.asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """Run the workers, with a private folder for uploads that goes when they do."""
        folder = Path(tempfile.mkdtemp(prefix="zoo-serve-"))  # only for this user
        self._jobs = Jobs(self.settings, self.metrics, folder)
        working = asyncio.create_task(self._run())
        try:
            yield
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            shutil.rmtree(folder, ignore_errors=True)

    async def finish(self) -> None:
        """Accept nothing new, and wait for what was accepted as long as the grace lasts."""
        self.stopping = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.grace):
                while self.answering.busy or self.jobs.busy:
                    await asyncio.sleep(0.02)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FETCHING):
                        while self.jobs.unseen:
                            await asyncio.sleep(0.02)

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.answering.run())
                while not self.answering.ready:  # they come first: a core is not shared while they load
                    await asyncio.sleep(0.02)
                gc.freeze()  # what is there stays there: looking through it again and again would cost every request
                log("ready")
                group.create_task(self.jobs.run())
        except* CannotStart as errors:
            self._fail(str(_first(errors)))
        except* Exception as errors:  # noqa: BLE001  without workers there is no service
            fault = _first(errors)
            log("fault", kind=type(fault).__name__)
            self._fail(f"a fault of the service ({fault!r}); expected it to run; start it again and tell its maker")

    def _fail(self, reason: str) -> None:
        self.failed = reason
        self.at_failure()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
