"""Subtitles: SubRip (.srt) and WebVTT (.vtt) through pysubs2. Each cue is a stretch of text with times."""

from __future__ import annotations

import html
import re
from pathlib import Path

from mmfeat.errors import FormatError
from mmfeat.formats.text_file import read_text
from mmfeat.formats.timed_words import sayable, transcript_of_cues
from mmfeat.types import Transcript, Word

_NUMBER = "\n\n0\n"  # pysubs2 takes a number that ends a text for that of the next cue, so every cue is given one
_ROLLING = re.compile(r"<\d\d:\d\d:\d\d\.\d{3}><c>")  # word times inside cues: YouTube's automatic captions
_WORD_TIME = re.compile(r"<\d[\d:.]*>")  # pysubs2 would take a line with two of them for a time line
_NOTE = re.compile(r"\[[^\]]*\]|♪[^♪]*♪|[♪♫]+")  # [music], sung text
_ASIDE = re.compile(r"^\s*\([^)]*\)")  # (laughs)
_SPEAKER = re.compile(
    r"""^\s*(?:[-–—]+\s+)?                            # the dash of a dialogue
    (?:>>+\s*(?:[^\W\d_][^:.?!]{0,29}:\s)?           # ">> " and ">> Anna: "
    |(?:[A-Z][A-Z0-9 .,'’_-]{1,29}|[Ss]peaker\ \d+):(?=\s)  # "ANNA: ", "Speaker 1: "
    |:\s)?                                            # what is left of "[Anna]: "
    """,
    re.VERBOSE,
)


def read(path: Path) -> Transcript:
    """Read the cues; WebVTT and SubRip are told apart by content.

    Formatting tags, speaker labels and notes on sounds are taken out, and cues that are then empty are dropped, as are
    the repeated lines of YouTube's rolling captions.

    Raises
    ------
    FormatError
        If a time line is broken, there is no spoken text, or cues overlap.
    """
    import pysubs2
    from pysubs2.formats.subrip import SubripFormat
    from pysubs2.formats.webvtt import WebVTTFormat

    content = read_text(path)
    rolling = bool(_ROLLING.search(content))
    content = _WORD_TIME.sub("", content)
    web = content.lstrip().startswith("WEBVTT")
    _check_time_lines(content, WebVTTFormat.TIMESTAMP if web else SubripFormat.TIMESTAMP, path)
    blocks = _cue_blocks(content) if web else content + _NUMBER
    events = pysubs2.SSAFile.from_string(blocks, format_="vtt" if web else "srt")
    cues = []
    previous: list[str] = []
    for event in events:
        lines = [" ".join(line.split()) for line in html.unescape(event.plaintext).split("\n")]
        fresh = [line for line in lines if not (rolling and line in previous)]
        previous = lines
        if text := " ".join(filter(None, map(_said, fresh))):
            cues.append(Word(text, event.start / 1000, event.end / 1000))
    return transcript_of_cues(cues, path)


def _check_time_lines(content: str, stamp: re.Pattern[str], path: Path) -> None:
    """Refuse what pysubs2 would take for text: a time line that is not well formed."""
    arrows = [(number, line) for number, line in enumerate(content.splitlines(), start=1) if "-->" in line]
    if not arrows:
        raise FormatError(f"{path}: no time line; expected 'start --> end' above each cue; is this a subtitle file?")
    for number, line in arrows:
        if len(stamp.findall(line)) != 2:
            raise FormatError(
                f"{path}: line {number} is {line.strip()!r}; expected 'hh:mm:ss.mmm --> hh:mm:ss.mmm'; mend the line"
            )


def _cue_blocks(content: str) -> str:
    """Keep the time lines and texts of WebVTT: pysubs2 adds NOTE blocks and names of cues to the text before them."""
    blocks = re.split(r"\n\n+", content)
    cues = [block[block.rfind("\n", 0, block.index("-->")) + 1 :] for block in blocks if "-->" in block]
    return "WEBVTT\n\n" + "".join(cue + _NUMBER for cue in cues)


def _said(line: str) -> str:
    """Keep what is said on one line of a cue; a label may stand before an aside or after it."""
    line = _NOTE.sub(" ", line)
    for _ in range(2):
        line = _ASIDE.sub("", _SPEAKER.sub("", line))
    return " ".join(line.split()) if sayable(line) else ""
