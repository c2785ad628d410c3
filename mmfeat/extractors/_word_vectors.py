"""Files of word vectors, read block by block: GloVe text, word2vec text and binary, plain, zipped or gzipped.

Blocks of lines go through pandas' C parser: on 400,000 x 300 numbers that is several times faster than
``numpy.fromstring`` and gives the same bits. A line that does not fit is then looked at alone, because some tokens of
GloVe 840B hold spaces (``. . .``).
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import re
import statistics
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from mmfeat.errors import ConfigError, FormatError
from mmfeat.types import FloatArray, batched_rows

Block = tuple[list[str], FloatArray]  # words, (n, D) float32

_BLOCK = 1 << 22  # bytes; about 2,000 lines of 300 numbers
_LONGEST_LINE = 1 << 20  # bytes


def read_blocks(path: Path, dimension: int | None, trust_pickle: bool) -> Iterator[Block]:
    """Read the words and vectors of a file in order, told by content what it is.

    Parameters
    ----------
    path : Path
        GloVe text (``word n1 ... nD`` per line), word2vec text or binary, each plain, ``.gz`` or in a ``.zip``; or a
        ``KeyedVectors`` of gensim (``.kv``), which is a pickle.
    dimension : int or None
        The D that is wanted; also says which member of a zip. None takes what is there.
    trust_pickle : bool
        Whether a pickle may be read: it can run any code.

    Yields
    ------
    words : list of str
        Bytes that are not UTF-8 become the replacement character.
    values : FloatArray, shape (n, D)
        float32.

    Raises
    ------
    ConfigError
        If the file is a pickle that is not trusted.
    FormatError
        If it is broken, naming the line and what it holds, or D is not ``dimension``.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:1] == b"\x80":
        yield from _read_pickle(path, dimension, trust_pickle)
        return
    try:
        with contextlib.ExitStack() as stack:
            yield from _read_stream(_opened(path, magic, dimension, stack), path, dimension)
    except (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise FormatError(f"{path}: the archive is broken ({error}); expected a whole file; get it again") from error


def zip_member(path: Path, dimension: int | None) -> str | None:
    """Name the member of a zip that holds the vectors, by its dimension where there are several; None for other files.

    Raises
    ------
    FormatError
        If no member or more than one is meant.
    """
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        names = [
            name
            for name in archive.namelist()
            if name.lower().endswith((".txt", ".vec", ".bin")) and not name.startswith("__MACOSX")
        ]
    meant = names
    if len(names) > 1 and dimension is not None:
        meant = [name for name in names if re.search(rf"(?<!\d){dimension}d?(?!\d)", name)]
    if len(meant) != 1:
        raise FormatError(
            f"{path}: holds {', '.join(names) or 'no .txt, .vec or .bin'}; expected one file of "
            f"{'' if dimension is None else f'{dimension}-d '}vectors; set dimension, or unpack the one that is meant"
        )
    return meant[0]


def _opened(path: Path, magic: bytes, dimension: int | None, stack: contextlib.ExitStack) -> io.BufferedReader:
    raw: Any
    if magic.startswith(b"PK"):
        archive = stack.enter_context(zipfile.ZipFile(path))
        raw = stack.enter_context(archive.open(zip_member(path, dimension) or ""))
    elif magic.startswith(b"\x1f\x8b"):
        raw = stack.enter_context(gzip.open(path))
    else:
        raw = stack.enter_context(path.open("rb", buffering=0))
    return stack.enter_context(io.BufferedReader(raw, 1 << 20))


def _read_stream(stream: io.BufferedReader, path: Path, dimension: int | None) -> Iterator[Block]:
    first = stream.readline(_LONGEST_LINE)
    header = first.split()
    if len(header) == 2 and all(field.isdigit() for field in header):
        count, found = int(header[0]), int(header[1])
        _check_dimension(found, dimension, path)
        rows = (
            _binary_blocks(stream, count, found, path)
            if _is_binary(stream)
            else _text_blocks(stream, [], found, path, 2)
        )
        yield from _counted(rows, count, path)
        return
    lines = [first, *itertools.islice(stream, 100)]
    found = statistics.mode(len(line.split()) - 1 for line in lines if line.strip()) if first.strip() else 0
    if found < 1:
        raise FormatError(f"{path}: line 1 is {_shown(first)}; expected a word and its numbers; give a file of vectors")
    _check_dimension(found, dimension, path)
    yield from _text_blocks(stream, lines, found, path, 1)


def _check_dimension(found: int, wanted: int | None, path: Path) -> None:
    if found < 1 or wanted not in (None, found):
        raise FormatError(
            f"{path}: vectors of {found} numbers; expected dimension {wanted or 'at least 1'}; "
            f"set dimension={found} or give another file"
        )


def _is_binary(stream: io.BufferedReader) -> bool:
    """Whether what follows the header is no UTF-8 text; the four bytes of a number hardly ever are."""
    try:
        start = codecs.getincrementaldecoder("utf-8")().decode(stream.peek(1)[:4000])  # a character may be cut in two
    except UnicodeDecodeError:
        return True
    return any(character < " " and character not in "\t\r\n" for character in start)


def _counted(blocks: Iterator[Block], count: int, path: Path) -> Iterator[Block]:
    rows = 0
    for words, values in blocks:
        rows += len(words)
        yield words, values
    if rows != count:
        raise FormatError(f"{path}: {rows} vectors; expected {count}, as its first line says; get the whole file")


def _text_blocks(stream: IO[bytes], lines: list[bytes], dimension: int, path: Path, number: int) -> Iterator[Block]:
    """Go through a text file; ``lines`` were read before, the first of them is line ``number``."""
    while lines := lines or stream.readlines(_BLOCK):
        stripped = [line.rstrip() for line in lines]
        full = [line for line in stripped if line]
        if full:
            yield _parsed_at_once(full, dimension) or _parsed_one_by_one(stripped, dimension, path, number)
        number += len(lines)
        lines = []


def _parsed_at_once(lines: Sequence[bytes], dimension: int) -> Block | None:
    """Parse lines that all are a word without spaces and D numbers; None where one is not."""
    import pandas as pd

    if any(line.count(b" ") != dimension or line.startswith(b" ") for line in lines):
        return None
    cut = [line.split(b" ", 1) for line in lines]
    table = io.BytesIO(b"\n".join(numbers for _, numbers in cut))
    try:
        values = pd.read_csv(
            table,
            sep=" ",
            header=None,
            dtype=np.float32,
            engine="c",
            na_filter=False,
            low_memory=False,
            quoting=csv.QUOTE_NONE,
        ).to_numpy()
    except ValueError:  # of which pandas' ParserError is one
        return None
    if values.shape != (len(lines), dimension) or not np.isfinite(values).all():
        return None
    return [_decoded(word) for word, _ in cut], values


def _parsed_one_by_one(lines: Sequence[bytes], dimension: int, path: Path, number: int) -> Block:
    words, rows = [], []
    for offset, line in enumerate(lines):
        if line:
            word, row = _parsed_line(line, dimension, path, number + offset)
            words.append(word)
            rows.append(row)
    return words, np.stack(rows)


def _parsed_line(line: bytes, dimension: int, path: Path, number: int) -> tuple[str, FloatArray]:
    """Parse one line from its end, for the word may hold spaces; numbers in the word mean a line too long."""
    fields = line.rsplit(None, dimension)
    try:
        row = np.array([float(field) for field in fields[1:]], dtype=np.float32)
        fits = len(fields) == dimension + 1 and bool(np.isfinite(row).all())
    except ValueError:
        fits = False
    if not fits or any(map(_is_number, fields[0].split()[1:])):
        raise FormatError(
            f"{path}: line {number} is {_shown(line)}, {len(line.split())} fields; expected a word and {dimension} "
            "finite numbers; get the file again or mend the line"
        )
    return _decoded(fields[0]), row


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _binary_blocks(stream: IO[bytes], count: int, dimension: int, path: Path) -> Iterator[Block]:
    """Go through word2vec's binary form: a word, a space, D little-endian float32; some writers add a line end."""
    size = 4 * dimension
    rest = b""
    while chunk := stream.read(_BLOCK):
        rest += chunk
        words, rows, position = [], [], 0
        while (space := rest.find(b" ", position)) >= 0 and space + 1 + size <= len(rest):
            words.append(_decoded(rest[position:space].lstrip(b"\n")))
            rows.append(rest[space + 1 : space + 1 + size])
            position = space + 1 + size
        rest = rest[position:]
        if words:
            values = np.frombuffer(b"".join(rows), dtype="<f4").reshape(-1, dimension)
            if not np.isfinite(values).all():
                worst = words[int(np.argmin(np.isfinite(values).all(axis=1)))]
                raise FormatError(
                    f"{path}: the vector of {worst!r} is not finite; expected numbers; get the file again"
                )
            yield words, values
    if rest.strip(b"\n"):
        raise FormatError(f"{path}: breaks off within a vector; expected {count} vectors of {dimension}; get it again")


def _read_pickle(path: Path, dimension: int | None, trust_pickle: bool) -> Iterator[Block]:
    if not trust_pickle:
        raise ConfigError(
            f"{path} is a pickle, which can run any code when read; expected GloVe or word2vec vectors, or "
            "trust_pickle=true; set it only for a file that you made yourself"
        )
    from gensim.models import KeyedVectors

    try:
        vectors = KeyedVectors.load(str(path), mmap="r")
    except Exception as error:  # noqa: BLE001  unpickling another program's objects can fail in any way
        raise FormatError(f"{path}: gensim cannot load it ({error}); expected a KeyedVectors; save it again") from error
    vectors = getattr(vectors, "wv", vectors)  # a whole Word2Vec model holds them
    if not isinstance(vectors, KeyedVectors):
        raise FormatError(f"{path}: holds a {type(vectors).__name__}; expected a KeyedVectors; save that")
    _check_dimension(int(vectors.vector_size), dimension, path)
    for rows in batched_rows(len(vectors), 2000):
        yield vectors.index_to_key[rows], np.asarray(vectors.vectors[rows], dtype=np.float32)


def _decoded(word: bytes) -> str:
    return word.decode("utf-8", errors="replace")


def _shown(line: bytes) -> str:
    text = _decoded(line.strip())
    return repr(text if len(text) <= 60 else text[:57] + "...")
