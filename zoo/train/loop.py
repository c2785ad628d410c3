"""The only loop: any objective, any stage, one process or several."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from zoo.checkpoint import CARD
from zoo.data import Items, Loader, View, draw_for, view
from zoo.errors import NonFiniteLoss
from zoo.settings import Settings
from zoo.train import state
from zoo.train.progress import Listener
from zoo.train.state import Progressed
from zoo.train.validation import mean_loss, mean_scores, turned
from zoo.types import Batch, Missing, Stage, Task

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LOOK_EVERY = 20  # steps between two looks at the losses: each look waits for the device
COMPLETE = Missing("complete")


@dataclass(frozen=True)
class Plan:
    """One stage of one run."""

    stage: Stage
    number: int  # of the stage
    settings: Settings
    task: Task
    dataset: str
    seed: int
    identity: str  # all that the result depends on, as JSON
    folder: Path

    @property
    def missing(self) -> Missing:
        """What the stage trains and is chosen under."""
        return COMPLETE if self.stage.complete else self.settings.missing

    @property
    def epochs(self) -> int:
        """How many epochs at most."""
        return self.settings.epochs(self.number)


@dataclass(frozen=True)
class Found:
    """An epoch worth keeping."""

    progressed: Progressed
    validation: Mapping[str, float]  # every metric, averaged over the draws
    mask_ids: tuple[str, ...]


def fit(
    objective: nn.Module,
    train: Items,
    valid: Items,
    plan: Plan,
    fabric: Fabric,
    listener: Listener,
    keep: Callable[[Found], None],
    slots: Mapping[str, Tensor] | None = None,
) -> Progressed:
    """Train one stage, from where its folder says it stopped.

    Every epoch draws its order, its masks and its dropout from the seed and its own number, so that a resumed training
    gives what an uninterrupted one would have given.

    Parameters
    ----------
    objective : nn.Module
        As `zoo.types.Objective`.
    train, valid : Items
    plan : Plan
    fabric : Fabric
        Launched.
    listener : Listener
    keep : callable
        Called in the first process whenever an epoch is to be kept: the best so far, or the last.
    slots : mapping of str to Tensor, optional
        Where the optimiser of the stage before ended.

    Returns
    -------
    Progressed

    Raises
    ------
    NonFiniteLoss
        Naming the batch. What was kept before stays.
    """
    training = plan.settings.train
    objective = objective.to(fabric.device)
    optimiser = _optimiser(objective, training.learning_rate, training.weight_decay)
    progressed = state.read_progress(plan.folder) or Progressed(plan.identity)
    if progressed.epoch:
        state.restore(plan.folder, objective, optimiser)
    elif slots:
        state.restore_optimiser(slots, objective, optimiser)
    wrapped, optimiser = fabric.setup(_Asked(objective), optimiser)
    views, mask_ids = _validation_views(valid, plan)
    while not progressed.finished:
        losses = _train_epoch(wrapped, optimiser, train, plan, progressed.epoch + 1, fabric, listener)
        progressed, scores = _after_epoch(objective, views, plan, progressed, losses, fabric.device)
        kept_now = progressed.best_epoch == progressed.epoch
        if fabric.is_global_zero:
            if kept_now:
                keep(Found(progressed, scores or _scores(objective, views, plan, fabric.device), mask_ids))
            state.write_state(plan.folder, progressed, objective, _plain(optimiser))
            listener.epoch(plan.stage.name, progressed.epoch, progressed.history[-1])
        fabric.barrier()
    return progressed


class _Asked(nn.Module):
    """Fetches the batch itself: Fabric would convert what it is handed, and cannot change a frozen dataclass."""

    def __init__(self, objective: nn.Module) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, fetch: Callable[[], Batch]) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = self.objective(fetch())
        return losses


def _train_epoch(
    objective: nn.Module,
    optimiser: torch.optim.Optimizer,
    train: Items,
    plan: Plan,
    epoch: int,
    fabric: Fabric,
    listener: Listener,
) -> dict[str, float]:
    """One pass over the training part: means of the losses."""
    settings, stage = plan.settings, plan.stage.name
    kept = None
    if not plan.stage.complete:
        kept, _ = draw_for(settings.missing, train.part.rows, plan.dataset, plan.seed, epoch)
    seen = view(train, kept)
    loader = Loader(
        seen, settings.train.batch_size, settings.data.workers, rank=fabric.global_rank, world=fabric.world_size
    )
    torch.manual_seed(seed_of(plan.seed, plan.number, epoch, fabric.global_rank))
    objective.train()
    sums: dict[str, Tensor] = {}
    recent: list[Tensor] = []  # losses that nobody has looked at yet
    for number, batch in enumerate(loader.shuffled(plan.seed, epoch), 1):
        _set_rate(optimiser, settings, ((epoch - 1) * len(loader) + number) / (plan.epochs * len(loader)))
        losses: dict[str, Tensor] = objective(partial(batch.to, fabric.device))
        optimiser.zero_grad(set_to_none=True)
        fabric.backward(losses["loss"])
        if settings.train.clip_norm:
            fabric.clip_gradients(objective, optimiser, max_norm=settings.train.clip_norm, error_if_nonfinite=False)
        optimiser.step()
        for name, value in losses.items():
            sums[name] = sums.get(name, torch.zeros((), device=fabric.device)) + value.detach()
        recent.append(losses["loss"].detach())
        if number % LOOK_EVERY == 0 or number == len(loader):
            shown = {name: float(value) / number for name, value in sums.items()}
            _require_finite(recent, plan, epoch, number)
            recent.clear()
            if fabric.is_global_zero:
                listener.step(stage, epoch, plan.epochs, number, len(loader), shown)
    return shown


def _after_epoch(
    objective: nn.Module,
    views: list[View],
    plan: Plan,
    before: Progressed,
    losses: Mapping[str, float],
    device: torch.device,
) -> tuple[Progressed, dict[str, float]]:
    """Validate, and decide whether this epoch is the best and whether it was the last."""
    select, epoch = plan.settings.train.select, before.epoch + 1
    objective.eval()
    scores: dict[str, float] = {}
    if select == "loss":
        value = mean_loss(objective, views, plan.settings.train.batch_size, device)
    else:
        scores = _scores(objective, views, plan, device)
        value = turned(select, scores[select])
    if not math.isfinite(value):
        raise NonFiniteLoss(
            f"{plan.stage.name}: validation after epoch {epoch} is {value}; expected a number; {_remedy(plan)}"
        )
    better = plan.stage.choose == "last" or before.best is None or value < before.best
    best, best_epoch = (value, epoch) if better else (before.best, before.best_epoch)
    patience = plan.settings.train.patience
    tired = plan.stage.choose == "best" and patience > 0 and epoch - best_epoch >= patience
    assert best is not None
    entry = {**losses, "valid": turned(select, value), "best": turned(select, best)}
    return (
        Progressed(plan.identity, epoch, best, best_epoch, tired or epoch >= plan.epochs, (*before.history, entry)),
        scores,
    )


def _validation_views(valid: Items, plan: Plan) -> tuple[list[View], tuple[str, ...]]:
    """The validation part under a few draws of the declared distribution, the same for every model and seed."""
    if plan.missing.kind == "complete":
        return [view(valid, None)], ()
    draws = [
        draw_for(plan.missing, valid.part.rows, plan.dataset, seed=0, variant=number)
        for number in range(plan.settings.train.validation_draws)
    ]
    return [view(valid, kept) for kept, _ in draws], tuple(name for _, name in draws)


def _scores(objective: nn.Module, views: list[View], plan: Plan, device: torch.device) -> dict[str, float]:
    objective.eval()
    network: Any = objective.model
    return mean_scores(network, views, plan.task, plan.settings.train.batch_size, device)


def _optimiser(objective: nn.Module, rate: float, decay: float) -> torch.optim.Optimizer:
    trained = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    return torch.optim.Adam(trained, lr=rate, weight_decay=decay, fused=True)


def _plain(optimiser: Any) -> torch.optim.Optimizer:
    """The optimiser that Fabric wrapped."""
    found: torch.optim.Optimizer = getattr(optimiser, "optimizer", optimiser)
    return found


def _set_rate(optimiser: torch.optim.Optimizer, settings: Settings, done: float) -> None:
    """Learning rate at a share of all steps: it rises linearly, then stays or falls by a half cosine to 0."""
    training = settings.train
    factor = 1.0
    if training.warmup and done < training.warmup:
        factor = done / training.warmup
    elif training.decay == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * (done - training.warmup) / (1 - training.warmup)))
    for group in optimiser.param_groups:
        group["lr"] = training.learning_rate * factor


def _require_finite(recent: list[Tensor], plan: Plan, epoch: int, number: int) -> None:
    """Look at the losses of the batches up to ``number``."""
    wrong = (~torch.stack(recent).isfinite()).nonzero()
    if len(wrong):
        first = number - len(recent) + 1 + int(wrong[0])
        raise NonFiniteLoss(
            f"{plan.stage.name}: loss {float(recent[int(wrong[0])])} at batch {first} of epoch {epoch}; expected a "
            f"number; {_remedy(plan)}"
        )


def _remedy(plan: Plan) -> str:
    rate, clip = plan.settings.train.learning_rate, plan.settings.train.clip_norm
    kept = f"; the best epoch so far is in {plan.folder}" if (plan.folder / CARD).exists() else ""
    return f"lower train.learning_rate ({rate}), or set train.clip_norm ({clip or 'not clipped'}){kept}"


def seed_of(*parts: int) -> int:
    """One seed of several numbers."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
