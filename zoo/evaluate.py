"""A checkpoint's answers for a part of its corpus under every cached mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mmfeat import missing
from mmfeat.types import BoolArray, FloatArray
from zoo.answers import respond
from zoo.checkpoint import Checkpoint, load
from zoo.conditions import CONDITIONS, Condition, Group
from zoo.data import Corpus, Items, Part, View, find_artefact, group_items, kept_from, open_corpus, view
from zoo.errors import DataError
from zoo.metrics import constant_answer
from zoo.predictions import Predictions

MASKS = Path("data/masks")  # where the pipeline puts masks
GROUPS: tuple[Group, ...] = ("natural", "combination", "frame_drop")
BATCH = 256


@dataclass(frozen=True)
class Tested:
    """A checkpoint and the items that it answers for."""

    checkpoint: Checkpoint
    corpus: Corpus
    part: Part
    items: Items
    masks: missing.MaskFile

    def seen(self, key: str) -> tuple[View, BoolArray]:
        """The items under a mask, and which utterances it spared (N,)."""
        kept, spared = kept_from(self.masks, key, self.corpus, self.part)
        return view(self.items, kept), spared


def evaluate(
    checkpoint: Path,
    dataset: str | Path | None = None,
    part: str = "test",
    masks: Path | None = None,
    groups: Sequence[Group] = GROUPS,
    device: str = "cpu",
) -> Predictions:
    """Answer for a part of a corpus under every condition.

    Parameters
    ----------
    checkpoint : Path
        Its folder.
    dataset : str or Path, optional
        Default: the artefact that it was trained on.
    part : str
        ``test`` is read here for the first time, once all choices are made.
    masks : Path, optional
        Mask file; default: `mask_file`.
    groups : sequence of str
        Of conditions.
    device : str

    Returns
    -------
    Predictions

    Raises
    ------
    zoo.errors.CheckpointError
        If the checkpoint is damaged, or was trained on other features.
    DataError
        If the dataset or the part is not there.
    mmfeat.errors.SchemaError
        If the mask file was drawn for another corpus.
    """
    tested = open_test(checkpoint, dataset, part, masks, device)
    answers: dict[str, FloatArray] = {}
    spared: dict[str, BoolArray] = {}
    for condition in conditions(groups):
        seen, spared[condition.key] = tested.seen(condition.key)
        answers[condition.key], _ = respond(tested.checkpoint.network, seen, torch.device(device), BATCH)
    return Predictions(
        task=tested.corpus.task,
        ids=tested.part.rows.ids,
        dialogues=tested.part.dialogues,
        turns=tested.part.turns,
        speakers=tested.part.speakers,
        targets=tested.part.targets,
        known=tested.part.known,
        answers=answers,
        spared=spared,
        constant=constant_answer(tested.corpus.task, *tested.corpus.targets("train")),
    )


def represent(
    checkpoint: Path,
    keys: Sequence[str],
    dataset: str | Path | None = None,
    part: str = "test",
    masks: Path | None = None,
    device: str = "cpu",
) -> dict[str, FloatArray]:
    """Representation before the head, (N, D) per mask key; parameters as `evaluate`."""
    tested = open_test(checkpoint, dataset, part, masks, device)
    return {
        key: respond(tested.checkpoint.network, tested.seen(key)[0], torch.device(device), BATCH)[1] for key in keys
    }


def open_test(
    checkpoint: Path,
    dataset: str | Path | None = None,
    part: str = "test",
    masks: Path | None = None,
    device: str = "cpu",
) -> Tested:
    """Load a checkpoint and the part of the corpus that it shall answer for; parameters as `evaluate`."""
    loaded = load(checkpoint, device=torch.device(device))
    card = loaded.card
    path = find_artefact(dataset if dataset is not None else card.artefact)
    corpus = open_corpus(path, ",".join(card.task.targets), card.split)
    loaded.require_fit(corpus)
    chosen = corpus.part(part)
    items = group_items(
        chosen,
        card.level,
        loaded.normalisation,
        max_words=int(card.settings["data"]["max_words"]),
        device=torch.device(device),
    )
    file = mask_file(corpus) if masks is None else masks
    return Tested(loaded, corpus, chosen, items, missing.MaskFile(file))


def conditions(groups: Sequence[Group]) -> tuple[Condition, ...]:
    """Conditions of some groups.

    Raises
    ------
    DataError
        If there is none.
    """
    found = tuple(condition for condition in CONDITIONS if condition.group in groups)
    if not found:
        known = dict.fromkeys(condition.group for condition in CONDITIONS)
        raise DataError(f"conditions {', '.join(groups)}; expected some of {', '.join(known)}; name one")
    return found


def mask_file(corpus: Corpus) -> Path:
    """Where the masks of a corpus are; they are drawn where they are not there yet, the same for everybody.

    ``data/masks/<name>.h5`` for ``data/aligned/<name>.h5``, as the pipeline has it, else ``<name>.masks.h5`` beside the
    artefact.
    """
    folder = corpus.path.parent
    usual = folder.name == "aligned" and folder.with_name(MASKS.name).is_dir()
    path = folder.with_name(MASKS.name) / corpus.path.name if usual else corpus.path.with_suffix(".masks.h5")
    if not path.exists():
        rows = corpus.observed
        missing.write(path, corpus.dataset, rows, missing.draw_all(missing.DEFAULT, rows, corpus.dataset))
    return path


__all__ = ["GROUPS", "Tested", "conditions", "evaluate", "mask_file", "open_test", "represent"]
