"""Written English to spoken English."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfeat.errors import AlignmentFailed
from mmfeat.text_normalisation import MAX_READINGS, spoken_tokens


def readings(token: str, transcript: str | None = None) -> list[str]:
    """The ways to say one token, each as one string; ``transcript`` where the context matters."""
    return [" ".join(r) for spoken in spoken_tokens(transcript or f"so {token}")[1:] for r in spoken.readings]


@pytest.mark.parametrize(
    ("token", "spoken"),
    [
        ("3", "three"),
        ("1,234,567", "one million two hundred thirty four thousand five hundred sixty seven"),
        ("101", "one hundred and one"),
        ("911", "nine one one"),
        ("007", "oh oh seven"),
        ("3.14", "three point one four"),
        (".5", "point five"),
        ("-5", "minus five"),
        ("1984", "nineteen eighty four"),
        ("1905", "nineteen oh five"),
        ("1900", "nineteen hundred"),
        ("2005", "two thousand five"),
        ("2010", "twenty ten"),
        ("1500", "one thousand five hundred"),
        ("1990s", "nineteen nineties"),
        ("'80s", "eighties"),
        ("1st", "first"),
        ("22nd", "twenty second"),
        ("$5", "five dollars"),
        ("$1", "one dollar"),
        ("$5.50", "five dollars and fifty cents"),
        ("$5.50", "five fifty"),
        ("£3.01", "three pounds and one penny"),
        ("€10k", "ten thousand euros"),
        ("$2.5bn", "two point five billion dollars"),
        ("50%", "fifty percent"),
        ("12.5%", "twelve point five percent"),
        ("10:30", "ten thirty"),
        ("10:00", "ten o'clock"),
        ("10:05pm", "ten oh five p.m."),
        ("5pm", "five p.m."),
        ("1/2", "a half"),
        ("3/4", "three quarters"),
        ("24/7", "twenty four seven"),
        ("2½", "two and a half"),
        ("½", "a half"),
        ("555-1234", "five five five one two three four"),
        ("9-11", "nine eleven"),
        ("20kg", "twenty kilograms"),
        ("30mph", "thirty miles per hour"),
        ("100°C", "one hundred degrees c"),
        ("&", "and"),
        ("@", "at"),
        ("+", "plus"),
        ("AT&T", "a t and t"),
        ("C++", "c plus plus"),
        ("#1", "number one"),
        ("#love", "hashtag love"),
        ("bob@example.com", "bob at example dot com"),
        ("Dr.", "doctor"),
        ("Mr", "mister"),
        ("St.", "street"),
        ("etc.", "et cetera"),
        ("e.g.,", "for example"),
        ("U.S.", "u s"),
        ("NASA", "nasa"),
        ("FBI", "f b i"),
        ("CEOs", "c e o's"),
        ("II", "the second"),
        ("mp3", "m p three"),
        ("COVID-19", "covid nineteen"),
        ("iPhone", "i phone"),
        ("well-known", "well known"),
        ("and/or", "and or"),
        ("wait...what", "wait what"),
        ("it’s", "it's"),
        ("“Bob”", "bob"),
        ("dogs'", "dogs"),
        ("café", "cafe"),
        ("naïve", "naive"),
        ("Straße", "strasse"),
    ],
)
def test_a_token_is_written_out_as_it_is_spoken(token: str, spoken: str) -> None:
    assert spoken in readings(token)


def test_a_currency_moves_behind_the_magnitude_that_follows() -> None:
    tokens = spoken_tokens("about $5 million today")
    assert [token.readings[0] for token in tokens] == [("about",), ("five",), ("million", "dollars"), ("today",)]
    assert [token.text for token in tokens] == ["about", "$5", "million", "today"]


def test_a_transcript_in_capitals_is_not_spelled_out() -> None:
    assert [token.readings for token in spoken_tokens("HELLO MY DEAR")] == [(("hello",),), (("my",),), (("dear",),)]


def test_tokens_keep_their_spelling_and_punctuation_alone_is_dropped() -> None:
    texts = [token.text for token in spoken_tokens('"Well," she said — "go - now!" ... [laughs out loud] <noise> 😀')]
    assert texts == ['"Well,"', "she", "said", '"go', 'now!"']


def test_another_script_is_refused_by_word_with_the_remedy() -> None:
    with pytest.raises(AlignmentFailed, match=r"word 'привет,' .*expected English.*TextGrid.*whisper"):
        spoken_tokens("hello привет, world")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(max_codepoint=0x7E, min_codepoint=0x20), max_size=40))
def test_any_ascii_text_gives_at_most_one_entry_per_token_in_plain_words(text: str) -> None:
    tokens = spoken_tokens(text)
    written = text.split()
    assert len(tokens) <= len(written)
    for token in tokens:
        assert 1 <= len(token.readings) <= MAX_READINGS
        assert all(re.fullmatch(r"[a-z'.-]*[a-z][a-z'.-]*", word) for reading in token.readings for word in reading)


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=0, max_value=10**13))
def test_every_whole_number_can_be_said(number: int) -> None:
    (token,) = spoken_tokens(str(number))
    assert all(word.replace("'", "").isalpha() for reading in token.readings for word in reading)
