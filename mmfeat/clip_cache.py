"""What was computed for one clip, addressed by content, so that nothing is computed twice.

The address is the hash of everything that the result depends on: the bytes of the media, the stretch of it, the plug-in
with its version and settings. A new clip, or a run that was killed, therefore computes only what is missing, and two
corpora that share clips share results. Entries are written beside and renamed; deleting the folder is always safe.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmfeat import media
from mmfeat.safe_write import replacing
from mmfeat.types import Word


class ClipCache:
    """A folder of results, ``<folder>/<kind>/<ab>/<hash><suffix>``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, kind: str, key: Mapping[str, Any], suffix: str) -> Path:
        """Where the result with this key lives, whether it is there or not."""
        text = json.dumps(key, sort_keys=True, ensure_ascii=True, allow_nan=False)
        name = hashlib.sha256(text.encode()).hexdigest()
        return self.folder / kind / name[:2] / f"{name}{suffix}"


def media_digest(path: Path) -> str:
    """sha256 of a media file, read once per process however many utterances it holds."""
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _digest(path: Path, size: int, modified: int) -> str:
    return media.digest(path)


def write_words(words: Sequence[Word], note: str | None, path: Path) -> None:
    """Keep the words of one clip, and what was wrong with them."""
    rows = [[word.text, word.start, word.end, word.score] for word in words]
    with replacing(path) as beside:
        beside.write_text(json.dumps({"words": rows, "note": note}, allow_nan=False), encoding="utf-8")


def read_words(path: Path) -> tuple[tuple[Word, ...], str | None]:
    """Words of one clip and the note beside them."""
    entry = json.loads(path.read_text(encoding="utf-8"))
    return tuple(Word(*row) for row in entry["words"]), entry["note"]
