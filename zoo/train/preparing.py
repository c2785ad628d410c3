"""Data of a training, read once for all its stages, and refused where nothing can be learned from it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mmfeat.errors import ConfigError
from mmfeat.types import FloatArray
from zoo.data import Corpus, Items, Normalisation, Part, fit_normalisation, group_items
from zoo.errors import DataError
from zoo.metrics import measure
from zoo.settings import Settings
from zoo.types import Task

ROOM = 0.5  # of the free memory of a device that a corpus may take there


@dataclass(frozen=True)
class Prepared:
    """Data, read once for all stages."""

    corpus: Corpus
    train: Items
    valid: Items
    normalisation: Normalisation


def prepare(corpus: Corpus, settings: Settings, device: torch.device) -> Prepared:
    """Read the training and validation parts.

    Raises
    ------
    DataError
        If a part is not there, or a class never occurs in the training part.
    mmfeat.errors.ConfigError
        If training shall be chosen by a metric that the validation part does not have.
    """
    corpus.require_parts("train", "valid")
    first, second = corpus.part("train"), corpus.part("valid")
    _require_classes(corpus, first.targets[first.known[:, 0], 0].astype(int).tolist())
    _require_metric(settings, corpus.task, second)
    normalisation = fit_normalisation(first)
    size = sum(values.nbytes for part in (first, second) for values in part.features.values())
    # Processes that assemble batches cannot share what is on a GPU.
    place = device if _fits(size, device) and not (settings.data.workers and device.type == "cuda") else None
    level, words = settings.file.LEVEL, settings.data.max_words
    return Prepared(
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


def _require_metric(settings: Settings, task: Task, valid: Part) -> None:
    """A metric that right answers have exists in every epoch; others, as of a class that nobody has, may not."""
    select = settings.train.select
    known = ("loss", *measure(task, valid.targets, valid.known, _right_answers(task, valid.targets)))
    if select not in known:
        near = difflib.get_close_matches(select, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "set it with --set train.select=..."
        raise ConfigError(
            f"{settings.name}: train.select {select!r}; expected what validation has of {', '.join(task.targets)}: "
            f"{', '.join(known)}; {hint}"
        )


def _right_answers(task: Task, targets: FloatArray) -> FloatArray:
    if task.kind == "classes":
        return np.asarray(np.eye(len(task.classes))[targets[:, 0].astype(int)])
    return targets - 0.5 if task.kind == "binary" else targets
