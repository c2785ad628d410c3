"""onnxruntime: opening a graph and asking it."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from mmfeat.errors import MissingDependency
from mmfeat.types import FloatArray
from zoo.errors import CheckpointMismatch
from zoo.types import MODALITIES, Batch

QUIET = 4  # severity that onnxruntime logs from: what goes wrong is raised as well


def required(name: str) -> ModuleType:
    """Import what only exported models need.

    Raises
    ------
    MissingDependency
        Naming the extra that brings it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"the package {error.name!r} is not installed; expected it for exported models; "
            "pip install 'mmfeat[export]'"
        ) from None


def open_graph(source: Path | bytes, device: str = "cpu") -> Any:
    """Open a graph as an ``onnxruntime.InferenceSession``, on one thread unless OMP_NUM_THREADS says otherwise.

    Parameters
    ----------
    source : Path or bytes
    device : str
        ``cpu``, ``cuda`` or ``cuda:1``.

    Raises
    ------
    MissingDependency
        Without onnxruntime, or if it cannot use the device.
    """
    onnxruntime = required("onnxruntime")
    onnxruntime.disable_telemetry_events()  # some builds report to their maker
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    options.intra_op_num_threads = _threads()
    # Threads that spin while they wait take the cores from other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    graph = source if isinstance(source, bytes) else str(source)
    return onnxruntime.InferenceSession(graph, options, providers=_providers(onnxruntime, torch.device(device)))


def ask(session: Any, batch: Batch) -> tuple[FloatArray, FloatArray | None]:
    """Answer a batch on the CPU.

    Returns
    -------
    FloatArray, shape (B, outputs) or (B, T, outputs)
        Logits.
    FloatArray, shape (B, T, 3), or None
        Shares of the modalities, where the network has some.

    Raises
    ------
    CheckpointMismatch
        If the batch lacks what the graph takes, or has it in another width.
    """
    found = session.run(None, {port.name: _feed(batch, port) for port in session.get_inputs()})
    return found[0], found[1] if len(found) > 1 else None


def failures() -> tuple[type[Exception], ...]:
    """What onnxruntime raises where a graph cannot be run on what it is given; they have no family of their own."""
    state = required("onnxruntime.capi.onnxruntime_pybind11_state")
    return state.Fail, state.InvalidArgument, state.RuntimeException


def _feed(batch: Batch, port: Any) -> Any:
    values = batch.features.get(port.name) if port.name in MODALITIES else getattr(batch, port.name)
    given = None if values is None else list(values.shape[2:])
    if values is None or given != port.shape[2:]:
        raise CheckpointMismatch(
            f"{port.name}: width {given}; expected {port.shape[2:]}, as the model was exported; choose another model"
        )
    return np.ascontiguousarray(values.numpy())


def _threads() -> int:
    """The first number of OMP_NUM_THREADS, which may be a list, one per nesting of loops."""
    first = os.environ.get("OMP_NUM_THREADS", "1").partition(",")[0].strip()
    return max(1, int(first)) if first.isdigit() else 1


def _providers(onnxruntime: ModuleType, device: torch.device) -> list[Any]:
    if device.type == "cpu":
        return ["CPUExecutionProvider"]
    if device.type != "cuda" or "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise MissingDependency(
            f"onnxruntime cannot use device {device}; expected cpu, or cuda where its build for GPUs is installed; "
            "pip install onnxruntime-gpu, or take --device cpu"
        )
    return [("CUDAExecutionProvider", {"device_id": device.index or 0}), "CPUExecutionProvider"]
