"""CSD and SRD, the two distillations (sections 3.9 and 3.10), and the regulariser (section 3.11)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.models.aumdf.config import Config
from zoo.models.aumdf.stacked import COUNT, StackedLinear
from zoo.models.aumdf.transformer import Attention
from zoo.types import MODALITIES, Output, Task


class ContrastiveDistillation(nn.Module):
    """CSD: utterances of one class come close across teacher and student and across modalities (eq. 35-38).

    Notes
    -----
    Invented: a linear projection without bias per modality and side, of unchanged width; the scales alpha_mn are shared
    by the teacher's and the student's terms, and kept positive by an exponential.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        linear, width = config.csd_projection == "linear", config.width
        self.of_teacher = StackedLinear(width, width, bias=False) if linear else nn.Identity()
        self.of_student = StackedLinear(width, width, bias=False) if linear else nn.Identity()
        self.log_scale = nn.Parameter(torch.full((COUNT, COUNT), math.log(config.csd_scale)))
        self.normalised = config.csd_normalised

    def forward(self, teacher: Output, student: Output, same: Tensor, known: Tensor) -> Tensor:
        """Mean of the terms that exist; 0 without any.

        Parameters
        ----------
        teacher, student : Output
            With parts ``levels`` (B, 3, width) and ``present`` (B, 3).
        same : Tensor, shape (B, B), bool
            True for two utterances of one class.
        known : Tensor, shape (B,), bool
            Whether the class of an utterance is known; others take no part.
        """
        of_teacher = self._embedded(teacher, self.of_teacher), teacher.parts["present"] & known.unsqueeze(1)
        of_student = self._embedded(student, self.of_student), student.parts["present"] & known.unsqueeze(1)
        scales = self.log_scale.exp()
        terms, exist = zip(
            contrast(*of_teacher, *of_student, same, scales),
            contrast(*of_student, *of_teacher, same, scales),
            strict=True,
        )
        return torch.cat(terms).sum() / torch.cat(exist).sum().clamp(min=1)

    def _embedded(self, output: Output, project: nn.Module) -> Tensor:
        projected: Tensor = project(output.parts["levels"].transpose(0, 1))
        return functional.normalize(projected, dim=-1, eps=1e-6) if self.normalised else projected


def contrast(
    anchors: Tensor, anchored: Tensor, keys: Tensor, present: Tensor, same: Tensor, scales: Tensor
) -> tuple[Tensor, Tensor]:
    """Contrast each modality of the anchors with the two other modalities of all other utterances (eq. 35-37).

    Parameters
    ----------
    anchors, keys : Tensor, shape (3, B, D)
        Of the one network and of the other.
    anchored, present : Tensor, shape (B, 3), bool
        Which of them exist.
    same : Tensor, shape (B, B), bool
        True for two utterances of one class.
    scales : Tensor, shape (3, 3)
        alpha of an anchor's modality and a key's; the diagonal is not used.

    Returns
    -------
    tuple of Tensor, each of shape (3,)
        The loss of each modality, averaged over the anchors that exist and have a positive, and whether there is one;
        0 where not. An utterance with one of the two key modalities counts with that one twice, so that what is missing
        does not lower its logit; with neither it is no key.
    """
    across = 1 - torch.eye(COUNT, device=scales.device)
    taken = torch.einsum("mn,kn->mk", across, present.to(across.dtype))  # (3, B) number of key modalities
    similar = torch.einsum("mid,nkd->mnik", anchors, keys) * present.t().unsqueeze(1)
    logits = torch.einsum("mn,mnik->mik", scales * across, similar) * (2 / taken.clamp(min=1)).unsqueeze(1)
    others = (taken > 0).unsqueeze(1) & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
    positive = others & same
    logits = logits.masked_fill(~others, torch.finfo(logits.dtype).min / 2)
    count = positive.sum(-1)
    losses = -torch.where(positive, logits.log_softmax(-1), 0.0).sum(-1) / count.clamp(min=1)
    used = (count > 0) & anchored.t()
    return torch.where(used, losses, 0.0).sum(-1) / used.sum(-1).clamp(min=1), used.any(-1)


class SimilarityDistillation(nn.Module):
    """SRD: the student's H points where the teacher's does, ``alpha * (1 - cos)`` (eq. 39).

    With ``identity`` neither a projection nor alpha is learned; with ``tied`` both sides share one projection; with
    ``printed`` each has its own, applied to the other one's H, and alpha is learned: an exponential, 1 at the start.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, kind = len(MODALITIES) * config.width, config.srd_projection
        self.of_teacher = nn.Identity() if kind == "identity" else nn.Linear(width, width, bias=False)
        self.of_student = nn.Linear(width, width, bias=False) if kind == "printed" else self.of_teacher
        self.log_scale = nn.Parameter(torch.zeros(())) if kind == "printed" else None

    def forward(self, teacher: Tensor, student: Tensor) -> Tensor:
        """Mean over the batch, of H (B, 3 width) on both sides."""
        loss = 1 - functional.cosine_similarity(self.of_student(teacher), self.of_teacher(student)).mean()
        return loss if self.log_scale is None else self.log_scale.exp() * loss


def regulariser(attentions: Iterable[Attention], penalties: Sequence[float]) -> Tensor:
    """Mean square of the query, key and value weights, each times its penalty, averaged over layers (eq. 40).

    The paper sums; the mean makes the coefficient independent of width and depth. At least one layer.
    """
    terms = [
        penalty * layer.weight.square().mean()
        for attention in attentions
        for penalty, layer in zip(penalties, (attention.query, attention.key, attention.value), strict=True)
    ]
    return len(penalties) * torch.stack(terms).mean()


def classes(task: Task, targets: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Who belongs to the same class.

    Parameters
    ----------
    task : Task
        A score counts as the nearest of the seven whole numbers from -3 to 3, several labels as their combination.
    targets, known : Tensor, shape (B, K)

    Returns
    -------
    tuple of Tensor
        (B, B) bool, True for two utterances of one class; (B,) bool, whether the class is known at all.
    """
    labels = targets.round().clamp(-3, 3) if task.kind == "score" else targets
    return (labels.unsqueeze(0) == labels.unsqueeze(1)).all(-1), known.all(-1)
