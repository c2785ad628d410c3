"""Pronunciations of words that the dictionary does not have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pocketsphinx
import pytest

from mmfeat.pronunciation import LetterRules, Pronouncer, letter_rules

DICTIONARY = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
KNOWN = {
    "dog": "D AO G",
    "cat": "K AE T",
    "fish": "F IH SH",
    "like": "L AY K",
    "hug": "HH AH G",
    "want": "W AA N T",
    "party": "P AA R T IY",
    "pod": "P AA D",
    "cast": "K AE S T",
    "quick": "K W IH K",
}


@pytest.fixture(scope="module")
def pronounce() -> Pronouncer:
    return Pronouncer(KNOWN.get, DICTIONARY)


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("cats", "K AE T S"),
        ("dog's", "D AO G Z"),
        ("fishes", "F IH SH IH Z"),
        ("parties", "P AA R T IY Z"),
        ("liked", "L AY K T"),
        ("hugged", "HH AH G D"),
        ("wanted", "W AA N T IH D"),
        ("hugging", "HH AH G IH NG"),
        ("quickly", "K W IH K L IY"),
        ("cat'll", "K AE T AH L"),
        ("podcast", "P AA D K AE S T"),
    ],
)
def test_a_word_made_of_known_parts_is_pronounced_by_them(pronounce: Pronouncer, word: str, phones: str) -> None:
    assert pronounce(word)[0] == tuple(phones.split())


def test_letters_say_what_they_say_in_the_dictionary(pronounce: Pronouncer) -> None:
    assert pronounce("selfie") == (("S", "EH", "L", "F", "IY"),)
    assert pronounce("zendaya's")[0][-1] == "Z"


def test_any_word_gets_a_pronunciation_in_phones_of_the_dictionary(pronounce: Pronouncer) -> None:
    phones = {phone for line in DICTIONARY.read_text().splitlines() for phone in line.split()[1:]}
    for word in ("zzyzx", "x", "q'qqq", "'s", "hm-m", "pneumonoultramicroscopicsilicovolcanoconiosis"):
        for pronunciation in pronounce(word):
            assert pronunciation
            assert set(pronunciation) <= phones


def test_rules_are_counted_once_per_process() -> None:
    assert letter_rules(DICTIONARY) is letter_rules(DICTIONARY)


def edits(guess: Sequence[str], truth: Sequence[str]) -> int:
    row = list(range(len(truth) + 1))
    for count, item in enumerate(guess, 1):
        above = row
        row = [count]
        for place, other in enumerate(truth, 1):
            row.append(min(row[-1] + 1, above[place] + 1, above[place - 1] + (item != other)))
    return row[-1]


@pytest.mark.slow
def test_phone_error_on_held_out_words_is_below_a_tenth() -> None:
    """1,000 words of the dictionary that the rules never saw; the nearest of their listed pronunciations counts."""
    entries: dict[str, list[tuple[str, ...]]] = {}
    for line in DICTIONARY.read_text().splitlines():
        word, *phones = line.split()
        plain = word.partition("(")[0]
        if plain.isalpha() and 1 < len(plain) <= 14:
            entries.setdefault(plain, []).append(tuple(phones))
    words = sorted(entries)
    held_out = {words[index] for index in np.random.default_rng(1).choice(len(words), 1000, replace=False)}
    rules = LetterRules(*zip(*[(word, entries[word][0]) for word in words if word not in held_out], strict=True))
    nearest = [min((edits(rules.phones(w), truth), len(truth)) for truth in entries[w]) for w in sorted(held_out)]
    assert sum(wrong for wrong, _ in nearest) / sum(length for _, length in nearest) < 0.10


def test_a_word_without_end_is_not_searched_for_compounds() -> None:
    asked = []
    Pronouncer(lambda word: asked.append(word), DICTIONARY)("dogcat" * 1000)
    assert len(asked) < 100
