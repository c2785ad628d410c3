"""Tokens of a transcript and the ways to say them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from mmfeat.errors import AlignmentFailed
from mmfeat.text_normalisation.numbers import RULES, Reading, cardinal, ordinal, unit_name
from mmfeat.text_normalisation.tables import ABBREVIATIONS, CURRENCIES, FRACTIONS, MAGNITUDE_WORDS, ROMAN, SYMBOLS

MAX_READINGS = 12  # of one token; a longer list only costs time

_DIRECTIONS = re.compile(r"\[[^\]\[]*\]|<[^<>]*>")
_FOLDED = str.maketrans(
    {
        **dict.fromkeys("‘’ʼ´`′＇", "'"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **{"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"},
        **{"đ": "d", "Đ": "D", "ð": "th", "Ð": "Th", "þ": "th", "Þ": "Th", "ı": "i", "…": " ", "⁄": "/"},
    }
)


@dataclass(frozen=True)
class SpokenToken:
    """One whitespace token of a transcript and the ways to say it, the likeliest first."""

    text: str
    readings: tuple[Reading, ...]


def spoken_tokens(transcript: str) -> tuple[SpokenToken, ...]:
    """Write out a transcript as it is spoken.

    Parameters
    ----------
    transcript : str
        English text. Accents are folded (``café`` is read as ``cafe``); curly quotes and dashes are understood.

    Returns
    -------
    tuple of SpokenToken
        In order, without tokens that say nothing; ``text`` is spelled as in the transcript.

    Raises
    ------
    AlignmentFailed
        If a token has letters that are not Latin.
    """
    has_small_letters = any(letter.islower() for letter in transcript)
    spoken = []
    for token in _DIRECTIONS.sub("", transcript).split():
        readings = _readings(_fold(token), has_small_letters)
        if readings:
            spoken.append(SpokenToken(token, readings))
    return _move_currency_behind_magnitude(spoken)


def _fold(token: str) -> str:
    """Plain ASCII letters and the symbols that are spoken; raises AlignmentFailed for other scripts."""
    # A fraction such as 2½ would otherwise become 21/2, and a trade mark would be read as "tm".
    spaced = "".join(f" {char} " if unicodedata.category(char) == "No" else char for char in token if char not in "™℠")
    plain = unicodedata.normalize("NFKD", spaced.translate(_FOLDED)).translate(_FOLDED)
    folded = "".join(char for char in plain if not unicodedata.combining(char))
    foreign = [char for char in folded if char.isalnum() and not char.isascii()]
    if foreign:
        raise AlignmentFailed(
            f"word {token!r} has the letter {foreign[0]!r}; expected English, in Latin letters: the pocketsphinx "
            "aligner knows no other language; bring word times of your own (TextGrid, CTM, SRT, WebVTT, JSON, CSV) or "
            "use '--transcriber whisper' with a model for that language"
        )
    return folded


def _readings(token: str, has_small_letters: bool) -> tuple[Reading, ...]:
    """All ways to say one folded token; empty where there is nothing to say."""
    parts = token.split()
    if len(parts) > 1:  # two and a half, or words on both sides of an ellipsis
        joined = [_readings(part, has_small_letters) for part in parts]
        filled = [readings for readings in joined if readings]
        if len(filled) == 2 and parts[1] in FRACTIONS and filled[0]:
            spoken = (("and", "a", "half"),) if parts[1] == "1/2" else (("and", *reading) for reading in filled[1])
            filled[1] = tuple(spoken)
        return _sequences(filled)
    token = token.strip()
    core = token.strip("\"'.,;:!?()[]{}<>*_~^|\\/-«»“”„¿¡•·™®©")
    if token.lower().rstrip(",;:!?)\"'") in ABBREVIATIONS:
        core = token.lower().rstrip(",;:!?)\"'")
    elif re.match(r"\W*-[$£€]?\.?\d", token):
        core = "-" + core
    if re.fullmatch(r".*(?<!\d)\.\d.*", token) and core[:1].isdigit():
        core = "." + core if not core.startswith("-") else core
    if token.startswith("'") and re.fullmatch(r"[a-z]+", core):  # 'cause, 'em, or a quoted word
        return (
            ((core,), (f"'{core}",))
            if core in ("cause", "em", "til", "tis", "twas", "round", "bout", "kay")
            else ((core,),)
        )
    return _say(core, has_small_letters)[:MAX_READINGS] if core else ()


def _say(core: str, has_small_letters: bool = True) -> tuple[Reading, ...]:
    """The readings of a token without its punctuation."""
    abbreviation = ABBREVIATIONS.get(core.lower())
    if abbreviation:
        return tuple(tuple(spoken.split()) for spoken in abbreviation)
    for pattern, rule in RULES:
        match = pattern.fullmatch(core)
        if match:
            return rule(match)
    if re.fullmatch(r"[A-Za-z']+", core):
        return _plain_word(core, has_small_letters)
    return _compound(core, has_small_letters)


def _plain_word(core: str, has_small_letters: bool) -> tuple[Reading, ...]:
    """A word, or an acronym that may be spelled out."""
    word = core.lower().strip("'")
    if core in ROMAN:
        return ((cardinal(ROMAN[core])[0]), ("the", *ordinal(ROMAN[core])), tuple(word))
    stem, _, tail = word.partition("'")
    acronym = core.isupper() and has_small_letters and 1 < len(stem) <= 5
    plural_acronym = re.fullmatch(r"([A-Z]{2,5})'?s", core)
    vowelless = stem.isalpha() and 1 < len(stem) <= 5 and not re.search("[aeiouy]", stem)
    if plural_acronym:
        letters = plural_acronym.group(1).lower()
        return ((*letters[:-1], f"{letters[-1]}'s"), (word,))
    if acronym or vowelless:
        spelled = (*stem[:-1], f"{stem[-1]}'{tail}" if tail else stem[-1])
        return ((word,), spelled)
    camel = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", core)
    if len(camel) > 1 and "'" not in core and not core.isupper():  # iPhone, YouTube
        return ((word,), tuple(part.lower() for part in camel))
    return ((word,),)


def _compound(core: str, has_small_letters: bool) -> tuple[Reading, ...]:
    """Everything else: split at signs and between letters and digits, and say the parts."""
    parts = re.findall(r"[A-Za-z]+(?:'[A-Za-z]+)*|\d+(?:,\d{3})+|\d+(?:\.\d+)?|[^\sA-Za-z\d]", core)
    spoken: list[tuple[Reading, ...]] = []
    web = bool(re.search(r"[A-Za-z]{2}\.[A-Za-z]{2}|://", core))
    for before, part in zip(("", *parts), parts, strict=False):
        if part == "." and web:
            spoken.append((("dot",),))
        elif part == "#" and before.upper() == "C":
            spoken.append((("sharp",),))
        elif part in SYMBOLS:
            hashtag = part == "#" and not re.search(r"#\d", core)
            spoken.append((("hashtag",),) if hashtag else (SYMBOLS[part],))
        elif part[0].isalnum():
            spoken.append(_say(part, has_small_letters))
    whole = re.sub(r"[^a-z'.-]", "", core.lower()) if re.fullmatch(r"[A-Za-z'-]+", core) else ""
    readings = _sequences(spoken)
    # The dictionary has some compounds (uh-huh, x-ray) with a pronunciation of their own.
    return ((whole,), *readings) if whole and "-" in whole and readings else readings


def _sequences(parts: Sequence[tuple[Reading, ...]]) -> tuple[Reading, ...]:
    """Say the parts one after the other, in every combination (up to the limit)."""
    total: list[Reading] = [()]
    for readings in parts:
        total = [(*said, *reading) for said, reading in product(total, readings)][:MAX_READINGS]
    return tuple(dict.fromkeys(reading for reading in total if reading))


def _move_currency_behind_magnitude(tokens: list[SpokenToken]) -> tuple[SpokenToken, ...]:
    """``$5 million`` is said ``five million dollars``."""
    moved = list(tokens)
    units = {unit_name(major, one) for major, _ in CURRENCIES.values() for one in (True, False)}
    for index, (token, following) in enumerate(zip(tokens, tokens[1:], strict=False)):
        unit = token.readings[0][-1]
        magnitude = following.readings[0]
        if (
            unit in units
            and re.search(r"[^\w\s]", token.text)
            and len(magnitude) == 1
            and magnitude[0] in MAGNITUDE_WORDS
        ):
            singular = unit if unit.endswith("s") or unit == "yen" else f"{unit}s"
            moved[index] = SpokenToken(token.text, tuple(reading[:-1] for reading in token.readings))
            moved[index + 1] = SpokenToken(following.text, ((*magnitude, singular),))
    return tuple(moved)
