"""IEMOCAP's splits by name."""

from __future__ import annotations

SESSIONS = (1, 2, 3, 4, 5)
SPEAKERS = tuple(f"Ses0{session}{letter}" for session in SESSIONS for letter in "FM")


def parts_of(session: int, speaker: str) -> dict[str, str]:
    """Say in which part of every named split the turns of a speaker are."""
    parts = {"session5-test": _part(session, test=5, valid=4)}
    for test in SESSIONS:
        parts[f"5fold-session.{test}"] = _part(session, test=test, valid=test - 1 or SESSIONS[-1])
    for number, name in enumerate(SPEAKERS):
        other = SPEAKERS[number + (1 if number % 2 == 0 else -1)]
        parts[f"10fold-speaker.{number + 1}"] = _part(speaker, test=name, valid=other)
    return parts


def _part(of: int | str, test: int | str, valid: int | str) -> str:
    return "test" if of == test else "valid" if of == valid else "train"
