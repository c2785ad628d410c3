"""The queue in front of the model workers: what is answered together, what a dead worker gives back."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from zoo.predict import Features
from zoo.serve.batching import Request, Waiting
from zoo.serve.messages import Message
from zoo.serve.questions import asked, question
from zoo.serve.refusals import Refused

MIB = 2**20


def features(name: str = "a", rows: int = 2, dialogue: str = "") -> Features:
    return Features(
        name, {"text": np.ones((rows, 3), np.float32)}, {"text": np.ones(rows, np.bool_)}, dialogue, 7, "me"
    )


def test_a_question_reaches_the_worker_whole_and_clients_share_no_dialogue():
    packed = question([[features("a", 2, "d"), features("b", 5, "d")], [features("a", 1, "d"), features("c")]], True)
    (one, two), (three, four) = asked(Message(packed.head, packed.blobs))
    assert [each.id for each in (one, two, three, four)] == ["a", "b", "a", "c"]
    assert two.rows["text"].shape == (5, 3)
    assert (two.turn, two.speaker, two.observed["text"].all()) == (7, "me", True)
    assert one.dialogue == two.dialogue
    assert len({one.dialogue, three.dialogue, four.dialogue}) == 3


def put(waiting: Waiting, *kinds: bool) -> list[asyncio.Future[Any]]:
    return [waiting.put((features(str(number)),), kind) for number, kind in enumerate(kinds)]


def names(batch: list[Request]) -> list[str]:
    return [request.utterances[0].id for request in batch]


def test_a_free_worker_takes_all_that_can_be_answered_together():
    async def work() -> None:
        waiting = Waiting(limit=9, batch=3, size=MIB)
        put(waiting, False, True, False, False, False)
        assert [names(await waiting.take()) for _ in range(3)] == [["0", "2", "3"], ["1"], ["4"]]
        assert len(waiting) == 0

    asyncio.run(work())


def test_clients_that_asked_together_are_waited_for_but_not_for_long_and_one_alone_not_at_all():
    async def work() -> None:
        waiting = Waiting(limit=9, batch=8, size=MIB)
        await asyncio.wait_for(waiting.gather(1, 60.0), 1)
        coming = asyncio.create_task(waiting.gather(3, 60.0))
        put(waiting, False)
        await asyncio.sleep(0.01)
        assert not coming.done()
        put(waiting, False)
        await asyncio.wait_for(coming, 1)
        await asyncio.wait_for(waiting.gather(8, 0.01), 1)  # the others stay away

    asyncio.run(work())


@pytest.mark.parametrize(("limit", "size"), [(2, MIB), (9, 30)])
def test_a_full_queue_refuses(limit: int, size: int):
    async def work() -> None:
        waiting = Waiting(limit, batch=3, size=size)
        put(waiting, True, True)
        with pytest.raises(Refused) as refused:
            put(waiting, True)
        assert (refused.value.status, refused.value.retry_after) == (429, 1)

    asyncio.run(work())


def test_after_a_death_each_request_is_asked_by_itself_and_the_guilty_one_is_told():
    async def work() -> None:
        waiting = Waiting(limit=9, batch=8, size=MIB)
        good, bad = put(waiting, False, False)
        batch = await waiting.take()
        waiting.give_back(batch)
        (alone,) = await waiting.take()
        assert alone.answered is good
        (guilty,) = await waiting.take()
        waiting.give_back([guilty])
        assert not good.done()
        with pytest.raises(Refused) as refused:
            await bad
        assert (refused.value.status, refused.value.code) == (503, "worker_died")
        assert waiting.working == 1

    asyncio.run(work())


def test_a_worker_that_is_cancelled_passes_its_turn_on():
    async def work() -> None:
        waiting = Waiting(limit=9, batch=8, size=MIB)
        first, second = (asyncio.create_task(waiting.take()) for _ in range(2))
        await asyncio.sleep(0)
        put(waiting, False)  # wakes the first
        first.cancel()
        assert names(await asyncio.wait_for(second, 1)) == ["0"]

    asyncio.run(work())
