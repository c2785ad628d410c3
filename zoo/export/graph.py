"""A network as an ONNX graph whose batch and time are free."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from zoo.errors import ExportError
from zoo.export.runtime import required
from zoo.types import MODALITIES, Batch, Inputs, Level, Modality

OPSET = 17  # the first with a layer normalisation of its own
EXPORTER = "torch.onnx.export, TorchScript"
BATCH, TIME = "batch", "time"  # names of the free axes
SAMPLE = (2, 7)  # batch and time of what is traced; 1 would be taken for an axis to broadcast


@dataclass(frozen=True)
class Port:
    """An input or output of a graph."""

    type: str
    shape: tuple[str | int, ...]  # a name where the axis is free


@dataclass(frozen=True)
class Ports:
    """All that go in and come out, by name and in order."""

    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]


def write_graph(network: nn.Module, inputs: Inputs, level: Level, path: Path) -> Ports:
    """Trace a network and write it.

    The TorchScript exporter, since ``torch.export`` fixes the time of an ``nn.LSTM``. It records what it sees, so that
    whether the graph holds at other lengths has to be measured: `zoo.export.comparing`.

    Parameters
    ----------
    network : nn.Module
        On the CPU, in evaluation mode.
    inputs : Inputs
    level : "words" or "dialogue"
    path : Path

    Returns
    -------
    Ports
        In go ``text``, ``audio``, ``vision`` (batch, time, D_m) float32, ``mask`` (batch, time) bool, ``kept`` (batch,
        time, 3) bool and ``speakers`` (batch, time) int64, as far as the network looks at them. Out come ``logits``
        and, where the network has them, ``weights`` (batch, time, 3).

    Raises
    ------
    ExportError
        If the network does something that ONNX cannot.
    mmfeat.errors.MissingDependency
        Without the extra ``export``.
    """
    onnx = required("onnx")
    flat = _Flat(network, tuple(inputs.dims)).eval()
    wanted = _wanted_inputs(inputs, level)
    sample = tuple(_sample(port) for port in wanted.values())
    with torch.no_grad():
        outputs = _outputs(len(flat(*sample)), inputs, level)
    axes = {name: _free_axes(port) for name, port in (wanted | outputs).items()}
    try:
        with _known_warnings():
            torch.onnx.export(
                flat,
                sample,
                path,
                dynamo=False,
                opset_version=OPSET,
                input_names=list(wanted),
                output_names=list(outputs),
                dynamic_axes=axes,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = " ".join(str(error).split())[:200]
        raise ExportError(
            f"{type(network).__name__}: {reason}; expected operations that ONNX has; build it of others"
        ) from None
    taken = {entry.name for entry in onnx.load(path).graph.input}  # the exporter leaves out what nothing reads
    return Ports({name: port for name, port in wanted.items() if name in taken}, outputs)


def batch_of(features: Mapping[Modality, Tensor], mask: Tensor, kept: Tensor, speakers: Tensor | None = None) -> Batch:
    """A batch without labels: what a network that only answers does not look at is empty."""
    nothing = torch.zeros((mask.shape[0], 1))
    numbers = nothing[:, 0].long()
    return Batch(features, features, mask, kept, kept, nothing, nothing.bool(), numbers, speakers)


class _Flat(nn.Module):
    """A network between tensors, as a graph is."""

    def __init__(self, network: nn.Module, modalities: Sequence[Modality]) -> None:
        super().__init__()
        self.network, self.modalities = network, modalities

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        count = len(self.modalities)
        features = dict(zip(self.modalities, tensors[:count], strict=True))
        output = self.network(batch_of(features, *tensors[count:]))
        shares = output.parts.get("weights")
        return (output.logits,) if shares is None else (output.logits, shares)


def _wanted_inputs(inputs: Inputs, level: Level) -> dict[str, Port]:
    ports = {str(name): Port("float32", (BATCH, TIME, width)) for name, width in inputs.dims.items()}
    ports["mask"] = Port("bool", (BATCH, TIME))
    ports["kept"] = Port("bool", (BATCH, TIME, len(MODALITIES)))
    if level == "dialogue":
        ports["speakers"] = Port("int64", (BATCH, TIME))
    return ports


def _outputs(count: int, inputs: Inputs, level: Level) -> dict[str, Port]:
    leading = (BATCH, TIME) if level == "dialogue" else (BATCH,)
    ports = {"logits": Port("float32", (*leading, inputs.outputs))}
    return ports if count == 1 else ports | {"weights": Port("float32", (BATCH, TIME, len(MODALITIES)))}


def _sample(port: Port) -> Tensor:
    shape = (*SAMPLE, *(width for width in port.shape[2:] if isinstance(width, int)))
    return torch.ones(shape, dtype=getattr(torch, port.type))


def _free_axes(port: Port) -> dict[int, str]:
    return {axis: name for axis, name in enumerate(port.shape) if isinstance(name, str)}


@contextmanager
def _known_warnings() -> Iterator[None]:
    """Silence what the exporter says of every network; what it warns of is measured afterwards."""
    with warnings.catch_warnings():
        # A size that became a constant: comparing at five lengths and eight batch sizes would find it.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.filterwarnings("ignore", "Exporting a model to ONNX with a batch_size other than 1", UserWarning)
        # That another exporter is the default now: it cannot keep the time of an LSTM free.
        warnings.filterwarnings("ignore", "You are using the legacy TorchScript-based ONNX export", DeprecationWarning)
        warnings.filterwarnings("ignore", "The feature will be removed", DeprecationWarning)
        yield
