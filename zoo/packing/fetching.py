"""From a path or an address to a model in the home."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

from mmfeat.types import Progress
from zoo.errors import CheckpointError
from zoo.packing.downloading import downloaded, is_url, shown
from zoo.packing.home import home_folder
from zoo.packing.installing import install
from zoo.packing.manifest import require_name
from zoo.packing.reading import opened

DOWNLOADS = ".downloads"  # folder in the home


def fetch(
    source: str,
    *,
    home: Path | None = None,
    sha256: str | None = None,
    name: str | None = None,
    replace: bool = False,
    progress: Progress | None = None,
    note: Callable[[str], None] | None = None,
) -> Path:
    """Install a model from an archive, after everything in it was checked and it was loaded once.

    Parameters
    ----------
    source : str
        Path, or http(s) address. A download that broke off goes on where it stopped.
    home : Path, optional
        Default: ``$ZOO_HOME``, else ``~/.cache/mmfeat-zoo``.
    sha256 : str, optional
        That the archive has to have, 64 hexadecimal digits.
    name : str, optional
        Default: the archive's own.
    replace : bool
        Whether another model of that name makes way.
    progress : Progress, optional
        Told ``("download", bytes so far, bytes in all)``.
    note : callable, optional
        Told in words that there was nothing to do.

    Returns
    -------
    Path
        Folder of the checkpoint.

    Raises
    ------
    CheckpointError
        If the archive cannot be had, is not the one announced, damaged, too large, of a newer format, or another model
        of that name is there.
    CheckpointMismatch
        If this version of the zoo cannot build its model.
    mmfeat.errors.OutputError
        If the home cannot be written.
    """
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise CheckpointError(f"sha256 {sha256!r}; expected 64 hexadecimal digits; copy all of them")
    if name is not None:
        require_name(name)
    place = home_folder(home)
    with contextlib.ExitStack() as stack:
        remote = is_url(source)
        path = stack.enter_context(downloaded(source, place / DOWNLOADS, progress)) if remote else Path(source)
        archive = stack.enter_context(opened(path, sha256=sha256, source=shown(source) if remote else source))
        folder = place / (name or archive.manifest.name)
        if not install(archive, folder, replace=replace) and note:
            note(f"{folder}: this very archive is there already; nothing to do")
    return folder
