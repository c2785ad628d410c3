"""Clips to an artefact in one call: what ``mmfeat extract`` runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mmfeat.artifact import Artifact, describe_extractor, validate
from mmfeat.clip_cache import ClipCache
from mmfeat.errors import ConfigError, SchemaError
from mmfeat.manifest import write_failures
from mmfeat.safe_write import replacing, require_writable
from mmfeat.schema import report
from mmfeat.steps.align import align, describe
from mmfeat.steps.clips import from_clips
from mmfeat.steps.cutting import Pauses, cut_at_pauses
from mmfeat.steps.features import ExtractorChoice, extract_frames
from mmfeat.steps.ledger import require_any, require_few_failures
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

    def described(self) -> dict[Modality, dict[str, Any]]:
        """Say what an artefact would say of its features, without a clip.

        Returns
        -------
        dict
            By modality the extractor, its version, config, sources, dimension names and frame shift, equal to
            ``Artifact(...).description.extractors`` of what `extract` makes with these choices.

        Raises
        ------
        UnknownName, ConfigError, MissingDependency
            If an extractor cannot be built, as `extract` would say.
        """
        described: dict[Modality, dict[str, Any]] = {}
        for modality, choice in self.extractors().items():
            built = _build(choice, modality)
            entry = describe_extractor(choice.source(built), built.names, built.frame_shift)
            described[modality] = json.loads(json.dumps(entry))  # an artefact holds JSON, which has no tuples
        return described


def extract(
    clips: Sequence[Path | str],
    output: Path | str,
    *,
    transcripts: Path | str | None = None,
    choices: Choices | None = None,
    pauses: Pauses | None = None,
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
    pauses : Pauses, optional
        Cut the clips into utterances, as `steps.cutting.cut_at_pauses`; default: each clip is one utterance.
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
    ledger = output.with_suffix(".ledger.jsonl")
    if pauses is not None:
        _record(failures, ledger, len(utterances), max_failed)  # now, while one failure is one clip
        utterances, missed = cut_at_pauses(utterances, pauses)
        failures += missed
    timed = [utterance for utterance in utterances if utterance.words]
    require_any(timed, failures)
    frames = {}
    for modality, choice in chosen.items():
        frames[modality], missed = extract_frames(
            timed, choice, built[modality], store, workers=workers, progress=progress
        )
        failures += missed
    _record(failures, ledger, len(utterances), max_failed)
    description = describe(
        "clips",  # not the file's name: the same clips give the same bytes under any name
        frames,
        rule=choices.rule,
        words_from=_words_from(choices.words, pauses),
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


def _record(failures: Sequence[Failure], ledger: Path, total: int, max_failed: float) -> None:
    """Keep the failures, also where they are too many."""
    write_failures(failures, ledger)
    require_few_failures(failures, total, max_failed)


def _words_from(plan: WordsPlan, pauses: Pauses | None) -> dict[str, Any]:
    """What the artefact says of its words; of pauses only where recordings were cut."""
    cut = {} if pauses is None else {"pauses": asdict(pauses)}
    return {"aligner": plan.aligner, "transcriber": plan.transcriber, **cut}


def _build(choice: ExtractorChoice, modality: Modality) -> Extractor:
    extractor = choice.build()
    if extractor.modality != modality:
        raise ConfigError(
            f"extractor {choice.name!r} gives {extractor.modality}; expected one for {modality}; "
            "'mmfeat list' shows them"
        )
    return extractor
