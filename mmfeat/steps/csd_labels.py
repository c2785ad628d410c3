"""The labelled segments of a corpus, from a computational sequence or a table; what is left out goes to the ledger."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmfeat.errors import FormatError
from mmfeat.formats.csd import Csd
from mmfeat.types import Failure, Seconds

FIRST_SEGMENT = {"mosi": 1}  # number of the first segment of a video in the raw release; elsewhere 0
ALIGNED_KEY = re.compile(r"(.+)\[(\d+)\]")  # as the SDK leaves them: <video>[<row of the reference>]

EMOTIONS = ("happy", "sad", "anger", "surprise", "disgust", "fear")
_BY_WIDTH = {1: ("sentiment",), 6: EMOTIONS, 7: ("sentiment", *EMOTIONS)}  # CMU-MOSEI's order
_SPELLINGS = {
    "label": "sentiment",
    "sentimentscore": "sentiment",
    "sentiments": "sentiment",
    "happiness": "happy",
    "sadness": "sad",
    "angry": "anger",
}
_RAW_COLUMNS = ("start", "end", "video_id", "clip_id", "label")  # of OpinionLevelSentiment.csv, which has no header
_OTHER_COLUMNS = frozenset({"start", "end", "video_id", "clip_id", "label_by"})  # numbers that are no labels
_ALIASES = {"segment_no": "clip_id", "segment": "clip_id", "video": "video_id"}
_CSV_LAYOUT = (
    "start,end,video_id,segment_no,label without a header (OpinionLevelSentiment.csv), or a header with video_id, "
    "start, end, perhaps clip_id, and a column per label"
)


@dataclass(frozen=True)
class Segment:
    """One labelled stretch of a video."""

    key: str  # of its video in the other sequences
    video: str
    number: int  # in the id
    start: Seconds
    end: Seconds
    labels: Mapping[str, float]  # as the file has them: NaN and values out of range included

    @property
    def id(self) -> str:
        """Id of the utterance."""
        return f"{self.video}_{self.number}"


@dataclass
class Ledger:
    """What was left out, and what had to be mended."""

    rows: list[Failure] = field(default_factory=list)

    def add(self, name: str, stage: str, reason: str) -> None:
        """Write down what is wrong with an utterance or a video."""
        self.rows.append(Failure(name, stage, reason))


def infer_dataset(labels: Path) -> str:
    """Name the corpus as the metadata of the labels do, ``CMU-MOSI`` as ``mosi``; ``csd`` where they name none."""
    if labels.suffix.lower() == ".csv":
        return "csd"
    with Csd(labels) as csd:
        stated: Any = csd.metadata.get("dataset name")
    name = re.sub(r"[^a-z]", "", str(stated).lower()).removeprefix("cmu")
    return name if name in ("mosi", "mosei") else "csd"


def read_labels(path: Path, dataset: str, ledger: Ledger) -> list[Segment]:
    """Read labelled segments, by video in alphabetical order and by number.

    The number of a segment is its place in the file, which is how the raw release of CMU-MOSI numbers them (two videos
    have segments out of their order in time), counted from 1 for MOSI, else from 0. A CSV may state the number.

    Parameters
    ----------
    path : Path
        ``.csd`` or ``.csv``.
    dataset : str
    ledger : Ledger

    Raises
    ------
    FormatError
        If the file is no table of labels.
    """
    read = _read_csv if path.suffix.lower() == ".csv" else _read_csd
    kept: dict[str, Segment] = {}
    for segment in read(path, dataset, ledger):
        if not (math.isfinite(segment.start) and math.isfinite(segment.end)):
            reason = f"goes from {segment.start:g} to {segment.end:g} s; expected finite times; left out"
            ledger.add(segment.id, "labels", reason)
        elif segment.id in kept:
            ledger.add(segment.id, "labels", "duplicate id; the first segment counts; left out")
        else:
            kept[segment.id] = segment
    if not kept:
        raise FormatError(f"{path}: no segment can be read; expected labels with start and end in s; give another file")
    return sorted(kept.values(), key=lambda segment: (segment.video, segment.number))


def known_labels(segment: Segment, ranges: Mapping[str, tuple[float, float]], ledger: Ledger) -> dict[str, float]:
    """Labels of a segment that are numbers in their range; the others are rows of the ledger."""
    labels = {}
    for name, value in segment.labels.items():
        low, high = ranges.get(name, (-math.inf, math.inf))
        if math.isfinite(value) and low <= value <= high:
            labels[name] = value
        else:
            expected = f"a number from {low:g} to {high:g}" if name in ranges else "a finite number"
            ledger.add(segment.id, "labels", f"label {name} is {value:g}; expected {expected}; kept without it")
    return labels


def _read_csd(path: Path, dataset: str, ledger: Ledger) -> Iterator[Segment]:
    with Csd(path) as csd:
        for key in csd.videos:
            try:
                rows = csd.rows(key)
                if rows.features.dtype.kind not in "fiub":
                    raise FormatError(f"{path}: video {key!r} has {rows.features.dtype} as labels; expected numbers")
            except FormatError as error:
                ledger.add(key, "labels", f"{error}; left out")
                continue
            names = _label_names(csd, rows.features.shape[1])
            match = ALIGNED_KEY.fullmatch(key) if len(rows.features) == 1 else None
            video, first = (match[1], int(match[2])) if match else (key, 0)
            first += FIRST_SEGMENT.get(dataset, 0)
            for place, (span, values) in enumerate(zip(rows.intervals.tolist(), rows.features.tolist(), strict=True)):
                yield Segment(
                    key, video, first + place, span[0], span[1], dict(zip(names, map(float, values), strict=True))
                )


def _label_names(csd: Csd, width: int) -> tuple[str, ...]:
    """What the file calls its columns, in the project's words; without names there, by their number."""
    stated = csd.stated_names(width)
    if stated is None:
        return _BY_WIDTH.get(width, tuple(f"label_{number}" for number in range(width)))
    return tuple(map(_label_name, stated))


def _label_name(text: str) -> str:
    name = text.strip().lower()
    return _SPELLINGS.get(re.sub(r"[\s_]+", "", name), re.sub(r"\s+", "_", name))


def _read_csv(path: Path, dataset: str, ledger: Ledger) -> Iterator[Segment]:
    rows = _cells(path)
    stated = [] if not rows or _number(rows[0][0]) is not None else rows.pop(0)
    header = [_ALIASES.get(name, name) for name in stated or _RAW_COLUMNS]
    labels = [name for place, name in enumerate(header) if name not in _OTHER_COLUMNS and _are_numbers(rows, place)]
    if not {"video_id", "start", "end"} <= set(header) or not labels:
        raise FormatError(f"{path}: columns {', '.join(header)}; expected {_CSV_LAYOUT}; make such a table")
    seen: dict[str, int] = {}
    for line, row in enumerate(rows, start=2 if stated else 1):
        segment = _segment(dict(zip(header, row, strict=False)), labels, seen, dataset)
        if segment is None:
            ledger.add(path.name, "labels", f"line {line} {','.join(row)!r}; expected {_CSV_LAYOUT}; left out")
        else:
            yield segment


def _cells(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            return [[cell.strip() for cell in row] for row in csv.reader(handle) if any(row)]
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror}; expected a table of labels; check the path") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{path}: {error}; expected a CSV file in UTF-8; save it as such") from None


def _are_numbers(rows: Sequence[Sequence[str]], place: int) -> bool:
    """Whether most cells of a column are: one bad cell is a row of the ledger, and no reason to lose the column."""
    cells = [row[place] for row in rows if place < len(row) and row[place]]
    return 2 * sum(_number(cell) is not None for cell in cells) > len(cells)


def _segment(cells: Mapping[str, str], labels: Sequence[str], seen: dict[str, int], dataset: str) -> Segment | None:
    """One row of a table; None where it lacks its video or its times. An empty label is an unknown one."""
    video, start, end = cells.get("video_id"), _number(cells.get("start", "")), _number(cells.get("end", ""))
    if not video or start is None or end is None:
        return None
    place = seen[video] = seen.get(video, -1) + 1
    stated = cells.get("clip_id", "")
    number = int(stated) if stated.isdecimal() else place + FIRST_SEGMENT.get(dataset, 0)
    values = {}
    for name in labels:
        if text := cells.get(name, ""):
            value = _number(text)
            values[_label_name(name)] = math.nan if value is None else value
    return Segment(video, video, number, start, end, values)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
