"""IEMOCAP: 10,039 turns of 151 conversations between two actors, with emotions and ratings.

Reads the release as it is::

    Session{1..5}/dialog/EmoEvaluation/<dialogue>.txt      turns: times, emotion, [valence, activation, dominance]
                        /transcriptions/<dialogue>.txt     <turn> [<start>-<end>]: <text>
                        /avi/DivX/<dialogue>.avi           both actors, side by side
                        /wav/<dialogue>.wav                their sound; without it that of the video is heard
                 /sentences/ForcedAlignment/<dialogue>/<turn>.wdseg     word times
                           /wav/<dialogue>/<turn>.wav      where the dialogue has neither video nor sound

Every turn of EmoEvaluation is an utterance, whatever its label. Its speaker is told by the letter behind the last ``_``
(``Ses01F_impro01_M000`` is spoken by ``Ses01M``); the letter in the dialogue's name says who wears the markers.

**Labels.** ``emotion4``: happy (with excited, as everybody merges them), sad, neutral, angry. ``emotion6``: excited on
its own, and frustrated. ``happy``, ``sad``, ``neutral``, ``angry``: 1 or 0, for the turns of ``emotion4`` and no
others, so that each of these targets is measured on the same turns. Other emotions, and ``xxx`` (the raters did not
agree), leave these labels unknown. ``valence``, ``activation``, ``dominance``: means of the raters, 1 to 5.

**Splits.** ``session5-test`` trains on sessions 1 to 3, validates on 4 and tests on 5. ``5fold-session.<k>`` tests on
session k and validates on the one before (on 5 for k = 1); its fifth fold is ``session5-test``. ``10fold-speaker.<k>``
tests on one speaker and validates on the other of that session, as MMIN and SpeechBrain do; k counts Ses01F, Ses01M,
Ses02F and so on. There the two parts share conversations, so that a model of dialogue sees its test turns.

**Halves.** Public code finds the actor who wears the markers in the left half of the picture. That could not be checked
here: look at a few turns (``mmfeat plot``) before believing the vision; ``marked_side`` mirrors it or takes whole
pictures.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mmfeat.datasets._iemocap_files import Dialogue, Turn, read_evaluation, read_transcription, read_words
from mmfeat.datasets._iemocap_splits import SESSIONS, SPEAKERS, parts_of
from mmfeat.datasets._release import Ledger
from mmfeat.errors import ConfigError, FormatError, SchemaError
from mmfeat.types import Failure, Half, Source, Utterance, Word

SOURCE = Source(
    citation="Busso, Bulut, Lee, Kazemzadeh, Mower, Kim, Chang, Lee, Narayanan: IEMOCAP: Interactive emotional dyadic "
    "motion capture database. Language Resources and Evaluation 42(4), 335-359 (2008)",
    licence="release agreement of the University of Southern California: on request, for research, not to be passed on",
    homepage="https://sail.usc.edu/iemocap/",
)
EMOTION4 = ("happy", "sad", "neutral", "angry")
EMOTION6 = (*EMOTION4, "excited", "frustrated")
TARGET = "emotion4"
RATINGS = ("valence", "activation", "dominance")
RANGES: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(RATINGS, (1.0, 5.0)),
    **dict.fromkeys(EMOTION4, (0.0, 1.0)),
}
# Of all turns, and of those with one of four or six emotions by the release's own majority votes. Lists of 7,433 turns
# with six emotions circulate as well; they are not what the release says.
EXPECTED: Mapping[str, tuple[int, int]] = {
    "utterances": (10_039, 10_039),
    "dialogues": (151, 151),
    "speakers": (10, 10),
    "emotion4": (5_531, 5_531),
    "emotion4=happy": (1_636, 1_636),
    "emotion4=sad": (1_084, 1_084),
    "emotion4=neutral": (1_708, 1_708),
    "emotion4=angry": (1_103, 1_103),
    "emotion6": (7_380, 7_380),
}

_NAMES = dict(zip(("hap", "sad", "neu", "ang", "exc", "fru"), EMOTION6, strict=True))
_OTHER_CODES = ("fea", "sur", "dis", "oth", "xxx")
_OTHER_HALF: Mapping[Half, Half] = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class Config:
    """Where the release lies, and how it is read."""

    root: Path
    split: str = "session5-test"  # the one by which the corpus is divided; all are kept
    words: Literal["wdseg", "align"] = "wdseg"  # the release's word times, or ours by forced alignment
    marked_side: Literal["left", "right", "none"] = "left"  # of the picture, with the actor who wears markers


class Iemocap:
    """The release, dialogue by dialogue."""

    name = "iemocap"
    source = SOURCE
    classes: Mapping[str, tuple[str, ...]] = {"emotion4": EMOTION4, "emotion6": EMOTION6}
    target = TARGET
    expected = EXPECTED

    def __init__(self, config: Config) -> None:
        self._config = config
        self.split = config.split

    def utterances(self) -> tuple[list[Utterance], list[Failure]]:
        """All turns, by session, dialogue and time; the ledger has what is amiss.

        Raises
        ------
        SchemaError
            If there is no turn at all.
        """
        ledger = Ledger()
        utterances: list[Utterance] = []
        for session in SESSIONS:
            folder = self._config.root / f"Session{session}"
            for dialogue in _dialogues(folder, session, ledger):
                utterances += self._of_dialogue(dialogue, session, ledger)
        if not utterances:
            raise SchemaError(
                f"{self._config.root}: no turns in any session; expected Session1/dialog/EmoEvaluation/<dialogue>.txt "
                "and the like; unpack the whole release there"
            )
        return utterances, ledger.rows

    def _of_dialogue(self, dialogue: Dialogue, session: int, ledger: Ledger) -> list[Utterance]:
        turns = read_evaluation(dialogue, ledger)
        if self._config.words == "wdseg" and not dialogue.alignments.is_dir():
            ledger.add(dialogue.name, f"no ForcedAlignment/{dialogue.name}/; its words will be aligned")
        texts = _texts(dialogue, turns, ledger)
        utterances = []
        for number, turn in enumerate(turns):
            speaker = f"Ses0{session}{_letter(turn.id)}"
            parts = parts_of(session, speaker)
            said = Utterance(
                id=turn.id,
                media=dialogue.video,
                start=turn.start,
                end=turn.end,
                split=parts.pop(self.split),
                speaker=speaker,
                dialogue=dialogue.name,
                turn=number,
                transcript=texts.get(turn.id),
                words=self._words(dialogue, turn, ledger),
                labels=_labels(turn, ledger),
                parts=parts,
            )
            utterances.append(self._with_media(said, dialogue))
        _note_missing_media(dialogue, utterances, ledger)
        return utterances

    def _words(self, dialogue: Dialogue, turn: Turn, ledger: Ledger) -> tuple[Word, ...]:
        """The release's words; none where they are to be aligned."""
        if self._config.words == "align" or not dialogue.alignments.is_dir():
            return ()
        path = dialogue.alignments / f"{turn.id}.wdseg"
        if not path.is_file():
            ledger.add(turn.id, "no .wdseg; expected the word times of the release; its words will be aligned")
            return ()
        try:
            return read_words(path, turn.start, turn.end)
        except FormatError as error:
            ledger.add(turn.id, f"{error}; its words will be aligned")
            return ()

    def _with_media(self, said: Utterance, dialogue: Dialogue) -> Utterance:
        """The utterance in the best file that there is: the video, the dialogue's sound, or the turn's."""
        sound = dialogue.sound if dialogue.sound.is_file() else None
        if dialogue.video.is_file():
            return replace(said, sound=sound, half=self._half(said))
        if sound is not None:
            return replace(said, media=sound)
        cut_out = dialogue.sentences / f"{said.id}.wav"
        if not cut_out.is_file():
            return said
        words = tuple(replace(word, start=word.start - said.start, end=word.end - said.start) for word in said.words)
        return replace(said, media=cut_out, start=0.0, end=None, words=words)

    def _half(self, said: Utterance) -> Half | None:
        side = self._config.marked_side
        if side == "none":
            return None
        return side if _letter(said.id) == said.id[len("Ses01")] else _OTHER_HALF[side]


def build(config: Config) -> Iemocap:
    """Find the sessions.

    Raises
    ------
    SchemaError
        If the folder has none.
    ConfigError
        If there is no split of that name.
    """
    names = parts_of(SESSIONS[0], SPEAKERS[0])
    if config.split not in names:
        near = difflib.get_close_matches(config.split, names, n=1) or [*names][:1]
        raise ConfigError(
            f"iemocap: split={config.split!r}; expected one of {', '.join(names)}; did you mean {near[0]!r}?"
        )
    if not _has_sessions(config.root):
        nearby = [config.root.parent, *(sorted(config.root.iterdir()) if config.root.is_dir() else ())]
        found = next((folder for folder in nearby if _has_sessions(folder)), None)
        hint = f"did you mean {found}?" if found else "set root to the folder that holds them"
        raise SchemaError(
            f"no folder Session1 to Session5 in {config.root}; expected the unpacked IEMOCAP_full_release; {hint}"
        )
    return Iemocap(config)


def _has_sessions(folder: Path) -> bool:
    return any((folder / f"Session{session}").is_dir() for session in SESSIONS)


def _letter(turn: str) -> str:
    """F or M: who speaks."""
    return turn.rpartition("_")[2][0]


def _dialogues(folder: Path, session: int, ledger: Ledger) -> list[Dialogue]:
    """Dialogues of a session that were evaluated; the ledger has those that were not."""
    known = Dialogue(folder, "*")
    if not known.evaluation.parent.is_dir():
        missing = known.evaluation.parent if folder.is_dir() else folder
        ledger.add(folder.name, f"no folder {missing.relative_to(folder.parent)}; its dialogues are left out")
        return []
    evaluated = _names(known.evaluation)
    for name in sorted(evaluated):
        if name[:6] not in (f"Ses0{session}F", f"Ses0{session}M"):
            ledger.add(name, f"EmoEvaluation/{name}.txt is of no dialogue of {folder.name}; left out")
            evaluated.discard(name)
    elsewhere = _names(known.transcription) | _names(known.video) | _names(known.sound)
    for name in sorted(elsewhere - evaluated):
        ledger.add(name, f"no EmoEvaluation/{name}.txt; expected its turns and labels; the dialogue is left out")
    return [Dialogue(folder, name) for name in sorted(evaluated)]


def _names(pattern: Path) -> set[str]:
    """Stems of the files of that kind, without what macOS puts beside each."""
    return {path.stem for path in pattern.parent.glob(f"*{pattern.suffix}") if not path.name.startswith("._")}


def _texts(dialogue: Dialogue, turns: Sequence[Turn], ledger: Ledger) -> dict[str, str]:
    """Transcripts of the turns; the ledger has turns without one, and those that are no turns."""
    if not dialogue.transcription.is_file():
        ledger.add(dialogue.name, f"no transcriptions/{dialogue.name}.txt; its turns have no transcript")
        return {}
    texts = read_transcription(dialogue, ledger)
    ids = {turn.id for turn in turns}
    for name in sorted(ids - texts.keys()):
        ledger.add(name, "turn without transcript; kept")
    for name in sorted(texts.keys() - ids):
        ledger.add(name, "transcript without evaluation; left out")
    return texts


def _labels(turn: Turn, ledger: Ledger) -> dict[str, float]:
    labels: dict[str, float] = {}
    if turn.emotion in _NAMES:
        name = _NAMES[turn.emotion]
        labels["emotion6"] = float(EMOTION6.index(name))
        merged = "happy" if name == "excited" else name
        if merged in EMOTION4:
            labels["emotion4"] = float(EMOTION4.index(merged))
            labels |= {emotion: float(emotion == merged) for emotion in EMOTION4}
    elif turn.emotion not in _OTHER_CODES:
        codes = ", ".join((*_NAMES, *_OTHER_CODES))
        ledger.add(turn.id, f"emotion {turn.emotion!r}; expected one of {codes}; left out")
    if len(turn.ratings) != len(RATINGS):
        ledger.add(turn.id, f"ratings {', '.join(turn.ratings)!r}; expected {', '.join(RATINGS)}; left out")
        return labels
    for rating, text in zip(RATINGS, turn.ratings, strict=True):
        labels |= ledger.label(turn.id, rating, text, RANGES[rating])
    return labels


def _note_missing_media(dialogue: Dialogue, utterances: Sequence[Utterance], ledger: Ledger) -> None:
    """One row for each kind of file that a dialogue lacks."""
    if utterances and not dialogue.video.is_file():
        without = [said.id for said in utterances if not said.media.is_file()]
        expected = f"avi/DivX/{dialogue.video.name}, wav/{dialogue.sound.name} or sentences/wav/{dialogue.name}/"
        if without:
            shown = f"{', '.join(without[:3])}{' ...' if len(without) > 3 else ''}"
            reason = f"no media for {len(without)} of {len(utterances)} turns ({shown}); expected {expected}"
            ledger.add(dialogue.name, f"{reason}; kept with their words")
        if len(without) < len(utterances):
            ledger.add(dialogue.name, f"no avi/DivX/{dialogue.video.name}; its turns have no pictures")
