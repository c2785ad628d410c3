"""The ``.align`` files of the GRID corpus: ``start end word`` in units of 1/25000 s."""

from __future__ import annotations

from pathlib import Path

from mmfeat.errors import FormatError
from mmfeat.formats.text_file import read_text
from mmfeat.formats.timed_words import spoken, transcript_of_words
from mmfeat.types import Transcript, Word

UNITS_PER_SECOND = 25_000  # a thousandth of a frame of the 25 fps video
_SHORTEST, _LONGEST = 0.2, 60.0  # s; a GRID clip has 3


def read(path: Path) -> Transcript:
    """Read the words; ``sil`` and ``sp`` are pauses.

    Raises
    ------
    FormatError
        If a line is broken, the words overlap, or the length shows that the unit is another one.
    """
    entries = [
        _entry(line, number, path) for number, line in enumerate(read_text(path).splitlines(), start=1) if line.strip()
    ]
    length = max(entry.end for entry in entries)
    if not _SHORTEST <= length <= _LONGEST:
        raise FormatError(
            f"{path}: the last time is {length:.6g} s in units of 1/25000 s; expected {_SHORTEST:g} to {_LONGEST:g} s "
            "(a GRID clip has 3); give times in seconds as .csv or .ctm"
        )
    words = [Word(text, entry.start, entry.end) for entry in entries if (text := spoken(entry.text)) is not None]
    return transcript_of_words(words, path)


def _entry(line: str, number: int, path: Path) -> Word:
    try:
        start, end, text = line.split()
        return Word(text, float(start) / UNITS_PER_SECOND, float(end) / UNITS_PER_SECOND)
    except ValueError as error:
        raise FormatError(
            f"{path}: line {number} is {line.strip()!r}; expected 'start end word' in units of 1/25000 s; mend the line"
        ) from error
