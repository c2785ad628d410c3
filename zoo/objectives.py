"""Objectives that more than one model uses."""

from __future__ import annotations

from torch import Tensor, nn

from zoo.losses import task_loss
from zoo.types import Batch, Task


class Supervised(nn.Module):
    """The task's loss and nothing else.

    Parameters
    ----------
    model : nn.Module
    task : Task
    squared : bool
        Squared instead of absolute error of a score.
    """

    def __init__(self, model: nn.Module, task: Task, *, squared: bool = False) -> None:
        super().__init__()
        self.model, self.task, self.squared = model, task, squared

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """``loss``, the same as ``task``."""
        output = self.model(batch)
        loss = task_loss(self.task, output.logits, batch.targets, batch.known, squared=self.squared)
        return {"loss": loss, "task": loss}
