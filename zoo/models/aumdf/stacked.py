"""Layers with parameters of their own per modality, applied to all three at once. The first axis is the modality."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.types import MODALITIES

COUNT = len(MODALITIES)
FIRST = (1, 0, 0)  # n: one of the two modalities other than text, audio, vision
SECOND = (2, 2, 1)  # o: the other of the two


class StackedLinear(nn.Module):
    """One linear map per modality. Weights start Xavier uniform, biases 0."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__()
        limit = math.sqrt(6 / (inputs + outputs))
        self.weight = nn.Parameter(torch.empty(COUNT, inputs, outputs).uniform_(-limit, limit))
        self.bias = nn.Parameter(torch.zeros(COUNT, 1, outputs)) if bias else None

    def forward(self, values: Tensor) -> Tensor:
        """Map (3, B, T, inputs) to (3, B, T, outputs), or (3, B, inputs) to (3, B, outputs)."""
        flat = values.reshape(COUNT, -1, values.shape[-1])
        mapped = flat @ self.weight if self.bias is None else torch.baddbmm(self.bias, flat, self.weight)
        return mapped.view(*values.shape[:-1], -1)


class StackedNorm(nn.Module):
    """One layer normalisation per modality."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.gain = nn.Parameter(torch.ones(COUNT, 1, 1, width))
        self.shift = nn.Parameter(torch.zeros(COUNT, 1, 1, width))

    def forward(self, values: Tensor) -> Tensor:
        """Normalise (3, B, T, width) over its last axis."""
        return torch.addcmul(self.shift, functional.layer_norm(values, (self.width,)), self.gain)


def others(values: Tensor) -> tuple[Tensor, Tensor]:
    """Of (3, ...), for each modality, the values of its two others."""
    return values[list(FIRST)], values[list(SECOND)]
