"""Statistics over time that padding never enters, as long as it is finite."""

from __future__ import annotations

from torch import Tensor


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the real positions; zeros where there is none.

    Parameters
    ----------
    values : Tensor, shape (..., T, D)
    mask : Tensor, shape (..., T), bool
        True at real positions; leading axes broadcast against those of ``values``.

    Returns
    -------
    Tensor, shape (..., D)
    """
    real = mask.unsqueeze(-1)
    return (values * real).sum(-2) / real.sum(-2).clamp(min=1)


def masked_moments(values: Tensor, mask: Tensor, epsilon: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (of the population) over the real positions.

    Parameters
    ----------
    values : Tensor, shape (..., T, D)
    mask : Tensor, shape (..., T), bool
    epsilon : float
        Added to the variance before the root, whose gradient at a single position would be infinite otherwise.

    Returns
    -------
    tuple of Tensor, each of shape (..., D)
    """
    mean = masked_mean(values, mask)
    variance = masked_mean((values - mean.unsqueeze(-2)).square(), mask)
    return mean, (variance + epsilon).sqrt()
