"""A trained checkpoint, and what goes with it, to one archive: the same bytes for the same contents."""

from __future__ import annotations

import dataclasses
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmfeat.errors import OutputError
from mmfeat.safe_write import replacing
from zoo import checkpoint
from zoo.catalogue import markdown_card
from zoo.checkpoint import CARD, WEIGHTS, Card
from zoo.errors import CheckpointError, CheckpointMismatch
from zoo.packing.manifest import (
    ARCHIVE_LIMIT,
    ENDING,
    FILES,
    MANIFEST,
    MODEL_CARD,
    SAMPLE,
    UNPACKED_LIMIT,
    Manifest,
    is_file_name,
    measure,
    require_name,
)
from zoo.packing.reading import opened

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can state
PLAIN_FILE = (stat.S_IFREG | 0o644) << 16
CLIP, TRANSCRIPT = "clip", "transcript"  # names of the sample's files, before their endings


@dataclass(frozen=True)
class Packed:
    """An archive that was made."""

    path: Path
    name: str
    sha256: str
    size: int  # bytes
    members: Mapping[str, int]  # name -> bytes, unpacked
    lacking: tuple[str, ...]  # files that the extractors of the checkpoint need and that are not inside


@dataclass(frozen=True)
class Sample:
    """A recording to try a model with."""

    clip: Path
    transcript: Path | None = None


def pack(
    folder: Path,
    output: Path,
    *,
    files: Sequence[Path] = (),
    name: str | None = None,
    sample: Sample | None = None,
    terms: Path | None = None,
) -> Packed:
    """Make an archive of a checkpoint.

    Parameters
    ----------
    folder : Path
        Of the checkpoint; it is loaded first.
    output : Path
        Ends with ``.zoo.zip``.
    files : sequence of Path
        What the extractors of the checkpoint read, such as word vectors; known by their digests. Whether they may be
        passed on is up to whoever packs them.
    name : str, optional
        That it is installed under; default: of the output.
    sample : Sample, optional
    terms : Path, optional
        Text on what may be done with all of it; becomes a section of the model card.

    Raises
    ------
    CheckpointError
        If the checkpoint or a file cannot be read, or a name will not do.
    CheckpointMismatch
        If a file is none of those that the checkpoint's extractors read, or the checkpoint fits no model of the zoo.
    mmfeat.errors.OutputError
        If the archive cannot be written.
    """
    if not output.name.endswith(ENDING):
        raise OutputError(f"output {output}; expected a name that ends with {ENDING}; choose another --output")
    name = require_name(name or output.name.removesuffix(ENDING))
    card = checkpoint.load(folder).card
    needed = _sources(card)
    members = {WEIGHTS: folder / WEIGHTS, **_needed_files(needed, files), **_sample_files(sample)}
    with tempfile.TemporaryDirectory(prefix="zoo-pack-") as made, replacing(output) as beside:
        members |= _write_texts(Path(made), card, terms)
        manifest = Manifest(name, card.fingerprint, {entry: measure(path) for entry, path in sorted(members.items())})
        members[MANIFEST] = Path(made) / MANIFEST
        members[MANIFEST].write_text(manifest.text(), encoding="utf-8")
        _write_zip(beside, members)
        _require_size(manifest, beside)
        with opened(beside) as archive:  # what `fetch` would refuse is not handed out
            archive.check()
        whole = measure(beside)
    sizes = {entry: member.size for entry, member in manifest.members.items()}
    lacking = tuple(sorted(file for file in needed if f"{FILES}/{file}" not in sizes))
    return Packed(output, name, whole.sha256, whole.size, sizes, lacking)


def _sources(card: Card) -> dict[str, str]:
    """Files that the extractors read, name -> sha256."""
    tables = [entry["sources"] for entry in card.features.values() if isinstance(entry, Mapping)]
    return {name: digest for table in tables for name, digest in table.items()}


def _needed_files(needed: Mapping[str, str], files: Sequence[Path]) -> dict[str, Path]:
    """Members for the files given, under the names that the checkpoint knows them by."""
    found = {}
    for path in files:
        digest = measure(path).sha256
        names = [name for name, wanted in needed.items() if wanted == digest]
        if not names:
            wanted = ", ".join(f"{name} (sha256 {digest[:12]}...)" for name, digest in needed.items()) or "none"
            raise CheckpointMismatch(
                f"{path}: sha256 {digest[:12]}...; expected one of the files that the checkpoint's extractors read: "
                f"{wanted}; give the very file that it was trained with"
            )
        for name in names:
            if not is_file_name(name):
                raise CheckpointError(f"file {name!r}; expected a plain file name; it cannot go into an archive")
            found[f"{FILES}/{name}"] = path
    return found


def _sample_files(sample: Sample | None) -> dict[str, Path]:
    if sample is None:
        return {}
    given = {CLIP: sample.clip} | ({TRANSCRIPT: sample.transcript} if sample.transcript else {})
    members = {f"{role}{path.suffix.lower()}": path for role, path in given.items()}
    for entry, path in members.items():
        if not is_file_name(entry):
            raise CheckpointError(f"{path}: ending {path.suffix!r}; expected a plain one such as .mp4; rename it")
    return {f"{SAMPLE}/{entry}": path for entry, path in members.items()}


def _write_texts(made: Path, card: Card, terms: Path | None) -> dict[str, Path]:
    """Both cards. Where the artefact lay on this machine is nobody's business: of a full path only the name stays."""
    if Path(card.artefact).is_absolute():
        card = dataclasses.replace(card, artefact=Path(card.artefact).name)
    checkpoint.save_card(made, card)
    text = markdown_card(card)
    if terms is not None:
        text += f"\n## Terms\n\n{_read_text(terms).strip()}\n"
    (made / MODEL_CARD).write_text(text, encoding="utf-8")
    return {CARD: made / CARD, MODEL_CARD: made / MODEL_CARD}


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: {error}; expected a text in UTF-8; check the path") from None


def _write_zip(path: Path, members: Mapping[str, Path]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, file in sorted(members.items()):
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, PLAIN_FILE
            entry.file_size = file.stat().st_size  # settles, before writing, whether 64-bit records are needed
            with file.open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, 1 << 20)


def _require_size(manifest: Manifest, path: Path) -> None:
    total, size = sum(member.size for member in manifest.members.values()), path.stat().st_size
    if total > UNPACKED_LIMIT or size > ARCHIVE_LIMIT:
        raise CheckpointError(
            f"{total} bytes, {size} packed; expected at most {UNPACKED_LIMIT}, {ARCHIVE_LIMIT} packed; leave out large "
            "files and say where they are to be had"
        )
