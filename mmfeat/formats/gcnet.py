"""The features that GCNet, MoMKE and HARDY-MER train on: a folder of ``.npy`` files per modality, and a label pickle.

The pickle is a list ``[utterances, labels, speakers, sentences, train, (valid,) test]``: four dicts by dialogue, and
sets of dialogues. Labels are numbers of IEMOCAP's classes (0 happy, 1 sad, 2 neutral, 3 angry; 4 excited, 5 frustrated
where there are six) or, not being whole numbers, sentiment.

A file ``<utterance>.npy`` holds (D,) or (1, D), one vector of the utterance (folders ``...-UTT``), or (T, D), its
frames (``...-FRA``). Of IEMOCAP's faces there is a folder ``<utterance>/`` of such files, of both actors, told apart by
an F or M in the file's name; those of the actor who speaks are taken.

Layout: zeroQiaoba/GCNet@c2dfd3b, ``gcnet/dataloader_iemocap.py`` and ``dataloader_cmumosi.py``.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmfeat import media
from mmfeat.errors import FormatError
from mmfeat.formats import restricted_pickle
from mmfeat.formats.imported import NOWHERE, STAGE, Imported, generic_names, untimed_words
from mmfeat.types import Failure, FloatArray, Modality, Progress, Utterance

CLASSES = ("happy", "sad", "neutral", "angry", "excited", "frustrated")
# Of IEMOCAP. Lists of 7,433 turns with six emotions circulate beside the 7,380 of the release.
COUNTS = {
    "emotion4": {"utterances": (5531, 5531), "dialogues": (151, 151), "emotion4=angry": (1103, 1103)},
    "emotion6": {"utterances": (7380, 7433), "dialogues": (151, 151)},
}
PARTS = {6: ("train", "test"), 7: ("train", "valid", "test")}  # by the length of the list
ACTORS = frozenset("FM")


def read(labels: Path, folders: Mapping[Modality, Path], progress: Progress | None = None) -> Imported:
    """Read a label pickle and the features beside it.

    Parameters
    ----------
    labels : Path
    folders : mapping of modality to Path
    progress : Progress, optional

    Returns
    -------
    Imported
        Every modality has rows of its own, one where the file holds a vector; the words are those of the sentence.
        A file that is missing or cannot be read is a row of the ledger, and the modality not observed there.

    Raises
    ------
    FormatError
        If the pickle is no such list, or a folder holds none of its utterances.
    """
    table = _Table(labels)
    utterances, failures = _without_repetitions(table.utterances())
    features = {}
    for modality, folder in folders.items():
        features[modality] = _Features(modality, folder, table.letters)
        failures += features[modality].look_at(utterances, progress)

    def rows(utterance: Utterance) -> dict[Modality, FloatArray]:
        return {modality: some.rows(utterance.id) for modality, some in features.items()}

    return Imported(
        utterances=utterances,
        rows=rows,
        names=generic_names("gcnet", {modality: some.width for modality, some in features.items()}),
        sources={
            modality: {labels.name: media.digest(labels), folders[modality].name: some.digest}
            for modality, some in features.items()
        },
        own_rows=tuple(features),
        target=table.target,
        split="gcnet" if table.target in COUNTS else "standard",
        classes={table.target: table.classes} if table.classes else {},
        expected=COUNTS.get(table.target),
        failures=[*table.failures, *failures],
    )


def _without_repetitions(utterances: Iterable[Utterance]) -> tuple[list[Utterance], list[Failure]]:
    """Keep the first utterance of each id: the second has the same files."""
    kept: dict[str, Utterance] = {}
    failures = []
    for utterance in utterances:
        if utterance.id in kept:
            where = f"in {kept[utterance.id].dialogue} and {utterance.dialogue}"
            failures.append(Failure(utterance.id, STAGE, f"the id occurs twice, {where}; the second was left out"))
        else:
            kept[utterance.id] = utterance
    return list(kept.values()), failures


class _Table:
    """The label pickle."""

    def __init__(self, path: Path) -> None:
        content = restricted_pickle.load(path)
        entries = list(content) if isinstance(content, list | tuple) else []
        if len(entries) not in PARTS or not all(isinstance(entry, dict) for entry in entries[:4]):
            raise FormatError(
                f"{path} holds a {type(content).__name__} of {len(entries)}; expected a list of 6 or 7: utterances, "
                "labels, speakers, sentences, train, (valid,) test; give the label pickle of GCNet"
            )
        self._path = path
        self._columns: list[dict[str, Sequence[Any]]] = entries[:4]
        self._parts = dict(zip(PARTS[len(entries)], (_names(entry) for entry in entries[4:]), strict=True))
        self._require_shape()
        values = [value for some in self._columns[1].values() for value in some]
        strange = [value for value in values if not isinstance(value, int | float | np.integer | np.floating)]
        if strange:
            raise FormatError(f"{path}: label {strange[0]!r}; expected class numbers or sentiment; check the file")
        whole = all(isinstance(value, int | np.integer) for value in values)
        self.classes = CLASSES[: 6 if max(values, default=0) > 3 else 4] if whole else ()
        self.target = f"emotion{len(self.classes)}" if whole else "sentiment"
        self.letters: dict[str, str] = {}  # F or M of each utterance of two actors
        listed = {name for names in self._parts.values() for name in names}
        self.failures = [
            Failure(str(name), STAGE, "the dialogue is in no part; left out")
            for name in self._columns[0]
            if name not in listed
        ]

    def _require_shape(self) -> None:
        counts = Counter(name for names in self._parts.values() for name in names)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise FormatError(
                f"{self._path}: dialogue {twice[0]} is in two parts; expected each in one; check the file"
            )
        for name in counts:
            lengths = [len(column.get(name, ())) for column in self._columns]
            if len(set(lengths)) > 1 or not lengths[0]:
                raise FormatError(
                    f"{self._path}: dialogue {name} has {lengths} utterances, labels, speakers, sentences; expected as "
                    "many of each, and at least one; check the file"
                )

    def utterances(self) -> Iterator[Utterance]:
        """The utterances, part by part and dialogue by dialogue."""
        for part, names in self._parts.items():
            for name in sorted(names):
                rows = zip(*(column[name] for column in self._columns), strict=True)
                for turn, (key, label, letter, sentence) in enumerate(rows):
                    yield self._utterance(part, name, turn, str(key), float(label), str(letter), sentence)

    def _utterance(
        self, part: str, dialogue: str, turn: int, key: str, label: float, letter: str, sentence: Any
    ) -> Utterance:
        if letter in ACTORS:
            self.letters[key] = letter
        known = 0 <= label < len(self.classes) if self.classes else bool(np.isfinite(label))
        if not known:
            self.failures.append(Failure(key, STAGE, f"label {label}; unknown"))
        words = sentence.split() if isinstance(sentence, str) else []
        return Utterance(
            id=key,
            media=NOWHERE,
            split=part,
            speaker=_speaker(dialogue, letter),
            dialogue=dialogue,
            turn=turn,
            words=untimed_words(words, len(words)),
            labels={self.target: label} if known else {},
        )


def _names(entry: Any) -> list[str]:
    return [str(name) for name in entry]


def _speaker(dialogue: str, letter: str) -> str | None:
    """The letter, and of IEMOCAP the session before it: there are two actors in each."""
    session = re.match(r"Ses0[1-5]", dialogue)
    return (session[0] if session else "") + letter or None


@dataclass(frozen=True)
class _Read:
    """What the file or the files of an utterance hold."""

    values: FloatArray  # (T, D)
    others: int = 0  # files of the other actor


class _Features:
    """The files of one modality."""

    def __init__(self, modality: Modality, folder: Path, letters: Mapping[str, str]) -> None:
        self.modality = modality
        self.width = 0
        self.digest = ""
        self._folder = folder
        self._letters = letters
        self._good: set[str] = set()

    def look_at(self, utterances: Sequence[Utterance], progress: Progress | None) -> list[Failure]:
        """Read every file once: how wide, whether whole. What is wrong with one is a row of the ledger."""
        digest, failures, widths, others = hashlib.sha256(), [], {}, 0
        for done, utterance in enumerate(utterances, start=1):
            try:
                read = self._read(utterance.id, digest)
                widths[utterance.id] = read.values.shape[1]
                others += bool(read.others)
            except (OSError, ValueError, EOFError) as error:
                failures.append(Failure(utterance.id, STAGE, f"{self.modality}: {_reason(error)}; not observed"))
            if progress:
                progress(f"read {self.modality}", done, len(utterances))
        if not widths:
            first = failures[0].reason if failures else "no utterances"
            raise FormatError(
                f"no features of {self.modality} in {self._folder}: {first}; expected <utterance>.npy; "
                f"check --{self.modality}"
            )
        self.width = Counter(widths.values()).most_common(1)[0][0]
        self.digest = digest.hexdigest()
        self._good = {name for name, width in widths.items() if width == self.width}
        failures += [
            Failure(name, STAGE, f"{self.modality}: {width} columns, elsewhere {self.width}; not observed")
            for name, width in widths.items()
            if width != self.width
        ]
        if others:
            reason = f"{others} utterances also have faces of the actor who does not speak; left out"
            failures.append(Failure(self._folder.name, STAGE, reason))
        return failures

    def rows(self, name: str) -> FloatArray:
        """(T, D), without any row where the file is missing or bad."""
        return self._read(name, hashlib.sha256()).values if name in self._good else np.zeros((0, self.width))

    def _read(self, name: str, digest: Any) -> _Read:
        folder = self._folder / name
        if folder.parent != self._folder:
            raise ValueError("its id is not the name of a file")
        if not folder.is_dir():
            return _Read(_rows(self._folder / f"{name}.npy", digest))
        files = sorted(folder.glob("*.npy"))
        own, others = files, 0
        if name in self._letters:
            told = {path: ACTORS & set(path.stem) for path in files}
            unclear = [path.name for path, letters in told.items() if len(letters) != 1]
            if unclear:
                raise ValueError(f"{unclear[0]} does not say whose face it is (F or M)")
            own = [path for path, letters in told.items() if letters == {self._letters[name]}]
            others = len(files) - len(own)
        if not own:
            raise ValueError(f"no face of the speaker in {folder.name}/")
        return _Read(np.concatenate([_rows(path, digest) for path in own]), others)


def _rows(path: Path, digest: Any) -> FloatArray:
    """(T, D) of a file that holds that, or one vector."""
    raw = path.read_bytes()
    digest.update(path.name.encode() + raw)
    values: Any = np.load(io.BytesIO(raw), allow_pickle=False)
    if values.dtype.kind not in "fiu" or values.ndim not in (1, 2) or not values.size:
        raise ValueError(f"{path.name} holds an array of shape {values.shape} and dtype {values.dtype}")
    return np.atleast_2d(values)


def _reason(error: Exception) -> str:
    return f"no file {Path(error.filename).name}" if isinstance(error, FileNotFoundError) else str(error)
