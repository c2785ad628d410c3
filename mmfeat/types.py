"""The language of the project on one screen: values, and the contracts that plug-ins fulfil.

Times are float64 seconds from the start of the media file; intervals are half open, ``[start, end)``. A mask is True
where something is real. Nothing non-finite is ever stored: absence is ``observed = False`` and zeros.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from mmfeat.errors import SchemaError

Seconds = float
FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.integer[Any]]
ByteImage = npt.NDArray[np.uint8]  # (H, W, 3) RGB

Modality = Literal["text", "audio", "vision"]
MODALITIES: tuple[Modality, ...] = ("text", "audio", "vision")  # this order in every mask and table

AlignmentRule = Literal["overlap", "weighted", "none"]  # how frames become one row per word; none: they stay frames
Half = Literal["left", "right"]  # of a picture that shows two people

SPEECH_RATE = 16_000  # Hz; what the acoustic model of the aligner and the voice features work at


@dataclass(frozen=True)
class Word:
    """One spoken word.

    ``score`` is the aligner's or transcriber's confidence, higher is surer, None where the times came from a file.
    An empty ``text`` is a stretch of time whose words are unknown.
    """

    text: str
    start: Seconds
    end: Seconds
    score: float | None = None


@dataclass(frozen=True)
class Utterance:
    """One stretch of one speaker's talk, and all that is known about it before features are computed."""

    id: str
    media: Path
    start: Seconds = 0.0
    end: Seconds | None = None  # None: to the end of the file
    split: str = "all"
    speaker: str | None = None
    dialogue: str | None = None
    turn: int = 0  # position within the dialogue, from 0
    transcript: str | None = None
    words: tuple[Word, ...] = ()  # empty until the words stage, unless the corpus brings times
    cues: tuple[Word, ...] = ()  # subtitles: several words under one time span, to be aligned inside it
    labels: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, str] = field(
        default_factory=dict
    )  # its part in other splits, by their names; no entry: left out
    sound: Path | None = None  # another file that has the sound, on the same clock; None: in ``media``
    half: Half | None = None  # where the speaker is, in a picture of two

    @property
    def heard_in(self) -> Path:
        """The file that has the sound."""
        return self.sound or self.media


@dataclass(frozen=True)
class Transcript:
    """What a transcript file says: text alone, or words with times, or cues (stretches of text with times)."""

    text: str
    words: tuple[Word, ...] = ()
    cues: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Waveform:
    """Mono sound."""

    samples: FloatArray  # (n,) float32 in [-1, 1]
    sample_rate: int  # Hz
    start: Seconds = 0.0  # time of samples[0] in the media file
    path: Path | None = None  # for extractors that wrap an external program

    @property
    def duration(self) -> Seconds:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class Provenance:
    """What made an array: enough to make it again, and to refuse one made differently."""

    extractor: str
    version: str
    config: Mapping[str, Any] = field(default_factory=dict)  # JSON values
    sources: Mapping[str, str] = field(default_factory=dict)  # name of a file that went in -> sha256


@dataclass(frozen=True)
class Frames:
    """A feature over time.

    Raises
    ------
    SchemaError
        On construction, if the shapes disagree, a value is not finite, or the times are not increasing.
    """

    values: FloatArray  # (T, D) float32, or float64 where they are compared with another program's to the last digit
    times: FloatArray  # (T,) float64 s, frame centres
    observed: BoolArray  # (T,) True where something was measured
    names: tuple[str, ...]  # of the D dimensions
    source: Provenance
    frame_shift: Seconds | None = None  # s; None where the frames are not equally spaced
    intervals: FloatArray | None = None  # (T, 2) float64 s, where frames have spans of their own
    valid: BoolArray | None = None  # (T, D) True where that dimension means something; None: where observed

    def __post_init__(self) -> None:
        """Check what every consumer relies on."""
        rows, columns = self.values.shape
        if len(self.names) != columns or self.times.shape != (rows,) or self.observed.shape != (rows,):
            raise SchemaError(
                f"{self.source.extractor}: values {self.values.shape}, times {self.times.shape}, observed "
                f"{self.observed.shape}, {len(self.names)} names; expected (T, D), (T,), (T,), D; mend the extractor"
            )
        if self.valid is not None and self.valid.shape != self.values.shape:
            raise SchemaError(
                f"{self.source.extractor}: valid {self.valid.shape} beside values {self.values.shape}; expected one "
                "shape; mend the extractor"
            )
        if not np.isfinite(self.values).all() or not np.isfinite(self.times).all():
            raise SchemaError(
                f"{self.source.extractor}: values or times that are not finite; expected zeros and observed = False "
                "where nothing was measured; mend the extractor"
            )
        if rows > 1 and self.intervals is None and not (np.diff(self.times) > 0).all():
            raise SchemaError(f"{self.source.extractor}: times not increasing; expected frame centres in order")


@dataclass(frozen=True)
class AlignedUtterance:
    """One utterance of an artefact: a row per word and modality, or rows of its own for a modality in ``intervals``."""

    utterance: Utterance  # with its W words
    features: Mapping[Modality, FloatArray]  # each (W, D_m) float32, or (T_m, D_m)
    observed: Mapping[Modality, BoolArray]  # each (W,), or (T_m,)
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)  # class label -> names of its values
    intervals: Mapping[Modality, FloatArray] = field(default_factory=dict)  # (T_m, 2) s, of rows that are not words


@dataclass(frozen=True)
class ObservedRows:
    """Which rows of N utterances were observed: all that a missing-data protocol needs to know of a corpus.

    Modalities that are aligned to words share their offsets; one with rows of its own has others.
    """

    ids: tuple[str, ...]
    offsets: Mapping[Modality, IntArray]  # each (N + 1,): rows of utterance i are offsets[i] : offsets[i + 1]
    observed: Mapping[Modality, BoolArray]  # each (R_m,)


@dataclass(frozen=True)
class Failure:
    """One row of the ledger: what went wrong with one clip, where."""

    id: str
    stage: str
    reason: str


@dataclass(frozen=True)
class Source:
    """Where a corpus comes from and on what terms."""

    citation: str
    licence: str
    homepage: str


class Dataset(Protocol):
    """A raw corpus on disk."""

    name: str
    source: Source
    classes: Mapping[str, tuple[str, ...]]  # class label -> names of its values 0, 1, ...
    split: str  # name of the split that `Utterance.split` holds; the others are in `Utterance.parts`
    target: str | None  # label that models learn unless told otherwise
    expected: Mapping[str, tuple[int, int]]  # published counts, lowest and highest, as `counts.count` names them

    def utterances(self) -> tuple[list[Utterance], list[Failure]]:
        """All utterances, and a ledger row for each that could not be read."""
        ...


class Transcriber(Protocol):
    """Sound to words, where there is no transcript."""

    def __call__(self, waveform: Waveform) -> tuple[Word, ...]:
        """Words heard, with times from the start of the media file; empty when nothing was said."""
        ...


class Aligner(Protocol):
    """Sound and its transcript to words with times."""

    def __call__(self, waveform: Waveform, transcript: str) -> tuple[Word, ...]:
        """One `Word` per word of the transcript, spelled as there; raises AlignmentFailed."""
        ...


class Extractor(Protocol):
    """A feature set.

    ``signal`` is for text the sequence of `Word`, which gives exactly one frame per word, in order; for audio a
    `Waveform` at the extractor's ``sample_rate``; for vision the `FaceTrack` of the main speaker.
    """

    name: str
    modality: Modality
    names: tuple[str, ...]  # of the D dimensions
    frame_shift: Seconds | None
    source: Provenance

    def __call__(self, signal: Any) -> Frames:
        """Frames of one utterance; an empty or silent signal gives frames that are not observed, never an error."""
        ...


class AudioExtractor(Extractor, Protocol):
    """Hears mono sound at ``sample_rate``."""

    sample_rate: int

    def __call__(self, signal: Waveform) -> Frames:
        """Frames of the sound."""
        ...


class SidecarExtractor(Extractor, Protocol):
    """Reads what another program wrote about a clip; of its `FaceTrack` it looks at path, times and half alone."""

    def sidecar(self, media: Path, half: Half | None) -> Path:
        """The file that it reads, whether it is there or not."""
        ...


class Progress(Protocol):
    """Told after each finished item of a long job; the command line draws a bar from it."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take note."""
        ...


def batched_rows(count: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` rows that cover ``count``."""
    return (slice(first, min(first + size, count)) for first in range(0, count, size))
