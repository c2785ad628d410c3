"""Files are written beside their place and renamed: a reader never sees half a file, and a kill loses nothing."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from mmfeat.errors import OutputError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write to; on success it takes the place of ``path``, on any failure it is removed.

    Raises
    ------
    OutputError
        If the folder cannot be made or written, or the disk is full.
    """
    # Machine and process keep two runs of the same stage apart; the suffix stays, since writers look at it.
    beside = path.with_name(f".{path.stem}.{socket.gethostname()}-{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder")
        yield beside
        _flush(beside)
        beside.replace(path)
    except OSError as error:
        # h5py reports a full disk as an OSError too, with the reason in its text and no errno.
        reason = error.strerror or str(error).partition("\n")[0]
        raise OutputError(
            f"cannot write {path}: {reason}; expected a writable folder with free space; "
            "choose another --output or free the disk"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def _remove_leftovers(path: Path) -> None:
    """Clear away what a run that was killed on this machine left beside ``path``."""
    begin, end = f".{path.stem}.{socket.gethostname()}-", f".part{path.suffix}"
    for name in os.listdir(path.parent):
        process = name[len(begin) : -len(end)]
        if name.startswith(begin) and name.endswith(end) and process.isdigit() and not _runs(int(process)):
            path.with_name(name).unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _flush(path: Path) -> None:
    """Force the bytes to disk before the rename: after a power cut the name must not point at an empty file."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def require_writable(path: Path) -> None:
    """Fail before hours of work rather than after.

    Raises
    ------
    OutputError
        If ``path`` could not be written.
    """
    probe = path if path.is_dir() else path.with_name(f"{path.name}.probe")
    with replacing(probe) as beside:
        beside.write_bytes(b"mmfeat")
    probe.unlink()
