"""MoMKE, Mixture of Modality Knowledge Experts (Xu et al., ACM MM 2024; "the paper", seed 000 has its equations).

First one Transformer expert per modality learns alone, on complete data. Then every modality that is there goes
through all experts, its own and the others', and a router mixes what they make of it; so audio, say, profits from what
the text expert knows. One item is a dialogue, one position an utterance.

Written from a description of the network that was checked against the released code (wxxv/MoMKE@2dceb57: same outputs
with the same weights). Both stages train one network with one optimiser. Where the released code and ours part:

==== ================================================================ =======================================
D1   chose the epoch on the test split                                loop: chosen on validation
D2   searched for it in stage one too, where nothing is missing       loop: the last stage's epochs only
D3   "each modality's best expert" copied nothing: stage one's last   `STAGES`: the same, said openly
     epoch went on
D4   saved another epoch than it reported                             loop: what is saved is what is scored
D5   printed the training accuracy as the test's                      loop: validation's own numbers
D6   dropout on the router's logits                                   here: off, `Config.router_dropout`
D7   softmax over no key at all is NaN, replaced after dropout        here: such a row is 0, so is its gradient
==== ================================================================ =======================================

The paper draws a position code and layer norms that the released code lacks; `Config` has both, off. An expert's own
loss counts the utterances that have its modality; on complete data that is all of them, as published. There is no
warm-up of the routers: their first logits are near 0, so they start out as the mean of the experts.

Training: Adam, 1e-4, weight decay 1e-5, no schedule, no clipping. Here as on MOSI: 32 dialogues, 150 + 150 epochs.
MOSEI: 50 + 50. IEMOCAP: 16 dialogues, 100 + 100. By default one model learns all seven conditions (*random*). The
paper trains, and tests, a model of its own for each (*fixed*)::

    --set missing.kind=modality_only --set missing.combinations=text+audio
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mmfeat.errors import ConfigError
from zoo.layers.positions import sinusoidal_code
from zoo.losses import task_loss
from zoo.objectives import Supervised
from zoo.types import MODALITIES, Batch, Inputs, Level, Missing, Modality, Output, Stage, Task, Training

LEVEL: Level = "dialogue"
STAGES = (Stage("experts", complete=True, choose="last"), Stage("mixture", continues=True))
TRAINING = Training(epochs=(150, 150), batch_size=32, learning_rate=1e-4, weight_decay=1e-5, clip_norm=0.0, patience=0)
MISSING = Missing("modality_only")


@dataclass(frozen=True)
class Config:
    """Shape of the network; the defaults are the released code's (5,400,089 weights for F1 features and 4 classes)."""

    width: int = 256  # D, of everything between the projections and the joint representation
    layers: int = 4  # of each expert
    heads: int = 2
    dropout: float = 0.5
    router_dropout: bool = False  # the published behaviour: dropout on the router's logits too (D6)
    position_code: bool = False  # the paper's: sines and cosines added to what the experts are given
    layer_norms: bool = False  # the paper's: norms before attention and perceptron, as in a pre-norm Transformer

    def __post_init__(self) -> None:
        """Check what the layers cannot."""
        if self.heads < 1 or self.width % self.heads:
            raise ConfigError(
                f"momke: width {self.width} with {self.heads} heads; expected a multiple of the heads; change one"
            )


class Attention(nn.Module):
    """Self-attention without an output projection; a row without any usable key answers 0."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(width, 3 * width)

    def forward(self, values: Tensor, usable: Tensor) -> Tensor:
        """``values`` (B, T, D), ``usable`` (B, T) bool: which positions may be looked at -> (B, T, D)."""
        split = self.queries_keys_values(values).unflatten(-1, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (B, heads, T, D / heads)
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        seen = usable[:, None, None, :]
        # A finite floor keeps rows without keys finite; the product then makes their weights, and gradients, 0.
        weights = scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1) * seen
        answer: Tensor = (weights @ value).transpose(1, 2).flatten(2)
        return answer


class Block(nn.Module):
    """One layer of an expert. The released code's perceptron sees the attention's answer alone, the paper's the sum."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, dropout = config.width, config.dropout
        self.attention = Attention(width, config.heads)
        self.perceptron = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width), nn.Dropout(dropout)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2)) if config.layer_norms else None

    def forward(self, values: Tensor, usable: Tensor) -> Tensor:
        """(B, T, D), (B, T) bool -> (B, T, D)."""
        attended: Tensor = self.attention(values if self.norms is None else self.norms[0](values), usable)
        between = values + attended
        perceived: Tensor = self.perceptron(attended if self.norms is None else self.norms[1](between))
        return between + perceived


class Expert(nn.Module):
    """A Transformer encoder that one modality taught."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))

    def forward(self, values: Tensor, usable: Tensor) -> Tensor:
        """(B, T, D), (B, T) bool -> (B, T, D)."""
        for block in self.blocks:
            values = block(values, usable)
        return values


class MoMKE(nn.Module):
    """Projections, experts, routers and heads of the M modalities that the corpus has, in the order of `MODALITIES`.

    Positions where a modality is not kept ask its experts but are not looked at, and give 0 to the joint
    representation. Router m sees modality m after its projection, not the experts' answers.
    """

    def __init__(self, config: Config, inputs: Inputs) -> None:
        super().__init__()
        self.config = config
        self.modalities: tuple[Modality, ...] = tuple(name for name in MODALITIES if name in inputs.dims)
        width, joint = config.width, config.width * len(self.modalities)
        self.projections = self._each(lambda name: nn.Linear(inputs.dims[name], width))
        self.experts = self._each(lambda name: Expert(config))
        self.heads = self._each(lambda name: nn.Linear(width, inputs.outputs))
        self.routers = self._each(lambda name: _router(config, len(self.modalities)))
        self.joint = nn.Linear(joint, joint)
        self.head = nn.Linear(joint, inputs.outputs)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, batch: Batch) -> Output:
        """Mix all experts' answers to every modality that is there.

        Returns
        -------
        Output
            ``parts``: ``router`` (B, T, M, M), how much each expert (last axis) counts for each modality, 0 where the
            modality is not kept; ``mixed`` (B, T, M, D), what each modality gives to the joint representation.
        """
        projected, usable = self._project(batch)
        scores = [self.routers[name](values) for name, values in zip(self.modalities, projected, strict=True)]
        weights = torch.stack(scores).softmax(-1) * usable.unsqueeze(-1)  # (M, B, T, M)
        # All modalities of an expert in one call: M attentions a layer, not M * M.
        start, seen = self._placed(projected).flatten(0, 1), usable.flatten(0, 1)
        answers = [self.experts[name](start, seen).view_as(projected) for name in self.modalities]
        mixed = sum(weights[..., place, None] * answer for place, answer in enumerate(answers))
        mixed = mixed.permute(1, 2, 0, 3)  # (B, T, M, D)
        joint = mixed.flatten(2)
        features = joint + self.dropout(self.joint(joint).relu())
        return Output(self.head(features), features, {"router": weights.permute(1, 2, 0, 3), "mixed": mixed})

    def unimodal(self, batch: Batch) -> dict[Modality, Tensor]:
        """Answer from each modality alone through its own expert and head: logits (B, T, outputs) by modality."""
        projected, usable = self._project(batch)
        placed = self._placed(projected)
        return {
            name: self.heads[name](self.experts[name](placed[row], usable[row]))
            for row, name in enumerate(self.modalities)
        }

    def _project(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(M, B, T, D) projected features, made from 0 where not kept, and (M, B, T) bool: which are kept."""
        usable = torch.stack([_usable(batch, name) for name in self.modalities])
        projected = [
            self.projections[name](torch.where(seen.unsqueeze(-1), batch.features[name], 0.0))
            for name, seen in zip(self.modalities, usable, strict=True)
        ]
        return self.dropout(torch.stack(projected)), usable

    def _placed(self, projected: Tensor) -> Tensor:
        """What experts are given: with the code of the position, if it is switched on."""
        if not self.config.position_code:
            return projected
        length, width = projected.shape[-2:]
        return projected + sinusoidal_code(length, width + width % 2, projected.device)[:, :width]

    def _each(self, make: Callable[[Modality], nn.Module]) -> nn.ModuleDict:
        return nn.ModuleDict({name: make(name) for name in self.modalities})


class Unimodal(nn.Module):
    """Objective of stage one: the sum of the experts' own losses, each over the utterances that have its modality."""

    def __init__(self, model: MoMKE, task: Task) -> None:
        super().__init__()
        self.model, self.task = model, task

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """``loss`` and each modality's share of it."""
        losses: dict[str, Tensor] = {
            name: task_loss(
                self.task, logits, batch.targets, batch.known & _usable(batch, name).unsqueeze(-1), squared=True
            )
            for name, logits in self.model.unimodal(batch).items()
        }
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}


def build(config: Config, inputs: Inputs) -> MoMKE:
    """Make the network, weights drawn from torch's generator."""
    return MoMKE(config, inputs)


def objective(stage: str, model: nn.Module, config: Config, task: Task, teacher: nn.Module | None) -> nn.Module:
    """Make the objective of ``experts`` or ``mixture``; a score's error is squared. There is no teacher."""
    assert isinstance(model, MoMKE)
    return Unimodal(model, task) if stage == "experts" else Supervised(model, task, squared=True)


def _router(config: Config, experts: int) -> nn.Sequential:
    width, dropout = config.width, nn.Dropout(config.dropout)
    layers = (nn.Linear(width, width), nn.GELU(), dropout, nn.Linear(width, experts))
    return nn.Sequential(*layers, nn.Dropout(config.dropout)) if config.router_dropout else nn.Sequential(*layers)


def _usable(batch: Batch, name: Modality) -> Tensor:
    """(B, T) bool: real positions at which a modality is kept."""
    return batch.kept[..., MODALITIES.index(name)] & batch.mask
