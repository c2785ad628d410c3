"""What words and cues with times must fulfil, whichever file they come from."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmfeat.errors import FormatError
from mmfeat.types import Seconds, Transcript, Word

ROUNDING: Seconds = 0.001  # times are often written to the millisecond, so neighbours may overlap by one

_PAUSES = frozenset({"sil", "sp"})  # HTK, GRID, MFA; "pause" and "silence" are words
_UNKNOWN = frozenset({"<unk>", "[unk]"})  # speech whose words are not known (MFA, Kaldi)
_NOTE = re.compile(r"<[^>]*>|\[[^\]]*\]|\{[^}]*\}")  # <sil>, <p:>, <eps>, [noise], {SL}


def spoken(label: str) -> str | None:
    """Give the word that a label of an aligner stands for: None for a pause or noise, '' for unknown words."""
    label = " ".join(label.split())
    if label.lower() in _UNKNOWN:
        return ""
    if label.lower() in _PAUSES or _NOTE.fullmatch(label) or not sayable(label):
        return None
    return label


def sayable(text: str) -> bool:
    """Whether a text has anything to say: a letter or a digit."""
    return any(character.isalnum() for character in text)


def transcript_of_words(words: Sequence[Word], path: Path) -> Transcript:
    """Check words and make a transcript of them.

    Raises
    ------
    FormatError
        If there are none, a time is impossible, or two are out of order or overlap by more than 1 ms.
    """
    checked = _in_order(words, "word", path)
    return Transcript(_joined(checked), words=checked)


def transcript_of_cues(cues: Sequence[Word], path: Path) -> Transcript:
    """Check cues, stretches of text with times, and make a transcript of them; raises as `transcript_of_words`."""
    checked = _in_order(cues, "cue", path)
    return Transcript(_joined(checked), cues=checked)


def transcript_of_labels(labels: Sequence[Word], path: Path) -> Transcript:
    """Take labels as words where most hold one token, else as cues; raises as `transcript_of_words`."""
    phrases = sum(len(label.text.split()) > 1 for label in labels)
    return transcript_of_cues(labels, path) if phrases * 2 > len(labels) else transcript_of_words(labels, path)


def _joined(words: Sequence[Word]) -> str:
    return " ".join(word.text for word in words if word.text)


def _in_order(words: Sequence[Word], noun: str, path: Path) -> tuple[Word, ...]:
    if not words:
        raise FormatError(f"{path}: holds no {noun}s; expected at least one; fill it or leave it out")
    checked = [_possible(word, noun, path) for word in words]
    for index, (left, right) in enumerate(itertools.pairwise(checked)):
        if right.start < left.start:
            raise FormatError(
                f"{path}: {noun} {_span(right)} comes after {_span(left)}; expected {noun}s in order of time; sort them"
            )
        if right.start < left.end:
            if left.end - right.start > ROUNDING * 1.001 or right.start == left.start:
                raise FormatError(
                    f"{path}: {noun}s {_span(left)} and {_span(right)} overlap; expected each to end before the next "
                    "begins; mend the times, or give each speaker a file of its own"
                )
            checked[index] = replace(left, end=right.start)
    return tuple(checked)


def _possible(word: Word, noun: str, path: Path) -> Word:
    """Refuse a span that cannot be; a start rounded to just below zero is zero."""
    if -ROUNDING <= word.start < 0.0:
        word = replace(word, start=0.0)
    if not (math.isfinite(word.start) and math.isfinite(word.end)) or word.start < 0.0 or word.start >= word.end:
        raise FormatError(
            f"{path}: {noun} {_span(word)}; expected finite times with 0 <= start < end; mend the line of that {noun}"
        )
    return word


def _span(word: Word) -> str:
    text = word.text if len(word.text) <= 40 else word.text[:37] + "..."
    return f"{text!r} [{word.start:.6g}, {word.end:.6g}) s"
