"""An archive becomes a folder of the home: unpacked beside, loaded once, then renamed into place."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from zoo import checkpoint
from zoo.errors import CheckpointError
from zoo.packing.home import home_folder, installed, is_checkpoint, shipped, writing_to
from zoo.packing.manifest import MANIFEST, is_name, measure
from zoo.packing.reading import Archive, opened

LOCK, FRESH, FORMER, SHIPPED = ".lock", ".unpacking", ".replaced", ".shipped"  # no model may be called that
# What networks and torch raise over settings that no training would have written.
NONSENSE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
)


def install(archive: Archive, folder: Path, *, replace: bool = False) -> bool:
    """Unpack an archive and load what is in it; only then it takes its place.

    Parameters
    ----------
    archive : Archive
    folder : Path
        Of the model to be, in the home.
    replace : bool
        Whether another model of that name makes way.

    Returns
    -------
    bool
        False: that very archive was there already, and nothing was done.

    Raises
    ------
    CheckpointError
        If it is damaged, or another model of that name is there.
    CheckpointMismatch
        If this version of the zoo cannot build the model.
    mmfeat.errors.OutputError
        If the home cannot be written.
    """
    home = folder.parent
    if _holds(folder, archive):
        return False
    with writing_to(home), _alone(home):
        if _holds(folder, archive):  # somebody else was faster
            return False
        if folder.exists() and not replace:
            raise CheckpointError(
                f"{folder}: a model of that name is there, and it is not this one; expected a free name; choose "
                "another --name, or --replace it"
            )
        fresh = home / FRESH
        shutil.rmtree(fresh, ignore_errors=True)  # of a run that was killed
        try:
            archive.unpack(fresh)
            _load(fresh, archive)
            _put(fresh, folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return True


def find(name_or_folder: str | Path, home: Path | None = None) -> Path:
    """Folder of a model.

    Parameters
    ----------
    name_or_folder : str or Path
        A folder is given back as it is. Else the name of an installed model; else of one that comes with the package,
        which is unpacked into the home when it is first asked for.
    home : Path, optional
        Default: ``$ZOO_HOME``, else ``~/.cache/mmfeat-zoo``.

    Raises
    ------
    CheckpointError
        If there is none of that name, listing those that there are.
    mmfeat.errors.OutputError
        If one that comes with the package cannot be unpacked.
    """
    path, name, place = Path(name_or_folder), str(name_or_folder), home_folder(home)
    if is_checkpoint(path):
        return path
    if is_name(name) and is_checkpoint(place / name):
        return place / name
    if name in shipped():
        return _unpacked(name, place)
    if os.path.isdir(path):
        return path
    if os.path.isfile(path):
        raise CheckpointError(f"{path}: a file; expected a folder or name of a model; 'zoo fetch {path}' installs it")
    known = ", ".join(sorted({entry.name for entry in installed(home)} | shipped().keys()))
    raise CheckpointError(
        f"no model or folder {name!r}; expected the folder of a checkpoint, or one of {known}; 'zoo fetch' installs "
        "more"
    )


def _unpacked(name: str, home: Path) -> Path:
    """Folder of a model that comes with the package; the next version's archive gets a folder of its own."""
    path = shipped()[name]
    folder = home / SHIPPED / hashlib.sha256(path.read_bytes()).hexdigest()[:12] / name
    if not is_checkpoint(folder):
        with opened(path) as archive:
            install(archive, folder, replace=True)  # only a damaged one can be there
    return folder


def _holds(folder: Path, archive: Archive) -> bool:
    """Whether a folder is what an archive would become, and undamaged."""
    try:
        same = (folder / MANIFEST).read_text(encoding="utf-8") == archive.manifest.text()
        return same and all(measure(folder / name) == member for name, member in archive.manifest.members.items())
    except (OSError, UnicodeDecodeError, CheckpointError):
        return False


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One process at a time; the others wait."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / LOCK).open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _load(folder: Path, archive: Archive) -> None:
    """Load a checkpoint once, to see that it can be."""
    try:
        card = checkpoint.load(folder).card
    except CheckpointError as error:
        raise type(error)(str(error).replace(str(folder), archive.source)) from None
    except NONSENSE as error:
        raise CheckpointError(
            f"{archive.source}: its checkpoint cannot be loaded: {error!r}; expected one that 'zoo train' made; get it "
            "again"
        ) from None
    if card.fingerprint != archive.manifest.fingerprint:
        raise CheckpointError(
            f"{archive.source}: features {card.fingerprint[:12]}...; expected {archive.manifest.fingerprint[:12]}... "
            f"as its {MANIFEST} states; get it again"
        )


def _put(fresh: Path, folder: Path) -> None:
    """Give a folder its name; what had it is put aside first, and removed last."""
    former = folder.parent / FORMER
    shutil.rmtree(former, ignore_errors=True)
    if folder.exists():
        folder.rename(former)
    fresh.rename(folder)
    shutil.rmtree(former, ignore_errors=True)
