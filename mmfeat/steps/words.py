"""Utterances to utterances with word times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from mmfeat import registry
from mmfeat.clip_cache import ClipCache, media_digest, read_words, write_words
from mmfeat.errors import AlignmentFailed, ConfigError, MediaError
from mmfeat.media import probe, read_waveform
from mmfeat.steps import pool
from mmfeat.steps.ledger import reason_of
from mmfeat.types import SPEECH_RATE, Aligner, Failure, Progress, Seconds, Transcriber, Utterance, Word

# Stretch of time that stands for a word where the words are unknown: about a spoken word and its pause.
UNKNOWN_WORD: Seconds = 0.4


@dataclass(frozen=True)
class WordsPlan:
    """How words come to have times."""

    aligner: str = "pocketsphinx"
    transcriber: str | None = None
    realign: bool = False  # align again where the transcript brought times
    required: bool = True  # False: where no clip has a transcript, their voices and faces are still worth having
    on_failure: Literal["unknown", "spread"] = "unknown"  # `spread` trusts the transcript and spreads it over the clip
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # under "aligner" and "transcriber"


def place_words(
    utterances: Sequence[Utterance],
    plan: WordsPlan,
    cache: ClipCache,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[list[Utterance], list[Failure]]:
    """Give every utterance its words, with times.

    Times that an utterance brings are kept, unless ``plan.realign``. A transcript is aligned; without one the
    transcriber listens. A clip without sound has its transcript spread evenly over it. Where words cannot be had the
    clip is cut into stretches of 0.4 s with empty words, so that its voice and face are not lost; the ledger says why.

    Returns
    -------
    utterances : list of Utterance
        In order; one whose media cannot be read and that has no words of its own keeps none.
    failures : list of Failure
        Stage ``media`` or ``words``.
    """
    task = _PlaceWords(plan, cache)
    placed: dict[int, Utterance] = {}
    failures: dict[int, Failure] = {}
    for position, result in pool.run(task, utterances, workers):
        utterance = utterances[position]
        if isinstance(result, BaseException):
            placed[position] = utterance
            stage = "media" if isinstance(result, MediaError) else "words"
            failures[position] = Failure(utterance.id, stage, reason_of(result))
        else:
            words, end, note = result
            placed[position] = replace(utterance, words=words, end=end)
            if note:
                failures[position] = Failure(utterance.id, "words", note)
        if progress:
            progress("words", len(placed), len(utterances))
    return [placed[position] for position in range(len(utterances))], [failures[key] for key in sorted(failures)]


class _PlaceWords:
    """The work on one utterance; builds its plug-ins on first use, once per process."""

    def __init__(self, plan: WordsPlan, cache: ClipCache) -> None:
        self._plan = plan
        self._cache = cache
        self._plugins: dict[str, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plugins": {}}

    def __call__(self, utterance: Utterance) -> tuple[tuple[Word, ...], Seconds | None, str | None]:
        """Words, end of the utterance, and what was wrong."""
        if utterance.words and not self._plan.realign:
            return utterance.words, utterance.end or _duration(utterance.heard_in), None
        duration = probe(utterance.heard_in).duration
        end = duration if utterance.end is None else min(utterance.end, duration)
        path = self._cache.path("words", self._key(utterance), ".json")
        if path.exists():
            words, note = read_words(path)
            return words, end, note
        words, note = self._place(utterance, end)
        write_words(words, note, path)
        return words, end, note

    def _key(self, utterance: Utterance) -> dict[str, Any]:
        plan = self._plan
        return {
            "media": media_digest(utterance.heard_in),
            "span": [utterance.start, utterance.end],
            "said": [utterance.transcript, _plain(utterance.words), _plain(utterance.cues)],
            "aligner": [plan.aligner, self._version("forced_alignment", plan.aligner)],
            "transcriber": [plan.transcriber, plan.transcriber and self._version("transcribers", plan.transcriber)],
            "settings": {
                role: {key: str(value) for key, value in plan.settings.get(role, {}).items()}
                for role in ("aligner", "transcriber")
            },
            "on_failure": plan.on_failure,
            **({} if plan.required else {"required": False}),  # without it the key is that of before there was a choice
        }

    def _version(self, package: str, name: str) -> str:
        return str(registry.module(f"mmfeat.{package}", name).VERSION)

    def _plugin(self, role: str, package: str, name: str) -> Any:
        if role not in self._plugins:
            self._plugins[role] = registry.build(f"mmfeat.{package}", name, self._plan.settings.get(role))
        return self._plugins[role]

    def _place(self, utterance: Utterance, end: Seconds) -> tuple[tuple[Word, ...], str | None]:
        try:
            return self._hear(utterance, end)
        except AlignmentFailed as error:
            if self._plan.on_failure == "spread" and utterance.transcript:
                return _spread(
                    utterance.transcript, utterance.start, end
                ), f"{error} (words spread evenly over the clip)"
            return unknown_words(utterance.start, end), f"{error} (kept, its words unknown)"

    def _hear(self, utterance: Utterance, end: Seconds) -> tuple[tuple[Word, ...], str | None]:
        waveform = read_waveform(utterance.heard_in, SPEECH_RATE, utterance.start, utterance.end)
        said = " ".join(word.text for word in utterance.words) or utterance.transcript
        if waveform is None or not len(waveform.samples):
            if said:
                return _spread(said, utterance.start, end), "no sound: the words were spread evenly over the clip"
            return unknown_words(utterance.start, end), None
        if utterance.cues:
            return self._align_cues(utterance, end)
        if said is not None:
            aligner: Aligner = self._plugin("aligner", "forced_alignment", self._plan.aligner)
            return aligner(waveform, said), None
        if self._plan.transcriber is None and not self._plan.required:
            return unknown_words(utterance.start, end), None
        if self._plan.transcriber is None:
            raise AlignmentFailed(_no_transcript(utterance.id))
        transcriber: Transcriber = self._plugin("transcriber", "transcribers", self._plan.transcriber)
        return transcriber(waveform) or unknown_words(utterance.start, end), None

    def _align_cues(self, utterance: Utterance, end: Seconds) -> tuple[tuple[Word, ...], str | None]:
        """Align each cue inside its own span; the words of one that fails are spread over that span."""
        aligner: Aligner = self._plugin("aligner", "forced_alignment", self._plan.aligner)
        words: list[Word] = []
        failed = []
        for cue in utterance.cues:
            if cue.start >= end or cue.end <= utterance.start:
                continue
            waveform = read_waveform(utterance.heard_in, SPEECH_RATE, cue.start, min(cue.end, end))
            try:
                if waveform is None:
                    raise AlignmentFailed("no sound in the cue")
                words.extend(aligner(waveform, cue.text))
            except AlignmentFailed:
                failed.append(f"{cue.start:.2f} s {cue.text!r}")
                words.extend(_spread(cue.text, cue.start, min(cue.end, end)))
        if not words:
            raise AlignmentFailed("no cue lies inside the clip; expected subtitles of this recording; check the file")
        note = (
            f"{len(failed)} of {len(utterance.cues)} cues not aligned, spread over their time: {'; '.join(failed[:3])}"
        )
        return tuple(sorted(words, key=lambda word: word.start)), note if failed else None


def require_words_source(utterances: Sequence[Utterance], plan: WordsPlan) -> None:
    """Fail at once where no clip at all could get words.

    Raises
    ------
    ConfigError
        Naming both ways out.
    """
    if not plan.required or plan.transcriber is not None:
        return
    if not any(u.words or u.cues or u.transcript is not None for u in utterances):
        if any(_has_sound(utterance.heard_in) for utterance in utterances):
            raise ConfigError(_no_transcript(utterances[0].id))


def unknown_words(start: Seconds, end: Seconds) -> tuple[Word, ...]:
    """Equal stretches of about 0.4 s with empty words: what stands for the words where they are not known."""
    count = max(1, round((end - start) / UNKNOWN_WORD))
    edges = [start + (end - start) * number / count for number in range(count + 1)]
    return tuple(Word("", first, last) for first, last in zip(edges[:-1], edges[1:], strict=True) if last > first)


def _duration(media: Path) -> Seconds | None:
    """Length of a file whose words are known already; one that cannot be read fails when its features are wanted."""
    try:
        return probe(media).duration
    except MediaError:
        return None


def _has_sound(media: Path) -> bool:
    try:
        return probe(media).audio_rate is not None
    except MediaError:
        return False


def _no_transcript(utterance_id: str) -> str:
    return (
        f"no transcript of clip {utterance_id!r}; expected --transcripts FILE_OR_DIR, or a transcriber: --transcriber "
        "whisper (extra 'asr': pip install 'mmfeat[asr]') or --transcriber pocketsphinx (built in, rough)"
    )


def _plain(words: Sequence[Word]) -> list[list[Any]]:
    return [[word.text, word.start, word.end] for word in words]


def _spread(text: str, start: Seconds, end: Seconds) -> tuple[Word, ...]:
    """Words in time proportional to their length, for want of anything better."""
    tokens = text.split()
    weights = [len(token) + 1 for token in tokens]
    edges = [start]
    for weight in weights:
        edges.append(edges[-1] + (end - start) * weight / sum(weights))
    return tuple(Word(token, first, last) for token, first, last in zip(tokens, edges[:-1], edges[1:], strict=True))
