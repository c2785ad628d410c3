"""A whole training: every stage of a model on one dataset, into checkpoints."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from mmfeat.errors import ConfigError
from zoo import checkpoint
from zoo.checkpoint import Card
from zoo.data import Corpus, Items, Normalisation, find_artefact, fit_normalisation, group_items, open_corpus
from zoo.errors import DataError
from zoo.settings import Settings, settle
from zoo.train import state
from zoo.train.loop import Found, Plan, fit, seed_of
from zoo.train.progress import Listener, Logged, Silent
from zoo.types import Inputs

if TYPE_CHECKING:
    from lightning_fabric import Fabric

CHECKPOINTS = Path("data/checkpoints")
ROOM = 0.5  # of the free memory of a device that a corpus may take there


@dataclass(frozen=True)
class Compute:
    """Where it runs. No part of a run's identity: it changes the figures by rounding only."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices: int = 1  # processes that train together, one per GPU
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"


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
    name: str | None = None  # of the folder; default: the model, its split and its target where they are chosen
    base: str | None = None  # name of another run, whose stages before the last it takes over
    root: Path = CHECKPOINTS

    def folder(self, dataset: str) -> Path:
        """Where its stages are: ``<root>/<dataset>/<name>/seed-<seed>``."""
        chosen = (part.replace(",", "+") for part in (self.split, self.target) if part)
        return self.root / dataset / (self.name or "-".join([self.model, *chosen])) / f"seed-{self.seed}"

    def base_folder(self, dataset: str) -> Path:
        """Where the stages are that it takes over: those of its own seed."""
        return self.root / dataset / str(self.base) / f"seed-{self.seed}"


@dataclass(frozen=True)
class _Prepared:
    """Data, read once for all stages."""

    corpus: Corpus
    train: Items
    valid: Items
    normalisation: Normalisation


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
    corpus = open_corpus(find_artefact(run.dataset), run.target, run.split)
    folder = run.folder(corpus.dataset)
    fabric = _launch(compute or Compute())
    prepared: _Prepared | None = None
    before: Path | None = None
    for number, entry in enumerate(stages):
        shared = run.base is not None and number < len(stages) - 1
        place = (run.base_folder(corpus.dataset) if shared else folder) / entry.name
        if number in wanted and not shared:
            plan = Plan(
                stage=entry,
                number=number,
                settings=settings,
                task=corpus.task,
                dataset=corpus.dataset,
                seed=run.seed,
                identity=_identity(corpus, settings, run.seed, before),
                folder=place,
            )
            if not _finished(plan, restart=restart, first=fabric.is_global_zero):
                fabric.barrier()
                prepared = prepared or _prepare(corpus, settings, fabric.device)
                _train_stage(plan, prepared, before, fabric, listener or Silent(), log=log)
        else:
            _require_finished(place, entry.name)
        before = place
        if number == max(wanted):
            break
    assert before is not None
    return before


def _train_stage(
    plan: Plan, data: _Prepared, before: Path | None, fabric: Fabric, listener: Listener, *, log: bool
) -> None:
    inputs = Inputs(data.corpus.dims, plan.task.outputs)
    previous = checkpoint.load(before, model=plan.settings.name) if before else None
    torch.manual_seed(seed_of(plan.seed, plan.number))
    continues = plan.stage.continues and previous is not None
    network = previous.network if continues and previous else plan.settings.file.build(plan.settings.model, inputs)
    teacher = previous.network if previous and not continues else None
    objective = plan.settings.file.objective(plan.stage.name, network, plan.settings.model, plan.task, teacher)
    slots = state.read_optimiser(before) if before and continues else None
    logged = Logged(listener, plan.folder) if log and fabric.is_global_zero else None

    def keep(found: Found) -> None:
        card = _card(plan, data, inputs, found, previous.card.weights_sha256 if previous else "")
        checkpoint.save(plan.folder, network, data.normalisation, card)

    try:
        done = fit(objective, data.train, data.valid, plan, fabric, logged or listener, keep, slots)
    finally:
        if logged:
            logged.close()
    if fabric.is_global_zero:
        _mark_finished(plan.folder, network, data.normalisation, done.epoch)
    fabric.barrier()


def _mark_finished(folder: Path, network: nn.Module, normalisation: Normalisation, epochs: int) -> None:
    """Say in the card of the best epoch how many epochs ran."""
    best = checkpoint.load(folder)
    network.load_state_dict(best.network.state_dict())
    selection = {**best.card.selection, "epochs": epochs, "finished": True}
    checkpoint.save(folder, network, normalisation, dataclasses.replace(best.card, selection=selection))


def _card(plan: Plan, data: _Prepared, inputs: Inputs, found: Found, teacher: str) -> Card:
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
            "value": found.progressed.best,
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


def _prepare(corpus: Corpus, settings: Settings, device: torch.device) -> _Prepared:
    missing = [part for part in ("train", "valid") if part not in corpus.members]
    if missing:
        raise DataError(
            f"{corpus.path}: split {corpus.split!r} has {', '.join(corpus.members)}, no {' and no '.join(missing)}; "
            "expected train to learn from and valid to choose by; divide the corpus (a column 'split' in its table)"
        )
    first, second = corpus.part("train"), corpus.part("valid")
    _require_classes(corpus, first.targets[first.known[:, 0], 0].astype(int).tolist())
    normalisation = fit_normalisation(first)
    size = sum(values.nbytes for part in (first, second) for values in part.features.values())
    place = device if _fits(size, device) else None
    level, words = settings.file.LEVEL, settings.data.max_words
    return _Prepared(
        corpus,
        group_items(first, level, normalisation, max_words=words, device=place),
        group_items(second, level, normalisation, max_words=words, device=place),
        normalisation,
    )


def _fits(size: int, device: torch.device) -> bool:
    """Whether features of so many bytes may stay on the device."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return size < ROOM * free


def _require_classes(corpus: Corpus, numbers: Sequence[int]) -> None:
    if corpus.task.kind == "classes":
        absent = [name for number, name in enumerate(corpus.task.classes) if number not in set(numbers)]
        if absent:
            raise DataError(
                f"{corpus.path}: class {', '.join(absent)} of {corpus.task.targets[0]} never occurs in train; expected "
                "every class at least once; merge or remove it, or divide the corpus otherwise"
            )


def _identity(corpus: Corpus, settings: Settings, seed: int, before: Path | None) -> str:
    """All that the result of a stage depends on, as JSON."""
    record = {
        "model": settings.name,
        "settings": settings.record(),
        "artefact": corpus.sha256,
        "split": corpus.split,
        "targets": list(corpus.task.targets),
        "seed": seed,
        "before": checkpoint.read_card(before).weights_sha256 if before else "",
    }
    return json.dumps(record, sort_keys=True)


def _finished(plan: Plan, *, restart: bool, first: bool) -> bool:
    """Whether a stage is done; raises where its folder holds another run."""
    if restart:
        if first:
            shutil.rmtree(plan.folder, ignore_errors=True)
        return False
    progressed = state.read_progress(plan.folder)
    if progressed is None:
        return False
    if progressed.identity != plan.identity:
        then, now = json.loads(progressed.identity), json.loads(plan.identity)
        raise ConfigError(
            f"{plan.folder} holds a run with other {', '.join(_other(then, now))}; expected the same; choose another "
            "--name, or --restart to throw it away"
        )
    return progressed.finished and checkpoint.read_card(plan.folder).selection["finished"] is True


def _other(then: Any, now: Any, where: str = "") -> list[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        keys = sorted({*then, *now})
        return [
            text for key in keys for text in _other(then.get(key), now.get(key), f"{where}.{key}" if where else key)
        ]
    return [] if then == now else [f"{where} ({_short(then)} there, {_short(now)} now)"]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) < 40 else f"{text[:12]}..."


def _wanted(names: list[str], stage: str | None) -> set[int]:
    if stage is None:
        return set(range(len(names)))
    if stage not in names:
        raise ConfigError(f"stage {stage!r}; expected one of {', '.join(names)}; choose another --stage")
    return {names.index(stage)}


def _require_finished(place: Path, name: str) -> None:
    progressed = state.read_progress(place)
    if progressed is None or not progressed.finished:
        raise DataError(f"{place}: stage {name} is not finished; expected it before those that follow; train it first")


def _launch(compute: Compute) -> Fabric:
    from lightning_fabric import Fabric

    cuda = torch.cuda.is_available()
    if compute.device == "cuda" and not cuda:
        raise ConfigError("device cuda: this machine has none that torch can use; expected one; choose --device cpu")
    accelerator = "cuda" if cuda and compute.device != "cpu" else "cpu"
    if accelerator == "cuda" and compute.devices > torch.cuda.device_count():
        raise ConfigError(f"devices {compute.devices}; expected at most {torch.cuda.device_count()}, the GPUs here")
    fabric = Fabric(accelerator=accelerator, devices=compute.devices, precision=compute.precision)
    fabric.launch()
    return fabric
