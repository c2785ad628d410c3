"""DWAM, the dynamic weighting of the modalities (section 3.6)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.models.aumdf.stacked import StackedLinear, others


class Weighting(nn.Module):
    """Gate each modality by its two others, all from the values before the update (eq. 17-20).

    ``W_mn [Z_m; Z_n]`` is built as ``A_m Z_m + C_mn Z_n``: the same map, of half the cost, since Z_m is read once.

    Parameters
    ----------
    width : int
        Even.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.own = StackedLinear(width, width)
        self.first = StackedLinear(width, width // 2, bias=False)
        self.second = StackedLinear(width, width // 2, bias=False)
        self.value = StackedLinear(width, width, bias=False)
        self.shift = nn.Parameter(torch.zeros(3, 1, 1, width))

    def forward(self, values: Tensor) -> Tensor:
        """Weight (3, B, T, width); same shape."""
        first, second = others(values)
        gates = functional.relu(self.own(values) + torch.cat((self.first(first), self.second(second)), dim=-1))
        return torch.addcmul(self.shift, gates, self.value(values))


def shares(values: Tensor, kept: Tensor) -> Tensor:
    """Share of each modality in the length |Z_m| of the gated values at a word, for a user to look at.

    The gates themselves are ReLU values that cannot be compared between modalities.

    Parameters
    ----------
    values : Tensor, shape (3, B, T, width)
    kept : Tensor, shape (3, B, T), bool

    Returns
    -------
    Tensor, shape (B, T, 3)
        Sums to one where something is kept; zero where a modality is not. Without gradient.
    """
    energy = torch.where(kept, torch.linalg.vector_norm(values.detach(), dim=-1), 0.0)
    return (energy / energy.sum(0).clamp(min=1e-12)).permute(1, 2, 0)
