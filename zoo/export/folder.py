"""What an exported folder holds: ``model.onnx``, ``card.json``, ``normalisation.safetensors`` and ``export.json``."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmfeat.errors import OutputError
from zoo.checkpoint import CARD
from zoo.errors import CheckpointError, ExportError
from zoo.export.comparing import Difference
from zoo.export.graph import Port
from zoo.export.quantising import Loss

FORMAT = 1
GRAPH, SCALE, ABOUT = "model.onnx", "normalisation.safetensors", "export.json"
CHECKED = (GRAPH, SCALE, CARD)  # files whose digests stand in ``export.json``


@dataclass(frozen=True)
class Exported:
    """What ``export.json`` says."""

    exporter: str
    versions: Mapping[str, str]  # of the packages that made it
    opset: int
    int8: bool
    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]
    sha256: Mapping[str, str]  # of each other file of the folder
    sizes: Mapping[str, int]  # bytes: the checkpoint's weights, the graph in float32 and, if it was made, in int8
    differences: tuple[Difference, ...]  # of the float32 graph from the network, per length
    loss: Loss | None  # of int8
    format: int = FORMAT


def digests(folder: Path) -> dict[str, str]:
    """sha256 of each file of a folder but ``export.json``."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in CHECKED}


def write_about(folder: Path, exported: Exported) -> None:
    """Write ``export.json``."""
    text = json.dumps(dataclasses.asdict(exported), indent=1) + "\n"
    (folder / ABOUT).write_text(text, encoding="utf-8")


def read_about(folder: Path) -> Exported:
    """Read ``export.json``.

    Raises
    ------
    CheckpointError
        If it is not there, damaged or of another version.
    """
    path = folder / ABOUT
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder}: no {ABOUT}; expected the folder of an exported model; 'zoo export' makes one"
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}; expected JSON; export again") from None
    found = given.get("format") if isinstance(given, dict) else None
    if found != FORMAT:
        raise CheckpointError(f"{path}: format {found}; expected {FORMAT}; export again with this version of the zoo")
    try:
        return _exported_of(given)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: {error!r}; expected an export of format {FORMAT}; export again") from None


def _exported_of(given: Mapping[str, Any]) -> Exported:
    def ports(table: Mapping[str, Any]) -> dict[str, Port]:
        return {name: Port(port["type"], tuple(port["shape"])) for name, port in table.items()}

    made = {
        "inputs": ports(given["inputs"]),
        "outputs": ports(given["outputs"]),
        "differences": tuple(Difference(**entry) for entry in given["differences"]),
        "loss": None if given["loss"] is None else Loss(**given["loss"]),
    }
    return Exported(**{**given, **made})


def read_checked(folder: Path, exported: Exported, name: str) -> bytes:
    """Read a file whose digest has to be the one that ``export.json`` names.

    Raises
    ------
    CheckpointError
        If it is not there or another one.
    """
    path, wanted = folder / name, exported.sha256.get(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{path}: {error.strerror}; expected it beside {ABOUT}; copy the folder again, or export again"
        ) from None
    if hashlib.sha256(data).hexdigest() != wanted:
        raise CheckpointError(
            f"{path}: not the file that {ABOUT} names; expected sha256 {str(wanted)[:12]}...; copy the folder again, "
            "or export again"
        )
    return data


def require_replaceable(folder: Path) -> None:
    """Refuse to write over anything but an earlier export or an empty folder.

    Raises
    ------
    ExportError
        If something else is there.
    """
    taken = folder.exists() and not (folder.is_dir() and ((folder / ABOUT).is_file() or not any(folder.iterdir())))
    if taken:
        raise ExportError(
            f"{folder}: is there and no exported model; expected a new folder, an empty one or an earlier export; "
            "choose another --output"
        )


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder to write to; on success it takes the place of ``folder``, on any failure it is removed.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    mark = f"{socket.gethostname()}-{os.getpid()}"
    beside, earlier = (folder.with_name(f".{folder.name}.{mark}.{kind}") for kind in ("part", "old"))
    try:
        beside.mkdir(parents=True)
        yield beside
        for path in (path for path in beside.rglob("*") if path.is_file()):
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
        if folder.exists():
            folder.rename(earlier)
        beside.rename(folder)
    except OSError as error:
        raise OutputError(
            f"cannot write {folder}: {error.strerror or error}; expected a writable folder with free space; "
            "choose another --output or free the disk"
        ) from error
    finally:
        if earlier.exists() and not folder.exists():
            earlier.rename(folder)
        for leftover in (beside, earlier):
            shutil.rmtree(leftover, ignore_errors=True)
