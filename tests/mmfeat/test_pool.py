"""One bad item never stops the rest, in this process or in others."""

from __future__ import annotations

import os
import signal
import time

import pytest

from mmfeat.errors import MediaError, MissingDependency
from mmfeat.steps import pool


def square(item: int) -> int:
    if item == 3:
        raise MediaError("three is broken")
    if item == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    if item == 7:
        raise MissingDependency("no such weights")
    return item * item


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_is_the_result_of_its_own_item(workers: int):
    results = dict(pool.run(square, [1, 2, 3, 4], workers))
    assert (results[0], results[1], results[3]) == (1, 4, 16)
    assert isinstance(results[2], MediaError)


def test_a_killed_worker_costs_only_the_item_that_killed_it():
    results = dict(pool.run(square, [1, 5, 2, 4, 6], 2))
    assert [results[position] for position in (0, 2, 3, 4)] == [1, 4, 16, 36]
    assert "died" in str(results[1])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_of_the_setup_stops_everything(workers: int):
    with pytest.raises(MissingDependency, match="no such weights"):
        list(pool.run(square, [7, 1, 2], workers))


def clock(item: int) -> tuple[float, float]:
    begin = time.monotonic()
    time.sleep(0.2)
    return begin, time.monotonic()


def test_the_first_item_is_finished_before_others_begin():
    spans = dict(pool.run(clock, range(4), 2))
    assert spans[0][1] <= min(spans[position][0] for position in (1, 2, 3))
