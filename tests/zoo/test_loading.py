"""The order of batches: every item once, like lengths together, the same for one seed and epoch."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from zoo_corpora import write_corpus

from zoo.data import Items, Loader, View, draw_for, fit_normalisation, group_items, open_corpus, view
from zoo.types import Batch, Level, Missing


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> dict[Level, Items]:
    path = write_corpus(tmp_path_factory.mktemp("loading") / "small.h5", sizes={"train": 203, "valid": 4})
    part = open_corpus(path).part("train")
    return {level: group_items(part, level, fit_normalisation(part)) for level in ("words", "dialogue")}


def masked(items: Items) -> View:
    kept, _ = draw_for(Missing(), items.part.rows, "small", seed=0, variant=1)
    return view(items, kept)


def numbers(batches: list[Batch]) -> list[list[int]]:
    return [[number for number in batch.numbers.flatten().tolist() if number >= 0] for batch in batches]


@pytest.mark.parametrize("level", ["words", "dialogue"])
def test_every_item_comes_once_per_epoch(items: dict[Level, Items], level: Level) -> None:
    seen = view(items[level], None)
    for batches in (Loader(seen, 4).in_order(), Loader(seen, 4).shuffled(seed=1, epoch=3)):
        found = [number for batch in numbers(list(batches)) for number in batch]
        assert sorted(found) == list(range(203))


def test_the_order_follows_from_seed_and_epoch(items: dict[Level, Items]) -> None:
    seen = view(items["words"], None)

    def order(seed: int, epoch: int) -> list[list[int]]:
        return numbers(list(Loader(seen, 8).shuffled(seed, epoch)))

    assert order(1, 1) == order(1, 1)
    assert order(1, 1) != order(1, 2)
    assert order(1, 1) != order(2, 1)
    assert len(Loader(seen, 8)) == len(order(1, 1)) == 26


def test_like_lengths_stand_together_and_batches_still_differ_between_epochs(items: dict[Level, Items]) -> None:
    seen, size = view(items["words"], None), 8
    lengths = items["words"].lengths
    plain = sum(len(part) * int(part.max()) for part in np.split(lengths, range(size, len(lengths), size)))
    sorted_ = [batch.mask.numel() for batch in Loader(seen, size).shuffled(1, 1)]
    words = int(lengths.sum())
    assert sum(batch.mask.numel() for batch in Loader(seen, size).in_order()) - words < 0.1 * (plain - words)
    assert sum(sorted_) - words < 0.25 * (plain - words)
    first, second = ({frozenset(one) for one in numbers(list(Loader(seen, size).shuffled(1, e)))} for e in (1, 2))
    assert len(first & second) < len(first) / 2


@pytest.mark.parametrize(("size", "world"), [(8, 2), (16, 2), (16, 3)])
def test_processes_get_equal_shares_that_cover_everything(items: dict[Level, Items], size: int, world: int) -> None:
    seen = view(items["words"], None)
    shares = [numbers(list(Loader(seen, size, rank=rank, world=world).shuffled(1, 1))) for rank in range(world)]
    assert {len(share) for share in shares} == {len(Loader(seen, size, world=world))}
    everything = [number for share in shares for batch in share for number in batch]
    assert set(everything) == set(range(203))
    count = -(-203 // size)
    if count % world == 0:
        assert len(everything) == 203
    else:
        # Fewer than one batch per process is used twice: the first of the epoch.
        assert len(everything) - 203 <= (world - count % world) * size


def test_workers_make_the_same_batches(items: dict[Level, Items]) -> None:
    for level in items:
        seen = masked(items[level])
        alone, together = (list(Loader(seen, 16, workers).shuffled(1, 1)) for workers in (0, 2))
        assert len(alone) == len(together)
        for one, other in zip(alone, together, strict=True):
            for field in fields(Batch):
                left, right = getattr(one, field.name), getattr(other, field.name)
                pairs = [(left[name], right[name]) for name in left] if isinstance(left, dict) else [(left, right)]
                assert all(a is b is None or torch.equal(a, b) for a, b in pairs)


def test_an_item_is_the_same_in_any_batch(items: dict[Level, Items]) -> None:
    seen = masked(items["dialogue"])
    alone, among = seen.batch(np.array([2])), seen.batch(np.array([0, 2, 1]))
    length = alone.mask.shape[1]
    assert torch.equal(alone.numbers[0], among.numbers[1, :length])
    assert torch.equal(alone.features["text"][0], among.features["text"][1, :length])


def test_a_batch_can_be_moved(items: dict[Level, Items]) -> None:
    batch = next(Loader(masked(items["words"]), 4).in_order()).to(torch.device("meta"))
    assert batch.mask.device.type == batch.features["text"].device.type == "meta"
    assert batch.speakers is None


def test_training_sees_no_file_of_the_machine(items: dict[Level, Items]) -> None:
    """A view goes to worker processes, so it must not hold an open file."""
    assert not any(isinstance(value, Path) for value in vars(items["words"].part).values())
