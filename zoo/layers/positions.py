"""Codes of a position in time."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sinusoidal_code(length: int, width: int, device: torch.device | None = None) -> Tensor:
    """Sine in the even and cosine in the odd columns, at geometrically falling frequencies.

    Parameters
    ----------
    length : int
        T; any, since nothing is stored.
    width : int
        D, even.
    device : torch.device, optional

    Returns
    -------
    Tensor, shape (T, D), float32

    References
    ----------
    Vaswani et al. 2017, section 3.5; AUMDF eq. 14-15.
    """
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10000.0) / width))
    angles = torch.arange(length, device=device).unsqueeze(-1) * rates
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)
