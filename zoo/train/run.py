"""A whole training: every stage of a model on one dataset, into checkpoints."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmfeat.errors import ConfigError
from zoo import checkpoint
from zoo.checkpoint import Card
from zoo.data import find_artefact, open_corpus
from zoo.settings import named_configs, settle
from zoo.train import state
from zoo.train.compute import Compute, launch
from zoo.train.identity import clear, identity, is_finished, require_finished, require_shared
from zoo.train.loop import Found, Plan, fit, seed_of
from zoo.train.preparing import Prepared, prepare
from zoo.train.progress import Listener, Logged, Silent
from zoo.types import Inputs

if TYPE_CHECKING:
    from lightning_fabric import Fabric

CHECKPOINTS = Path("data/checkpoints")


@dataclass(frozen=True)
class Run:
    """What is trained on what."""

    model: str
    dataset: str | Path  # name of a dataset, or path of an artefact
    target: str | None = None
    split: str | None = None
    seed: int = 1111
    config: str | Path | Mapping[str, Any] | None = None  # as `zoo.settings.settle`
    changes: tuple[str, ...] = ()  # as `zoo.settings.settle`
    name: str | None = None  # of the folder; default: the model, then settings with a name, split and target
    base: str | None = None  # name of another run, whose stages before the last it takes over
    root: Path = CHECKPOINTS

    def folder(self, dataset: str) -> Path:
        """Where its stages are: ``<root>/<dataset>/<name>/seed-<seed>``."""
        named = self.config if self.config in named_configs() else None
        chosen = (part.replace(",", "+") for part in (named, self.split, self.target) if isinstance(part, str))
        return self.root / dataset / (self.name or "-".join([self.model, *chosen])) / f"seed-{self.seed}"

    def base_folder(self, dataset: str) -> Path:
        """Where the stages are that it takes over: those of its own seed."""
        return self.root / dataset / str(self.base) / f"seed-{self.seed}"


def train(
    run: Run,
    compute: Compute | None = None,
    *,
    stage: str | None = None,
    restart: bool = False,
    listener: Listener | None = None,
    log: bool = True,
) -> Path:
    """Train a model. A stage that is finished is not trained again, one that was interrupted goes on.

    Parameters
    ----------
    run : Run
    compute : Compute, optional
    stage : str, optional
        Train this stage only; those before it must be finished. Default: all.
    restart : bool
        Throw away what is there of the stages to be trained.
    listener : Listener, optional
        Is told how it goes.
    log : bool
        Write DVCLive's tables beside each checkpoint.

    Returns
    -------
    Path
        Checkpoint of the last stage that was trained.

    Raises
    ------
    mmfeat.errors.ConfigError
        If a setting is wrong, or the folder holds a run with other settings.
    DataError
        If the dataset is not there, or cannot be trained on.
    NonFiniteLoss
        If the loss is no number; the best epoch so far is kept.
    mmfeat.errors.OutputError
        If a checkpoint cannot be written.
    """
    settings = settle(run.model, run.config, run.changes)
    stages = settings.file.STAGES
    wanted = _wanted([entry.name for entry in stages], stage)
    if run.base is not None and len(stages) == 1:
        raise ConfigError(f"base {run.base!r}: {run.model} has one stage; expected one before the last; leave it out")
    corpus = open_corpus(find_artefact(run.dataset), run.target, run.split)
    fabric = launch(compute or Compute())
    prepared: Prepared | None = None
    before: Path | None = None
    for number, entry in enumerate(stages[: max(wanted) + 1]):
        shared = run.base is not None and number < len(stages) - 1
        folder = run.base_folder(corpus.dataset) if shared else run.folder(corpus.dataset)
        plan = Plan(
            stage=entry,
            number=number,
            settings=settings,
            task=corpus.task,
            dataset=corpus.dataset,
            seed=run.seed,
            identity=identity(corpus, settings, run.seed, fabric.world_size, before),
            folder=folder / entry.name,
        )
        if shared:
            require_shared(plan, corpus)
        elif number not in wanted:
            require_finished(plan)
        elif restart or not is_finished(plan):
            fabric.barrier()  # every process has looked before the first one writes
            if restart and fabric.is_global_zero:
                clear(plan.folder)
            fabric.barrier()
            prepared = prepared or prepare(corpus, settings, fabric.device)
            _train_stage(plan, prepared, before, fabric, listener or Silent(), log=log)
        before = plan.folder
    assert before is not None
    return before


def _train_stage(
    plan: Plan, data: Prepared, before: Path | None, fabric: Fabric, listener: Listener, *, log: bool
) -> None:
    inputs = Inputs(data.corpus.dims, plan.task.outputs)
    previous = checkpoint.load(before, model=plan.settings.name) if before else None
    torch.manual_seed(seed_of(plan.seed, plan.number))
    continues = plan.stage.continues and previous is not None
    network = previous.network if continues and previous else plan.settings.file.build(plan.settings.model, inputs)
    teacher = previous.network if previous and not continues else None
    objective = plan.settings.file.objective(plan.stage.name, network, plan.settings.model, plan.task, teacher)
    slots = state.read_optimiser(before) if before and continues else None
    done_before = state.read_progress(plan.folder)
    history = done_before.history if done_before else ()
    logged = Logged(listener, plan.folder, history) if log and fabric.is_global_zero else None

    def keep(found: Found) -> None:
        card = _card(plan, data, inputs, found, previous.card.weights_sha256 if previous else "")
        checkpoint.save(plan.folder, network, data.normalisation, card)

    try:
        done = fit(objective, data.train, data.valid, plan, fabric, logged or listener, keep, slots)
    finally:
        if logged:
            logged.close()
    if fabric.is_global_zero:
        _mark_finished(plan.folder, done.epoch)
    fabric.barrier()


def _mark_finished(folder: Path, epochs: int) -> None:
    """Say in the card of the best epoch how many epochs ran."""
    card = checkpoint.read_card(folder)
    selection = {**card.selection, "epochs": epochs, "finished": True}
    checkpoint.save_card(folder, dataclasses.replace(card, selection=selection))


def _card(plan: Plan, data: Prepared, inputs: Inputs, found: Found, teacher: str) -> Card:
    description = data.corpus.artefact.description
    return Card(
        model=plan.settings.name,
        stage=plan.stage.name,
        level=plan.settings.file.LEVEL,
        config=plan.settings.record()["model"],
        settings={key: value for key, value in plan.settings.record().items() if key != "model"},
        task=plan.task,
        inputs=inputs,
        dataset=data.corpus.dataset,
        split=data.corpus.split,
        artefact=data.corpus.path.as_posix(),
        artefact_sha256=data.corpus.sha256,
        features=data.corpus.features,
        seed=plan.seed,
        selection={
            "metric": plan.settings.train.select,
            "value": found.progressed.history[-1]["best"],
            "epoch": found.progressed.best_epoch,
            "epochs": found.progressed.epoch,
            "finished": False,
        },
        validation=found.validation,
        mask_ids=found.mask_ids,
        utterances={"train": len(data.train.part.rows.ids), "valid": len(data.valid.part.rows.ids)},
        code_version=version("mmfeat"),
        licence=str(description.source.get("licence", "")),
        teacher=teacher,
    )


def _wanted(names: list[str], stage: str | None) -> set[int]:
    if stage is None:
        return set(range(len(names)))
    if stage not in names:
        raise ConfigError(f"stage {stage!r}; expected one of {', '.join(names)}; choose another --stage")
    return {names.index(stage)}
