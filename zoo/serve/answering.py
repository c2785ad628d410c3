"""The model workers, as the front sees them: requests in, answers out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from mmfeat.types import MODALITIES, Modality
from zoo.predict.features import Features
from zoo.serve.batching import Request, Waiting
from zoo.serve.messages import Bytes, Message
from zoo.serve.metrics import Metrics
from zoo.serve.processes import Child, ChildDied, Supervised, ready_child
from zoo.serve.questions import question
from zoo.serve.refusals import Refused
from zoo.serve.settings import Settings

if TYPE_CHECKING:
    from zoo.types import Level

MODULE = "zoo.serve.model_worker"
Result = TypeVar("Result")


@dataclass(frozen=True)
class Described:
    """What the front knows of the model, from a worker that opened it."""

    card: Mapping[str, Any]  # as ``card.json`` has it

    @cached_property
    def dims(self) -> dict[Modality, int]:
        """Feature widths, in the order of the modalities."""
        widths = self.card["inputs"]["dims"]
        return {name: widths[name] for name in MODALITIES if name in widths}

    @property
    def level(self) -> Level:
        """Of the model."""
        level: Level = self.card["level"]
        return level

    @cached_property
    def text(self) -> bytes:
        """`as_json`, written."""
        return json.dumps(self.as_json()).encode()

    def as_json(self) -> dict[str, Any]:
        """What ``GET /models`` says of it."""
        card = self.card
        return {
            "name": f"{card['model']}-{card['dataset']}",
            "model": card["model"],
            "stage": card["stage"],
            "dataset": card["dataset"],
            "task": {name: card["task"][name] for name in ("kind", "targets", "classes")},
            "level": card["level"],
            "dims": self.dims,
            "features": {
                name: f"{made['extractor']} {made['version']}"
                for name in MODALITIES
                if (made := card["features"].get(name))
            },
            "weights_sha256": card["weights_sha256"],
            "code_version": card["code_version"],
            "licence": card["licence"],
        }


class Answering:
    """All model workers and the queue in front of them."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        limits = settings.limits
        self.waiting = Waiting(limits.queue, limits.batch, limits.queued)
        self.described: Described | None = None  # once a worker has opened the model
        self._wanted = settings.workers or 1
        self._supervised: list[Supervised] = []
        metrics.watch_queue("predict", lambda: len(self.waiting))
        metrics.watch_workers("model", lambda: sum(each.child is not None for each in self._supervised))

    @property
    def ready(self) -> bool:
        """Whether all workers have the model loaded."""
        return len(self._supervised) == self._wanted and all(each.child is not None for each in self._supervised)

    def require_described(self) -> Described:
        """What is known of the model; raises Refused while nothing is."""
        if self.described is None:
            raise Refused(503, "loading", "the model is being loaded; expected it soon; try again", retry_after=2)
        return self.described

    @property
    def busy(self) -> bool:
        """Whether any request is still without its answer."""
        return bool(len(self.waiting) or self.waiting.working)

    async def run(self) -> None:
        """Keep the workers alive until cancelled; raises CannotStart where the checkpoint cannot be opened."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._wanted):
                self._add(group, number)
            if self._settings.workers is None:
                await self._add_more(group)

    def _add(self, group: asyncio.TaskGroup, number: int) -> None:
        supervised = Supervised(lambda: self._start(number), self._work, lambda: self._metrics.died("model"))
        self._supervised.append(supervised)
        group.create_task(supervised.run())

    async def _add_more(self, group: asyncio.TaskGroup) -> None:
        """One worker per GPU, of which the first worker knows how many there are."""
        while (gpus := self._gpus) is None:
            await asyncio.sleep(0.05)
        self._wanted = max(1, gpus)
        for number in range(1, self._wanted):
            self._add(group, number)

    _gpus: int | None = None

    async def _start(self, number: int) -> Child:
        setup = {"checkpoint": str(self._settings.checkpoint), "device": self._settings.device, "number": number}
        child, said = await ready_child(MODULE, setup, {}, self._settings.limits.start_time)
        self.described, self._gpus = Described(said["card"]), said["gpus"]
        return child

    async def answer(self, utterances: Sequence[Features], what_if: bool) -> Bytes:
        """Answers as JSON, joined by commas.

        Raises
        ------
        Refused
            If the queue is full, the model cannot answer, or no worker came to it in time.
        """
        limit = self._settings.limits.answer_time
        try:
            async with asyncio.timeout(limit):
                return await self.waiting.put(tuple(utterances), what_if)
        except TimeoutError:
            raise Refused(
                503, "overloaded", f"no answer within {limit:g} s; expected one; try again later", retry_after=10
            ) from None

    async def _work(self, child: Child) -> None:
        while True:
            batch = await self._ask(child, await self.waiting.take())
            started = time.perf_counter()
            self._deliver(batch, await self._hear(child, batch))
            await self.waiting.gather(len(batch) + len(self.waiting), time.perf_counter() - started)

    async def _ask(self, child: Child, batch: list[Request]) -> list[Request]:
        """Send a batch to a worker; it goes back to the queue where that fails."""
        utterances = [request.utterances for request in batch]
        await self._or_give_back(batch, child.send(question(utterances, batch[0].what_if)))
        return batch

    async def _hear(self, child: Child, batch: list[Request]) -> Message:
        """Wait for what a worker says to a batch; it goes back to the queue where that fails."""
        started = time.perf_counter()
        said = await self._or_give_back(batch, child.receive())
        size = sum(len(request.utterances) for request in batch)
        self._metrics.answered_batch(size, time.perf_counter() - started)
        return said

    async def _or_give_back(self, batch: list[Request], work: Awaitable[Result]) -> Result:
        try:
            async with asyncio.timeout(self._settings.limits.answer_time):
                return await work
        except TimeoutError:
            self.waiting.give_back(batch)
            raise ChildDied("a model worker hangs; expected an answer; it is started again") from None
        except BaseException:
            self.waiting.give_back(batch)
            raise

    def _deliver(self, batch: list[Request], said: Message) -> None:
        self.waiting.done(batch)
        for request, outcome, text in zip(batch, said.head["outcomes"], said.blobs, strict=True):
            if request.answered.done():
                continue
            if outcome:
                request.answered.set_exception(_refusal(outcome))
            else:
                request.answered.set_result(text)


def _refusal(outcome: Mapping[str, str]) -> Refused:
    if outcome["code"] == "unsuitable":
        return Refused(422, "unsuitable", outcome["message"])
    return Refused(500, "internal", f"the model failed ({outcome['message']}); expected an answer; tell its maker")
