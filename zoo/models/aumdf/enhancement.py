"""REM, the feature enhancement of one modality (section 3.4)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from zoo.layers.pooling import masked_moments
from zoo.layers.recurrent import BiLSTM
from zoo.models.aumdf.config import Config

PHI = 1e-5  # of eq. 3 and under the root of the standard deviation; the paper gives none


class Enhancement(nn.Module):
    """Unify the features, filter their noise, fuse both.

    Parameters
    ----------
    inputs : int
        Width of the modality's features.
    config : Config

    Notes
    -----
    Invented: alpha is the sigmoid of a learned number and starts at 0.5; half of `Config.hidden` per direction. Without
    the noise filter the unified features are the answer.
    """

    def __init__(self, inputs: int, config: Config) -> None:
        super().__init__()
        self.unify = BiLSTM(inputs, config.hidden)
        self.normalise = nn.LayerNorm(config.hidden) if config.normalisation == "layer" else None
        self.over_time = config.normalisation == "time"
        self.filter = NoiseFilter(inputs, config) if config.noise_filter else None
        self.balance = nn.Parameter(torch.zeros(())) if config.noise_filter else None
        self.fusion: Literal["sum", "product"] = config.fusion

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Enhance (B, T, inputs) to (B, T, hidden); what comes out at padding means nothing."""
        unified: Tensor = self.unify(values, mask)
        if self.normalise is not None:
            unified = self.normalise(unified)
        elif self.over_time:
            unified = normalised_over_time(unified, mask)
        if self.filter is None or self.balance is None:
            return unified
        alpha = self.balance.sigmoid()
        filtered: Tensor = self.filter(values, mask)
        if self.fusion == "sum":
            return alpha * unified + (1 - alpha) * filtered
        return (alpha * unified) * ((1 - alpha) * filtered)


class NoiseFilter(nn.Module):
    """Replace what lies under a threshold by a compensation made of the utterance's statistics (eq. 7-11).

    Notes
    -----
    Invented: the statistics are of the recurrent features, over the real words; the compensation's network has one
    hidden ReLU layer of `Config.hidden` units; the threshold rho is one number per modality and starts at 0.
    """

    def __init__(self, inputs: int, config: Config) -> None:
        super().__init__()
        hidden = config.hidden
        self.encode = BiLSTM(inputs, hidden)
        self.activate = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU())
        self.compensate = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
        self.threshold = nn.Parameter(torch.zeros(())) if config.gate == "straight_through" else None
        self.slope = config.gate_slope

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Filter (B, T, inputs) to (B, T, hidden)."""
        encoded = self.encode(values, mask)
        compensation = self.compensate(torch.cat(masked_moments(encoded, mask, PHI), dim=-1)).unsqueeze(1)
        return torch.lerp(compensation, self.activate(encoded), self._gate(encoded))

    def _gate(self, encoded: Tensor) -> Tensor:
        if self.threshold is None:
            return (encoded >= 0).to(encoded.dtype)
        hard = (encoded >= self.threshold).to(encoded.dtype)
        soft = (self.slope * (encoded - self.threshold)).sigmoid()
        return hard + (soft - soft.detach())


def normalised_over_time(values: Tensor, mask: Tensor) -> Tensor:
    """Give each channel of each utterance mean 0 and variance 1 over its real words (eq. 3-6).

    Parameters
    ----------
    values : Tensor, shape (B, T, D)
    mask : Tensor, shape (B, T), bool

    Returns
    -------
    Tensor, shape (B, T, D)
        Zeros for an utterance of one word.
    """
    mean, deviation = masked_moments(values, mask, PHI)
    return (values - mean.unsqueeze(1)) / deviation.unsqueeze(1)
