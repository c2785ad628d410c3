"""CMU-MOSEI: some 22,860 labelled segments of 3,227 videos; sentiment from -3 to 3, six emotions from 0 to 3.

Reads the raw release::

    Raw/Videos/Full/Combined/<video>.mp4
    Raw/Audio/Full/WAV_16000/<video>.wav
    Raw/Transcript/Segmented/Combined/<video>.txt        <video>___<n>___<start>___<end>___<text>, n from 0
    Raw/Transcript/Full/Alignment/P2FA/Combined/<video>  TextGrid, tiers "phone" and "word"
    Raw/Labels/*.csv                                     one row per clip and worker of Mechanical Turk

A label is the mean over the workers. (The published ones are sums over three, too large where four or five took part:
A2Zadeh/CMU-MultimodalSDK#218.) Ids may begin with ``_`` or ``-``, hold ``__``, or be numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmfeat.csv_tables import read_rows
from mmfeat.datasets._release import Ledger, listed, number, read_lines, require_raw, stems
from mmfeat.errors import FormatError, SchemaError
from mmfeat.folds import find_folds, read_folds
from mmfeat.formats import textgrid
from mmfeat.types import Failure, Seconds, Source, Utterance, Word

SOURCE = Source(
    citation="Zadeh, Liang, Vanbriesen, Poria, Tong, Cambria, Chen, Morency: Multimodal Language Analysis in the Wild: "
    "CMU-MOSEI Dataset and Interpretable Dynamic Fusion Graph. ACL 2018",
    licence="no licence published; for research; the videos are their makers' and may not be passed on",
    homepage="http://multicomp.cs.cmu.edu/resources/cmu-mosei-dataset/",
)
EXPECTED: Mapping[str, tuple[int, int]] = {
    "utterances": (22856, 22860),
    "dialogues": (3225, 3227),  # two videos of the test fold have no labels (A2Zadeh/CMU-MultimodalSDK#256)
    "train": (16326, 16327),
    "valid": (1871, 1871),
    "test": (4659, 4662),
    "train dialogues": (2249, 2249),
    "valid dialogues": (300, 300),
    "test dialogues": (676, 678),
    "sentiment": (22856, 22860),
}
EMOTIONS = ("happy", "sad", "anger", "surprise", "disgust", "fear")
RANGES: Mapping[str, tuple[float, float]] = {"sentiment": (-3.0, 3.0), **dict.fromkeys(EMOTIONS, (0.0, 3.0))}
TARGET = "sentiment"

_COLUMNS = {name: f"Answer.{name}" for name in RANGES} | {"happy": "Answer.happiness", "sad": "Answer.sadness"}
_NEEDED = ("WorkerId", "Input.VIDEO_ID", "Input.CLIP", *_COLUMNS.values())
_LAYOUT = "Raw/Videos, Raw/Audio, Raw/Transcript, Raw/Labels"
_AGREEING = 0.5  # share of the words of an alignment that the transcript must have, for its times to be believed

Ratings = dict[str, list[float]]  # label -> what the workers gave


@dataclass(frozen=True)
class Config:
    """Where the release lies."""

    root: Path  # the folder that holds Raw
    folds: Path | None = None  # the official split; None: cmu_mosei_std_folds.py or .json, or label.csv, in root


@dataclass(frozen=True)
class _Segment:
    """A line of a transcript."""

    start: Seconds
    end: Seconds
    text: str


class Mosei:
    """The raw release of CMU-MOSEI."""

    name = "mosei"
    source = SOURCE
    classes: Mapping[str, tuple[str, ...]] = {}
    split = "standard"
    target = TARGET
    expected = EXPECTED

    def __init__(self, config: Config) -> None:
        require_raw(config.root, "CMU-MOSEI", _LAYOUT)
        self._root, raw = config.root, config.root / "Raw"
        self._tables = sorted((raw / "Labels").glob("[!.]*.csv"))
        self._transcripts = stems(raw / "Transcript/Segmented/Combined", ".txt")
        for found, wanted in (
            (self._tables, "Labels/*.csv"),
            (self._transcripts, "Transcript/Segmented/Combined/*.txt"),
        ):
            if not found:
                raise SchemaError(
                    f"no Raw/{wanted} in {config.root}; expected {_LAYOUT}; unpack the whole release there"
                )
        self._part_of = read_folds(config.folds or find_folds(config.root, "mosei"))
        self._videos = stems(raw / "Videos/Full/Combined", ".mp4")
        self._sounds = stems(raw / "Audio/Full/WAV_16000", ".wav")
        self._alignments = stems(raw / "Transcript/Full/Alignment/P2FA/Combined")

    def utterances(self) -> tuple[list[Utterance], list[Failure]]:
        """All labelled segments of the official split, by video and number; the ledger has what is amiss.

        Raises
        ------
        SchemaError
            If a table of labels is malformed, or no segment has both a label and media or timed words.
        """
        ledger = Ledger()
        ratings = self._ratings(ledger)
        on_disk = self._videos.keys() | self._sounds.keys() | self._transcripts.keys()
        for video in sorted((on_disk | self._part_of.keys()) - ratings.keys()):
            ledger.add(video, "video without labels; left out")
        utterances = []
        for video in sorted(ratings):
            if video not in self._part_of:
                ledger.add(video, f"{listed(ratings[video])}: the video is in no fold; left out")
            elif video not in self._transcripts:
                ledger.add(video, f"{listed(ratings[video])}: labels without a transcript to say when; left out")
            else:
                utterances += self._of_video(video, ratings[video], ledger)
        if not utterances:
            raise SchemaError(
                f"{self._root}: no labelled segment of the folds has a transcript and media; expected "
                "Raw/Videos/Full/Combined/<video>.mp4 and the like; unpack the whole release there"
            )
        return utterances, ledger.rows

    def _ratings(self, ledger: Ledger) -> dict[str, dict[int, Ratings]]:
        """What the workers answered, by video and segment."""
        ratings: dict[str, dict[int, Ratings]] = {}
        seen = set()
        for table in self._tables:
            for line, row in enumerate(read_rows(table, _NEEDED), start=1):
                video, clip = row["Input.VIDEO_ID"].strip().rpartition("/")[2], row["Input.CLIP"].strip()
                if not video or not clip.isdecimal():
                    ledger.add(table.name, f"row {line} is about clip {clip!r} of video {video!r}; left out")
                    continue
                answers = tuple(row[column] for column in _COLUMNS.values())
                key = (video, clip, row["WorkerId"], answers)
                if key in seen:
                    ledger.add(
                        f"{video}_{clip}", f"{table.name} row {line}: duplicate rating of one worker; counted once"
                    )
                    continue
                seen.add(key)
                of_clip = ratings.setdefault(video, {}).setdefault(int(clip), {name: [] for name in _COLUMNS})
                for name, answer in zip(_COLUMNS, answers, strict=True):
                    _add_rating(of_clip[name], f"{video}_{clip}", name, answer, ledger)
        return ratings

    def _of_video(self, video: str, ratings: Mapping[int, Ratings], ledger: Ledger) -> list[Utterance]:
        segments = self._segments(video, ledger)
        untimed, unlabelled = ratings.keys() - segments.keys(), segments.keys() - ratings.keys()
        if untimed:
            ledger.add(video, f"{listed(untimed)}: labels without a line in the transcript to say when; left out")
        if unlabelled:
            ledger.add(video, f"{listed(unlabelled)}: no labels; left out")
        labelled = sorted(segments.keys() & ratings.keys())
        words = self._words(video, ledger)
        utterances = [self._utterance(video, one, segments[one], words, ratings[one], ledger) for one in labelled]
        if video in self._videos or video in self._sounds:
            return utterances
        kept = [utterance for utterance in utterances if utterance.words]
        rest = f"{len(kept)} with timed words kept, {len(utterances) - len(kept)} left out"
        ledger.add(video, f"{listed(labelled)}: labels without a video, or its sound; {rest}")
        return kept

    def _files(self, video: str) -> tuple[Path, Path | None]:
        """Media of a video, or where it should be, and its sound if that lies beside the pictures."""
        media, sound = self._videos.get(video), self._sounds.get(video)
        if media is None:
            return sound or self._root / f"Raw/Videos/Full/Combined/{video}.mp4", None
        return media, sound

    def _utterance(
        self, video: str, segment: int, line: _Segment, words: Sequence[Word], ratings: Ratings, ledger: Ledger
    ) -> Utterance:
        name = f"{video}_{segment}"
        if not line.text:
            ledger.add(name, "segment without transcript; kept")
        labels = {label: math.fsum(given) / len(given) for label, given in ratings.items() if given}
        for label in [label for label in ratings if label not in labels]:
            ledger.add(name, f"no worker gave {label}; the label is left out")
        media, sound = self._files(video)
        return Utterance(
            id=name,
            media=media,
            sound=sound,
            start=line.start,
            end=line.end,
            split=self._part_of[video],
            dialogue=video,
            turn=segment,
            transcript=line.text or None,
            words=_words_within(name, line, words, ledger),
            labels=labels,
        )

    def _segments(self, video: str, ledger: Ledger) -> dict[int, _Segment]:
        """Lines of a transcript by their numbers."""
        segments: dict[int, _Segment] = {}
        for line in read_lines(self._transcripts[video], ledger):
            # The name is known, and may hold the very mark that separates the fields; so may the text.
            fields = line.removeprefix(f"{video}___").split("___", 3)
            start, end = (number(field) for field in (fields[1:3] if len(fields) > 2 else ("", "")))
            if not line.startswith(f"{video}___") or not fields[0].isdecimal() or start is None or end is None:
                ledger.add(video, f"transcript line {line[:60]!r}; expected {video}___<n>___<start>___<end>___<text>")
                continue
            name, segment = f"{video}_{fields[0]}", int(fields[0])
            if segment in segments:
                ledger.add(name, "duplicate id in the transcript; the first line counts")
            elif span := ledger.span(name, start, end):
                segments[segment] = _Segment(*span, fields[3].strip() if len(fields) > 3 else "")
        return segments

    def _words(self, video: str, ledger: Ledger) -> tuple[Word, ...]:
        """Words of the whole video with times, if it was aligned; its capitals are not the speaker's."""
        if video not in self._alignments:
            return ()
        try:
            words = textgrid.read(self._alignments[video]).words
        except FormatError as error:
            ledger.add(video, f"{error} (its words will be aligned anew)")
            return ()
        return tuple(replace(word, text=word.text.lower()) for word in words)


def build(config: Config) -> Mosei:
    """Find the parts of the release.

    Raises
    ------
    SchemaError
        If the folder is no release, or has no labels or no transcripts.
    ConfigError, FormatError
        If there is no official split, or it cannot be read.
    """
    return Mosei(config)


def _add_rating(given: list[float], utterance_id: str, label: str, answer: str, ledger: Ledger) -> None:
    """Take one answer; one beyond the scale is cut to it, as published means are (A2Zadeh/CMU-MultimodalSDK#101)."""
    value = number(answer)
    if value is None:
        ledger.add(utterance_id, f"a worker's {label} is {answer!r}; expected a number; not counted")
        return
    low, high = RANGES[label]
    if not low <= value <= high:
        ledger.add(utterance_id, f"a worker's {label} is {value:g}; expected {low:g} to {high:g}; cut to that")
    given.append(min(max(value, low), high))


def _words_within(name: str, line: _Segment, words: Sequence[Word], ledger: Ledger) -> tuple[Word, ...]:
    """Words whose middle lies in a segment, cut to it; none if they are not those of the transcript."""
    inside = tuple(
        replace(word, start=max(word.start, line.start), end=min(word.end, line.end))
        for word in words
        if line.start <= (word.start + word.end) / 2 < line.end
    )
    said = {_plain(token) for token in line.text.split()}
    agreeing = sum(_plain(word.text) in said for word in inside)
    if inside and line.text and agreeing < _AGREEING * len(inside):
        ledger.add(
            name,
            f"only {agreeing} of {len(inside)} words aligned by P2FA are in the transcript; expected at least "
            f"{_AGREEING:.0%}; its times are not used",
        )
        return ()
    return inside


def _plain(token: str) -> str:
    return "".join(filter(str.isalnum, token.lower()))
