"""One door to all formats of transcripts: the file name's extension says which, the content is then checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mmfeat.errors import FormatError, OutputError
from mmfeat.formats import ctm, grid_align, plain_text, subtitles, textgrid, whisper_json, words_csv
from mmfeat.safe_write import replacing
from mmfeat.types import Transcript, Word

_READERS: dict[str, Callable[[Path], Transcript]] = {
    ".txt": plain_text.read,
    ".textgrid": textgrid.read,
    ".ctm": ctm.read,
    ".srt": subtitles.read,
    ".vtt": subtitles.read,
    ".json": whisper_json.read,
    ".align": grid_align.read,
    ".csv": words_csv.read,
}
_WRITERS: dict[str, Callable[[Sequence[Word], Path], str]] = {
    ".csv": words_csv.text_of,
    ".textgrid": textgrid.text_of,
    ".json": whisper_json.text_of,
}

# In order of preference where a clip has several: times of words, times of cues, text alone. Read in any case.
EXTENSIONS = (".TextGrid", ".ctm", ".align", ".csv", ".json", ".srt", ".vtt", ".txt")


def read_transcript(path: Path) -> Transcript:
    """Read a transcript file: text alone, words with times, or cues.

    Parameters
    ----------
    path : Path
        ``.txt``, ``.TextGrid``, ``.ctm``, ``.srt``, ``.vtt``, ``.json``, ``.align`` or ``.csv``, in any case.

    Returns
    -------
    Transcript
        ``words`` or ``cues`` (never both) in order of time, in s; both empty for plain text.

    Raises
    ------
    FormatError
        If the extension is another one, or the file is missing, empty, broken, in another encoding, or has impossible
        or overlapping times.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise FormatError(
            f"{path}: the extension {path.suffix!r} is not of a transcript; expected one of {', '.join(EXTENSIONS)}; "
            "rename or convert the file"
        )
    return reader(path)


def write_words(words: Sequence[Word], path: Path) -> None:
    """Write words with times as ``.csv``, ``.TextGrid`` or ``.json``, beside the name and then renamed.

    The scores are in the CSV (``word,start,end,score``) and the JSON (a list of objects with these keys); a TextGrid,
    tier ``words``, has no place for them. Times are in seconds, to the microsecond. `read_transcript` reads each back.

    Raises
    ------
    OutputError
        If the extension is another one, or the file cannot be written.
    """
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise OutputError(
            f"{path}: words cannot be written as {path.suffix!r}; expected .csv, .TextGrid or .json; name it so"
        )
    text = writer(words, path)
    with replacing(path) as beside:
        beside.write_bytes(text.encode())
