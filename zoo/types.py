"""The language of the zoo on one screen: what a model is given, what it gives back, and what a model file holds.

A mask is True where something is real. Modalities stand in the order text, audio, vision everywhere. B items in a
batch, T positions in an item, D a width, K targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, Self

import torch
from torch import Tensor, nn

from mmfeat.types import MODALITIES, Modality

Level = Literal["words", "dialogue"]  # what a position is: a word of an utterance, or an utterance of a dialogue
Kind = Literal["score", "classes", "binary"]


@dataclass(frozen=True)
class Task:
    """What is predicted: one score, one of several classes, or several yes-or-no labels at once."""

    kind: Kind
    targets: tuple[str, ...]  # names of the labels; one of them unless ``binary``
    classes: tuple[str, ...] = ()  # names of the classes, in the order of their numbers

    @property
    def outputs(self) -> int:
        """Width of the logits: 1 for a score, one per class, one per yes-or-no label."""
        return {"score": 1, "classes": len(self.classes), "binary": len(self.targets)}[self.kind]


@dataclass(frozen=True)
class Inputs:
    """All that the shape of a network depends on, beside its own Config."""

    dims: Mapping[Modality, int]  # feature widths; a modality that the corpus lacks is not in it
    outputs: int  # width of the logits


@dataclass(frozen=True)
class Batch:
    """What a model is given, of either level.

    ``features`` is what may be seen, zero where not ``kept``; ``full`` what a teacher on complete data sees, zero where
    not ``observed``. Both lack a modality that the corpus lacks; the masks always have all three columns. A label
    belongs to the item at the level of words and to each position at the level of dialogues.
    """

    features: Mapping[Modality, Tensor]  # each (B, T, D_m) float32
    full: Mapping[Modality, Tensor]  # each (B, T, D_m) float32
    mask: Tensor  # (B, T) bool, True at real positions, padding behind
    observed: Tensor  # (B, T, 3) bool, the corpus's own
    kept: Tensor  # (B, T, 3) bool, observed and not dropped
    targets: Tensor  # (B, K) or (B, T, K) float32; the number of the class, or a score, or 0 and 1
    known: Tensor  # same shape, bool; a target that is not known is 0
    numbers: Tensor  # (B,) or (B, T) int64: which utterances of the split; -1 at padding
    speakers: Tensor | None = None  # (B, T) int64, at the level of dialogues: 0 whoever speaks first, then 1 ...

    def complete(self) -> Self:
        """The same items with nothing dropped."""
        return replace(self, features=self.full, kept=self.observed)

    def to(self, device: torch.device, *, non_blocking: bool = False) -> Self:
        """Move all tensors."""

        def moved(value: Any) -> Any:
            if isinstance(value, Tensor):
                return value.to(device, non_blocking=non_blocking)
            return {name: moved(part) for name, part in value.items()} if isinstance(value, Mapping) else value

        return replace(self, **{name: moved(getattr(self, name)) for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Output:
    """What a model gives back."""

    logits: Tensor  # (B, outputs) or (B, T, outputs): a score, class logits, or a logit per yes-or-no label
    features: Tensor  # (B, D) or (B, T, D): the representation before the head
    parts: Mapping[str, Tensor] = field(default_factory=dict)  # what the model's own objective or a user looks at


class Model(Protocol):
    """A network; in fact an ``nn.Module``. Each of its answers depends on that item's real, kept positions only."""

    def __call__(self, batch: Batch) -> Output:
        """Answer for every item (level of words) or every position (level of dialogues)."""
        ...


class Objective(Protocol):
    """What is minimised; in fact an ``nn.Module`` whose parameters, with the model's, are trained."""

    model: nn.Module  # what is saved, chosen and used later

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """``{"loss": ..., parts}``; scalars, averaged over what is real and known."""
        ...


@dataclass(frozen=True)
class Stage:
    """One training of a model file. The last one's checkpoint is the one that answers."""

    name: str  # "teacher", "student"
    complete: bool = False  # trained and chosen on complete data; else under the declared missing distribution
    continues: bool = False  # goes on with the network and the optimiser of the stage before; else a network of its own
    choose: Literal["best", "last"] = "best"  # which epoch is kept: best on validation, or simply the last


@dataclass(frozen=True)
class Training:
    """Settings of the loop. A model file gives its own defaults."""

    epochs: tuple[int, ...] = (30,)  # per stage; one value holds for all
    batch_size: int = 32  # utterances, or dialogues
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    clip_norm: float = 1.0  # of the gradient; 0: not clipped
    patience: int = 10  # epochs without a better validation before it stops; 0: never stops early
    warmup: float = 0.0  # share of the steps over which the learning rate rises
    decay: Literal["none", "cosine"] = "none"
    select: str = "loss"  # what is best on validation: the task's loss, or the name of a metric
    validation_draws: int = 3  # missing-data masks that a validation is averaged over


@dataclass(frozen=True)
class Missing:
    """The declared missing distribution: what a stage that is not ``complete`` trains and is chosen under.

    Training draws anew for every epoch; both are functions of the seed.
    """

    kind: Literal["complete", "frame_only", "modality_only", "mixed", "both"] = "mixed"
    rates: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)  # of dropped rows; each utterance draws one
    combinations: tuple[str, ...] = (  # of kept modalities; each utterance draws one. One value: a fixed condition
        "text",
        "audio",
        "vision",
        "text+audio",
        "text+vision",
        "audio+vision",
        "text+audio+vision",
    )


class ModelFile(Protocol):
    """What a module of ``zoo.models`` exposes."""

    LEVEL: Level
    STAGES: tuple[Stage, ...]
    TRAINING: Training  # defaults
    MISSING: Missing  # default
    Config: type[Any]  # frozen dataclass

    def build(self, config: Any, inputs: Inputs) -> nn.Module:
        """Make the network, weights drawn from torch's generator."""
        ...

    def objective(self, stage: str, model: nn.Module, config: Any, task: Task, teacher: nn.Module | None) -> nn.Module:
        """Make the `Objective` of one stage; ``teacher`` is the frozen network of the stage before, if there is one."""
        ...


__all__ = [
    "MODALITIES",
    "Batch",
    "Inputs",
    "Kind",
    "Level",
    "Missing",
    "Modality",
    "Model",
    "ModelFile",
    "Objective",
    "Output",
    "Stage",
    "Task",
    "Training",
]
