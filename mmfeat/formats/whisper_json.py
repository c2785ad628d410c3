"""JSON of the Whisper kind: openai-whisper, faster-whisper, whisperX, whisper.cpp, Hugging Face, or a list of words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmfeat.errors import FormatError
from mmfeat.formats.text_file import read_text
from mmfeat.formats.timed_words import spoken, transcript_of_cues, transcript_of_labels, transcript_of_words
from mmfeat.types import Seconds, Transcript, Word

_Item = Mapping[str, Any]

_TICK: Seconds = 0.01  # given to a word of length zero: one frame of the aligner
_EXPECTED = "expected 'segments' with 'words' {word, start, end}, or a list of such words; see docs/transcripts.md"


def read(path: Path) -> Transcript:
    """Read words with times, or segments as cues.

    Understood are ``segments[].words[]``, a ``words`` or ``word_segments`` list, ``segments``, ``chunks`` or
    ``transcription`` (whisper.cpp) alone, and a plain list of words or segments. Text is under ``word`` or ``text``,
    times are under ``start`` and ``end``, ``timestamp`` or ``offsets`` (ms), the score is under ``probability``,
    ``score`` or ``confidence``. Where a word has no times (whisperX cannot place digits) or a segment has no words,
    all segments become cues, to be aligned. A word of length zero, which Whisper writes at times, gets up to 10 ms.

    Raises
    ------
    FormatError
        If it is not JSON, not of this kind, or a time is impossible.
    """
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise FormatError(f"{path}: line {error.lineno}: {error.msg}; expected JSON; export the file again") from error
    except (RecursionError, ValueError):  # nested as no transcript is, or a number of thousands of digits
        raise FormatError(
            f"{path}: no JSON that can be read; expected words or segments; export the file again"
        ) from None
    if isinstance(content, list) and content and all(isinstance(item, dict) and "word" in item for item in content):
        return transcript_of_words([_word(item, path) for item in content], path)  # ours: nothing is left out
    segments = _heard(_items(content, "segments", "chunks", "transcription"))
    words = _heard(_items(content, "word_segments", "words")) or _words_of(segments)
    if words and all(_is_timed(item) for item in words):
        return transcript_of_words(_with_lengths([_word(item, path) for item in words]), path)
    if not segments:
        raise FormatError(f"{path}: no words with times and no segments; {_EXPECTED}")
    make = transcript_of_labels if isinstance(content, dict) and "chunks" in content else transcript_of_cues
    return make([_word(item, path) for item in segments], path)


def text_of(words: Sequence[Word], path: Path) -> str:
    """Give a list of ``{word, start, end, score}`` as text, one word per line, times to the microsecond."""
    lines = (
        json.dumps(
            {
                "word": word.text,
                "start": round(word.start, 6),
                "end": round(word.end, 6),
                "score": None if word.score is None else round(word.score, 6),
            },
            ensure_ascii=False,
        )
        for word in words
    )
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _items(content: Any, *keys: str) -> list[_Item]:
    """Find the first list of objects under one of the keys; a bare list counts as the segments."""
    found = content if isinstance(content, list) and "segments" in keys else None
    if isinstance(content, dict):
        found = next((content[key] for key in keys if content.get(key)), None)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _heard(items: Sequence[_Item]) -> list[_Item]:
    """Leave out [Music], [BLANK_AUDIO] and what has no text."""
    return [item for item in items if spoken(_text(item))]


def _words_of(segments: Sequence[_Item]) -> list[_Item]:
    """Collect the words of all segments; none at all where one has no words."""
    lists = [_heard(_items(segment, "words")) for segment in segments]
    return [word for words in lists for word in words] if all(lists) else []


def _text(item: _Item) -> str:
    return " ".join(str(item.get("word", item.get("text", ""))).split())


def _times(item: _Item) -> tuple[Any, ...]:
    """Start and end as they stand; None where there is none."""
    if isinstance(stamp := item.get("timestamp"), list) and len(stamp) == 2:
        return stamp[0], stamp[1]
    if isinstance(offsets := item.get("offsets"), dict):
        stamps = [offsets.get("from"), offsets.get("to")]
        return tuple(value / 1000 if isinstance(value, int | float) else None for value in stamps)
    return item.get("start"), item.get("end")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_timed(item: _Item) -> bool:
    return all(map(_is_number, _times(item)))


def _word(item: _Item, path: Path) -> Word:
    start, end = _times(item)
    if not (_is_number(start) and _is_number(end)):
        raise FormatError(f"{path}: {_text(item)!r} has start {start!r} and end {end!r}; {_EXPECTED}")
    score = next((item[key] for key in ("probability", "score", "confidence") if _is_number(item.get(key))), None)
    return Word(_text(item), float(start), float(end), None if score is None else float(score))


def _with_lengths(words: list[Word]) -> list[Word]:
    """Give words of length zero up to 10 ms: from the gap after them, else from the end of the word before."""
    for index, word in enumerate(words):
        if word.start != word.end:
            continue
        limit = words[index + 1].start if index + 1 < len(words) else float("inf")
        if limit > word.start:
            words[index] = replace(word, end=min(word.start + _TICK, limit))
        elif index and words[index - 1].start < word.start:
            before = words[index - 1]
            start = max(word.start - _TICK, (before.start + word.start) / 2)
            words[index - 1] = replace(before, end=min(before.end, start))
            words[index] = replace(word, start=start)
    return words
