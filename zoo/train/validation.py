"""Scores on the validation part, by which an epoch is chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from zoo.answers import respond
from zoo.data import Loader, View
from zoo.metrics import LOWER_IS_BETTER, measure
from zoo.types import Task


def mean_loss(objective: nn.Module, views: Sequence[View], batch_size: int, device: torch.device) -> float:
    """The task's own loss over some views, each known target counting alike; the whole loss where it is not told."""
    total, count = 0.0, 0
    with torch.inference_mode():
        for view in views:
            for batch in Loader(view, batch_size).in_order():
                known = int(batch.known.sum())
                if known:
                    losses = objective(batch.to(device))
                    total += float(losses.get("task", losses["loss"])) * known
                    count += known
    return total / max(count, 1)


def mean_scores(
    network: nn.Module, views: Sequence[View], task: Task, batch_size: int, device: torch.device
) -> dict[str, float]:
    """Every metric, averaged over those of some views in which it exists."""
    tables = []
    for view in views:
        part = view.items.part
        answers, _ = respond(network, view, device, batch_size)
        tables.append(measure(task, part.targets, part.known, answers))
    names = dict.fromkeys(name for table in tables for name in table)
    return {name: float(np.mean([table[name] for table in tables if name in table])) for name in names}


def turned(metric: str, value: float) -> float:
    """A metric as something to be made small; and back again."""
    return value if metric in LOWER_IS_BETTER else -value
