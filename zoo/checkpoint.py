"""Trained models on disk: a folder with ``model.safetensors`` and ``card.json``. Nothing in it runs code when read.

The card says everything that the weights depend on; loading is strict. The folder may be copied anywhere.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from mmfeat import registry
from mmfeat.errors import MmfeatError
from mmfeat.safe_write import replacing
from zoo.data.corpus import Corpus, fingerprint
from zoo.data.normalisation import Normalisation
from zoo.errors import CheckpointError, CheckpointMismatch
from zoo.types import MODALITIES, Inputs, Level, Task

FORMAT = 1
MODELS = "zoo.models"
WEIGHTS, CARD = "model.safetensors", "card.json"
TABLES = ("config", "settings", "features", "selection", "validation", "utterances")  # of a card
SELECTION = ("metric", "value", "epoch", "epochs", "finished")
NETWORK, SCALE = "network.", "normalisation."  # prefixes of the tensors' names


@dataclass(frozen=True)
class Card:
    """What a checkpoint says of itself."""

    model: str
    stage: str
    level: Level
    config: Mapping[str, Any]  # of the model file
    settings: Mapping[str, Any]  # of the run: train, missing, data, as `zoo.settings` has them
    task: Task
    inputs: Inputs
    dataset: str
    split: str
    artefact: str  # its path when the model was trained
    artefact_sha256: str
    features: Mapping[str, Any]  # `Corpus.features`
    seed: int
    selection: Mapping[str, Any]  # metric, value, epoch, how many epochs ran, and whether training is finished
    validation: Mapping[str, float]  # scores on the validation part under the distribution that it was chosen by
    mask_ids: tuple[str, ...]  # of the validation's masks
    utterances: Mapping[str, int]  # of the training and validation parts
    code_version: str
    licence: str  # of the data, as the artefact names it: weights inherit its terms
    weights_sha256: str = ""
    format: int = FORMAT
    teacher: str = ""  # weights_sha256 of the checkpoint that it learned from

    @property
    def fingerprint(self) -> str:
        """Digest of the features' description."""
        return fingerprint(self.features)


@dataclass(frozen=True)
class Checkpoint:
    """A trained network and what goes with it."""

    network: nn.Module  # in evaluation mode
    normalisation: Normalisation
    card: Card
    folder: Path

    def require_fit(self, corpus: Corpus) -> None:
        """Refuse data whose features or target are not those that the network was trained on.

        Raises
        ------
        CheckpointMismatch
            Naming the field that differs.
        """
        require_features(self.card, corpus.features, str(corpus.path))
        if corpus.task != self.card.task:
            raise CheckpointMismatch(
                f"{corpus.path}: target {_task_text(corpus.task)}; expected {_task_text(self.card.task)}, which "
                f"{self.folder} predicts; choose another --target"
            )


def save(folder: Path, network: nn.Module, normalisation: Normalisation, card: Card) -> Card:
    """Write a checkpoint. Both files are whole on disk before either is renamed: a full disk leaves the earlier one.

    Returns
    -------
    Card
        With the digest of the weights.

    Raises
    ------
    mmfeat.errors.OutputError
        If the folder cannot be written.
    """
    state = {NETWORK + name: values for name, values in network.state_dict().items()}
    state |= {SCALE + name: values for name, values in normalisation.state().items()}
    weights = save_tensors({name: plain(values) for name, values in state.items()})
    card = dataclasses.replace(card, weights_sha256=hashlib.sha256(weights).hexdigest())
    with replacing(folder / WEIGHTS) as new_weights:
        new_weights.write_bytes(weights)
        save_card(folder, card)
    return card


def save_card(folder: Path, card: Card) -> None:
    """Write the card of a checkpoint whose weights are there already.

    Raises
    ------
    mmfeat.errors.OutputError
        If it cannot be written.
    """
    with replacing(folder / CARD) as beside:
        beside.write_text(json.dumps(dataclasses.asdict(card), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def plain(values: Tensor) -> Tensor:
    """Copy to the memory of the CPU: safetensors takes no two tensors that share theirs, as tied weights do."""
    return values.detach().to("cpu", copy=True).contiguous()


def read_card(folder: Path) -> Card:
    """Read what a checkpoint says of itself, without its weights.

    Raises
    ------
    CheckpointError
        If there is none, or it is of another version.
    """
    path = folder / CARD
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder}: no {CARD}; expected the folder of a checkpoint; 'zoo train' makes one, 'zoo list' shows them"
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}; expected a card of a checkpoint; train again") from None
    if not isinstance(given, dict) or given.get("format") != FORMAT:
        found = given.get("format") if isinstance(given, dict) else None
        raise CheckpointError(f"{path}: format {found}; expected {FORMAT}; train again with this version of the zoo")
    fields = {entry.name for entry in dataclasses.fields(Card)}
    if set(given) != fields:
        odd = ", ".join(sorted(set(given) ^ fields))
        raise CheckpointError(f"{path}: {odd} missing or unknown; expected a card of format {FORMAT}; train again")
    try:
        return _card_of(given)
    except (TypeError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path}: {error!r}; expected a card of format {FORMAT}; train again") from None


def _card_of(given: Mapping[str, Any]) -> Card:
    task, inputs = given["task"], given["inputs"]
    outputs = int(inputs["outputs"])
    missing = [key for key in SELECTION if key not in given["selection"]]
    if missing:
        raise KeyError(*missing)
    return Card(
        **{
            **given,
            **{name: dict(given[name]) for name in TABLES},
            "task": Task(task["kind"], tuple(task["targets"]), tuple(task["classes"])),
            # JSON sorts by name; a network that is built over the modalities must find them in their own order.
            "inputs": Inputs({name: inputs["dims"][name] for name in MODALITIES if name in inputs["dims"]}, outputs),
            "mask_ids": tuple(given["mask_ids"]),
        }
    )


def load(folder: Path, *, model: str | None = None, device: torch.device | None = None) -> Checkpoint:
    """Load a checkpoint.

    Parameters
    ----------
    folder : Path
    model : str, optional
        The model that it has to be.
    device : torch.device, optional

    Raises
    ------
    CheckpointError
        If it is not there, damaged or of another version.
    CheckpointMismatch
        If it is of another model, or its weights do not fit the network as it is built now.
    """
    card = read_card(folder)
    if model is not None and card.model != model:
        raise CheckpointMismatch(f"{folder}: a checkpoint of {card.model}; expected one of {model}; choose another")
    tensors = _read_weights(folder, card)
    network = build(card)
    state = {name.removeprefix(NETWORK): values for name, values in tensors.items() if name.startswith(NETWORK)}
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointMismatch(
            f"{folder}: weights do not fit {card.model} as it is built now: {reason}; expected those of this version; "
            "train again"
        ) from None
    scale = {name.removeprefix(SCALE): values for name, values in tensors.items() if name.startswith(SCALE)}
    return Checkpoint(network.eval().to(device), Normalisation.from_state(scale), card, folder)


def require_features(card: Card, features: Mapping[str, Any], what: str) -> None:
    """Refuse features that are not made as those that a checkpoint was trained on.

    Parameters
    ----------
    card : Card
    features : mapping
        As `Corpus.features`.
    what : str
        What has them, for the message.

    Raises
    ------
    CheckpointMismatch
        Naming the field that differs.
    """
    differing = _differences(card.features, features)
    if differing:
        raise CheckpointMismatch(
            f"{what}: features differ from those that {card.model} was trained on: {differing[0]}; expected the same "
            "extractors, settings and files; extract with those, or train on these"
        )


def build(card: Card) -> nn.Module:
    """Make the network of a card, without its weights.

    Raises
    ------
    CheckpointMismatch
        If the model is not in this version of the zoo, or has other settings.
    """
    try:
        plugin = registry.module(MODELS, card.model)
        network: nn.Module = plugin.build(registry.configure(plugin.Config, card.config, owner=card.model), card.inputs)
    except MmfeatError as error:
        raise CheckpointMismatch(
            f"a checkpoint of {card.model}, which this version of the zoo lacks: {error}"
        ) from None
    return network


def _read_weights(folder: Path, card: Card) -> dict[str, Tensor]:
    path = folder / WEIGHTS
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != card.weights_sha256:
            raise CheckpointError(
                f"{path}: not the weights that its {CARD} names; expected sha256 {card.weights_sha256[:12]}...; "
                "copy the folder again, or go on training with 'zoo train --resume'"
            )
        return load_tensors(data)
    except FileNotFoundError:
        raise CheckpointError(f"{folder}: no {WEIGHTS}; expected it beside {CARD}; copy the folder again") from None
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: {error}; expected weights in safetensors; copy the folder again") from None


def _differences(wanted: Any, given: Any, where: str = "") -> list[str]:
    """Fields in which two descriptions differ, one text each."""
    if isinstance(wanted, Mapping) and isinstance(given, Mapping):
        found: list[str] = []
        for key in sorted({*wanted, *given}):
            path = f"{where}.{key}" if where else str(key)
            found += _differences(wanted.get(key, "nothing"), given.get(key, "nothing"), path)
        return found
    # A card has been through JSON: what was a tuple is a list.
    same = json.dumps(wanted, sort_keys=True) == json.dumps(given, sort_keys=True)
    return [] if same else [f"{where} is {given!r} here, {wanted!r} there"]


def _task_text(task: Task) -> str:
    classes = f" ({', '.join(task.classes)})" if task.classes else ""
    return f"{', '.join(task.targets)}{classes}, a {task.kind} task"
