"""Reading an artefact."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from mmfeat.artifact.writing import Description
from mmfeat.errors import SchemaError
from mmfeat.schema import ATTRIBUTES, SCHEMA_VERSION
from mmfeat.types import MODALITIES, AlignedUtterance, BoolArray, FloatArray, IntArray, Modality, Utterance, Word


@dataclass(frozen=True)
class Split:
    """One split, ragged: R word rows of N utterances."""

    ids: tuple[str, ...]
    offsets: IntArray  # (N + 1,)
    features: Mapping[Modality, FloatArray]  # each (R, D_m) float32
    observed: BoolArray  # (R, 3)
    labels: Mapping[str, FloatArray]  # each (N,)
    labels_known: Mapping[str, BoolArray]  # each (N,)


@dataclass(frozen=True)
class Padded:
    """One split, padded to W words."""

    ids: tuple[str, ...]
    features: Mapping[Modality, FloatArray]  # each (N, W, D_m) float32
    word_mask: BoolArray  # (N, W) True at real words
    observed: BoolArray  # (N, W, 3)
    intervals: FloatArray  # (N, W, 2) s
    labels: Mapping[str, FloatArray]
    labels_known: Mapping[str, BoolArray]


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
            **{name: json.loads(attributes[name]) for name in ("extractors", "classes", "words_from", "source")},
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
        )

    def padded(self, split: str, max_words: int | None = None) -> Padded:
        """Whole split in memory, padded behind.

        Parameters
        ----------
        split : str
        max_words : int, optional
            Keep the first so many words of each utterance; default: all of the longest.

        Returns
        -------
        Padded
            Features (N, W, D_m), ``word_mask`` (N, W), ``observed`` (N, W, 3), ``intervals`` (N, W, 2).
        """
        ragged, intervals = self.ragged(split), self.group(split)["intervals"][:]
        lengths = np.diff(ragged.offsets)
        width = int(lengths.max(initial=0)) if max_words is None else max_words
        position = np.arange(width)
        word_mask = position < lengths[:, None]  # (N, W)
        rows = (ragged.offsets[:-1, None] + position)[word_mask]

        def pad(values: Any) -> Any:
            out = np.zeros((*word_mask.shape, *values.shape[1:]), dtype=values.dtype)
            out[word_mask] = values[rows]
            return out

        return Padded(
            ids=ragged.ids,
            features={name: pad(values) for name, values in ragged.features.items()},
            word_mask=word_mask,
            observed=pad(ragged.observed),
            intervals=pad(intervals),
            labels=ragged.labels,
            labels_known=ragged.labels_known,
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
        first, last = group["offsets"][number : number + 2]
        span = slice(int(first), int(last))
        observed = group["observed"][span]
        scores = zip(group["scores"][span], group["scored"][span], strict=True)
        words = tuple(
            Word(text, float(start), float(end), float(score) if scored else None)
            for text, (start, end), (score, scored) in zip(
                group["words"].asstr()[span], group["intervals"][span], scores, strict=True
            )
        )
        labels = {
            name: float(values[number])
            for name, values in group.get("labels", {}).items()
            if group["labels_known"][name][number]
        }
        utterance = Utterance(
            id=group["ids"].asstr()[number],
            media=Path(group["media"].asstr()[number]),
            start=float(group["start"][number]),
            end=float(group["end"][number]),
            split=split,
            speaker=group["speaker"].asstr()[number] or None,
            dialogue=group["dialogue"].asstr()[number] or None,
            turn=int(group["turn"][number]),
            words=words,
            labels=labels,
        )
        return AlignedUtterance(
            utterance=utterance,
            features={name: group[name][span] for name in self.dims},
            observed={name: observed[:, column] for column, name in enumerate(MODALITIES)},
            classes=self.description.classes,
        )

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

    def summary(self) -> dict[str, Any]:
        """Counts that a person or a machine wants first.

        Returns
        -------
        dict
            ``splits`` {name: utterances}, ``dims`` {modality: D}, ``words`` (rows), ``observed`` {modality: share of
            words}, ``duration`` (s of speech), ``out_of_vocabulary`` {count, share, words: {word: count}, the 20 most
            frequent}, ``labels`` {name: {known, mean, lowest, highest} or {known, classes: {name: count}}}, and the
            extractors.
        """
        counts, total, duration = np.zeros(len(MODALITIES), dtype=np.int64), 0, 0.0
        unknown: Counter[str] = Counter()
        for split in self.splits:
            group = self.group(split)
            observed = group["observed"][:]
            counts += observed.sum(axis=0)
            total += len(observed)
            duration += float((group["end"][:] - group["start"][:]).sum())
            if "text" in self.dims:
                texts = group["words"].asstr()[:]
                unknown.update(word for word, seen in zip(texts, observed[:, 0], strict=True) if word and not seen)
        missed = sum(unknown.values())
        return {
            "path": self.path.as_posix(),
            "dataset": self.description.dataset,
            "splits": {split: len(self.group(split)["ids"]) for split in self.splits},
            "dims": self.dims,
            "words": total,
            "observed": {
                name: float(counts[column]) / max(total, 1)
                for column, name in enumerate(MODALITIES)
                if name in self.dims
            },
            "duration": duration,
            "out_of_vocabulary": {
                "count": missed,
                "share": missed / max(total, 1),
                "words": dict(sorted(unknown.items(), key=lambda item: (-item[1], item[0]))[:20]),
            },
            "labels": {name: self._label_summary(name) for name in self._label_names()},
            "extractors": {name: entry["extractor"] for name, entry in self.description.extractors.items()},
        }

    def _label_names(self) -> list[str]:
        return sorted({name for split in self.splits for name in self.group(split).get("labels", {})})

    def _label_summary(self, name: str) -> dict[str, Any]:
        groups = [self.group(split) for split in self.splits if name in self.group(split).get("labels", {})]
        values = np.concatenate([group["labels"][name][:][group["labels_known"][name][:]] for group in groups])
        if name in self.description.classes:
            names = self.description.classes[name]
            counts = np.bincount(values.astype(np.int64), minlength=len(names))
            return {"known": len(values), "classes": {key: int(n) for key, n in zip(names, counts, strict=True)}}
        if not len(values):
            return {"known": 0}
        return {
            "known": len(values),
            "mean": float(values.mean()),
            "lowest": float(values.min()),
            "highest": float(values.max()),
        }
