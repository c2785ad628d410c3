"""Praat's TextGrid, long and short form.

Reading follows the rule of Praat's manual ("TextGrid file formats"): only free-standing numbers, texts in double quotes
and flags in angle brackets count, all else is comment. So one reader serves both forms, whatever the lay-out. praatio's
reader is the check in the tests; it is not used here because it drops the sign of a negative time, fails on a label
that holds ``item [`` and takes a short file that breaks off for a complete one (praatio 6.2.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmfeat.errors import FormatError, OutputError
from mmfeat.formats.text_file import read_text
from mmfeat.formats.timed_words import spoken, transcript_of_labels
from mmfeat.types import Transcript, Word

_WORD_TIERS = ("words", "word", "ort", "ort-mau", "orthography", "text", "transcript", "transcription", "utterance")
_TOKEN = re.compile(r'"(?:[^"]|"")*"|![^\n]*|\S+')


@dataclass(frozen=True)
class _Tier:
    name: str
    intervals: tuple[Word, ...]  # the label of each as its text


def read(path: Path) -> Transcript:
    """Read the tier of words.

    It is the first tier called words, word, ORT, text, ... in any case (MFA's ``speaker - words`` too), passing over
    one that holds only single letters when there is another (EMU's "Word" tier holds C and F for content and function);
    else the only interval tier. Labels that are empty, ``sil``, ``sp`` or in brackets are pauses, ``<unk>`` is a word
    that is not known, a tier of phrases gives cues.

    Raises
    ------
    FormatError
        If the file is no text TextGrid, breaks off, has no such tier, or its words overlap.
    """
    tier = _word_tier(_tiers(read_text(path), path), path)
    labels = [
        Word(text, interval.start, interval.end)
        for interval in tier.intervals
        if (text := spoken(interval.text)) is not None
    ]
    return transcript_of_labels(labels, path)


def text_of(words: Sequence[Word], path: Path) -> str:
    """Give the long form with one tier, ``words``; a stretch of unknown words is labelled ``<unk>``.

    Raises
    ------
    OutputError
        If there are no words: Praat has no TextGrid of length zero.
    """
    if not words:
        raise OutputError(f"{path}: no words to write; expected at least one; write .csv or .json instead")
    labels = []
    end = 0.0
    for word in words:
        if word.start > end:
            labels.append(Word("", end, word.start))
        labels.append(Word(word.text or "<unk>", word.start, word.end))
        end = word.end
    head = f"""File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = {_number(end)}
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = {_number(end)}
        intervals: size = {len(labels)}
"""
    return head + "".join(_long_interval(index, label) for index, label in enumerate(labels, start=1))


def _long_interval(index: int, label: Word) -> str:
    text = label.text.replace('"', '""')
    return f"""        intervals [{index}]:
            xmin = {_number(label.start)}
            xmax = {_number(label.end)}
            text = "{text}"
"""


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _word_tier(tiers: Sequence[_Tier], path: Path) -> _Tier:
    named = [
        tier
        for wanted in _WORD_TIERS
        for tier in tiers
        if tier.name.strip().lower() == wanted or tier.name.strip().lower().endswith(f"- {wanted}")
    ]
    if named:
        return next((tier for tier in named if _has_long_labels(tier)), named[0])
    if len(tiers) == 1:
        return tiers[0]
    listed = ", ".join(repr(tier.name) for tier in tiers) or "none"
    raise FormatError(
        f"{path}: interval tiers {listed}; expected one called 'words', or a single interval tier; "
        "rename the tier of words"
    )


def _has_long_labels(tier: _Tier) -> bool:
    return any(len(interval.text.strip()) > 1 and spoken(interval.text) for interval in tier.intervals)


def _tiers(text: str, path: Path) -> list[_Tier]:
    """All interval tiers; point tiers are passed over."""
    reader = _Values(text, path)
    if not reader.text().startswith("ooTextFile") or reader.text() != "TextGrid":
        raise FormatError(
            f"{path}: does not begin as a TextGrid; expected the text form of Praat; choose 'Save as text file' there"
        )
    reader.number(), reader.number()  # xmin and xmax of the whole
    tiers = []
    for _ in range(reader.count()):
        kind, name = reader.text(), reader.text()
        reader.number(), reader.number()  # xmin and xmax of the tier
        size = reader.count()
        if kind == "IntervalTier":
            tiers.append(_Tier(name, tuple(reader.interval() for _ in range(size))))
        elif kind == "TextTier":
            for _ in range(size):
                reader.number(), reader.text()
        else:
            raise FormatError(f"{path}: tier {name!r} is of class {kind!r}; expected IntervalTier or TextTier")
    return tiers


class _Values:
    """The free-standing values of a text file of Praat, in order."""

    def __init__(self, text: str, path: Path) -> None:
        self._path = path
        self._values = self._free_standing(text)

    def text(self) -> str:
        value = self._next("a text in double quotes")
        if not isinstance(value, str):
            self._refuse(value, "a text in double quotes")
        return str(value)

    def number(self) -> float:
        value = self._next("a number")
        if not isinstance(value, float):
            self._refuse(value, "a number")
        return float(value)

    def count(self) -> int:
        value = self.number()
        if value < 0 or value != int(value):
            self._refuse(value, "a count")
        return int(value)

    def interval(self) -> Word:
        start, end = self.number(), self.number()
        return Word(self.text(), start, end)

    def _next(self, expected: str) -> str | float:
        found = next(self._values, None)
        if found is None:
            raise FormatError(f"{self._path}: breaks off; expected {expected}; get the whole file")
        self._line, value = found
        return value

    def _refuse(self, value: str | float, expected: str) -> None:
        raise FormatError(
            f"{self._path}: line {self._line} has {value!r}; expected {expected}; save it as a text file from Praat"
        )

    @staticmethod
    def _free_standing(text: str) -> Iterator[tuple[int, str | float]]:
        line, position = 1, 0
        for match in _TOKEN.finditer(text):
            line += text.count("\n", position, match.start())
            position = match.start()
            token = match.group()
            if token.startswith('"') and token.endswith('"') and len(token) > 1:
                yield line, token[1:-1].replace('""', '"')
                continue
            try:
                yield line, float(token)
            except ValueError:
                continue  # a name, a flag, a comment
