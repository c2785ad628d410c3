"""A service that was really started, under load: equal answers, workers that are killed, a stop in the middle."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zoo_service import TYPES, Started, rows, same, started, until, written

from mmfeat.types import MODALITIES
from zoo.packing import find, sample_of
from zoo.predict import Features, Predictor

pytestmark = pytest.mark.slow

CLIENTS, SECONDS = 16, 60.0
# All ask at once, then rest: the machine has other work too, and a worker that is killed at a beat has many requests.
BEAT = 0.125
SUBSETS = [subset for size in (1, 2, 3) for subset in itertools.combinations(MODALITIES, size)]


@dataclass(frozen=True)
class Question:
    """A request, and what offline prediction says to it."""

    path: str
    kind: str
    body: bytes
    offline: Any  # None: unsuitable


def questions(predictor: Predictor) -> list[Question]:
    made = [_question(predictor, seed) for seed in range(57)]
    wrong = {"text": np.zeros((3, 31), np.float32)}
    return made + [Question("/predict", kind, written(wrong, kind), None) for kind in TYPES]


def _question(predictor: Predictor, seed: int) -> Question:
    kind, what_if = list(TYPES)[seed % 3], seed % 11 == 0
    arrays = rows(seed, 1 + seed * 49 // 56, SUBSETS[seed % 7])
    given = [Features("0", arrays)]
    body = written(arrays, kind)
    if kind == "npz" and seed % 2:
        more = rows(seed + 1000, 50 - seed * 49 // 56)
        given = [Features("0", arrays), Features("b", more)]
        body = written({f"{who.id}/{name}": values for who in given for name, values in who.rows.items()}, kind)
    offline = [answer.as_json() for answer in predictor.answer(given, what_if=what_if)]
    return Question(f"/predict?what_if={what_if}", kind, body, offline)


@dataclass(frozen=True)
class Told:
    """What a client got."""

    question: int
    asked: float  # when, monotonic s
    status: int  # 0: the connection broke
    retry_after: str | None
    body: bytes
    answered: float


class Clients:
    """All clients, each in a thread with one connection that it keeps."""

    def __init__(self, service: Started, asked: list[Question]) -> None:
        self._service, self._asked = service, asked
        self.told: list[Told] = []
        self.waiting = 0
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _work(self, number: int) -> None:
        rng = np.random.default_rng(number)
        with contextlib.closing(self._service.connect()) as connection:
            while not self._stop.wait(BEAT - time.monotonic() % BEAT):
                told = self._ask(connection, int(rng.integers(len(self._asked))))
                self.told.append(told)
                if told.status in (0, 503):
                    return

    def _ask(self, connection: http.client.HTTPConnection, number: int) -> Told:
        asked, question = time.monotonic(), self._asked[number]
        with self._lock:
            self.waiting += 1
        try:
            connection.request("POST", question.path, question.body, {"Content-Type": TYPES[question.kind]})
            response = connection.getresponse()
            body, status, retry_after = response.read(), response.status, response.getheader("Retry-After")
        except (OSError, http.client.HTTPException) as error:
            body, status, retry_after = repr(error).encode(), 0, None
        with self._lock:
            self.waiting -= 1
        return Told(number, asked, status, retry_after, body, time.monotonic())

    def at_work(self, act: Callable[[], object]) -> int:
        """Do something once half of the clients wait for an answer; gives how many did."""
        until_waiting = time.monotonic() + 30
        while (waiting := self.waiting) < CLIENTS // 2:
            assert time.monotonic() < until_waiting
            time.sleep(0.001)
        act()
        return waiting

    def finish(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)


class Viewer(threading.Thread):
    """A client with a clip, who waits for its answers over one connection."""

    def __init__(self, service: Started, identity: str) -> None:
        super().__init__()
        self._service, self._path, self.job = service, f"/predict/media/{identity}", dict[str, Any]()
        self.start()

    def run(self) -> None:
        with contextlib.closing(self._service.connect()) as connection:
            while self.job.get("status") not in ("done", "failed"):
                connection.request("GET", self._path)
                self.job = json.loads(connection.getresponse().read())
                time.sleep(0.1)


def right(told: Told, question: Question) -> bool:
    if question.offline is None:
        return told.status == 422
    return told.status == 200 and same(json.loads(told.body)["answers"], question.offline)


def all_right(told: list[Told], asked: list[Question]) -> bool:
    different = {(each.question, each.status, each.body): each for each in told}  # most are equal to the last digit
    return all(right(each, asked[each.question]) for each in different.values())


def told_to_come_again(told: Told) -> bool:
    return (told.status, told.retry_after) == (503, "5")


def restarts(service: Started) -> float:
    return service.metric('zoo_worker_restarts_total{kind="model"}')


def kill_worker(service: Started, clients: Clients) -> int:
    """Kill the model worker over its work, and wait for the next one; gives how many requests waited."""
    (worker,) = service.workers("model")
    before = restarts(service)
    waiting = clients.at_work(lambda: os.kill(worker, signal.SIGKILL))
    until(lambda: restarts(service) == before + 1)
    until(lambda: service.ask("GET", "/ready")[0] == 200)
    return waiting


def test_a_minute_of_load_two_killed_workers_and_a_stop_in_the_middle_lose_nothing(tmp_path: Path):
    demo = find("demo", tmp_path)
    predictor = Predictor.open(demo)
    asked = questions(predictor)
    sample = sample_of(demo)
    assert sample is not None
    with started("--grace", "30") as service:
        began = time.monotonic()
        clients = Clients(service, asked)
        hit = []
        for moment in (0.25, 0.6):
            time.sleep(max(0.0, began + moment * SECONDS - time.monotonic()))
            hit.append(kill_worker(service, clients))
        time.sleep(max(0.0, began + SECONDS - 2.0 - time.monotonic()))
        viewer = Viewer(service, service.upload(sample[0].read_bytes(), transcript=sample[1].read_text())[1]["id"])
        time.sleep(max(0.0, began + SECONDS - time.monotonic()))
        family = service.processes()
        hit.append(clients.at_work(service.process.terminate))
        stopped = time.monotonic()
        code = service.process.wait(30)
        took = time.monotonic() - stopped
        clients.finish()
        viewer.join(30)
        before = [each for each in clients.told if each.answered <= stopped]
        around = [each for each in clients.told if each.asked <= stopped < each.answered]
        after = [each for each in clients.told if each.asked > stopped]
        print(
            f"{len(before)} requests, {len(before) / SECONDS:.0f}/s, {Counter(each.status for each in before)}; "
            f"waited when a worker was killed, and at SIGTERM: {hit}; around it {Counter(e.status for e in around)}, "
            f"after it {Counter(e.status for e in after)}; slowest {max(e.answered - e.asked for e in before):.1f} s; "
            f"ended in {took:.1f} s"
        )
        assert len(before) > 20 * SECONDS
        assert [each.body for each in before if each.status not in (200, 422)] == []
        assert all_right(before, asked)
        # What was accepted before the signal is answered; what had not been read by then is told to come again.
        accepted = [each for each in around if not told_to_come_again(each)]
        assert accepted
        assert all_right(accepted, asked)
        # Later there may be nobody to say so.
        assert all_right([each for each in after if each.status and not told_to_come_again(each)], asked)
        assert viewer.job["status"] == "done"
        assert len(family) == 3
        assert (code, service.said("stopped") != [], service.said("fault")) == (0, True, [])
        until(lambda: not service.processes(), 5)
        assert list(service.temporary.iterdir()) == []
