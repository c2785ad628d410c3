"""Clips to an artefact in one call: what ``mmfeat extract`` runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmfeat.artifact import Artifact, validate
from mmfeat.clip_cache import ClipCache
from mmfeat.errors import ConfigError, SchemaError
from mmfeat.manifest import write_failures
from mmfeat.safe_write import replacing, require_writable
from mmfeat.schema import report
from mmfeat.steps.align import align, describe
from mmfeat.steps.clips import from_clips
from mmfeat.steps.features import ExtractorChoice, extract_frames
from mmfeat.steps.ledger import require_few_failures
from mmfeat.steps.words import WordsPlan, place_words, require_words_source
from mmfeat.types import MODALITIES, AlignmentRule, Extractor, Failure, Modality, Progress


@dataclass(frozen=True)
class Extraction:
    """What came of an extraction."""

    path: Path  # the artefact
    ledger: Path  # JSON lines of id, stage, reason; empty where nothing failed
    summary: Mapping[str, Any]  # as `Artifact.summary`
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Choices:
    """Which plug-ins, and their settings by plug-in name."""

    text: str | None = "glove"
    audio: str | None = "librosa33"
    vision: str | None = "hog"
    words: WordsPlan = field(default_factory=WordsPlan)
    rule: AlignmentRule = "overlap"
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def extractors(self) -> dict[Modality, ExtractorChoice]:
        """Choose the extractor of each modality that is wanted."""
        chosen = {"text": self.text, "audio": self.audio, "vision": self.vision}
        return {
            modality: ExtractorChoice(name, self.settings.get(name, {}), self.settings.get("faces", {}))
            for modality in MODALITIES
            if (name := chosen[modality]) is not None
        }


def extract(
    clips: Sequence[Path | str],
    output: Path | str,
    *,
    transcripts: Path | str | None = None,
    choices: Choices | None = None,
    workers: int = 1,
    max_failed: float = 0.5,
    cache: Path | str | None = None,
    progress: Progress | None = None,
) -> Extraction:
    """Turn clips into a validated artefact of word-aligned text, audio and vision.

    Parameters
    ----------
    clips : sequence of Path or str
        Media files, or folders of them.
    output : Path or str
        The HDF5 file to write; ``<output stem>.ledger.jsonl`` and ``.report.json`` appear beside it.
    transcripts : Path or str, optional
        Folder, file or table; see `steps.clips.from_clips`.
    choices : Choices, optional
        Plug-ins and settings.
    workers : int
        Processes.
    max_failed : float
        Share of clips that may fail before this raises.
    cache : Path or str, optional
        Folder of per-clip results; default ``.mmfeat-cache`` beside ``output``. A second call computes what is new.
    progress : Progress, optional

    Returns
    -------
    Extraction

    Raises
    ------
    MmfeatError
        Where the set-up is wrong, or too many clips failed; the ledger is written all the same.

    Examples
    --------
    >>> import mmfeat
    >>> done = mmfeat.extract(                                    # doctest: +SKIP
    ...     ["talk.mp4"], "talk.h5", transcripts="talk.txt",
    ...     choices=mmfeat.Choices(settings={"glove": {"path": "glove.840B.300d.zip"}}),
    ... )
    """
    output, choices = Path(output), choices or Choices()
    require_writable(output)
    utterances, failures = from_clips([Path(clip) for clip in clips], Path(transcripts) if transcripts else None)
    require_words_source(utterances, choices.words)
    chosen = choices.extractors()
    built = {modality: _build(choice, modality) for modality, choice in chosen.items()}
    store = ClipCache(Path(cache) if cache else output.parent / ".mmfeat-cache")

    utterances, missed = place_words(utterances, choices.words, store, workers=workers, progress=progress)
    failures += missed
    timed = [utterance for utterance in utterances if utterance.words]
    frames = {}
    for modality, choice in chosen.items():
        frames[modality], missed = extract_frames(
            timed, choice, built[modality], store, workers=workers, progress=progress
        )
        failures += missed
    ledger = output.with_suffix(".ledger.jsonl")
    write_failures(failures, ledger)
    require_few_failures(failures, len(utterances), max_failed)
    description = describe(
        "clips",  # not the file's name: the same clips give the same bytes under any name
        frames,
        rule=choices.rule,
        words_from={"aligner": choices.words.aligner, "transcriber": choices.words.transcriber},
        classes={},
        source={},
    )
    align(timed, frames, description, output, rule=choices.rule, progress=progress)
    problems = validate(output)
    if problems:
        raise SchemaError(report(problems, str(output)))
    summary = write_report(output, failures, output.with_suffix(".report.json"))
    return Extraction(output, ledger, summary, tuple(failures))


def write_report(artefact: Path, failures: Sequence[Failure], path: Path) -> dict[str, Any]:
    """Write counts, coverage, out-of-vocabulary words and failures per stage as JSON, and give them back."""
    with Artifact(artefact) as corpus:
        summary = corpus.summary()
    stages: dict[str, int] = {}
    for failure in failures:
        stages[failure.stage] = stages.get(failure.stage, 0) + 1
    summary["failures"] = stages
    with replacing(path) as beside:
        beside.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return summary


def _build(choice: ExtractorChoice, modality: Modality) -> Extractor:
    extractor = choice.build()
    if extractor.modality != modality:
        raise ConfigError(
            f"extractor {choice.name!r} gives {extractor.modality}; expected one for {modality}; "
            "'mmfeat list' shows them"
        )
    return extractor
