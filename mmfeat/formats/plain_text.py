"""A transcript as plain text, without times."""

from __future__ import annotations

import re
from pathlib import Path

from mmfeat.errors import FormatError
from mmfeat.formats.text_file import read_text
from mmfeat.types import Transcript

_OTHERS = (  # a file of times under the wrong name would be aligned as if someone had read it aloud
    (re.compile(r'\s*File type = "oo'), ".TextGrid"),
    (re.compile(r"\s*WEBVTT\b"), ".vtt"),
    (re.compile(r"\s*(\d+\s*\n)?\d+:\d\d:\d\d[.,]\d+ *-->"), ".srt"),
    (re.compile(r'\s*(\{\s*"|\[\s*\{)'), ".json"),
    (re.compile(r"\s*word *, *start *, *end\b", re.IGNORECASE), ".csv"),
)


def read(path: Path) -> Transcript:
    """Read the text, white space collapsed.

    Raises
    ------
    FormatError
        If the file is empty, not text, or plainly of another format.
    """
    text = read_text(path)
    for pattern, extension in _OTHERS:
        if pattern.match(text):
            raise FormatError(f"{path}: looks like a {extension} file; expected plain text; rename it to {extension}")
    return Transcript(" ".join(text.split()))
