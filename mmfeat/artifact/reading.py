"""Reading an artefact."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from mmfeat.artifact.own_rows import OwnRows, PaddedRows, read_own_rows
from mmfeat.artifact.summary import summarise
from mmfeat.artifact.utterances import read_utterances
from mmfeat.artifact.writing import Description
from mmfeat.errors import SchemaError
from mmfeat.schema import ATTRIBUTES, SCHEMA_VERSION
from mmfeat.types import (
    MODALITIES,
    AlignedUtterance,
    BoolArray,
    FloatArray,
    IntArray,
    Modality,
    ObservedRows,
    Utterance,
)

JSON_ATTRIBUTES = ("extractors", "classes", "words_from", "source", "expected", "own_rows")


@dataclass(frozen=True)
class Split:
    """One split, ragged: R word rows of N utterances."""

    ids: tuple[str, ...]
    offsets: IntArray  # (N + 1,)
    features: Mapping[Modality, FloatArray]  # each (R, D_m) float32, or (R_m, D_m)
    observed: BoolArray  # (R, 3)
    labels: Mapping[str, FloatArray]  # each (N,)
    labels_known: Mapping[str, BoolArray]  # each (N,)
    own: Mapping[Modality, OwnRows]  # of modalities whose rows are not the words


@dataclass(frozen=True)
class Padded:
    """One split, padded to W words."""

    ids: tuple[str, ...]
    features: Mapping[Modality, FloatArray]  # each (N, W, D_m) float32, or (N, T_m, D_m)
    word_mask: BoolArray  # (N, W) True at real words
    observed: BoolArray  # (N, W, 3)
    intervals: FloatArray  # (N, W, 2) s
    labels: Mapping[str, FloatArray]
    labels_known: Mapping[str, BoolArray]
    own: Mapping[Modality, PaddedRows]  # of modalities whose rows are not the words


class _Padding:
    """Places ragged rows into (N, W, ...)."""

    def __init__(self, offsets: IntArray, width: int | None) -> None:
        lengths = np.diff(offsets)
        position = np.arange(int(lengths.max(initial=0)) if width is None else width)
        self.mask: BoolArray = position < lengths[:, None]  # (N, W)
        self._rows = (offsets[:-1, None] + position)[self.mask]

    def __call__(self, values: Any) -> Any:
        out = np.zeros((*self.mask.shape, *values.shape[1:]), dtype=values.dtype)
        out[self.mask] = values[self._rows]
        return out


class Artifact:
    """Reads an artefact.

    Parameters
    ----------
    path : Path or str

    Raises
    ------
    SchemaError
        If the file is missing, not HDF5, or not an artefact of this schema version.

    Examples
    --------
    >>> with Artifact("data/aligned/demo.h5") as corpus:          # doctest: +SKIP
    ...     train = corpus.padded("train")
    ...     train.features["audio"].shape, train.observed.shape
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file: h5py.File | None = None
        self._process = 0
        attributes = self._open().attrs
        missing = [name for name in ATTRIBUTES if name not in attributes]
        if missing:
            raise SchemaError(
                f"{self.path}: no attribute {', '.join(missing)}; expected an artefact written by mmfeat; "
                "make one with 'mmfeat extract'"
            )
        if attributes["schema_version"] != SCHEMA_VERSION:
            raise SchemaError(
                f"{self.path}: schema version {attributes['schema_version']}; expected {SCHEMA_VERSION}; "
                "extract it again (what is in the cache is not computed twice)"
            )
        self.description = Description(
            dataset=attributes["dataset"],
            code_version=attributes["code_version"],
            alignment_rule=attributes["alignment_rule"],
            split=attributes["split"],
            target=attributes["target"],
            clock=attributes["clock"],
            **{name: json.loads(attributes[name]) for name in JSON_ATTRIBUTES},
        )

    def _open(self) -> h5py.File:
        # A handle that crossed a fork is not to be used: every process opens its own.
        if self._file is None or self._process != os.getpid():
            try:
                self._file = h5py.File(self.path, "r")
            except OSError as error:
                reason = "no such file" if not self.path.exists() else str(error).partition("\n")[0]
                raise SchemaError(
                    f"cannot open {self.path}: {reason}; expected an artefact; make one with 'mmfeat extract'"
                ) from None
            self._process = os.getpid()
        return self._file

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        if self._file is not None and self._process == os.getpid():
            self._file.close()
        self._file = None

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits: train, valid, test, then any other."""
        usual = ("train", "valid", "test")
        return tuple(sorted(self._open(), key=lambda name: (usual.index(name) if name in usual else 3, name)))

    @property
    def dims(self) -> dict[Modality, int]:
        """Feature width D_m of each modality that was extracted."""
        return {name: len(self.names(name)) for name in MODALITIES if name in self.description.extractors}

    def names(self, modality: Modality) -> tuple[str, ...]:
        """Names of the D dimensions of one modality."""
        return tuple(self.description.extractors[modality]["names"])

    def ids(self, split: str) -> tuple[str, ...]:
        """Utterance ids of a split, in order."""
        return tuple(self.group(split)["ids"].asstr()[:])

    def ragged(self, split: str) -> Split:
        """Whole split in memory, without padding."""
        group = self.group(split)
        return Split(
            ids=self.ids(split),
            offsets=group["offsets"][:],
            features={name: group[name][:] for name in self.dims},
            observed=group["observed"][:],
            labels={name: values[:] for name, values in group.get("labels", {}).items()},
            labels_known={name: known[:] for name, known in group.get("labels_known", {}).items()},
            own={name: read_own_rows(group, name) for name in self.description.own_rows},
        )

    def padded(self, split: str, max_words: int | None = None) -> Padded:
        """Whole split in memory, padded behind.

        Parameters
        ----------
        split : str
        max_words : int, optional
            Keep the first so many words of each utterance; default: all of the longest. Rows that are not words stay.

        Returns
        -------
        Padded
            Features (N, W, D_m), ``word_mask`` (N, W), ``observed`` (N, W, 3), ``intervals`` (N, W, 2); modalities
            with rows of their own (N, T_m, D_m), their masks in ``own``.
        """
        ragged, intervals = self.ragged(split), self.group(split)["intervals"][:]
        words = _Padding(ragged.offsets, max_words)
        own = {name: _Padding(rows.offsets, None) for name, rows in ragged.own.items()}
        return Padded(
            ids=ragged.ids,
            features={name: own.get(name, words)(values) for name, values in ragged.features.items()},
            word_mask=words.mask,
            observed=words(ragged.observed),
            intervals=words(intervals),
            labels=ragged.labels,
            labels_known=ragged.labels_known,
            own={
                name: PaddedRows(own[name].mask, own[name](rows.observed), own[name](rows.intervals))
                for name, rows in ragged.own.items()
            },
        )

    def utterance(self, utterance_id: str) -> AlignedUtterance:
        """One utterance with its words and features.

        Raises
        ------
        SchemaError
            If no split holds that id.
        """
        for split in self.splits:
            ids = self.ids(split)
            if utterance_id in ids:
                return self._aligned(split, ids.index(utterance_id))
        known = [name for split in self.splits for name in self.ids(split)[:3]]
        raise SchemaError(
            f"{self.path}: no utterance {utterance_id!r}; expected one of {', '.join(known)} ...; "
            "'mmfeat info --json' lists them"
        )

    def _aligned(self, split: str, number: int) -> AlignedUtterance:
        group = self.group(split)
        utterance = next(read_utterances(group, split, slice(number, number + 1)))
        span = slice(*group["offsets"][number : number + 2].tolist())
        features = {name: group[name][span] for name in self.dims if name not in self.description.own_rows}
        observed = {name: group["observed"][span, column] for column, name in enumerate(MODALITIES)}
        intervals = {}
        for name in self.description.own_rows:
            room = group["own"][name]
            rows = slice(*room["offsets"][number : number + 2].tolist())
            features[name], observed[name] = group[name][rows], room["observed"][rows]
            intervals[name] = room["intervals"][rows]
        return AlignedUtterance(utterance, features, observed, self.description.classes, intervals)

    def group(self, split: str) -> h5py.Group:
        """HDF5 group of one split, as `schema` draws it.

        Raises
        ------
        SchemaError
            If there is no such split.
        """
        file = self._open()
        if split not in file:
            raise SchemaError(f"{self.path}: no split {split!r}; expected one of {', '.join(self.splits)}")
        return file[split]

    def observed(self, split: str) -> ObservedRows:
        """Which rows of a split were observed, without reading its features."""
        group, ids = self.group(split), self.ids(split)
        offsets: dict[Modality, IntArray] = {}
        observed: dict[Modality, BoolArray] = {}
        for column, name in enumerate(MODALITIES):
            room = group["own"][name] if name in self.description.own_rows else None
            offsets[name] = (group if room is None else room)["offsets"][:]
            observed[name] = group["observed"][:, column] if room is None else room["observed"][:]
        return ObservedRows(ids, offsets, observed)

    def utterances(self, split: str) -> Iterator[Utterance]:
        """Utterances of a split with their words and labels, without features."""
        return read_utterances(self.group(split), split)

    def summary(self) -> dict[str, Any]:
        """Counts that a person or a machine wants first; see `summary.summarise`."""
        return summarise(self)
