"""Labelled segments and words to utterances; whatever is left out is a row of the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmfeat.errors import FormatError
from mmfeat.formats.csd import Csd, texts_of
from mmfeat.steps.csd_alignment import PAUSE
from mmfeat.steps.csd_labels import FIRST_SEGMENT, Ledger, Segment, known_labels
from mmfeat.types import BoolArray, FloatArray, Seconds, Utterance, Word
from mmfeat.word_alignment import MIN_OVERLAP

NO_LENGTH: Seconds = 0.001  # of the utterance that stands for a segment which ends where it starts


@dataclass(frozen=True)
class Spoken:
    """The words of one video that count, in order of their start."""

    texts: Sequence[str]
    spans: FloatArray  # (W, 2) s


def read_words(csd: Csd, key: str, *, pauses: bool, shift: int, ledger: Ledger) -> Spoken:
    """Words of one video, none where it has none; what cannot be used is a row of the ledger.

    Parameters
    ----------
    csd : Csd
    key : str
    pauses : bool
        Whether ``sp`` stays.
    shift : int
        The text of row i + ``shift`` goes with the times of row i.
    ledger : Ledger
    """
    nothing = Spoken((), np.zeros((0, 2)))
    if key not in csd:
        ledger.add(key, "words", f"labels without words: not in {csd.path.name}; kept with unknown words")
        return nothing
    try:
        rows = csd.rows(key)
        texts = texts_of(rows, f"{csd.path}: video {key!r}")
    except FormatError as error:
        ledger.add(key, "words", f"{error}; kept with unknown words")
        return nothing
    first, last = max(-shift, 0), len(texts) - max(shift, 0)  # rows of times that have a text
    if last <= first:
        return nothing
    spans, texts = rows.intervals[first:last], texts[first + shift : last + shift]
    usable = np.isfinite(spans).all(axis=1) & (spans[:, 1] - spans[:, 0].clip(min=0) > MIN_OVERLAP)
    if not usable.all():
        reason = "words have impossible times or last 1e-5 s or less; left out"
        ledger.add(key, "words", f"{int((~usable).sum())} of {len(usable)} {reason}")
    usable &= np.array([pauses or text != PAUSE for text in texts], dtype=np.bool_)
    order = np.flatnonzero(usable)[np.argsort(spans[usable, 0], kind="stable")]
    return Spoken([texts[row] for row in order], spans[order])


def utterances_of(
    segments: Sequence[Segment],
    spoken: Spoken,
    split: str,
    dataset: str,
    ranges: Mapping[str, tuple[float, float]],
    ledger: Ledger,
) -> Iterator[tuple[Utterance, FloatArray]]:
    """Segments of one video to utterances, each with the spans (W, 2) that its features are the means of.

    A word belongs to every segment that it shares more than 1e-5 s with. The span is the word's own, while the word of
    the utterance ends where the segment does: so have it two calls of the SDK's ``align``, to the words and then to the
    labels. A segment without words has one empty word; one without length, as CMU-MOSI has it, is kept likewise, and
    nothing is observed for it.
    """
    inside = np.zeros(len(spoken.texts), dtype=np.bool_)
    for segment in segments:
        start, end = _stretch(segment, ledger)
        shared = np.minimum(spoken.spans[:, 1], segment.end) - np.maximum(spoken.spans[:, 0], start)
        chosen: BoolArray = shared > MIN_OVERLAP
        inside |= chosen
        spans = spoken.spans[chosen]
        words = tuple(
            Word(spoken.texts[row], *span)
            for row, span in zip(np.flatnonzero(chosen).tolist(), spans.clip(start, end).tolist(), strict=True)
        )
        if not words:
            ledger.add(segment.id, "words", "segment without words; kept with one empty word")
            words, spans = (Word("", start, end),), np.array([[start, max(segment.end, start)]])
        utterance = Utterance(
            id=segment.id,
            media=Path(f"{segment.video}.mp4"),  # what the raw releases call the full video; nothing opens it
            start=start,
            end=end,
            split=split,
            dialogue=segment.video,
            turn=max(segment.number - FIRST_SEGMENT.get(dataset, 0), 0),
            words=words,
            labels=known_labels(segment, ranges, ledger),
        )
        yield utterance, spans
    if not inside.all():
        reason = f"{int((~inside).sum())} of {len(inside)} words lie outside every labelled segment; left out"
        ledger.add(segments[0].key, "words", reason)


def _stretch(segment: Segment, ledger: Ledger) -> tuple[Seconds, Seconds]:
    """Start and end of the utterance: not before 0, and of some length."""
    if segment.start < 0:
        ledger.add(segment.id, "labels", f"starts at {segment.start:g} s; expected 0 or later; taken as 0")
    start = max(segment.start, 0.0)
    if segment.end - start > MIN_OVERLAP:
        return start, segment.end
    reason = (
        f"goes from {segment.start:g} to {segment.end:g} s; expected an end after the start; kept, nothing observed"
    )
    ledger.add(segment.id, "labels", reason)
    return start, start + NO_LENGTH
