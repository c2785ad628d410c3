"""What the two stages of AUMDF minimise (section 3.11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from zoo.losses import task_loss
from zoo.models.aumdf.config import Config
from zoo.models.aumdf.distillation import ContrastiveDistillation, SimilarityDistillation, classes, regulariser
from zoo.models.aumdf.transformer import Attention
from zoo.types import Batch, Output, Task


class TeacherObjective(nn.Module):
    """Loss of the task and regulariser.

    Parameters
    ----------
    model : nn.Module
    config : Config
    task : Task
    """

    def __init__(self, model: nn.Module, config: Config, task: Task) -> None:
        super().__init__()
        self.model, self.config, self.task = model, config, task
        self.attentions = [part for part in model.modules() if isinstance(part, Attention)]

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """``loss``, ``task``, ``regulariser``, and the distillations as 0."""
        return self._combined(batch, self.model(batch), {})

    def _combined(self, batch: Batch, output: Output, distilled: dict[str, Tensor]) -> dict[str, Tensor]:
        config, zero = self.config, output.logits.new_zeros(())
        squared = config.score_loss == "mse"
        parts = {"task": task_loss(self.task, output.logits, batch.targets, batch.known, squared=squared)}
        regularised = config.lambda_regulariser and self.attentions
        parts["regulariser"] = regulariser(self.attentions, config.penalties) if regularised else zero
        parts |= {"csd": zero, "srd": zero} | distilled
        loss = (
            config.lambda_task * parts["task"]
            + config.lambda_regulariser * parts["regulariser"]
            + config.lambda_csd * parts["csd"]
            + config.lambda_srd * parts["srd"]
        )
        return {"loss": loss} | parts


class StudentObjective(TeacherObjective):
    """The same and both distillations from a frozen teacher (eq. 42).

    The teacher sees the complete data, always in evaluation mode and without gradient. It moves with this module but is
    no part of it: it is not among its parameters, its state or its modes. It is not run where nothing is distilled, nor
    in evaluation mode: a validation asks for the task's loss alone.

    Parameters
    ----------
    model : nn.Module
    config : Config
    task : Task
    teacher : nn.Module
        Put into evaluation mode, its gradients switched off.
    """

    def __init__(self, model: nn.Module, config: Config, task: Task, teacher: nn.Module) -> None:
        super().__init__(model, config, task)
        self.csd = ContrastiveDistillation(config) if config.lambda_csd else None
        self.srd = SimilarityDistillation(config) if config.lambda_srd else None
        self._teacher = (teacher.eval().requires_grad_(False),)  # in a tuple, so that it is not registered

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """``loss``, ``task``, ``regulariser``, ``csd``, ``srd``."""
        output = self.model(batch)
        distilled: dict[str, Tensor] = {}
        if not self.training or (self.csd is None and self.srd is None):
            return self._combined(batch, output, distilled)
        with torch.no_grad():
            seen = self._teacher[0](batch.complete())
        if self.csd is not None:
            distilled["csd"] = self.csd(seen, output, *classes(self.task, batch.targets, batch.known))
        if self.srd is not None:
            distilled["srd"] = self.srd(seen.features, output.features)
        return self._combined(batch, output, distilled)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self._teacher[0]._apply(fn, recurse)  # `to`, `cuda`, `float` come through here
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call, no-any-return]
