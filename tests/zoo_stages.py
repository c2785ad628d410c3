"""Every model of the zoo set up as the loop does it, stage by stage, on narrow features; and batches to ask it."""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from zoo_batches import CLASSES, DIMS, dialogue_batch, word_batch

from mmfeat import registry
from zoo.types import MODALITIES, Batch, Inputs, Missing, Modality, ModelFile, Stage, Task

LENGTHS = (5, 3, 4, 2, 6, 1, 4, 3)


def file_of(name: str) -> ModelFile:
    return typing.cast(ModelFile, registry.module("zoo.models", name))


def build(name: str, task: Task, modalities: tuple[Modality, ...], seed: int) -> nn.Module:
    file = file_of(name)
    torch.manual_seed(seed)
    return file.build(file.Config(), Inputs({entry: DIMS[entry] for entry in modalities}, task.outputs))


@functools.cache
def network(name: str, task: Task = CLASSES, modalities: tuple[Modality, ...] = MODALITIES) -> nn.Module:
    """The one network for all tests that only ask it."""
    return build(name, task, modalities, seed=0).eval()


def make_batch(
    name: str,
    kept: Any = "random",
    task: Task = CLASSES,
    lengths: tuple[int, ...] = LENGTHS,
    modalities: tuple[Modality, ...] = MODALITIES,
) -> Batch:
    builder = {"words": word_batch, "dialogue": dialogue_batch}[file_of(name).LEVEL]
    return builder(np.random.default_rng(0), lengths, {entry: DIMS[entry] for entry in modalities}, task, kept)


def varied(observed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Each of the seven combinations in an item of its own, and single rows missing in the eighth."""
    kept = np.random.default_rng(0).random(observed.shape) < 0.7
    for item, combination in enumerate(Missing().combinations):
        kept[item] = [name in combination.split("+") for name in MODALITIES]
    return kept


@dataclass(frozen=True)
class Step:
    """One stage as the loop sets it up."""

    stage: Stage
    model: nn.Module
    teacher: nn.Module | None
    objective: nn.Module
    ends: bool  # no later stage goes on with its network

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        torch.manual_seed(0)
        losses: dict[str, Tensor] = self.objective(batch.complete() if self.stage.complete else batch)
        return losses

    def trainable(self) -> dict[str, nn.Parameter]:
        return {name: weights for name, weights in self.objective.named_parameters() if weights.requires_grad}

    def gradients(self, batch: Batch) -> dict[str, Tensor]:
        """Gradient of every weight that one step reaches at all."""
        return self._gradients(self.losses(batch)["loss"])

    def gradients_of_the_answer(self, batch: Batch) -> dict[str, Tensor]:
        """Gradient of every weight that the answer depends on, whatever is minimised."""
        return self._gradients(self.model(batch).logits.square().sum())

    def _gradients(self, value: Tensor) -> dict[str, Tensor]:
        self.objective.zero_grad()
        value.backward()
        return {name: weights.grad for name, weights in self.trainable().items() if weights.grad is not None}


def steps(name: str, task: Task = CLASSES, modalities: tuple[Modality, ...] = MODALITIES) -> Iterator[Step]:
    """Every stage in order, in training mode: a network of its own, taught by the one before, unless it continues."""
    file, model = file_of(name), None
    for stage, following in zip(file.STAGES, (*file.STAGES[1:], None), strict=True):
        teacher = None if model is None or stage.continues else deepcopy(model).requires_grad_(False).eval()
        if model is None or not stage.continues:
            model = deepcopy(network(name, task, modalities))
        objective = file.objective(stage.name, model, file.Config(), task, teacher).train()
        yield Step(stage, model, teacher, objective, ends=following is None or not following.continues)


def padded(batch: Batch, by: int) -> Batch:
    """``by`` more positions of padding behind, with garbage in them."""

    def longer(values: Tensor, fill: float | bool = False) -> Tensor:
        behind = (0, 0) * (values.dim() - 2) + (0, by)
        return functional.pad(values.float(), behind, value=float(fill)).to(values.dtype)

    each = batch.targets.dim() == 3
    return replace(
        batch,
        features={name: longer(values, 1e3) for name, values in batch.features.items()},
        full={name: longer(values, 1e3) for name, values in batch.full.items()},
        **{name: longer(getattr(batch, name)) for name in ("mask", "observed", "kept")},
        **{name: longer(getattr(batch, name)) for name in ("targets", "known") if each},
        **({"numbers": longer(batch.numbers, -1)} if each else {}),
        **({} if batch.speakers is None else {"speakers": longer(batch.speakers)}),
    )
