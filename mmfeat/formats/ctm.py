"""CTM, the time-marked transcript of NIST and Kaldi: ``recording channel start duration word [confidence]``."""

from __future__ import annotations

from pathlib import Path

from mmfeat.errors import FormatError
from mmfeat.formats.text_file import read_text
from mmfeat.formats.timed_words import spoken, transcript_of_words
from mmfeat.types import Transcript, Word


def read(path: Path) -> Transcript:
    """Read the words of one recording: the only one in the file, or the one named as the file is.

    Lines that begin with ``;;`` are comments; ``<eps>``, ``sil`` and their like are pauses.

    Raises
    ------
    FormatError
        If a line is broken, there are several recordings or channels, or the words overlap.
    """
    recordings: dict[str, list[Word]] = {}
    channels: dict[str, set[str]] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip() and not line.startswith(";;"):
            recording, channel, word = _entry(line, number, path)
            channels.setdefault(recording, set()).add(channel)
            words = recordings.setdefault(recording, [])
            if (text := spoken(word.text)) is not None:
                words.append(Word(text, word.start, word.end, word.score))
    recording = _recording(list(recordings), path)
    if len(channels.get(recording, ())) > 1:
        raise FormatError(
            f"{path}: recording {recording!r} has channels {', '.join(sorted(channels[recording]))}; expected one; "
            "keep the lines of one channel"
        )
    return transcript_of_words(recordings.get(recording, []), path)


def _recording(names: list[str], path: Path) -> str:
    if path.stem in names or len(names) <= 1:
        return path.stem if path.stem in names else "".join(names)
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    raise FormatError(
        f"{path}: {len(names)} recordings ({shown}); expected one, or one named {path.stem!r}; "
        "split the file by recording"
    )


def _entry(line: str, number: int, path: Path) -> tuple[str, str, Word]:
    fields = line.split()
    try:
        recording, channel, start, duration, text = fields[:5]
        begin, length = float(start), float(duration)
        score = None if len(fields) < 6 or fields[5].upper() == "NA" else float(fields[5])
    except ValueError as error:
        raise FormatError(
            f"{path}: line {number} is {line.strip()!r}; expected 'recording channel start duration word "
            "[confidence]'; mend the line"
        ) from error
    return recording, channel, Word(text, begin, begin + length, score)
