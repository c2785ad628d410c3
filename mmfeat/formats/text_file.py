"""Text files as every reader of this package takes them."""

from __future__ import annotations

import codecs
from pathlib import Path

from mmfeat.errors import FormatError

_BYTE_ORDER_MARKS = (  # the mark is the only safe sign of UTF-16, which Praat writes for anything but ASCII
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path) -> str:
    r"""Read a whole text file, in UTF-8 or in UTF-16 with a byte order mark, with ``\n`` as the only line end.

    Raises
    ------
    FormatError
        If the file is missing, unreadable, empty, blank, not text, or in another encoding.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise FormatError(f"{path}: no such file; expected a transcript; check the path") from error
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror}); expected a readable file") from error
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise FormatError(
            f"{path}: byte {error.start} (line {line}) is not {encoding.upper()}; expected UTF-8, or UTF-16 with a "
            "byte order mark; save the file as UTF-8"
        ) from error
    if "\0" in text:
        raise FormatError(f"{path}: holds zero bytes; expected a text file; save it as UTF-8 text")
    if not text.strip():
        raise FormatError(f"{path}: is empty; expected a transcript; fill it or leave it out")
    return text.replace("\r\n", "\n").replace("\r", "\n")
