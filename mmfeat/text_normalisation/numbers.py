"""How numbers are said: whole, decimal, years, money, times, ordinals, fractions, with units."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from mmfeat.text_normalisation.tables import CURRENCIES, FRACTIONS, MAGNITUDES, PLURALS, UNITS

Reading = tuple[str, ...]  # words in small letters a-z and apostrophe


@functools.cache
def _engine() -> Any:
    import inflect

    return inflect.engine()


def _split(text: str) -> Reading:
    return tuple(re.findall(r"[a-z]+", text))


def cardinal(number: int | str) -> tuple[Reading, ...]:
    """The number with and without ``and``."""
    plain = _split(_engine().number_to_words(str(number), andword=""))
    return tuple(dict.fromkeys((plain, _split(_engine().number_to_words(str(number), andword="and")))))


def ordinal(number: int | str) -> Reading:
    """First, second, twenty third."""
    return _split(_engine().number_to_words(_engine().ordinal(int(number)), andword=""))


def _digits(text: str, zero: str = "zero") -> Reading:
    """Digit by digit."""
    return tuple(zero if digit == "0" else cardinal(digit)[0][0] for digit in text)


def _year(text: str) -> tuple[Reading, ...]:
    """Four digits the way years are said; empty where they are not."""
    century, rest = int(text[:2]), int(text[2:])
    if century < 10 or (century % 10 == 0 and rest < 10):
        return ()
    if rest == 0:
        return ((*cardinal(century)[0], "hundred"),)
    tail = ("oh", *cardinal(rest)[0]) if rest < 10 else cardinal(rest)[0]
    return ((*cardinal(century)[0], *tail),)


def _integer(text: str) -> tuple[Reading, ...]:
    """A whole number; long ones and those with leading zeros also digit by digit."""
    plain = text.replace(",", "")
    if "," in text:
        return cardinal(plain)
    if plain.startswith("0") and len(plain) > 1:
        return (_digits(plain), _digits(plain, "oh"), *cardinal(plain))
    if len(plain) > 6:
        return (_digits(plain), _digits(plain, "oh"), *cardinal(plain))
    years = _year(plain) if len(plain) == 4 else ()
    spelled = (_digits(plain), _digits(plain, "oh")) if len(plain) >= 3 else ()
    bare = (("a", *cardinal(plain)[0][1:]),) if len(plain) in (3, 4) and plain.startswith("1") else ()
    return tuple(dict.fromkeys((*years, *cardinal(plain), *bare, *spelled)))


def _number(text: str) -> tuple[Reading, ...]:
    """A whole or decimal number."""
    whole, point, fraction = text.partition(".")
    if not point:
        return _integer(text)
    tail = ("point", *_digits(fraction))
    heads: tuple[Reading, ...] = cardinal(whole.replace(",", "")) if whole else ((),)
    if whole == "0":
        heads = (*heads, ("oh",), ())
    pair = (cardinal(fraction)[0],) if len(fraction) == 2 and not fraction.startswith("0") else ()
    return tuple((*head, *rest) for head in heads for rest in (tail, *(("point", *reading) for reading in pair)))


def unit_name(name: str, one: bool) -> str:
    """A unit of money in the singular or plural."""
    return name if one else PLURALS.get(name, f"{name}s")


def _money(match: re.Match[str]) -> tuple[Reading, ...]:
    sign, symbol, amount, magnitude = match.group("sign", "symbol", "amount", "magnitude")
    major, minor = CURRENCIES[symbol]
    minus: Reading = ("minus",) if sign == "-" else ()
    whole, _, fraction = amount.partition(".")
    if magnitude:
        times = MAGNITUDES[magnitude.lower()]
        return tuple((*minus, *reading, times, unit_name(major, False)) for reading in _number(amount))
    if len(fraction) == 2 and minor:
        major_readings = [(*reading, unit_name(major, whole == "1")) for reading in _integer(whole or "0")]
        if not int(fraction):
            return tuple((*minus, *reading) for reading in major_readings)
        minors = (*_integer(str(int(fraction)))[0], unit_name(minor, int(fraction) == 1))
        bare = _integer(str(int(fraction)))[0]
        joined = [r for m in major_readings for r in ((*m, "and", *minors), (*m, *minors), (*m, *bare))]
        return tuple((*minus, *reading) for reading in (*joined, (*_integer(whole or "0")[0], *bare)))
    return tuple((*minus, *reading, unit_name(major, amount == "1")) for reading in _number(amount))


def _clock(match: re.Match[str]) -> tuple[Reading, ...]:
    hour, minute, second, half = match.group("hour", "minute", "second", "half")
    # Not a hyphen of the dictionary's: "p.m." is one entry there.
    tail: Reading = (f"{half[0].lower()}.m.",) if half else ()
    hours = cardinal(int(hour))[0]
    if second:
        parts = [_integer(str(int(part)))[0] for part in (minute, second)]
        return ((*hours, *parts[0], *parts[1], *tail),)
    if not minute or not int(minute):
        return ((*hours, *tail),) if tail else (hours, (*hours, "o'clock"), (*hours, "hundred"))
    if int(minute) < 10:
        return ((*hours, "oh", *cardinal(int(minute))[0], *tail),)
    return ((*hours, *cardinal(int(minute))[0], *tail),)


def _decade(match: re.Match[str]) -> tuple[Reading, ...]:
    text = match.group(1)
    reading = (_year(text) or cardinal(text))[0] if len(text) == 4 else cardinal(text)[0]
    last = reading[-1]
    plural = f"{last[:-1]}ies" if last.endswith("y") else f"{last}s"
    return ((*reading[:-1], plural),)


def _fraction(match: re.Match[str]) -> tuple[Reading, ...]:
    above, below = match.groups()
    readings = [(*_integer(above)[0], *middle, *_integer(below)[0]) for middle in ((), ("out", "of"), ("over",))]
    name = FRACTIONS.get(f"{above}/{below}")
    if name:
        return (("a", name) if above == "1" else (*_integer(above)[0], name), (*_integer(above)[0], name), *readings)
    if 2 < int(below) <= 20 and int(above) < int(below):
        return ((*_integer(above)[0], f"{ordinal(below)[-1]}{'' if above == '1' else 's'}"), *readings)
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
    names = [name for name in (MAGNITUDES.get(unit), UNITS.get(unit)) if name]
    if number == "1":
        names = [name.removesuffix("s") if name != "miles per hour" else "mile per hour" for name in names] + names
    spoken = [tuple(name.split()) for name in names]
    return tuple((*reading, *said) for said in (*spoken, tuple(unit)) for reading in _number(number)[:3])


_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?"
_UNIT_KEYS = "|".join(sorted({*UNITS, *MAGNITUDES}, key=len, reverse=True))
RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[Reading, ...]]], ...] = (
    (re.compile(r"\d{1,3}(?:,\d{3})+|\d+"), lambda match: _integer(match.group())),
    (re.compile(rf"(?=\.?\d){_NUMBER}"), lambda match: _number(match.group())),
    (re.compile(rf"([-+])((?=\.?\d){_NUMBER})"), _signed),
    (
        re.compile(
            rf"(?P<sign>-?)(?P<symbol>[{''.join(CURRENCIES)}])(?P<amount>(?=\.?\d){_NUMBER})(?P<magnitude>(?i:k|mn?|bn?|t)?)"
        ),
        _money,
    ),
    (re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?P<half>(?i:[ap]\.?m\.?)?)"), _clock),
    (re.compile(r"(?P<hour>\d{1,2})(?P<minute>)(?P<second>)(?P<half>(?i:[ap]\.?m\.?))"), _clock),
    (re.compile(r"((?:\d{1,3},)*\d+)(?i:st|nd|rd|th)"), lambda match: (ordinal(match.group(1).replace(",", "")),)),
    (re.compile(r"(\d{2}|\d{4})'?s"), _decade),
    (re.compile(r"(\d+)/(\d+)"), _fraction),
    (re.compile(r"(\d+)-(\d+)"), _range),
    (re.compile(rf"((?=\.?\d){_NUMBER})-?(?i:({_UNIT_KEYS}))"), _with_unit),
    (re.compile(r"(?i:((?:[a-z]\.)+[a-z])\.?)"), lambda match: (tuple(match.group(1).lower().replace(".", "")),)),
)
