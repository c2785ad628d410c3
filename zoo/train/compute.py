"""Where a training runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from mmfeat.errors import ConfigError

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Compute:
    """Where it runs. Device and precision change the figures by rounding only, and are no part of a run's identity."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices: int = 1  # processes that train together, one per GPU; each takes ``train.batch_size``, so steps are larger
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"


def launch(compute: Compute) -> Fabric:
    """Start the processes.

    Raises
    ------
    mmfeat.errors.ConfigError
        If this machine lacks what is asked for.
    """
    from lightning_fabric import Fabric

    cuda = torch.cuda.is_available()
    if compute.device == "cuda" and not cuda:
        raise ConfigError("device cuda: this machine has none that torch can use; expected one; choose --device cpu")
    accelerator = "cuda" if cuda and compute.device != "cpu" else "cpu"
    if accelerator == "cuda" and compute.devices > torch.cuda.device_count():
        raise ConfigError(f"devices {compute.devices}; expected at most {torch.cuda.device_count()}, the GPUs here")
    if accelerator == "cpu" and compute.precision == "16-mixed":
        raise ConfigError(
            "precision 16-mixed: CPUs lack it; expected 32-true or bf16-mixed; choose another --precision"
        )
    # Not every weight learns in every stage: MoMKE's experts learn without their routers.
    strategy = "ddp_find_unused_parameters_true" if compute.devices > 1 else "auto"
    fabric = Fabric(accelerator=accelerator, devices=compute.devices, precision=compute.precision, strategy=strategy)
    fabric.launch()
    return fabric
