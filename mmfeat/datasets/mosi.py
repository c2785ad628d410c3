"""CMU-MOSI: 2,199 segments of 93 film reviews, each with a sentiment from -3 to 3.

Reads the raw release::

    Raw/Video/Full/<video>.mp4                         Raw/Video/Segmented/<video>_<n>.mp4
    Raw/Audio/WAV_16000/Full/<video>.wav               Raw/Audio/WAV_16000/Segmented/<video>_<n>.wav
    Raw/Transcript/Segmented/<video>.annotprocessed    a line per segment: <n>_DELIM_<TEXT>, n from 1
    Labels/OpinionLevelSentiment.csv                   no header: start, end (s), video, n, sentiment

The full videos with the times of the labels are preferred to the segmented ones, some of which are badly cut. Many
copies lack the label file; then MMSA's ``label.csv`` serves, which has no times, so that the segmented media are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mmfeat.csv_tables import read_rows
from mmfeat.datasets._release import Ledger, listed, number, read_lines, require_raw, stems
from mmfeat.errors import SchemaError
from mmfeat.folds import find_folds, read_folds
from mmfeat.types import Failure, Seconds, Source, Utterance

SOURCE = Source(
    citation="Zadeh, Zellers, Pincus, Morency: MOSI: Multimodal Corpus of Sentiment Intensity and Subjectivity "
    "Analysis in Online Opinion Videos. arXiv:1606.06259 (2016); IEEE Intelligent Systems 31(6)",
    licence="no licence published; for research; the videos are their makers' and may not be passed on",
    homepage="http://multicomp.cs.cmu.edu/resources/cmu-mosi-dataset/",
)
EXPECTED: Mapping[str, tuple[int, int]] = {
    "utterances": (2199, 2199),
    "dialogues": (93, 93),
    "train": (1284, 1284),
    "valid": (229, 229),
    "test": (686, 686),
    "train dialogues": (52, 52),
    "valid dialogues": (10, 10),
    "test dialogues": (31, 31),
    "sentiment": (2199, 2199),
}
RANGES: Mapping[str, tuple[float, float]] = {"sentiment": (-3.0, 3.0)}
TARGET = "sentiment"

# Reported as badly cut in the segmented media (A2Zadeh/CMU-MultimodalSDK#37).
BADLY_CUT = frozenset(
    {
        *(f"2WGyTLYerpo_{segment}" for segment in (43, 44)),
        *(f"9qR7uwkblbs_{segment}" for segment in (32, 33)),
        *(f"BI97DNYfe5I_{segment}" for segment in range(17, 22)),
        "VCslbP0mgZI_1",
    }
)
_TIMED = Path("Labels/OpinionLevelSentiment.csv")
_UNTIMED = (Path("label.csv"), Path("Labels/label.csv"))
_LAYOUT = f"Raw/Video, Raw/Audio, Raw/Transcript, {_TIMED.as_posix()}"


@dataclass(frozen=True)
class Config:
    """Where the release lies."""

    root: Path  # the folder that holds Raw and Labels
    folds: Path | None = None  # the official split; None: cmu_mosi_std_folds.py or .json, or label.csv, in root


@dataclass(frozen=True)
class _Labelled:
    """A segment as its row of labels has it."""

    video: str
    segment: int
    label: str
    span: tuple[Seconds, Seconds] | None = None
    text: str | None = None

    @property
    def id(self) -> str:
        return f"{self.video}_{self.segment}"


class Mosi:
    """The raw release of CMU-MOSI."""

    name = "mosi"
    source = SOURCE
    classes: Mapping[str, tuple[str, ...]] = {}
    split = "standard"
    target = TARGET
    expected = EXPECTED

    def __init__(self, config: Config) -> None:
        require_raw(config.root, "CMU-MOSI", _LAYOUT)
        self._root = config.root
        self._labels = _find_labels(config.root)
        self._timed = self._labels.name == _TIMED.name
        self._part_of = read_folds(config.folds or find_folds(config.root, "mosi"))
        raw = config.root / "Raw"
        self._videos = stems(raw / "Video/Full", ".mp4")
        self._sounds = stems(raw / "Audio/WAV_16000/Full", ".wav")
        self._transcripts = stems(raw / "Transcript/Segmented", ".annotprocessed")

    def utterances(self) -> tuple[list[Utterance], list[Failure]]:
        """All labelled segments of the official split, by video and number; the ledger has what is amiss.

        Raises
        ------
        SchemaError
            If no segment has both a label and media.
        """
        ledger = Ledger()
        segments = self._segments(ledger)
        on_disk = self._videos.keys() | self._sounds.keys() | self._transcripts.keys()
        for video in sorted((on_disk | self._part_of.keys()) - segments.keys()):
            ledger.add(video, "video without labels; left out")
        utterances = []
        for video in sorted(segments):
            if video in self._part_of:
                utterances += self._of_video(segments[video], ledger)
            else:
                ledger.add(video, f"{listed(segments[video])}: the video is in no fold; left out")
        if not utterances:
            wanted = (
                "Full/<video>.mp4" if self._timed else f"Segmented/<video>_<n>.mp4: {self._labels.name} has no times"
            )
            raise SchemaError(
                f"{self._root}: no labelled segment of the folds has media; expected Raw/Video/{wanted}; unpack the "
                "whole release there (MMSA's own layout is read by 'adapter: folder')"
            )
        return utterances, ledger.rows

    def _segments(self, ledger: Ledger) -> dict[str, dict[int, _Labelled]]:
        """Labelled segments by video and number."""
        segments: dict[str, dict[int, _Labelled]] = {}
        read = _read_timed if self._timed else _read_untimed
        for row in read(self._labels, ledger):
            of_video = segments.setdefault(row.video, {})
            if row.segment in of_video:
                ledger.add(row.id, f"{self._labels.name}: duplicate id; the first row counts")
            else:
                of_video[row.segment] = row
        if not segments:
            raise SchemaError(
                f"{self._labels}: no row can be read as a label; expected start,end,video,n,sentiment without a header "
                "(or MMSA's label.csv); get the whole file"
            )
        for of_video in segments.values():
            _widen(of_video, ledger)
        return segments

    def _of_video(self, rows: Mapping[int, _Labelled], ledger: Ledger) -> list[Utterance]:
        utterances, without_media = [], []
        texts = self._texts(next(iter(rows.values())).video, ledger)
        for segment, row in sorted(rows.items()):
            files = self._files(row)
            if files is None:
                without_media.append(segment)
                continue
            utterances.append(self._utterance(row, files, texts.get(segment, row.text), ledger))
        if without_media:
            video = rows[without_media[0]].video
            ledger.add(video, f"{listed(without_media)}: labels without a video, or its sound; left out")
        return utterances

    def _utterance(
        self, row: _Labelled, files: tuple[Path, Path | None], text: str | None, ledger: Ledger
    ) -> Utterance:
        media, sound = files
        cut_out = media.stem == row.id
        if cut_out and row.id in BADLY_CUT:
            ledger.add(row.id, f"{media.name} is known to be badly cut; kept; the full video would be better")
        if not text:
            ledger.add(row.id, "segment without transcript; kept")
        start, end = (0.0, None) if cut_out or row.span is None else row.span
        return Utterance(
            id=row.id,
            media=media,
            sound=sound,
            start=start,
            end=end,
            split=self._part_of[row.video],
            dialogue=row.video,
            turn=row.segment - 1,
            transcript=text or None,
            labels=ledger.label(row.id, TARGET, row.label, RANGES[TARGET]),
        )

    def _files(self, row: _Labelled) -> tuple[Path, Path | None] | None:
        """Media of a segment, and its sound if that lies beside pictures: the full ones if there are times."""
        if row.span is not None and (row.video in self._videos or row.video in self._sounds):
            files = [self._videos.get(row.video), self._sounds.get(row.video)]
        else:
            raw = self._root / "Raw"
            cut_out = raw / f"Video/Segmented/{row.id}.mp4", raw / f"Audio/WAV_16000/Segmented/{row.id}.wav"
            files = [path if path.is_file() else None for path in cut_out]
        video, sound = files
        if video is None:
            return None if sound is None else (sound, None)
        return video, sound

    def _texts(self, video: str, ledger: Ledger) -> dict[int, str]:
        """Transcripts of a video's segments."""
        texts: dict[int, str] = {}
        if video not in self._transcripts:
            return texts
        for line in read_lines(self._transcripts[video], ledger):
            segment, separator, text = line.partition("_DELIM_")
            if not separator or not segment.isdecimal():
                ledger.add(video, f"transcript line {line[:60]!r}; expected <n>_DELIM_<text>; left out")
            elif int(segment) in texts:
                ledger.add(f"{video}_{segment}", "duplicate line in the transcript; the first counts")
            else:
                texts[int(segment)] = text.strip()
        return texts


def build(config: Config) -> Mosi:
    """Find the parts of the release.

    Raises
    ------
    SchemaError
        If the folder is no release, or has no labels.
    ConfigError, FormatError
        If there is no official split, or it cannot be read.
    """
    return Mosi(config)


def _find_labels(root: Path) -> Path:
    known = (_TIMED, *_UNTIMED)
    found = next((root / name for name in known if (root / name).is_file()), None)
    if found is None:
        raise SchemaError(
            f"no labels in {root}; expected {_TIMED.as_posix()} of the release, or MMSA's label.csv; put one of them "
            "there. CMU_MOSI_Opinion_Labels.csd, the third known source, enters by 'mmfeat import csd'"
        )
    return found


def _read_timed(path: Path, ledger: Ledger) -> list[_Labelled]:
    """Rows of ``OpinionLevelSentiment.csv``."""
    rows = []
    for line in read_lines(path, ledger):
        start, end, video, segment, label = [cell.strip(' "') for cell in (line + ",,,,").split(",")[:5]]
        times = number(start), number(end)
        if times[0] is None or times[1] is None or not video or not segment.isdecimal():
            ledger.add(path.name, f"line {line[:60]!r}; expected start,end,video,n,sentiment; left out")
            continue
        instant = times[0] == times[1]  # its neighbours will say more
        span = (times[0], times[0]) if instant else ledger.span(f"{video}_{segment}", times[0], times[1])
        if span is not None:
            rows.append(_Labelled(video, int(segment), label, span))
    return rows


def _widen(rows: dict[int, _Labelled], ledger: Ledger) -> None:
    """Give a segment that takes no time the gap between its neighbours: so it is with 2WGyTLYerpo_44 of the release."""
    spans = {segment: row.span for segment, row in rows.items() if row.span}
    for segment, (time, end) in spans.items():
        if time != end:
            continue
        row, start = rows.pop(segment), min(spans.get(segment - 1, (time, time))[1], time)
        end = max(spans.get(segment + 1, (time, time))[0], time)
        if 0 <= start < end:
            rows[segment] = replace(row, span=(start, end))
            ledger.add(
                row.id,
                f"is at {time:g} s and takes no time; taken from {start:g} to {end:g} s, between its neighbours",
            )
        else:
            ledger.add(row.id, f"is at {time:g} s and takes no time; expected an end after the start; left out")


def _read_untimed(path: Path, ledger: Ledger) -> list[_Labelled]:
    """Rows of MMSA's ``label.csv``."""
    rows = []
    for row in read_rows(path, ("video_id", "clip_id", "text", "label")):
        if row["clip_id"].isdecimal():
            rows.append(_Labelled(row["video_id"], int(row["clip_id"]), row["label"], text=row["text"]))
        else:
            ledger.add(row["video_id"], f"{path.name}: clip_id {row['clip_id']!r}; expected a number; left out")
    return rows
