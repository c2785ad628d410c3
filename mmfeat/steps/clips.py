"""Loose clips and their transcripts to utterances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mmfeat.errors import FormatError, MediaError
from mmfeat.formats.transcripts import EXTENSIONS, read_transcript
from mmfeat.types import Failure, Transcript, Utterance

MEDIA_EXTENSIONS = frozenset(
    ".wav .flac .mp3 .m4a .aac .ogg .oga .opus .mp4 .m4v .avi .mpg .mpeg .mov .mkv .webm .wmv .wma .flv .3gp".split()
)


def from_clips(clips: Sequence[Path], transcripts: Path | None) -> tuple[list[Utterance], list[Failure]]:
    """Make one utterance of each clip, with the transcript that belongs to it.

    Parameters
    ----------
    clips : sequence of Path
        Files, and folders that are searched for media files.
    transcripts : Path, optional
        A folder of ``<clip name>.<extension>`` in any readable format; or one transcript file, where there is one
        clip; or a CSV table with columns ``id`` (clip name) and ``text``.

    Returns
    -------
    utterances : list of Utterance
        Ids are the clips' names without extension, with as much of the folder before as makes them unique.
    failures : list of Failure
        A transcript that could not be read; its clip stays, without one.

    Raises
    ------
    MediaError
        If a path does not exist or a folder holds no media.
    FormatError
        If ``transcripts`` does not exist or suits none of the clips.
    """
    files = [file for clip in clips for file in _media_files(clip)]
    repeated = [str(file) for file, count in Counter(files).items() if count > 1]
    if repeated:
        raise MediaError(f"clip {repeated[0]} is named twice; expected each clip once; remove one")
    names = _names(files)
    found, failures = _find_transcripts(names, transcripts) if transcripts is not None else ({}, [])
    utterances = []
    for name, file in names.items():
        said = found.get(name)
        utterances.append(
            Utterance(
                id=name,
                media=file,
                transcript=said.text if said else None,
                words=said.words if said else (),
                cues=said.cues if said else (),
            )
        )
    return utterances, failures


def _media_files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in MEDIA_EXTENSIONS)
        if not files:
            raise MediaError(
                f"folder {path} holds no media files; expected {', '.join(sorted(MEDIA_EXTENSIONS))}; check the path"
            )
        return files
    if not path.exists():
        raise MediaError(f"no such file {path}; expected a clip or a folder of clips; check the path")
    return [path]


def _names(files: Sequence[Path]) -> dict[str, Path]:
    """Shortest names that tell the files apart: stem, then name, then folder after folder in front."""
    stems = Counter(file.stem for file in files)
    names = {}
    for file in files:
        name = file.stem
        same = [other for other in files if other.stem == file.stem and other != file] if stems[name] > 1 else []
        if same:
            parts = 1
            while any(other.parts[-parts:] == file.parts[-parts:] for other in same) and parts < len(file.parts):
                parts += 1
            name = "/".join(file.parts[-parts:])
        names[name] = file
    return names


def _find_transcripts(names: dict[str, Path], transcripts: Path) -> tuple[dict[str, Transcript], list[Failure]]:
    if not transcripts.exists():
        raise FormatError(f"no such file or folder {transcripts}; expected transcripts; check --transcripts")
    if transcripts.is_file():
        table = _table(transcripts)
        if table is not None:
            return {name: Transcript(table[name]) for name in names if name in table}, []
        if len(names) > 1:
            raise FormatError(
                f"{transcripts} is the transcript of one clip, but {len(names)} clips were given; expected a folder of "
                "<clip name>.txt (or .TextGrid, .srt ...) or a CSV table with columns id and text"
            )
        return {next(iter(names)): read_transcript(transcripts)}, []
    found, failures = {}, []
    present = {path.name.lower(): path for path in sorted(transcripts.iterdir()) if path.is_file()}
    for name, file in names.items():
        candidates = [f"{file.stem}{extension}".lower() for extension in EXTENSIONS]
        path = next((present[candidate] for candidate in candidates if candidate in present), None)
        if path is not None:
            try:
                found[name] = read_transcript(path)
            except FormatError as error:
                failures.append(Failure(name, "transcript", str(error)))
    if not found and not failures:
        raise FormatError(
            f"folder {transcripts} holds no transcript of {', '.join(list(names)[:3])}; expected <clip name> with one "
            f"of {', '.join(EXTENSIONS)}; check --transcripts"
        )
    return found, failures


def _table(path: Path) -> dict[str, str] | None:
    """Column ``text`` by column ``id``, or None where the file is not such a table."""
    import csv

    if path.suffix.lower() != ".csv":
        return None
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle)
        if not {"id", "text"} <= set(reader.fieldnames or ()):
            return None
        return {row["id"]: row["text"] for row in reader}
