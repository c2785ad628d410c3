"""What a reader of other people's features hands over: utterances, and their rows as the file has them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mmfeat.types import BoolArray, Failure, FloatArray, IntArray, Modality, Utterance, Word

NOWHERE = Path()  # media of an utterance of which only features are known
STAGE = "import"  # in the ledger


@dataclass(frozen=True)
class Imported:
    """A corpus of features that somebody else computed, before its rows are looked at."""

    utterances: Sequence[Utterance]
    rows: Callable[[Utterance], Mapping[Modality, FloatArray]]  # (T_m, D_m) as in the file: NaN and -inf included
    names: Mapping[Modality, tuple[str, ...]]  # of the D_m dimensions
    sources: Mapping[Modality, Mapping[str, str]]  # name of a file -> sha256
    own_rows: tuple[Modality, ...]  # modalities whose rows are not the words
    target: str  # label that models learn unless told otherwise
    split: str = "standard"  # name of the division into train, valid, test
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    expected: Mapping[str, tuple[int, int]] | None = None  # published counts; None: those of the data set
    failures: Sequence[Failure] = ()


@dataclass(frozen=True)
class PaddedPart:
    """One split of a file of padded arrays."""

    features: Mapping[Modality, FloatArray]  # each (N, T_m, D_m)
    spans: Mapping[Modality, IntArray]  # each (N, 2): first real row, one past the last
    text_mask: BoolArray | None = None  # (N, T) False where a text row means nothing, whatever it holds


class PaddedRows:
    """Finds the rows of an utterance in padded arrays; in each split the utterances are in the order of its arrays."""

    def __init__(self, parts: Mapping[str, PaddedPart], utterances: Iterable[Utterance]) -> None:
        self._parts = parts
        numbers = {split: itertools.count() for split in parts}
        self._places = {utterance.id: next(numbers[utterance.split]) for utterance in utterances}

    def __call__(self, utterance: Utterance) -> dict[Modality, FloatArray]:
        """Rows of each modality, (T_m, D_m)."""
        part, number = self._parts[utterance.split], self._places[utterance.id]
        rows = {}
        for modality, values in part.features.items():
            span = slice(*part.spans[modality][number].tolist())
            rows[modality] = values[number, span]
            if modality == "text" and part.text_mask is not None:
                rows[modality] = np.where(part.text_mask[number, span, None], rows[modality], 0)
        return rows


def unread(content: Mapping[str, object], path: Path) -> list[Failure]:
    """What a file holds beside the three splits."""
    others = ", ".join(str(key) for key in content if key not in ("train", "valid", "test"))
    return [Failure(path.name, STAGE, f"not read: {others}")] if others else []


def generic_names(kind: str, widths: Mapping[Modality, int]) -> dict[Modality, tuple[str, ...]]:
    """Names of dimensions that the file does not name: ``mmsa_audio_0``, ``mmsa_audio_1`` ..."""
    return {modality: tuple(f"{kind}_{modality}_{n}" for n in range(width)) for modality, width in widths.items()}


def untimed_words(words: Sequence[str], count: int) -> tuple[Word, ...]:
    """Words of ``count`` rows whose times are unknown; empty ones where the words do not fit the rows."""
    known = words if len(words) == count else [""] * count
    return tuple(Word(text, 0.0, 0.0) for text in known)


def with_distinct_ids(utterances: Iterable[Utterance]) -> tuple[list[Utterance], list[Failure]]:
    """Give an id that occurs again another one, ``<id>#2``, and say so: its rows are rows of the file too."""
    distinct: dict[str, Utterance] = {}
    failures = []
    for utterance in utterances:
        name, number = utterance.id, 1
        while name in distinct:
            number += 1
            name = f"{utterance.id}#{number}"
        if name != utterance.id:
            where = f"in {distinct[utterance.id].split} and {utterance.split}"
            failures.append(Failure(utterance.id, STAGE, f"the id occurs twice, {where}; the second is now {name}"))
        distinct[name] = replace(utterance, id=name)
    return list(distinct.values()), failures


def with_turns(utterances: Sequence[Utterance], key: Callable[[Utterance], float]) -> list[Utterance]:
    """Number the utterances of each dialogue from 0, in the order of ``key``."""
    dialogues: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        if utterance.dialogue is not None:
            dialogues.setdefault(utterance.dialogue, []).append(utterance)
    turns = {
        utterance.id: turn for members in dialogues.values() for turn, utterance in enumerate(sorted(members, key=key))
    }
    return [replace(utterance, turn=turns.get(utterance.id, 0)) for utterance in utterances]
