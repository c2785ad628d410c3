"""One clip, one job, no cache: what ``mmfeat words`` and ``mmfeat frames`` run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmfeat.clip_cache import ClipCache
from mmfeat.errors import AlignmentFailed, ConfigError, FormatError
from mmfeat.formats.transcripts import EXTENSIONS, read_transcript
from mmfeat.media import probe
from mmfeat.steps.features import ExtractorChoice, frames_of
from mmfeat.steps.words import WordsPlan, place_words, require_words_source
from mmfeat.types import Frames, Transcript, Utterance, Word


def words_of(media: Path, transcript: str | None, plan: WordsPlan) -> tuple[Word, ...]:
    """Words of one clip with their times.

    Parameters
    ----------
    media : Path
    transcript : str, optional
        The text itself, or the path of a transcript file.
    plan : WordsPlan

    Raises
    ------
    MediaError, FormatError, ConfigError
        If the clip or the transcript cannot be read, or there is neither transcript nor transcriber.
    AlignmentFailed
        If the words could not be placed.
    """
    probe(media)  # a broken clip is an error here, not a row of a ledger
    said = _transcript(transcript) if transcript is not None else None
    utterance = Utterance(
        id=media.stem,
        media=media,
        transcript=said.text if said else None,
        words=said.words if said else (),
        cues=said.cues if said else (),
    )
    require_words_source([utterance], plan)
    with tempfile.TemporaryDirectory() as folder:
        placed, failures = place_words([utterance], plan, ClipCache(Path(folder)))
    if failures:
        raise AlignmentFailed(f"clip {media}: {failures[0].reason}")
    return placed[0].words


def extract_one(media: Path, extractor: str, settings: Mapping[str, Any], transcript: str | None) -> Frames:
    """Frames of one clip from one extractor; ``settings`` may hold those of the face track as ``faces.<key>``.

    Raises
    ------
    ConfigError
        If the extractor reads words and there is no transcript.
    """
    faces = {key.removeprefix("faces."): value for key, value in settings.items() if key.startswith("faces.")}
    own = {key: value for key, value in settings.items() if not key.startswith("faces.")}
    choice = ExtractorChoice(extractor, own, faces)
    built = choice.build()
    probe(media)
    utterance = Utterance(id=media.stem, media=media)
    if built.modality == "text":
        if transcript is None:
            raise ConfigError(f"extractor {extractor!r} reads words; expected --transcript TEXT_OR_FILE; add it")
        utterance = Utterance(id=media.stem, media=media, words=words_of(media, transcript, WordsPlan()))
    return frames_of(utterance, choice, built)


def _transcript(text_or_file: str) -> Transcript:
    path = Path(text_or_file)
    looks_like_file = path.suffix.lower() in {extension.lower() for extension in EXTENSIONS} and " " not in path.name
    if _is_file(path):
        return read_transcript(path)
    if looks_like_file:
        raise FormatError(f"no such file {path}; expected a transcript file or the text itself; check the path")
    return Transcript(text_or_file)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # longer than any file name, or no file name at all
        return False
