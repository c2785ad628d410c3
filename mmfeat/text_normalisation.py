"""Written English to spoken English, token by token.

Every whitespace token of a transcript keeps its spelling and gets the ways in which a speaker may say it: ``1995`` is
``nineteen ninety five`` or ``one thousand nine hundred ninety five``. The aligner lets the sound choose between them.
Stage directions in square or angle brackets are not spoken, and punctuation alone says nothing.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from mmfeat.errors import AlignmentFailed

Reading = tuple[str, ...]  # words in small letters a-z and apostrophe

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
_CURRENCIES = {
    "$": ("dollar", "cent"),
    "£": ("pound", "penny"),
    "€": ("euro", "cent"),
    "¥": ("yen", ""),
    "₹": ("rupee", "paisa"),
    "¢": ("cent", ""),
}
_PLURALS = {"penny": "pence", "yen": "yen", "paisa": "paisa"}
_MAGNITUDES = {"k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion", "t": "trillion"}
_MAGNITUDE_WORDS = frozenset(("hundred", "thousand", "million", "billion", "trillion"))
_SYMBOLS = {
    "&": ("and",),
    "@": ("at",),
    "+": ("plus",),
    "=": ("equals",),
    "%": ("percent",),
    "#": ("number",),
    "°": ("degrees",),
    "×": ("times",),
    "÷": ("divided", "by"),
    **{symbol: (f"{names[0]}s" if names[0] != "yen" else "yen",) for symbol, names in _CURRENCIES.items()},
}
_UNITS = {
    "kg": "kilograms",
    "km": "kilometers",
    "cm": "centimeters",
    "mm": "millimeters",
    "mg": "milligrams",
    "ml": "milliliters",
    "lb": "pounds",
    "lbs": "pounds",
    "ft": "feet",
    "mph": "miles per hour",
    "kmh": "kilometers per hour",
    "gb": "gigabytes",
    "mb": "megabytes",
    "hz": "hertz",
    "khz": "kilohertz",
    "min": "minutes",
    "hr": "hours",
    "hrs": "hours",
    "sec": "seconds",
    "c": "celsius",
    "f": "fahrenheit",
    "x": "times",
}
# A full stop after the key is part of it; a key without one also stands alone in running text.
_ABBREVIATIONS: dict[str, tuple[str, ...]] = {
    "mr": ("mister",),
    "mrs": ("missus",),
    "ms": ("miz",),
    "dr": ("doctor", "drive"),
    "prof": ("professor",),
    "st": ("saint", "street"),
    "jr": ("junior",),
    "sr": ("senior",),
    "vs": ("versus",),
    "etc": ("et cetera",),
    "dept": ("department",),
    "approx": ("approximately",),
    "w/": ("with",),
    "w/o": ("without",),
    "b/c": ("because",),
    "e.g.": ("e g", "for example"),
    "i.e.": ("i e", "that is"),
    "a.k.a.": ("a k a", "also known as"),
    "no.": ("no", "number"),
    "mt.": ("mount",),
    "ave.": ("avenue",),
    "blvd.": ("boulevard",),
    "lt.": ("lieutenant",),
    "col.": ("colonel",),
    "gen.": ("general",),
    "sgt.": ("sergeant",),
    "capt.": ("captain",),
    "rev.": ("reverend",),
    "gov.": ("governor",),
    "sen.": ("senator",),
    "rep.": ("representative",),
    "inc.": ("incorporated", "ink"),
    "co.": ("company", "co"),
    "corp.": ("corporation", "corp"),
    "ltd.": ("limited",),
    "jan.": ("january",),
    "feb.": ("february",),
    "aug.": ("august",),
    "sept.": ("september",),
    "oct.": ("october",),
    "nov.": ("november",),
    "dec.": ("december",),
}
_ROMAN = {"II": 2, "III": 3, "IV": 4, "VI": 6, "VII": 7, "VIII": 8, "IX": 9, "XI": 11, "XII": 12, "XIII": 13, "XIV": 14}
_FRACTIONS = {"1/2": "half", "1/3": "third", "2/3": "thirds", "1/4": "quarter", "3/4": "quarters"}


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
        if len(filled) == 2 and parts[1] in _FRACTIONS and filled[0]:
            spoken = (("and", "a", "half"),) if parts[1] == "1/2" else (("and", *reading) for reading in filled[1])
            filled[1] = tuple(spoken)
        return _sequences(filled)
    token = token.strip()
    core = token.strip("\"'.,;:!?()[]{}<>*_~^|\\/-«»“”„¿¡•·™®©")
    if token.lower().rstrip(",;:!?)\"'") in _ABBREVIATIONS:
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
    abbreviation = _ABBREVIATIONS.get(core.lower())
    if abbreviation:
        return tuple(tuple(spoken.split()) for spoken in abbreviation)
    for pattern, rule in _RULES:
        match = pattern.fullmatch(core)
        if match:
            return rule(match)
    if re.fullmatch(r"[A-Za-z']+", core):
        return _plain_word(core, has_small_letters)
    return _compound(core, has_small_letters)


def _plain_word(core: str, has_small_letters: bool) -> tuple[Reading, ...]:
    """A word, or an acronym that may be spelled out."""
    word = core.lower().strip("'")
    if core in _ROMAN:
        return ((_cardinal(_ROMAN[core])[0]), ("the", *_ordinal(_ROMAN[core])), tuple(word))
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
        elif part in _SYMBOLS:
            hashtag = part == "#" and not re.search(r"#\d", core)
            spoken.append((("hashtag",),) if hashtag else (_SYMBOLS[part],))
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


@functools.cache
def _engine() -> Any:
    import inflect

    return inflect.engine()


def _split(text: str) -> Reading:
    return tuple(re.findall(r"[a-z]+", text))


def _cardinal(number: int | str) -> tuple[Reading, ...]:
    """The number with and without ``and``."""
    plain = _split(_engine().number_to_words(str(number), andword=""))
    return tuple(dict.fromkeys((plain, _split(_engine().number_to_words(str(number), andword="and")))))


def _ordinal(number: int | str) -> Reading:
    return _split(_engine().number_to_words(_engine().ordinal(int(number)), andword=""))


def _digits(text: str, zero: str = "zero") -> Reading:
    """Digit by digit."""
    return tuple(zero if digit == "0" else _cardinal(digit)[0][0] for digit in text)


def _year(text: str) -> tuple[Reading, ...]:
    """Four digits the way years are said; empty where they are not."""
    century, rest = int(text[:2]), int(text[2:])
    if century < 10 or (century % 10 == 0 and rest < 10):
        return ()
    if rest == 0:
        return ((*_cardinal(century)[0], "hundred"),)
    tail = ("oh", *_cardinal(rest)[0]) if rest < 10 else _cardinal(rest)[0]
    return ((*_cardinal(century)[0], *tail),)


def _integer(text: str) -> tuple[Reading, ...]:
    """A whole number; long ones and those with leading zeros also digit by digit."""
    plain = text.replace(",", "")
    if "," in text:
        return _cardinal(plain)
    if plain.startswith("0") and len(plain) > 1:
        return (_digits(plain), _digits(plain, "oh"), *_cardinal(plain))
    if len(plain) > 6:
        return (_digits(plain), _digits(plain, "oh"), *_cardinal(plain))
    years = _year(plain) if len(plain) == 4 else ()
    spelled = (_digits(plain), _digits(plain, "oh")) if len(plain) >= 3 else ()
    bare = (("a", *_cardinal(plain)[0][1:]),) if len(plain) in (3, 4) and plain.startswith("1") else ()
    return tuple(dict.fromkeys((*years, *_cardinal(plain), *bare, *spelled)))


def _number(text: str) -> tuple[Reading, ...]:
    """A whole or decimal number."""
    whole, point, fraction = text.partition(".")
    if not point:
        return _integer(text)
    tail = ("point", *_digits(fraction))
    heads: tuple[Reading, ...] = _cardinal(whole.replace(",", "")) if whole else ((),)
    if whole == "0":
        heads = (*heads, ("oh",), ())
    pair = (_cardinal(fraction)[0],) if len(fraction) == 2 and not fraction.startswith("0") else ()
    return tuple((*head, *rest) for head in heads for rest in (tail, *(("point", *reading) for reading in pair)))


def _unit(name: str, one: bool) -> str:
    return name if one else _PLURALS.get(name, f"{name}s")


def _money(match: re.Match[str]) -> tuple[Reading, ...]:
    sign, symbol, amount, magnitude = match.group("sign", "symbol", "amount", "magnitude")
    major, minor = _CURRENCIES[symbol]
    minus: Reading = ("minus",) if sign == "-" else ()
    whole, _, fraction = amount.partition(".")
    if magnitude:
        times = _MAGNITUDES[magnitude.lower()]
        return tuple((*minus, *reading, times, _unit(major, False)) for reading in _number(amount))
    if len(fraction) == 2 and minor:
        major_readings = [(*reading, _unit(major, whole == "1")) for reading in _integer(whole or "0")]
        if not int(fraction):
            return tuple((*minus, *reading) for reading in major_readings)
        minors = (*_integer(str(int(fraction)))[0], _unit(minor, int(fraction) == 1))
        bare = _integer(str(int(fraction)))[0]
        joined = [r for m in major_readings for r in ((*m, "and", *minors), (*m, *minors), (*m, *bare))]
        return tuple((*minus, *reading) for reading in (*joined, (*_integer(whole or "0")[0], *bare)))
    return tuple((*minus, *reading, _unit(major, amount == "1")) for reading in _number(amount))


def _clock(match: re.Match[str]) -> tuple[Reading, ...]:
    hour, minute, second, half = match.group("hour", "minute", "second", "half")
    # Not a hyphen of the dictionary's: "p.m." is one entry there.
    tail: Reading = (f"{half[0].lower()}.m.",) if half else ()
    hours = _cardinal(int(hour))[0]
    if second:
        parts = [_integer(str(int(part)))[0] for part in (minute, second)]
        return ((*hours, *parts[0], *parts[1], *tail),)
    if not minute or not int(minute):
        return ((*hours, *tail),) if tail else (hours, (*hours, "o'clock"), (*hours, "hundred"))
    if int(minute) < 10:
        return ((*hours, "oh", *_cardinal(int(minute))[0], *tail),)
    return ((*hours, *_cardinal(int(minute))[0], *tail),)


def _decade(match: re.Match[str]) -> tuple[Reading, ...]:
    text = match.group(1)
    reading = (_year(text) or _cardinal(text))[0] if len(text) == 4 else _cardinal(text)[0]
    last = reading[-1]
    plural = f"{last[:-1]}ies" if last.endswith("y") else f"{last}s"
    return ((*reading[:-1], plural),)


def _fraction(match: re.Match[str]) -> tuple[Reading, ...]:
    above, below = match.groups()
    readings = [(*_integer(above)[0], *middle, *_integer(below)[0]) for middle in ((), ("out", "of"), ("over",))]
    name = _FRACTIONS.get(f"{above}/{below}")
    if name:
        return (("a", name) if above == "1" else (*_integer(above)[0], name), (*_integer(above)[0], name), *readings)
    if 2 < int(below) <= 20 and int(above) < int(below):
        return ((*_integer(above)[0], f"{_ordinal(below)[-1]}{'' if above == '1' else 's'}"), *readings)
    return tuple(readings)


def _range(match: re.Match[str]) -> tuple[Reading, ...]:
    if len(match.group(2)) == 4 and len(match.group(1)) == 3:  # a telephone number
        return tuple((*_digits(match.group(1), zero), *_digits(match.group(2), zero)) for zero in ("zero", "oh"))
    first, last = (_integer(part) for part in match.groups())
    return tuple((*head, *middle, *tail) for middle in (("to",), ()) for head in first[:2] for tail in last[:2])


def _signed(match: re.Match[str]) -> tuple[Reading, ...]:
    signs = ("plus",) if match.group(1) == "+" else ("minus", "negative")
    return tuple((sign, *reading) for reading in _number(match.group(2)) for sign in signs)


def _with_unit(match: re.Match[str]) -> tuple[Reading, ...]:
    number, unit = match.group(1), match.group(2).lower()
    names = [name for name in (_MAGNITUDES.get(unit), _UNITS.get(unit)) if name]
    if number == "1":
        names = [name.removesuffix("s") if name != "miles per hour" else "mile per hour" for name in names] + names
    spoken = [tuple(name.split()) for name in names]
    return tuple((*reading, *said) for said in (*spoken, tuple(unit)) for reading in _number(number)[:3])


_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?"
_UNIT_KEYS = "|".join(sorted({*_UNITS, *_MAGNITUDES}, key=len, reverse=True))
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[Reading, ...]]], ...] = (
    (re.compile(r"\d{1,3}(?:,\d{3})+|\d+"), lambda match: _integer(match.group())),
    (re.compile(rf"(?=\.?\d){_NUMBER}"), lambda match: _number(match.group())),
    (re.compile(rf"([-+])((?=\.?\d){_NUMBER})"), _signed),
    (
        re.compile(
            rf"(?P<sign>-?)(?P<symbol>[{''.join(_CURRENCIES)}])(?P<amount>(?=\.?\d){_NUMBER})(?P<magnitude>(?i:k|mn?|bn?|t)?)"
        ),
        _money,
    ),
    (re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?P<half>(?i:[ap]\.?m\.?)?)"), _clock),
    (re.compile(r"(?P<hour>\d{1,2})(?P<minute>)(?P<second>)(?P<half>(?i:[ap]\.?m\.?))"), _clock),
    (re.compile(r"((?:\d{1,3},)*\d+)(?i:st|nd|rd|th)"), lambda match: (_ordinal(match.group(1).replace(",", "")),)),
    (re.compile(r"(\d{2}|\d{4})'?s"), _decade),
    (re.compile(r"(\d+)/(\d+)"), _fraction),
    (re.compile(r"(\d+)-(\d+)"), _range),
    (re.compile(rf"((?=\.?\d){_NUMBER})-?(?i:({_UNIT_KEYS}))"), _with_unit),
    (re.compile(r"(?i:((?:[a-z]\.)+[a-z])\.?)"), lambda match: (tuple(match.group(1).lower().replace(".", "")),)),
)


def _move_currency_behind_magnitude(tokens: list[SpokenToken]) -> tuple[SpokenToken, ...]:
    """``$5 million`` is said ``five million dollars``."""
    moved = list(tokens)
    units = {_unit(major, one) for major, _ in _CURRENCIES.values() for one in (True, False)}
    for index, (token, following) in enumerate(zip(tokens, tokens[1:], strict=False)):
        unit = token.readings[0][-1]
        magnitude = following.readings[0]
        if (
            unit in units
            and re.search(r"[^\w\s]", token.text)
            and len(magnitude) == 1
            and magnitude[0] in _MAGNITUDE_WORDS
        ):
            singular = unit if unit.endswith("s") or unit == "yen" else f"{unit}s"
            moved[index] = SpokenToken(token.text, tuple(reading[:-1] for reading in token.readings))
            moved[index + 1] = SpokenToken(following.text, ((*magnitude, singular),))
    return tuple(moved)
