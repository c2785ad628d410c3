"""Word vectors as a memory-mapped ``.npy`` beside a list of words, made once, shared by all processes.

A cache is a folder ``<name of the file>.mmfeat-cache`` with ``matrix.npy``, ``words.txt`` (one per line, in the order
of the rows) and ``card.json`` (size, time and sha256 of what it was made from). It is written beside its name and
renamed, so two processes that make it at once both end with a whole one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmfeat.errors import FormatError, OutputError
from mmfeat.extractors._word_vectors import Block, read_blocks, zip_member
from mmfeat.types import FloatArray

_LAYOUT = 1  # of the cache; raise it when what is written changes
_DAY = 86_400.0  # s


@dataclass(frozen=True)
class WordVectors:
    """A matrix and its words."""

    words: list[str]
    matrix: FloatArray  # (n, D) float32, mapped from disk
    sources: dict[str, str]  # name of each file -> sha256


def open_vectors(path: Path, dimension: int | None, trust_pickle: bool, cache: Path | None) -> WordVectors:
    """Open the cache of a vector file, making it first where there is none or the file has changed.

    The cache lies in ``cache`` where given; else beside the file, or in ``~/.cache/mmfeat`` where that is not writable.

    Raises
    ------
    FormatError
        If the file is broken, or its vectors are not of the wanted dimension.
    ConfigError
        If it is a pickle and ``trust_pickle`` is off.
    OutputError
        If the cache can be written nowhere.
    """
    member = zip_member(path, dimension)
    name = f"{path.name}.{member.replace('/', '_')}" if member else path.name
    owner = hashlib.sha256(str(path.resolve().parent).encode()).hexdigest()[:12]
    home = Path.home() / ".cache" / "mmfeat" / owner
    folders = [place / f"{name}.mmfeat-cache" for place in ([cache] if cache else [path.parent, home])]
    found = next(filter(None, (_opened(folder, path) for folder in folders)), None)
    if found is None:
        found = _made(folders, path, dimension, trust_pickle)
    if dimension not in (None, found.matrix.shape[1]):
        raise FormatError(
            f"{path}: vectors of {found.matrix.shape[1]} numbers; expected dimension {dimension}; "
            f"set dimension={found.matrix.shape[1]} or give another file"
        )
    return found


def _made(folders: list[Path], path: Path, dimension: int | None, trust_pickle: bool) -> WordVectors:
    reasons = []
    for folder in folders:
        try:
            _make(folder, path, read_blocks(path, dimension, trust_pickle))
        except OSError as error:
            reasons.append(f"{folder.parent}: {error.strerror}")
            continue
        if made := _opened(folder, path):
            return made
        reasons.append(f"{folder.parent}: {path.name} changed while it was read")
    raise OutputError(
        f"{path}: its cache cannot be written ({'; '.join(reasons)}); expected room for the matrix in a "
        "writable folder; set cache to one"
    )


def _opened(folder: Path, path: Path) -> WordVectors | None:
    """Open a cache; None where there is no whole one, or it was made from other content."""
    try:
        card = json.loads((folder / "card.json").read_bytes())
        if card["layout"] != _LAYOUT or not _is_of(card, folder, path):
            return None
        words = (folder / "words.txt").read_bytes().decode().split("\n")
        matrix = np.load(folder / "matrix.npy", mmap_mode="r", allow_pickle=False)
        sources = {name: str(entry["sha256"]) for name, entry in card["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    return WordVectors(words, matrix, sources) if matrix.shape[0] == len(words) else None


def _is_of(card: dict[str, Any], folder: Path, path: Path) -> bool:
    """Whether the files are the ones on the card; new times with the old content are noted down."""
    files = _files(path)
    if card["files"].keys() != files.keys():
        return False
    if all(
        _stamp(file) == [card["files"][name]["size"], card["files"][name]["mtime_ns"]] for name, file in files.items()
    ):
        return True
    fresh = _card(path)
    if any(fresh["files"][name]["sha256"] != card["files"][name]["sha256"] for name in files):
        return False
    with contextlib.suppress(OSError):  # a cache that one may only read stays usable
        part = folder / f"card.{uuid.uuid4().hex}.part"
        part.write_text(json.dumps(fresh))
        part.replace(folder / "card.json")
    return True


def _make(folder: Path, path: Path, blocks: Iterator[Block]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
    part.mkdir()
    try:
        card = _card(path)
        _write(part, blocks, path)
        (part / "card.json").write_text(json.dumps(card))
        _move(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(part: Path, blocks: Iterator[Block], path: Path) -> None:
    """Stream words and rows to disk: no more than a block is in memory. The first of equal words wins."""
    seen: set[str] = set()
    width = 0
    with (part / "matrix.npy").open("wb") as matrix, (part / "words.txt").open("wb") as listing:
        for words, values in blocks:
            if not seen:
                width = values.shape[1]
                _write_head(matrix, 0, width)
            fresh = []
            for row, word in enumerate(words):
                if word not in seen:
                    listing.write((("\n" if seen else "") + word.replace("\n", " ")).encode(errors="replace"))
                    seen.add(word)
                    fresh.append(row)
            matrix.write(np.ascontiguousarray(values[fresh], dtype="<f4").tobytes())
        if not seen:
            raise FormatError(f"{path}: holds no vectors; expected a word and its numbers per line; get it again")
        matrix.seek(0)
        _write_head(matrix, len(seen), width)


def _write_head(matrix: Any, rows: int, width: int) -> None:
    """Write the head of the .npy; numpy pads it so that the number of rows can grow in place."""
    head = {"descr": "<f4", "fortran_order": False, "shape": (rows, width)}
    np.lib.format.write_array_header_1_0(matrix, head)


def _move(part: Path, folder: Path) -> None:
    """Put the finished folder in place of what is there, which another process may be doing at the same time."""
    for _ in range(100):
        try:
            part.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            old = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
            with contextlib.suppress(FileNotFoundError):
                folder.rename(old)
                shutil.rmtree(old, ignore_errors=True)
        else:
            return
    raise OSError(None, "other processes keep replacing it")


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left; a day old, so that no running one loses its work."""
    for part in folder.parent.glob(f".{folder.name}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > _DAY:
                shutil.rmtree(part)


def _files(path: Path) -> dict[str, Path]:
    """The vector file, and the arrays that gensim lays beside a large ``.kv``."""
    return {file.name: file for file in (path, path.with_name(f"{path.name}.vectors.npy")) if file.is_file()}


def _stamp(file: Path) -> list[int]:
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]


def _card(path: Path) -> dict[str, Any]:
    entries = {}
    for name, file in _files(path).items():
        size, mtime = _stamp(file)
        with file.open("rb") as stream:
            entries[name] = {
                "size": size,
                "mtime_ns": mtime,
                "sha256": hashlib.file_digest(stream, "sha256").hexdigest(),
            }
    return {"layout": _LAYOUT, "files": entries}
