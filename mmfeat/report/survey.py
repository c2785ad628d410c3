"""One pass over the utterances of an artefact: all that the page says of them, features aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmfeat import counts
from mmfeat.artifact import Artifact
from mmfeat.types import BoolArray, FloatArray, IntArray, Modality, ObservedRows, Progress, Utterance

TENTHS = 10  # stretches of an utterance by which coverage is followed along it


@dataclass(frozen=True)
class SplitSurvey:
    """One split of N utterances."""

    name: str
    ids: tuple[str, ...]
    media: tuple[Path, ...]
    speakers: tuple[str | None, ...]
    dialogues: tuple[str | None, ...]
    parts: tuple[Mapping[str, str], ...]  # of each utterance, its part in other splits
    labels: tuple[Mapping[str, float], ...]
    seconds: FloatArray  # (N,)
    words: IntArray  # (N,)
    rows: Mapping[Modality, IntArray]  # each (N,): rows of each utterance
    seen: Mapping[Modality, IntArray]  # each (N,): how many of them were observed
    along: Mapping[Modality, IntArray]  # each (2, TENTHS): rows, and observed ones, in each tenth of the utterances

    def __len__(self) -> int:
        """Number of utterances."""
        return len(self.ids)


@dataclass
class Survey:
    """All splits, and what is counted over the corpus as a whole."""

    splits: list[SplitSurvey] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)  # as `counts.count` names them
    unknown: Counter[str] = field(default_factory=Counter)  # words that the text extractor did not know
    blank: int = 0  # stretches of time whose words are unknown

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Those in the artefact."""
        return tuple(self.splits[0].rows) if self.splits else ()


def survey(artifact: Artifact, progress: Progress | None = None) -> Survey:
    """Read the tables of an artefact, split by split.

    Parameters
    ----------
    artifact : Artifact
    progress : Progress, optional

    Returns
    -------
    Survey
    """
    found = Survey()
    words_are_rows = "text" in artifact.dims and "text" not in artifact.description.own_rows
    total = sum(len(artifact.group(name)["ids"]) for name in artifact.splits)

    def passing() -> Iterator[Utterance]:
        done = 0
        for name in artifact.splits:
            observed = artifact.observed(name)
            members = _Members()
            for number, utterance in enumerate(artifact.utterances(name)):
                members.add(utterance)
                found.blank += sum(not word.text for word in utterance.words)
                if words_are_rows:
                    found.unknown.update(_unknown(utterance, number, observed))
                done += 1
                if progress and (done % 500 == 0 or done == total):
                    progress("utterances", done, total)
                yield utterance
            found.splits.append(members.finish(name, observed, tuple(artifact.dims)))

    found.counts = counts.count(passing(), artifact.description.classes)
    return found


class _Members:
    """Columns of one split, filled utterance by utterance."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._media: list[Path] = []
        self._speakers: list[str | None] = []
        self._dialogues: list[str | None] = []
        self._parts: list[Mapping[str, str]] = []
        self._labels: list[Mapping[str, float]] = []
        self._seconds: list[float] = []
        self._words: list[int] = []

    def add(self, utterance: Utterance) -> None:
        self._ids.append(utterance.id)
        self._media.append(utterance.media)
        self._speakers.append(utterance.speaker)
        self._dialogues.append(utterance.dialogue)
        self._parts.append(utterance.parts)
        self._labels.append(utterance.labels)
        self._seconds.append((utterance.end or utterance.start) - utterance.start)
        self._words.append(len(utterance.words))

    def finish(self, name: str, observed: ObservedRows, modalities: tuple[Modality, ...]) -> SplitSurvey:
        sums = {key: _running_sum(observed.observed[key]) for key in modalities}
        offsets = {key: observed.offsets[key] for key in modalities}
        return SplitSurvey(
            name,
            tuple(self._ids),
            tuple(self._media),
            tuple(self._speakers),
            tuple(self._dialogues),
            tuple(self._parts),
            tuple(self._labels),
            np.array(self._seconds, dtype=np.float64),
            np.array(self._words, dtype=np.int64),
            rows={key: np.diff(offsets[key]) for key in modalities},
            seen={key: np.diff(sums[key][offsets[key]]) for key in modalities},
            along={key: _along(offsets[key], sums[key]) for key in modalities},
        )


def _running_sum(observed: BoolArray) -> IntArray:
    """Observed rows before each row, (R + 1,): a stretch is then a difference, however many rows there are."""
    sums = np.zeros(len(observed) + 1, dtype=np.int32)
    np.cumsum(observed, out=sums[1:])
    return sums


def _along(offsets: IntArray, sums: IntArray) -> IntArray:
    """Rows, and observed ones, in each tenth of all utterances, (2, TENTHS)."""
    lengths = np.diff(offsets)
    edges = offsets[:-1, None] + lengths[:, None] * np.arange(TENTHS + 1) // TENTHS  # (N, TENTHS + 1)
    both: IntArray = np.stack([np.diff(edges).sum(axis=0), np.diff(sums[edges]).sum(axis=0)])
    return both


def _unknown(utterance: Utterance, number: int, observed: ObservedRows) -> Iterator[str]:
    first, last = observed.offsets["text"][number : number + 2]
    known = observed.observed["text"][first:last]
    return (word.text for word, seen in zip(utterance.words, known, strict=True) if word.text and not seen)
