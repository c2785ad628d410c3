"""Batches of like length, in an order that follows from seed and epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset

from mmfeat.types import IntArray
from zoo.data.items import View
from zoo.types import Batch

BUCKET = 32  # batches whose items are sorted by length together: little padding, and still other batches every epoch


@dataclass(frozen=True)
class Loader:
    """Batches of one view.

    Parameters
    ----------
    view : View
    batch_size : int
        Items per batch.
    workers : int
        Processes that assemble batches; 0 where the items are on the device already.
    rank, world : int
        This process among those that train together; each gets its share of the batches, all the same number.
    """

    view: View
    batch_size: int
    workers: int = 0
    rank: int = 0
    world: int = 1

    def in_order(self) -> Iterator[Batch]:
        """All items once on every rank, the shortest first, so that little is padded: `Batch.numbers` says which."""
        order = np.argsort(self.view.items.lengths, kind="stable")
        return self._batches([order[n : n + self.batch_size] for n in range(0, len(order), self.batch_size)])

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        """All items once, shuffled, those of like length together."""
        return self._batches(self._plan(seed, epoch))

    def __len__(self) -> int:
        """Batches of an epoch on this rank."""
        return math.ceil(math.ceil(len(self.view.items.lengths) / self.batch_size) / self.world)

    def _plan(self, seed: int, epoch: int) -> list[IntArray]:
        rng = np.random.default_rng((seed, epoch))
        lengths = self.view.items.lengths
        order = rng.permutation(len(lengths))
        chunk = BUCKET * self.batch_size
        buckets = [order[n : n + chunk] for n in range(0, len(order), chunk)]
        ordered = np.concatenate([bucket[np.argsort(lengths[bucket], kind="stable")] for bucket in buckets])
        batches = [ordered[n : n + self.batch_size] for n in range(0, len(ordered), self.batch_size)]
        shuffled = [batches[number] for number in rng.permutation(len(batches))]
        # With several processes the first batches are used twice where they do not divide evenly.
        return [shuffled[n % len(shuffled)] for n in range(self.rank, len(self) * self.world, self.world)]

    def _batches(self, plan: list[IntArray]) -> Iterator[Batch]:
        loader: DataLoader[Batch] = DataLoader(
            _Assembly(self.view),
            sampler=plan,
            batch_size=None,
            num_workers=self.workers,
            collate_fn=_as_it_is,
            multiprocessing_context="fork" if self.workers else None,
        )
        return iter(loader)


class _Assembly(Dataset[Batch]):
    """A view as torch's loader wants it: an 'index' is a whole batch."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __getitem__(self, chosen: Any) -> Batch:
        return self._view.batch(chosen)


def _as_it_is(batch: Any) -> Any:
    return batch
