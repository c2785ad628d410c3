"""Who computes: the network of a checkpoint in torch, or its exported graph."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from mmfeat.errors import ConfigError
from mmfeat.types import FloatArray
from zoo import checkpoint
from zoo.checkpoint import Card
from zoo.data import Normalisation
from zoo.types import Batch


class Engine(Protocol):
    """Answers a batch."""

    def __call__(self, batch: Batch) -> tuple[FloatArray, FloatArray | None]:
        """Logits, (B, outputs) or (B, T, outputs), and shares of the modalities, (B, T, 3), where there are some."""
        ...


class TorchEngine:
    """A network in evaluation mode."""

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self._network = network
        self._device = device

    def __call__(self, batch: Batch) -> tuple[FloatArray, FloatArray | None]:
        """Run the network."""
        with torch.inference_mode():
            output = self._network(batch.to(self._device))
        weights = output.parts.get("weights")
        return output.logits.float().cpu().numpy(), None if weights is None else weights.float().cpu().numpy()


def open_engine(folder: Path, device: str) -> tuple[Engine, Card, Normalisation]:
    """Open a checkpoint, or what ``zoo export`` made of one: whichever the folder holds.

    Raises
    ------
    CheckpointError
        If it is neither, or damaged.
    """
    from zoo.export import GRAPH, Session

    if (folder / GRAPH).exists():
        session = Session(folder, device)
        return session, session.card, session.normalisation
    chosen = pick_device(device)
    loaded = checkpoint.load(folder, device=chosen)
    return TorchEngine(loaded.network, chosen), loaded.card, loaded.normalisation


def pick_device(wanted: str) -> torch.device:
    """Choose a device: ``auto``, ``cpu``, ``cuda`` or one of several GPUs such as ``cuda:1``.

    Raises
    ------
    ConfigError
        If it is none of these, or there is no such GPU.
    """
    count = torch.cuda.device_count()
    known = ("auto", "cpu", "cuda", *(f"cuda:{number}" for number in range(count)))
    if wanted not in known or (wanted == "cuda" and not count):
        raise ConfigError(f"device {wanted!r}; expected one of {', '.join(known)}; choose another")
    return torch.device("cuda" if wanted == "auto" and count else "cpu" if wanted == "auto" else wanted)
