"""From a checkpoint to a folder with an ONNX graph that was compared with its network."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from safetensors.torch import save as save_tensors

from mmfeat.types import Progress
from zoo.checkpoint import WEIGHTS, Checkpoint, load, plain, save_card
from zoo.data import Corpus
from zoo.errors import ExportError
from zoo.export.comparing import compare, require_exact
from zoo.export.folder import GRAPH, SCALE, Exported, digests, replacing_folder, require_replaceable, write_about
from zoo.export.graph import EXPORTER, OPSET, write_graph
from zoo.export.quantising import measure_loss, open_artefact, quantise
from zoo.export.runtime import open_graph
from zoo.packing import FILES, files_of

PACKAGES = ("mmfeat", "torch", "onnx", "onnxruntime")


def export(
    checkpoint: Path,
    output: Path,
    *,
    int8: bool = False,
    dataset: str | Path | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Export a checkpoint: ``model.onnx``, ``card.json``, ``normalisation.safetensors``, ``export.json``, ``files/``.

    The graph is compared with the network at five lengths and eight batch sizes before the folder gets its name.

    Parameters
    ----------
    checkpoint : Path
        Its folder.
    output : Path
        A new folder, or an earlier export, whose place is taken once everything is written.
    int8 : bool
        Weights and activations in 8 bits. The graph then takes the place of the exact one, and the loss is measured on
        the validation part.
    dataset : str or Path, optional
        What the loss of int8 is measured on; default: the artefact that the checkpoint was trained on.
    progress : Progress, optional

    Returns
    -------
    Exported
        What ``export.json`` says.

    Raises
    ------
    zoo.errors.CheckpointError
        If the checkpoint is not there or damaged.
    ExportError
        If the graph answers otherwise than the network, something else is in the place of the output, the artefact is
        not there, or ``dataset`` is given without ``int8``.
    mmfeat.errors.MissingDependency
        Without the extra ``export``.
    mmfeat.errors.OutputError
        If the folder cannot be written.
    """
    if dataset is not None and not int8:
        raise ExportError(
            f"dataset {dataset} without int8; expected both: only what int8 loses is measured; add --int8"
        )
    require_replaceable(output)
    loaded = load(checkpoint)
    corpus = open_artefact(loaded, dataset) if int8 else None
    with replacing_folder(output) as folder:
        save_card(folder, loaded.card)
        scale = {name: plain(values) for name, values in loaded.normalisation.state().items()}
        (folder / SCALE).write_bytes(save_tensors(scale))
        exported = _write(loaded, folder, corpus, progress)
        write_about(folder, exported)
        _bring_along(files_of(checkpoint), folder)
    return exported


def _bring_along(files: Mapping[str, Path], folder: Path) -> None:
    """Copy what the model's extractors read, so that the export answers for clips wherever its checkpoint does."""
    for name, path in files.items():
        (folder / FILES).mkdir(exist_ok=True)
        shutil.copyfile(path, folder / FILES / name)


def _write(loaded: Checkpoint, folder: Path, corpus: Corpus | None, progress: Progress | None) -> Exported:
    """Write the graph and measure it; in 8 bits if there is a corpus to measure the loss on."""
    card, graph = loaded.card, folder / GRAPH
    ports = write_graph(loaded.network, card.inputs, card.level, graph)
    differences = compare(loaded.network, open_graph(graph), card.inputs, card.level, progress)
    require_exact(differences, str(loaded.folder))
    sizes = {"checkpoint": (loaded.folder / WEIGHTS).stat().st_size, "float32": graph.stat().st_size}
    loss = None
    if corpus is not None:
        quantise(graph)
        sizes["int8"] = graph.stat().st_size
        loss = measure_loss(loaded, open_graph(graph), corpus)
    return Exported(
        exporter=EXPORTER,
        versions={name: version(name) for name in PACKAGES},
        opset=OPSET,
        int8=corpus is not None,
        inputs=ports.inputs,
        outputs=ports.outputs,
        sha256=digests(folder),
        sizes=sizes,
        differences=differences,
        loss=loss,
    )
