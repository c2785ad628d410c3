"""Tables of words: CSV with the columns ``word``, ``start``, ``end`` and, where known, ``score``; times in seconds."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmfeat.errors import FormatError
from mmfeat.formats.text_file import read_text
from mmfeat.formats.timed_words import transcript_of_words
from mmfeat.types import Transcript, Word

COLUMNS = ("word", "start", "end", "score")


def read(path: Path) -> Transcript:
    """Read the words; other columns are passed over, an empty word is a stretch of unknown words.

    Raises
    ------
    FormatError
        If a column is missing, a row is broken, or the words overlap.
    """
    rows = csv.DictReader(io.StringIO(read_text(path)), restkey="")
    columns = [column.strip().lower() for column in rows.fieldnames or ()]
    if not {"word", "start", "end"} <= set(columns):
        raise FormatError(
            f"{path}: the first line has the columns {', '.join(columns)}; expected word, start, end and perhaps "
            "score, separated by commas; add the header"
        )
    rows.fieldnames = columns
    return transcript_of_words([_word(row, rows.line_num, path) for row in rows], path)


def text_of(words: Sequence[Word], path: Path) -> str:
    """Give the table as text, times to the microsecond; the score is empty where there is none."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(COLUMNS)
    for word in words:
        score = "" if word.score is None else round(word.score, 6)
        writer.writerow((word.text, round(word.start, 6), round(word.end, 6), score))
    return output.getvalue()


def _word(row: Mapping[str, str | None], line: int, path: Path) -> Word:
    try:
        text, start, end = row["word"] or "", float(row["start"] or ""), float(row["end"] or "")
        score = float(row["score"] or "") if row.get("score") else None
    except ValueError as error:
        shown = ",".join(str(value) for value in row.values() if value is not None)
        raise FormatError(f"{path}: line {line} is {shown!r}; expected word,start,end in seconds; mend it") from error
    return Word(" ".join(text.split()), start, end, score)
