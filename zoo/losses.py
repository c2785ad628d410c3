"""Losses as pure functions, each averaged over what is real and known, never over padding."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from zoo.types import Task


def task_loss(task: Task, logits: Tensor, targets: Tensor, known: Tensor, *, squared: bool = False) -> Tensor:
    """Loss of the predictions themselves.

    Parameters
    ----------
    task : Task
    logits : Tensor, shape (..., outputs)
    targets, known : Tensor, shape (..., K)
    squared : bool
        For a score: the squared instead of the absolute error.

    Returns
    -------
    Tensor, scalar
        L1 (or squared) error of a score, cross-entropy of classes (AUMDF eq. 41), mean binary cross-entropy of
        yes-or-no labels. 0, with a gradient of 0, where nothing is known.
    """
    if task.kind == "classes":
        values = functional.cross_entropy(
            logits.flatten(0, -2).float(), targets[..., 0].long().flatten(), reduction="none"
        ).view_as(targets[..., 0])
        return mean_where(values, known[..., 0])
    if task.kind == "binary":
        return mean_where(functional.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none"), known)
    error = logits.float() - targets
    return mean_where(error.square() if squared else error.abs(), known)


def mean_where(values: Tensor, where: Tensor) -> Tensor:
    """Mean of ``values`` over the True of ``where`` (same shape); 0 where there is none."""
    return torch.where(where, values, 0.0).sum() / where.sum().clamp(min=1)
