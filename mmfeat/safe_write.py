"""Files are written beside their place and renamed, so that a reader never sees half a file and a kill loses nothing."""

from __future__ import annotations

import contextlib
import os
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
    # The process number keeps two runs of the same stage apart; the suffix stays, since writers look at it.
    beside = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder")
        yield beside
        _flush(beside)
        beside.replace(path)
    except OSError as error:
        # h5py reports a full disk as an OSError too, with the reason in its text and no errno.
        reason = error.strerror or str(error).partition("\n")[0]
        raise OutputError(
            f"cannot write {path}: {reason}; expected a writable folder with free space; choose another --output or free the disk"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


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
    with replacing(path.with_name(f"{path.name}.probe")) as beside:
        beside.write_bytes(b"mmfeat")
    path.with_name(f"{path.name}.probe").unlink()
