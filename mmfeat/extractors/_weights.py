"""Weights that others trained: checked by sha256, read without running code from them, loaded without leftovers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmfeat.errors import ConfigError, FormatError

if TYPE_CHECKING:
    from torch import nn


def checked_digest(path: Path, expected: str | None, *, owner: str, remedy: str) -> str:
    """sha256 of a weights file.

    Raises
    ------
    FormatError
        If another one is expected.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if expected is not None and found != expected.lower():
        raise FormatError(f"{owner} weights {path} have sha256 {found}; expected {expected}; {remedy}")
    return found


def read_state(path: Path, *, owner: str, blanks: Iterable[str] = ()) -> dict[str, Any]:
    """Read a dictionary that torch saved: tensors and plain containers, and nothing that runs code.

    Parameters
    ----------
    path : Path
    owner : str
        The extractor, for messages.
    blanks : iterable of str
        Full names of classes and functions that may occur in the file beside the tensors. Each is replaced by a class
        that takes whatever it is given and keeps nothing.

    Raises
    ------
    FormatError
        If the file is something else, or asks for any other class or function.
    """
    import torch

    try:
        with torch.serialization.safe_globals([_blank(name) for name in blanks]):
            # The one place that reads foreign weights; weights_only admits tensors and no code.
            state = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
    except Exception as error:  # which type a file that is not weights raises depends on its first bytes
        refused = re.search(r"GLOBAL (\S+) was not an allowed global", str(error))
        reason = f"it asks for {refused[1]}, which could run code" if refused else type(error).__name__
        raise FormatError(
            f"{owner} weights {path} cannot be read ({reason}); expected a state dict saved by torch; give another file"
        ) from error
    if not isinstance(state, dict):
        raise FormatError(
            f"{owner} weights {path} hold a {type(state).__name__}; expected a state dict; give another file"
        )
    return state


def load_strictly(network: nn.Module, state: Mapping[Any, Any], path: Path, *, owner: str, expected: str) -> None:
    """Fill a network with tensors of the same names and shapes, none missing and none left over.

    Raises
    ------
    FormatError
        Naming what is missing, unknown or of another shape; ``expected`` says what the file should be.
    """
    wanted = network.state_dict()
    missing, unknown = sorted(wanted.keys() - state.keys()), sorted(map(str, state.keys() - wanted.keys()))
    if missing or unknown:
        raise FormatError(
            f"{owner} weights {path} lack {len(missing)} entries ({', '.join(missing[:3])}) and have {len(unknown)} "
            f"unknown ones ({', '.join(unknown[:3])}); expected {expected}; give another file"
        )
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise FormatError(
            f"{owner} weights {path} do not fit ({' '.join(str(error).split())}); expected {expected}; "
            "give another file"
        ) from error


def pick_device(wanted: str, *, owner: str) -> str:
    """``cuda`` or ``cpu``, from ``auto``, ``cpu`` or ``cuda``.

    Raises
    ------
    ConfigError
        If a GPU is asked for and there is none.
    """
    import torch

    present = torch.cuda.is_available()
    if wanted == "cuda" and not present:
        raise ConfigError(f"{owner}: device=cuda, but torch sees no GPU; expected one; use device=auto or device=cpu")
    return "cuda" if present and wanted != "cpu" else "cpu"


class _Blank:
    """Stands in for a class or function that a file names and that nobody needs."""

    def __new__(cls, *_: Any) -> _Blank:
        return super().__new__(cls)

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def _blank(name: str) -> type[_Blank]:
    """A class that torch's reader takes for ``name``."""
    module, _, own = name.rpartition(".")
    return type(own, (_Blank,), {"__module__": module})
