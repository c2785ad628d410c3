"""How an English word that no dictionary has may be pronounced.

First by what is known of its parts (``dashwoods`` from ``dashwood``, ``podcast`` from ``pod`` and ``cast``), else
letter by letter, from rules that are counted from the pronouncing dictionary when they are first needed (a second).

The rules: letters and phones of the dictionary's words are aligned (each letter says none, one or two phones; the
probabilities come from a few rounds of expectation maximisation with the best alignment only), and each letter then
says what it said most often in the widest context, up to four letters to either side, that was seen before. The idea of
falling back from wide contexts to narrow ones is that of Daelemans and van den Bosch (IGTree, 1997).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]
Phones = tuple[str, ...]

_LETTERS = 27  # a to z are 1 to 26, 0 is the edge of the word
# Contexts (letters before, letters after) from wide to narrow.
_CONTEXTS = ((4, 4), (3, 3), (2, 3), (2, 2), (1, 2), (1, 1), (0, 0))
_LONGEST = 14  # letters; longer words say nothing new
_LONGEST_COMPOUND = 70  # letters; two of the dictionary's longest words have fewer
_ROUNDS = 3
_SAMPLE = 12_000  # words from which the alignment is learnt
_VOICELESS = frozenset(("P", "T", "K", "F", "TH"))
_SIBILANT = frozenset(("S", "Z", "SH", "ZH", "CH", "JH"))
_CLITICS = {"'ll": "AH L", "'ve": "AH V", "'re": "ER", "'d": "D", "'m": "AH M", "n't": "AH N T"}


class Pronouncer:
    """Guesses pronunciations.

    Parameters
    ----------
    lookup : callable
        Word to phones separated by spaces, None where it is unknown.
    dictionary : Path
        A pronouncing dictionary as CMU's: a word and its phones per line.
    """

    def __init__(self, lookup: Callable[[str], str | None], dictionary: Path) -> None:
        self._lookup = lookup
        self._dictionary = dictionary

    def __call__(self, word: str) -> tuple[Phones, ...]:
        """Pronounce one word.

        Parameters
        ----------
        word : str
            Small letters a to z, apostrophes and hyphens.

        Returns
        -------
        tuple of tuples of str
            One or more pronunciations in the phones of the dictionary, the likeliest first; never empty.
        """
        guesses = [*self._inflected(word), *self._compound(word)]
        if not guesses or not self._is_known_stem(word):
            letters = re.sub("[^a-z]", "", word)
            spelled = letter_rules(self._dictionary).phones(letters)
            guesses.append(spelled or ("AH",))
        return tuple(dict.fromkeys(guesses))

    def _known(self, word: str) -> Phones | None:
        found = self._lookup(word) if word else None
        return tuple(found.split()) if found else None

    def _is_known_stem(self, word: str) -> bool:
        """Whether the word is a known one with an apostrophe, so that there is nothing to guess."""
        stem = word.partition("'")[0] if "n't" not in word else word.partition("n't")[0]
        return stem != word and self._known(stem) is not None

    def _inflected(self, word: str) -> list[Phones]:
        """A known word, or a guessed one before an apostrophe, with a regular ending."""
        for clitic, phones in _CLITICS.items():
            if word.endswith(clitic) and len(word) > len(clitic):
                return [(*stem, *phones.split()) for stem in self._stems(word.removesuffix(clitic))]
        if word.endswith(("'s", "s'")):
            return [_plural(stem) for stem in self._stems(re.sub("'?s?'?$", "", word))]
        endings: tuple[tuple[str, tuple[str, ...], Callable[[Phones], Phones]], ...] = (
            ("ies", ("y",), _plural),
            ("es", ("", "e"), _plural),
            ("s", ("",), _plural),
            ("ed", ("", "e"), _past),
            ("ing", ("", "e"), lambda stem: (*stem, "IH", "NG")),
            ("ly", ("",), lambda stem: (*stem, "L", "IY")),
        )
        for ending, replacements, inflect in endings:
            stem = word.removesuffix(ending)
            if stem == word or len(stem) < 3:
                continue
            undoubled = (stem[:-1],) if stem[-1] == stem[-2] and ending in ("ed", "ing") else ()
            for candidate in (*(stem + tail for tail in replacements), *undoubled):
                known = self._known(candidate)
                if known:
                    return [inflect(known)]
        return []

    def _stems(self, stem: str) -> tuple[Phones, ...]:
        known = self._known(stem)
        return (known,) if known else self(stem) if stem else ()

    def _compound(self, word: str) -> list[Phones]:
        """Two known words, each of three letters or more; the most even split."""
        if len(word) > _LONGEST_COMPOUND:
            return []
        splits = sorted(range(3, len(word) - 2), key=lambda at: abs(2 * at - len(word)))
        for at in splits:
            head, tail = self._known(word[:at]), self._known(word[at:])
            if head and tail:
                return [(*head, *tail)]
        return []


def _plural(stem: Phones) -> Phones:
    if stem[-1] in _SIBILANT:
        return (*stem, "IH", "Z")
    return (*stem, "S" if stem[-1] in _VOICELESS else "Z")


def _past(stem: Phones) -> Phones:
    if stem[-1] in ("T", "D"):
        return (*stem, "IH", "D")
    return (*stem, "T" if stem[-1] in _VOICELESS | _SIBILANT - {"Z", "ZH", "JH"} else "D")


class LetterRules:
    """What each letter says in which context, counted from a dictionary."""

    def __init__(self, words: list[str], phones: list[Phones]) -> None:
        alphabet = sorted({phone for entry in phones for phone in entry})
        letters = _letters(words)
        spoken = _padded(phones, {phone: code for code, phone in enumerate(alphabet, start=1)})
        said = _align(letters, spoken)
        self._base = len(alphabet) + 1
        self._alphabet = alphabet
        real = letters > 0
        self._tables = []
        for before, after in _CONTEXTS:
            keys = _contexts(letters, before, after)[real]
            self._tables.append(_most_frequent(keys, said[real]))

    def phones(self, word: str) -> Phones:
        """Pronounce a word of the letters a to z."""
        if not word:
            return ()
        letters = _letters([word])
        found = np.full(len(word), -1, dtype=np.int64)
        for (before, after), (keys, values) in zip(_CONTEXTS, self._tables, strict=True):
            wanted = _contexts(letters, before, after)[0]
            places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            fresh = (found < 0) & (keys[places] == wanted)
            found[fresh] = values[places[fresh]]
        phones: list[str] = []
        for chunk in found:
            codes = (chunk // self._base, chunk % self._base)
            phones += [self._alphabet[code - 1] for code in codes if code > 0]
        return tuple(phones)


@functools.cache
def letter_rules(dictionary: Path) -> LetterRules:
    """Count the rules from a dictionary file; once per process."""
    words, phones = [], []
    with dictionary.open(encoding="utf-8") as lines:
        for line in lines:
            word, _, said = line.strip().partition(" ")
            if word.isascii() and word.isalpha() and 1 < len(word) <= _LONGEST:
                words.append(word)
                phones.append(tuple(said.split()))
    return LetterRules(words, phones)


def _letters(words: Sequence[str]) -> Codes:
    """Rows of letter codes, padded with 0."""
    text = np.array(words, dtype=np.bytes_)
    rows = text.view(np.uint8).reshape(len(words), -1).astype(np.int64)
    return np.where(rows > 0, rows - (ord("a") - 1), 0)


def _padded(phones: Sequence[Phones], codes: dict[str, int]) -> Codes:
    """Rows of phone codes, padded with 0."""
    counts = np.array([len(entry) for entry in phones])
    rows = np.zeros((len(phones), counts.max()), dtype=np.int64)
    rows[np.arange(rows.shape[1]) < counts[:, None]] = [codes[phone] for entry in phones for phone in entry]
    return rows


def _contexts(letters: Codes, before: int, after: int) -> Codes:
    """One number per letter that says which letters stand around it."""
    width = letters.shape[1]
    padded = np.pad(letters, ((0, 0), (before, after)))
    keys = np.zeros_like(letters)
    for offset in range(before + after + 1):
        keys = keys * _LETTERS + padded[:, offset : offset + width]
    return keys


def _most_frequent(keys: Codes, values: Codes) -> tuple[Codes, Codes]:
    """Distinct keys, sorted, and the commonest value of each."""
    span = int(values.max()) + 1
    pairs, counts = np.unique(keys * span + values, return_counts=True)
    order = np.lexsort((counts, pairs // span))
    sorted_keys = pairs[order] // span
    last = np.append(np.diff(sorted_keys) > 0, True)
    return sorted_keys[last], pairs[order][last] % span


def _align(letters: Codes, spoken: Codes) -> Codes:
    """For each letter the phones it says, as first * base + second, 0 for none; best alignment of each word."""
    base = int(spoken.max()) + 1
    costs = _first_guess(letters, spoken, base)
    sample = slice(None, None, max(1, len(letters) // _SAMPLE))
    for _ in range(_ROUNDS):
        said = _best_path(letters[sample], spoken[sample], costs, base)
        counts = np.zeros_like(costs)
        real = letters[sample] > 0
        np.add.at(counts, (letters[sample][real], said[real]), 1.0)
        costs = -np.log((counts + 0.1) / (counts.sum(axis=1, keepdims=True) + 0.1 * base))
    return _best_path(letters, spoken, costs, base)


def _first_guess(letters: Codes, spoken: Codes, base: int) -> npt.NDArray[np.float64]:
    """Costs (letter, chunk) from which letters and phones stand at like places of like words."""
    together = np.ones((_LETTERS, base))
    lengths, counts = (letters > 0).sum(axis=1), (spoken > 0).sum(axis=1)
    for place in range(letters.shape[1]):
        inside = np.flatnonzero(place < lengths)
        for shift in (-1, 0, 1):
            phone = np.clip((place * counts[inside]) // lengths[inside] + shift, 0, counts[inside] - 1)
            np.add.at(together, (letters[inside, place], spoken[inside, phone]), 1.0)
    chance = together.sum(axis=1, keepdims=True) * together.sum(axis=0, keepdims=True) / together.sum()
    single = np.maximum(0.0, 3.0 - np.log(together / chance))
    costs = np.full((_LETTERS, base * base), 8.0)
    costs[:, :base] = single
    costs[:, 0] = 3.0
    pairs = (single[:, 1:, None] + single[:, None, 1:]).reshape(_LETTERS, -1) + 2.0
    costs.reshape(_LETTERS, base, base)[:, 1:, 1:] = pairs.reshape(_LETTERS, base - 1, base - 1)
    return costs


def _best_path(letters: Codes, spoken: Codes, costs: npt.NDArray[np.float64], base: int) -> Codes:
    """Cheapest chunk per letter so that the chunks of a word make up its phones; words of one length at once."""
    said = np.zeros_like(letters)
    lengths = (letters > 0).sum(axis=1)
    counts = (spoken > 0).sum(axis=1)
    table = costs.astype(np.float32)
    for width in np.unique(lengths):
        rows = np.flatnonzero(lengths == width)
        depth = counts[rows].max()
        said[rows, :width] = _best_path_of_length(letters[rows, :width], spoken[rows, :depth], table, base)
    return said


def _best_path_of_length(letters: Codes, spoken: Codes, table: npt.NDArray[np.float32], base: int) -> Codes:
    """The same for words without padding."""
    words, width = letters.shape
    double = np.zeros_like(spoken)
    double[:, 1:] = spoken[:, :-1] * base + spoken[:, 1:]
    total = np.full((words, spoken.shape[1] + 1), np.inf, dtype=np.float32)
    total[:, 0] = 0.0
    choices = np.zeros((width, *total.shape), dtype=np.int8)
    for place in range(width):
        letter = letters[:, place : place + 1]
        best = total + table[letter, 0]
        for size, chunks in ((1, spoken), (2, double[:, 1:])):
            cost = total[:, :-size] + table[letter, chunks]
            better = cost < best[:, size:]
            np.copyto(best[:, size:], cost, where=better)
            choices[place, :, size:][better] = size
        total = best
    rows = np.arange(words)
    at = (spoken > 0).sum(axis=1)
    said = np.zeros_like(letters)
    for place in reversed(range(width)):
        count = choices[place, rows, at]
        before = np.maximum(at - 1, 0)
        said[:, place] = np.where(count == 0, 0, np.where(count == 1, spoken[rows, before], double[rows, before]))
        at = np.maximum(at - count, 0)
    return said
