"""What a killed training goes on from: written whole after every epoch, as one safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mmfeat.safe_write import replacing
from zoo.checkpoint import plain
from zoo.errors import CheckpointError

NAME = "state.safetensors"


@dataclass(frozen=True)
class Progressed:
    """How far a stage has come."""

    identity: str  # all that the run depends on, as `zoo.train.identity.identity` writes it
    epoch: int = 0  # epochs that are done
    best: float | None = None  # of the selection metric, turned so that lower is better
    best_epoch: int = 0
    finished: bool = False
    history: tuple[Mapping[str, float], ...] = field(default=())  # one entry per epoch


def write_state(folder: Path, progressed: Progressed, objective: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Write the state after an epoch."""
    tensors = {f"objective.{name}": plain(values) for name, values in objective.state_dict().items()}
    names = [name for name, parameter in objective.named_parameters() if parameter.requires_grad]
    for number, slots in optimiser.state_dict()["state"].items():
        for slot, values in slots.items():
            tensors[f"optimiser.{names[number]}.{slot}"] = plain(values)
    with replacing(folder / NAME) as beside:
        beside.write_bytes(save(tensors, metadata={"progressed": json.dumps(asdict(progressed))}))


def read_progress(folder: Path) -> Progressed | None:
    """How far the stage of a folder has come; None where it has not begun.

    Raises
    ------
    CheckpointError
        If the file is damaged.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            record = json.loads(file.metadata()["progressed"])
        return Progressed(**{**record, "history": tuple(record["history"])})
    except (OSError, SafetensorError, TypeError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path}: {error}; expected the state of a training; delete it, or train anew with --restart"
        ) from None


def restore(folder: Path, objective: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Put objective and optimiser back to where the state says."""
    with safe_open(folder / NAME, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    objective.load_state_dict(
        {name.removeprefix("objective."): values for name, values in tensors.items() if name.startswith("objective.")}
    )
    restore_optimiser(tensors, objective, optimiser)


def restore_optimiser(tensors: Mapping[str, Tensor], objective: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Give every parameter its slots back, by name; those that a state does not know start afresh."""
    slots: dict[int, dict[str, Tensor]] = {}
    trained = [name for name, parameter in objective.named_parameters() if parameter.requires_grad]
    for number, name in enumerate(trained):
        prefix = f"optimiser.{name}."
        found = {key.removeprefix(prefix): values for key, values in tensors.items() if key.startswith(prefix)}
        if found:
            slots[number] = found
    state = optimiser.state_dict()
    optimiser.load_state_dict({"state": slots, "param_groups": state["param_groups"]})


def read_optimiser(folder: Path) -> dict[str, Tensor]:
    """Slots of the optimiser that a stage ended with, for a stage that continues it."""
    with safe_open(folder / NAME, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys() if name.startswith("optimiser.")}  # noqa: SIM118
