"""An exported model, ready to answer."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from mmfeat.types import FloatArray
from zoo.checkpoint import CARD, read_card
from zoo.data import Normalisation
from zoo.errors import CheckpointError
from zoo.export.folder import GRAPH, SCALE, read_about, read_checked
from zoo.export.runtime import ask, open_graph
from zoo.types import Batch


class Session:
    """Answers batches by onnxruntime. Every file is compared with its digest before it is used.

    Parameters
    ----------
    folder : Path
        As `zoo.export.export` wrote it.
    device : str
        ``cpu`` or ``cuda``.

    Attributes
    ----------
    card : Card
        Of the checkpoint that was exported.
    normalisation : Normalisation
    exported : Exported
        What was measured on the way.

    Raises
    ------
    CheckpointError
        If the folder is no export, of another version or damaged.
    mmfeat.errors.MissingDependency
        Without onnxruntime, or if it cannot use the device.
    """

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        self.folder = folder
        self.exported = read_about(folder)
        read_checked(folder, self.exported, CARD)
        self.card = read_card(folder)
        self.normalisation = _normalisation(folder, read_checked(folder, self.exported, SCALE))
        self._session = open_graph(read_checked(folder, self.exported, GRAPH), device)

    def __call__(self, batch: Batch) -> tuple[FloatArray, FloatArray | None]:
        """Answer a batch whose tensors are on the CPU, wherever the graph runs.

        Returns
        -------
        FloatArray, shape (B, outputs) or (B, T, outputs)
            Logits.
        FloatArray, shape (B, T, 3), or None
            Shares of the modalities, where the network has some.

        Raises
        ------
        CheckpointMismatch
            If the batch lacks what the model takes, or has it in another width.
        """
        return ask(self._session, batch)


def _normalisation(folder: Path, data: bytes) -> Normalisation:
    try:
        return Normalisation.from_state(load_tensors(data))
    except SafetensorError as error:
        raise CheckpointError(f"{folder / SCALE}: {error}; expected tensors in safetensors; export again") from None
