"""GloVe (Pennington, Socher and Manning, EMNLP 2014) and other word vectors: one per word of the transcript.

The look-up policy is in `keys_of`; docs/glove.md has it with examples. A word that it does not find is zeros with
``observed = False``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmfeat.errors import AlignmentFailed, FormatError, MissingDependency
from mmfeat.extractors._vector_cache import WordVectors, open_vectors
from mmfeat.text_normalisation import spoken_tokens
from mmfeat.types import Frames, Modality, Provenance, Word

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

MODALITY: Modality = "text"
VERSION = "1"

_WHERE = (
    "get glove.840B.300d.zip (or glove.6B.zip, glove.42B.300d.zip, glove.twitter.27B.zip) from the Stanford NLP "
    "GloVe page, https://nlp.stanford.edu/projects/glove/, and give its path (--glove PATH or path=PATH); "
    "pipelines/demo/glove.demo.txt is the small one of the demo corpus"
)
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ′`´＇", "'"))
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))
_CLITIC = re.compile(r"^(.+?)(n't|'(?:s|ll|re|ve|d|m))$", re.IGNORECASE)
_SEPARATOR = re.compile(r"[-/_&+\s]+")
_GROUPED = re.compile(r"^[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$")
_NUMBER = re.compile(r"^[-+]?\d+(?:[.,:]\d+)*$")
_MARKER = re.compile(r"<[^>]*>")  # <unk>, <pad>: a row of the file, but no word that was said


@dataclass(frozen=True)
class Config:
    """Where the vectors are.

    Attributes
    ----------
    path : Path or None
        GloVe text, word2vec text or binary, plain, ``.gz`` or ``.zip``; or gensim's ``.kv``.
    dimension : int or None
        D to insist on; picks the member of a zip that holds several. None takes the file's.
    trust_pickle : bool
        Whether a ``.kv`` may be read: it is a pickle, and can run any code.
    cache : Path or None
        Folder for the memory-mapped copy. None: beside the file, or ``~/.cache/mmfeat`` if that is not writable.
    """

    path: Path | None = None
    dimension: int | None = None
    trust_pickle: bool = False
    cache: Path | None = None


class Glove:
    """Word vectors looked up in a `KeyedVectors` of gensim whose matrix is mapped from disk."""

    name = "glove"
    modality: Modality = MODALITY
    frame_shift = None

    def __init__(self, vectors: KeyedVectors, source: Provenance) -> None:
        self.source = source
        self.names = tuple(f"glove_{index:03d}" for index in range(vectors.vector_size))
        self._vectors = vectors
        self._rows: dict[str, list[int]] = {}  # text -> rows to average

    def __call__(self, signal: Sequence[Word]) -> Frames:
        """Look words up.

        Parameters
        ----------
        signal : sequence of Word
            W words in order.

        Returns
        -------
        Frames
            ``values`` (W, D), ``times`` (W,) the middles of the words and ``intervals`` (W, 2) their spans, in s;
            ``observed`` (W,) is False, and the values zeros, for unknown words and for empty text.
        """
        values = np.zeros((len(signal), len(self.names)), dtype=np.float32)
        observed = np.zeros(len(signal), dtype=bool)
        for index, word in enumerate(signal):
            if rows := self._rows_of(word.text):
                values[index] = self._vectors.vectors[rows].mean(axis=0)
                observed[index] = True
        intervals = np.array([(word.start, word.end) for word in signal], dtype=np.float64).reshape(-1, 2)
        return Frames(values, intervals.mean(axis=1), observed, self.names, self.source, intervals=intervals)

    def _rows_of(self, text: str) -> list[int]:
        if text not in self._rows:
            self._rows[text] = [self._vectors.get_index(key) for key in keys_of(text, self._vectors.has_index_for)]
        return self._rows[text]


def build(config: Config) -> Glove:
    """Open the vectors, making the cache on first use.

    Raises
    ------
    MissingDependency
        If there is no such file; says where to get one.
    FormatError, ConfigError, OutputError
        If the file is broken or of another dimension, is a pickle that is not trusted, or its cache cannot be written.
    """
    if config.path is None or not config.path.exists():
        shown = "no path given" if config.path is None else f"{config.path} does not exist"
        raise MissingDependency(f"glove: {shown}; expected a file of word vectors; {_WHERE}")
    try:
        config.path.open("rb").close()
    except OSError as error:
        raise FormatError(f"{config.path}: {error.strerror}; expected a file of word vectors; {_WHERE}") from error
    vectors = open_vectors(config.path, config.dimension, config.trust_pickle, config.cache)
    settings = {"path": config.path.name, "dimension": int(vectors.matrix.shape[1])}
    return Glove(_keyed(vectors), Provenance("glove", VERSION, settings, vectors.sources))


def _keyed(vectors: WordVectors) -> KeyedVectors:
    """Put the mapped matrix into gensim's `KeyedVectors`; its own constructor would copy it into memory."""
    from gensim.models import KeyedVectors

    keyed = KeyedVectors(vectors.matrix.shape[1])
    keyed.index_to_key = vectors.words
    keyed.key_to_index = {word: row for row, word in enumerate(vectors.words)}
    keyed.vectors = vectors.matrix
    keyed.next_index = len(vectors.words)
    return keyed


def keys_of(text: str, known: Callable[[str], bool]) -> tuple[str, ...]:
    """Find the keys whose vectors stand for a word; their mean is its vector.

    In this order, the first that is known: the text itself; lower case; both with straight apostrophes and dashes; with
    attached punctuation off, the fewest characters first; capitalised or upper case (for cased vectors); a number
    without thousands separators, then masked (``##`` as in word2vec's Google News, ``<number>`` as in GloVe Twitter),
    then in words; a clitic split off as GloVe's tokenizer does (don't: do + n't); the known parts of a compound
    (well-known, and/or).

    Parameters
    ----------
    text : str
        One word of a transcript.
    known : callable
        Whether there is a vector for a key.

    Returns
    -------
    tuple of str
        One key, several for clitics and compounds, none for a word that is not known.
    """
    if _MARKER.fullmatch(text):
        return ()
    plain = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).translate(_DASHES).strip()
    for candidate in _spellings(text, plain):
        if candidate and known(candidate):
            return (candidate,)
    bare = _bare(plain)
    return _number_keys(bare, known) or _clitic_keys(bare, known) or _compound_keys(bare, known)


def _spellings(text: str, plain: str) -> Iterator[str]:
    """All ways to spell the whole word, best first."""
    yield from (text, text.lower(), plain, plain.lower())
    stripped = list(_with_less_punctuation(plain))
    for part in stripped:
        yield from (part, part.lower())
    for part in (plain, *stripped):
        yield from (part.lower().capitalize(), part.upper())


def _with_less_punctuation(text: str) -> Iterator[str]:
    """Take characters that are no letters or digits off both ends, the fewest first: "U.S.," is tried as U.S. too."""
    bare = _bare(text)
    if not bare:
        return
    before = text.index(bare)
    after = len(text) - before - len(bare)
    cuts = sorted(
        ((left, right) for left in range(before + 1) for right in range(after + 1) if left or right),
        key=lambda cut: (sum(cut), cut),
    )
    for left, right in cuts[:50]:  # a row of dots could be of any length
        yield text[left : len(text) - right]
    yield bare


def _bare(text: str) -> str:
    return re.sub(r"^[\W_]+|[\W_]+$", "", text)


def _number_keys(bare: str, known: Callable[[str], bool]) -> tuple[str, ...]:
    if not re.search(r"\d", bare) or _SEPARATOR.search(bare):
        return ()
    joined = bare.replace(",", "") if _GROUPED.match(bare) else bare
    candidates = [joined]
    if _NUMBER.match(bare):
        candidates += [re.sub(r"\d", "#", joined), re.sub(r"\d", "#", bare), "<number>"]
    found = next(((candidate,) for candidate in candidates if known(candidate)), ())
    return found or _said_number(bare, known)


def _said_number(bare: str, known: Callable[[str], bool]) -> tuple[str, ...]:
    """Give the words by which a number is said; none unless all of them are known."""
    try:
        tokens = spoken_tokens(bare)
    except AlignmentFailed:  # digits of another script
        return ()
    words = tuple(word.lower() for token in tokens for word in token.readings[0])
    return words if all(map(known, words)) else ()


def _clitic_keys(bare: str, known: Callable[[str], bool]) -> tuple[str, ...]:
    """Split a clitic off. Without its own vector an 's or 'll is left out, but n't is never: it turns the meaning."""
    match = _CLITIC.match(bare)
    if match is None:
        return ()
    stem, clitic = match.group(1), match.group(2).lower()
    if clitic != "n't":
        keys = keys_of(stem, known)
        return (*keys, clitic) if keys and known(clitic) else keys
    written_together = f"{stem}nt".lower()
    if not known("n't") and known(written_together):
        return (written_together,)
    negation = next((key for key in ("n't", "not") if known(key)), None)
    keys = keys_of(stem, known) or keys_of(_WHOLE_STEMS.get(stem.lower(), ""), known)
    return (*keys, negation) if keys and negation else ()


_WHOLE_STEMS = {"ca": "can", "wo": "will", "sha": "shall"}  # where the vectors lack the tokenizer's halves


def _compound_keys(bare: str, known: Callable[[str], bool]) -> tuple[str, ...]:
    parts = [part for part in _SEPARATOR.split(bare) if part]
    return tuple(key for part in parts for key in keys_of(part, known)) if len(parts) > 1 else ()
