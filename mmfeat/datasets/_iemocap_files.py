"""The files of IEMOCAP's release: where they lie, and what their lines say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mmfeat.datasets._release import Ledger, read_lines
from mmfeat.errors import FormatError
from mmfeat.types import Seconds, Word

FRAMES_PER_SECOND = 100  # of the release's aligner, CMU Sphinx
SLACK: Seconds = 0.1  # by which its last frame may lie beyond the turn, whose times are rounded

_EVALUATION = re.compile(r"\[\s*([\d.]+)\s*-\s*([\d.]+)\s*\]\s+(\S+)\s+(\w+)\s+\[([^\]]*)\]")
_RATER = re.compile(r"[CA]-\w+:")  # C-E1: Anger; ()   A-E3: val 2; act 4; dom  4; ()
_SPOKEN = re.compile(r"(\S+)\s+\[\s*[\d.]+\s*-\s*[\d.]+\s*\]\s*:\s*(.*)")
_OVERLAP = re.compile(r"_[FM]X\w*$")  # both talk; such turns were never labelled
_NO_WORD = re.compile(r"<.*>|\+\+.*\+\+")  # <s> </s> <sil> ++LAUGHTER++
_VARIANT = re.compile(r"\(\d+\)$")  # READ(2): the second pronunciation
_HEADER = ["SFrm", "EFrm", "SegAScr", "Word"]


@dataclass(frozen=True)
class Dialogue:
    """Where the files of one dialogue are, or would be."""

    session: Path
    name: str

    @property
    def evaluation(self) -> Path:
        """Turns with their times and labels."""
        return self.session / "dialog" / "EmoEvaluation" / f"{self.name}.txt"

    @property
    def transcription(self) -> Path:
        """What is said."""
        return self.session / "dialog" / "transcriptions" / f"{self.name}.txt"

    @property
    def video(self) -> Path:
        """Both actors, side by side."""
        return self.session / "dialog" / "avi" / "DivX" / f"{self.name}.avi"

    @property
    def sound(self) -> Path:
        """Both actors, in stereo."""
        return self.session / "dialog" / "wav" / f"{self.name}.wav"

    @property
    def sentences(self) -> Path:
        """Folder of the sound cut into turns, ``<turn>.wav``."""
        return self.session / "sentences" / "wav" / self.name

    @property
    def alignments(self) -> Path:
        """Folder of the word times, ``<turn>.wdseg``."""
        return self.session / "sentences" / "ForcedAlignment" / self.name


@dataclass(frozen=True)
class Turn:
    """One line of an evaluation, its labels as they are written."""

    id: str
    start: Seconds  # in the dialogue
    end: Seconds
    emotion: str
    ratings: tuple[str, ...]  # valence, activation, dominance


def read_evaluation(dialogue: Dialogue, ledger: Ledger) -> list[Turn]:
    """Turns of a dialogue by their start; lines that are none go to the ledger."""
    turns: dict[str, Turn] = {}
    for line in read_lines(dialogue.evaluation, ledger):
        if line.startswith("%") or _RATER.match(line):
            continue
        turn = _turn(line, dialogue.name, ledger)
        if turn is not None and turn.id in turns:
            ledger.add(turn.id, "duplicate turn in EmoEvaluation; the first line counts")
        elif turn is not None:
            turns[turn.id] = turn
    return sorted(turns.values(), key=lambda turn: (turn.start, turn.id))


def _turn(line: str, dialogue: str, ledger: Ledger) -> Turn | None:
    match = _EVALUATION.fullmatch(line)
    if match is None or not re.fullmatch(rf"{re.escape(dialogue)}_[FM]\w+", match[3]):
        rule = f"[start - end], {dialogue}_F000 or the like, emotion, [valence, activation, dominance]"
        ledger.add(dialogue, f"EmoEvaluation line {line[:80]!r}; expected {rule}; left out")
        return None
    try:
        start, end = float(match[1]), float(match[2])
    except ValueError:
        ledger.add(match[3], f"goes from {match[1]} to {match[2]} s; expected numbers; left out")
        return None
    if ledger.span(match[3], start, end) is None:
        return None
    return Turn(match[3], start, end, match[4], tuple(rating.strip() for rating in match[5].split(",")))


def read_transcription(dialogue: Dialogue, ledger: Ledger) -> dict[str, str]:
    """What is said in each turn; lines without times and overlaps are no turns and are passed over."""
    texts: dict[str, str] = {}
    for line in read_lines(dialogue.transcription, ledger):
        match = _SPOKEN.fullmatch(line)
        if match is None or _OVERLAP.search(match[1]):
            continue
        if match[1] in texts:
            ledger.add(match[1], "duplicate line in the transcription; the first counts")
        else:
            texts[match[1]] = match[2]
    return texts


def read_words(path: Path, start: Seconds, end: Seconds) -> tuple[Word, ...]:
    """Words of one turn, in lower case, with times in the dialogue.

    Frames are 10 ms long and count from the start of the turn. The last frame of a word belongs to it, as in CMU
    Sphinx, so that a word ends where the next one begins.

    Parameters
    ----------
    path : Path
        A ``.wdseg``.
    start, end : float
        s, of the turn.

    Raises
    ------
    FormatError
        If the file is malformed, its rows overlap, or it reaches beyond the turn.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path.name} cannot be read ({error}); expected the release's word times") from None
    rows = [line.split() for line in lines if line.strip()]
    if not rows or rows[0] != _HEADER:
        raise FormatError(f"{path.name}: no header; expected {' '.join(_HEADER)} first; get the file again")
    words, frame = [], 0
    for row in rows[1:]:
        if row[:2] == ["Total", "score:"]:
            continue
        first, last, text = _segment(row, frame, path)
        frame = last + 1
        begins, ends = start + first / FRAMES_PER_SECOND, start + frame / FRAMES_PER_SECOND
        word = not _NO_WORD.fullmatch(text)
        if ends > end + SLACK or (word and begins >= end):
            raise FormatError(f"{path.name}: {text!r} reaches beyond the turn; expected times within it")
        if word:
            words.append(Word(_VARIANT.sub("", text).lower(), begins, min(ends, end)))
    return tuple(words)


def _segment(row: list[str], least: int, path: Path) -> tuple[int, int, str]:
    """First and last frame, and the word."""
    if len(row) != 4 or not (row[0].isdecimal() and row[1].isdecimal()):
        raise FormatError(f"{path.name}: row {' '.join(row)!r}; expected {' '.join(_HEADER)}; get the file again")
    first, last = int(row[0]), int(row[1])
    if not least <= first <= last:
        raise FormatError(
            f"{path.name}: {row[3]!r} has the frames {first} to {last}; expected {least} or later, and each word after "
            "the last frame of the one before"
        )
    return first, last, row[3]
