"""What an archive says of itself: its name, and the size and digest of every member."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo.checkpoint import CARD, WEIGHTS
from zoo.errors import CheckpointError

FORMAT = 1
ENDING = ".zoo.zip"
MANIFEST, MODEL_CARD = "manifest.json", "MODEL_CARD.md"
FILES, SAMPLE = "files", "sample"  # folders inside
TEXTS = (CARD, MODEL_CARD)
TEXT_LIMIT = 1 << 20  # bytes of a member that is read whole before anything is known of it
ARCHIVE_LIMIT = (1 << 31) - 1  # bytes; up to here a zip needs none of its 64-bit records
UNPACKED_LIMIT = 4 << 30  # bytes in all
MEMBERS_LIMIT = 256

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FILE = re.compile(r"\w[\w .,+()=@-]{0,127}")  # no separator, no drive, nothing hidden
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Member:
    """One file of an archive."""

    sha256: str
    size: int  # bytes, unpacked


@dataclass(frozen=True)
class Manifest:
    """All files of an archive but the manifest itself, by name."""

    name: str  # that it is installed under
    fingerprint: str  # of the features that the model takes, as `zoo.checkpoint.Card.fingerprint`
    members: Mapping[str, Member]
    format: int = FORMAT

    def text(self) -> str:
        """JSON, the same for the same contents."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


def measure(path: Path) -> Member:
    """Size and digest of a file.

    Raises
    ------
    CheckpointError
        If it cannot be read.
    """
    try:
        with path.open("rb") as handle:
            return Member(hashlib.file_digest(handle, "sha256").hexdigest(), handle.tell())
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}; expected a file that can be read; check the path") from None


def is_name(text: str) -> bool:
    """Whether a model may be called that: letters, digits, dots, dashes, 64 of them at most; it names a folder."""
    return _NAME.fullmatch(text) is not None


def require_name(text: str) -> str:
    """Give back a model's name.

    Raises
    ------
    CheckpointError
        If no model may be called that.
    """
    if not is_name(text):
        raise CheckpointError(
            f"name {text!r}; expected up to 64 letters, digits, '.', '_' or '-', the first a letter or digit; "
            "choose another --name"
        )
    return text


def is_file_name(text: str) -> bool:
    """Whether a file under ``files/`` may be called that."""
    return _FILE.fullmatch(text) is not None and not text.endswith((".", " "))


def parse(text: bytes, source: str) -> Manifest:
    """Read a manifest; ``source`` is what messages call the archive.

    Raises
    ------
    ValueError
        Saying what is wrong with it.
    CheckpointError
        If it is of a newer format.
    """
    try:
        given = json.loads(text)
    except RecursionError:
        raise ValueError(f"{MANIFEST} is nested too deeply") from None
    found = given.get("format") if isinstance(given, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise CheckpointError(
            f"{source}: an archive of format {found}; expected at most {FORMAT}; update the mmfeat package"
        )
    try:
        members = {name: _member(name, entry) for name, entry in given["members"].items()}
        manifest = Manifest(given["name"], given["fingerprint"], members, given["format"])
        right = is_name(manifest.name) and isinstance(manifest.fingerprint, str) and found == FORMAT
    except (KeyError, TypeError, AttributeError):
        right = False
    if not right:
        raise ValueError(f"{MANIFEST} lacks format, name, fingerprint or members, or has them of another kind")
    _require_plain(manifest.members)
    return manifest


def _member(name: str, entry: Mapping[str, Any]) -> Member:
    member = Member(entry["sha256"], entry["size"])
    if type(member.size) is not int or member.size < 0 or _DIGEST.fullmatch(member.sha256) is None:
        raise ValueError(f"{MANIFEST} has no proper size and sha256 of {name!r}")
    return member


def _require_plain(members: Mapping[str, Member]) -> None:
    """Only what `zoo pack` writes: nothing outside the folder, nothing that is the same on some disks."""
    lacking = {CARD, WEIGHTS, MODEL_CARD} - members.keys()
    if lacking:
        raise ValueError(f"{', '.join(sorted(lacking))} missing")
    for name in members.keys() - {CARD, WEIGHTS, MODEL_CARD}:
        folder, slash, file = name.partition("/")
        if not (slash and folder in (FILES, SAMPLE) and is_file_name(file)):
            raise ValueError(f"member {name!r} is not a plain name under {FILES}/ or {SAMPLE}/")
    if len({name.casefold() for name in members}) < len(members):
        raise ValueError("two members have the same name but for capitals")
