"""From clips to answers: cut, extract with the very extractors of the model, answer."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mmfeat
from mmfeat import registry
from mmfeat.types import MODALITIES, Failure, Modality, Progress
from zoo.checkpoint import Card, require_features
from zoo.data import describe_features, read_all
from zoo.errors import InputError
from zoo.packing import files_of
from zoo.predict.answer import Answer
from zoo.predict.predictor import Predictor

FILE_SETTINGS = ("path", "weights")  # what extractors call the file that they read


@dataclass(frozen=True)
class Handling:
    """How clips become features, apart from what the model's card settles."""

    words: mmfeat.WordsPlan = field(default_factory=lambda: mmfeat.WordsPlan(required=False))
    pauses: mmfeat.Pauses | None = field(default_factory=mmfeat.Pauses)  # None: a clip is one utterance
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by extractor: paths, devices
    without: tuple[Modality, ...] = ()  # modalities that are not looked at
    workers: int = 1
    cache: Path | None = None  # per-clip results; None: forgotten


@dataclass(frozen=True)
class Answered:
    """Answers for the utterances of some clips, and what went wrong."""

    answers: tuple[Answer, ...]  # in the order of recordings and time
    failures: tuple[Failure, ...]


def answer_clips(
    predictor: Predictor,
    clips: Sequence[Path],
    transcripts: Path | str | None = None,
    handling: Handling | None = None,
    progress: Progress | None = None,
) -> Answered:
    """Answer for the utterances of recordings.

    Parameters
    ----------
    predictor : Predictor
    clips : sequence of Path
        Media files, or folders of them.
    transcripts : Path or str, optional
        A folder, file or table as ``mmfeat extract`` takes them; or, of a single clip, what is said in it. Without one
        the words are unknown, or heard by the transcriber of ``handling.words``.
    handling : Handling, optional
    progress : Progress, optional

    Raises
    ------
    CheckpointMismatch
        If the extractors are not those that the model was trained on, before anything is extracted.
    InputError
        If one text is given for several clips.
    mmfeat.errors.MmfeatError
        As `mmfeat.extract`: above all where none of the clips could be used.
    """
    handling = handling or Handling()
    choices = choices_of(predictor.card, files_of(predictor.folder), handling)
    with tempfile.TemporaryDirectory(prefix="zoo-") as folder:
        done = mmfeat.extract(
            clips,
            Path(folder) / "clips.h5",
            transcripts=_as_path(transcripts, clips, Path(folder)),
            choices=choices,
            pauses=handling.pauses,
            workers=handling.workers,
            max_failed=1.0,  # what failed is said; only nothing at all is an error
            cache=handling.cache,
            progress=progress,
        )
        with mmfeat.Artifact(done.path) as found:
            part = read_all(found, predictor.card.task)
            utterances = {u.id: u for split in found.splits for u in found.utterances(split)}
    answers = [
        dataclasses.replace(
            answer,
            recording=utterances[answer.id].dialogue or answer.id,
            start=utterances[answer.id].start,
            end=utterances[answer.id].end,
            words=utterances[answer.id].words,
        )
        for answer in predictor.answer_part(part)
    ]
    return Answered(tuple(answers), done.failures)


def _as_path(transcripts: Path | str | None, clips: Sequence[Path], folder: Path) -> Path | None:
    """A file for what is said, where it was given as text."""
    if transcripts is None or isinstance(transcripts, Path):
        return transcripts
    if len(clips) != 1 or clips[0].is_dir():
        raise InputError(
            f"one transcript for {len(clips)} clips; expected a single clip, or a folder or table of transcripts; "
            "give one of them"
        )
    path = folder / "transcript.txt"
    path.write_text(transcripts, encoding="utf-8")
    return path


def choices_of(card: Card, files: Mapping[str, Path], handling: Handling) -> mmfeat.Choices:
    """Choose the extractors of a model's card, and make sure that they are what they were.

    Parameters
    ----------
    card : Card
    files : mapping of str to Path
        Files that came with the model, by name.
    handling : Handling

    Raises
    ------
    CheckpointMismatch
        If version, settings or files differ from those of the card.
    mmfeat.errors.MissingDependency
        If a file that an extractor reads is not there.
    """
    chosen: dict[str, str | None] = dict.fromkeys(MODALITIES)
    settings: dict[str, dict[str, Any]] = {}
    for modality in MODALITIES:
        entry = card.features.get(modality)
        if entry is None or modality in handling.without:
            continue
        name = chosen[modality] = entry["extractor"]
        own = {key: value for key, value in entry["config"].items() if key != "faces"}
        settings[name] = own | _file_setting(entry, files) | dict(handling.settings.get(name, {}))
        if "faces" in entry["config"]:
            settings["faces"] = dict(entry["config"]["faces"])
    choices = mmfeat.Choices(
        text=chosen["text"],
        audio=chosen["audio"],
        vision=chosen["vision"],
        words=handling.words,
        rule=card.features["alignment_rule"],
        settings=settings,
    )
    made = describe_features(choices.described(), choices.rule)
    looked_at = {key: value for key, value in card.features.items() if key not in handling.without}
    require_features(dataclasses.replace(card, features=looked_at), made, "the extractors here")
    return choices


def _file_setting(entry: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, Any]:
    """The setting that names the file that an extractor reads, where the model brought it."""
    config = registry.module("mmfeat.extractors", entry["extractor"]).Config
    known = {option.name for option in dataclasses.fields(config)}
    brought = [files[name] for name in entry["sources"] if name in files]
    return {key: brought[0] for key in FILE_SETTINGS if brought and key in known}
