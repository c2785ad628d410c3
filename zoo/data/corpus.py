"""One split of an artefact, read part by part."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mmfeat.artifact import Artifact
from mmfeat.types import MODALITIES, BoolArray, FloatArray, IntArray, Modality, ObservedRows
from zoo.errors import DataError
from zoo.types import Task

ALIGNED = Path("data/aligned")  # where the pipeline puts artefacts
PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Part:
    """N utterances of one part of a split, ragged: R_m rows of each modality."""

    rows: ObservedRows  # ids, offsets (N + 1,) and observed (R_m,) per modality
    features: Mapping[Modality, FloatArray]  # each (R_m, D_m) float32
    targets: FloatArray  # (N, K)
    known: BoolArray  # (N, K)
    dialogues: tuple[str, ...]
    turns: IntArray  # (N,)
    speakers: tuple[str, ...]
    pieces: tuple[tuple[str, IntArray], ...]  # group of the artefact and which of its utterances, in this order


@dataclass(frozen=True)
class Corpus:
    """An artefact with one way to divide it, and one thing to predict."""

    path: Path
    artefact: Artifact = field(repr=False)
    task: Task
    split: str  # how it is divided
    members: Mapping[str, tuple[tuple[str, IntArray], ...]]  # part -> pieces, as in `Part`

    @property
    def dataset(self) -> str:
        """Name of the corpus."""
        return self.artefact.description.dataset

    @property
    def dims(self) -> dict[Modality, int]:
        """Feature width of each modality that it has."""
        return self.artefact.dims

    @property
    def aligned(self) -> bool:
        """Whether every modality has one row per word."""
        return not self.artefact.description.own_rows

    @cached_property
    def features(self) -> dict[str, Any]:
        """What its features are: extractor, version, settings, files and dimension names per modality, and the rule."""
        description = self.artefact.description
        return describe_features(description.extractors, description.alignment_rule)

    @cached_property
    def observed(self) -> dict[str, ObservedRows]:
        """What was observed, of every group of the artefact, read once."""
        return {name: self.artefact.observed(name) for name in self.artefact.splits}

    @cached_property
    def sha256(self) -> str:
        """Digest of the file."""
        return sha256_of(self.path)

    def require_parts(self, *names: str) -> None:
        """Refuse a split that lacks a part, before anything is read.

        Raises
        ------
        DataError
            Naming what it lacks.
        """
        lacking = [name for name in names if name not in self.members]
        if lacking:
            raise DataError(
                f"{self.path}: split {self.split!r} has {', '.join(self.members)}, no {' and no '.join(lacking)}; "
                f"expected {', '.join(PARTS)}; divide the corpus (a column 'split' in its table) or choose another "
                "--split"
            )

    def part(self, name: str) -> Part:
        """Read one part.

        Raises
        ------
        DataError
            If the split has no such part, or no utterance of it has a label.
        """
        self.require_parts(name)
        found = _read_part(self.artefact, self.members[name], self.task)
        if not found.known.any():
            raise DataError(
                f"{self.path}: no utterance of {name} has the label {', '.join(self.task.targets)}; expected some; "
                "choose another --target"
            )
        return found

    def targets(self, name: str) -> tuple[FloatArray, BoolArray]:
        """Targets of a part and whether they are known, each (N, K), without its features.

        Raises
        ------
        DataError
            If the split has no such part.
        """
        self.require_parts(name)
        read = [_read_targets(self.artefact, group, numbers, self.task) for group, numbers in self.members[name]]
        return np.concatenate([values for values, _ in read]), np.concatenate([known for _, known in read])


def find_artefact(dataset: str | Path) -> Path:
    """Where the artefact of a dataset is: ``dataset`` itself if it is a file, else ``data/aligned/<dataset>.h5``.

    Raises
    ------
    DataError
        If neither is there.
    """
    given, usual = Path(dataset), ALIGNED / f"{dataset}.h5"
    for path in (given, usual):
        if path.is_file():
            return path
    here = sorted(path.stem for path in ALIGNED.glob("*.h5"))
    raise DataError(
        f"no dataset {str(dataset)!r}: neither a file of that name nor {usual}; expected an artefact"
        + (f", such as {', '.join(here)}" if here else "")
        + "; 'dvc repro' makes those of pipelines/params.yaml, 'mmfeat extract' one from clips"
    )


def open_corpus(path: Path, target: str | None = None, split: str | None = None) -> Corpus:
    """Open an artefact for training or testing. No features are read yet.

    Parameters
    ----------
    path : Path
    target : str, optional
        Label to predict, or several yes-or-no labels joined by commas; default: the one that the artefact names.
    split : str, optional
        A named split of the artefact, such as ``5fold-session.1``; default: the one by which the file is divided.

    Raises
    ------
    DataError
        If the artefact has no such label or split, or no label at all.
    mmfeat.errors.SchemaError
        If the file is not an artefact.
    """
    artefact = Artifact(path)
    names = artefact.splits
    task = _task_of(artefact, target)
    if split is None or split == artefact.description.split:
        members = {name: ((name, np.arange(len(artefact.ids(name)))),) for name in names}
        return Corpus(path, artefact, task, artefact.description.split, members)
    return Corpus(path, artefact, task, split, _named_split(artefact, split))


def _task_of(artefact: Artifact, target: str | None) -> Task:
    labels = {name: artefact.group(name) for name in artefact.splits}
    known = sorted({label for group in labels.values() for label in group.get("labels", {})})
    if not known:
        raise DataError(f"{artefact.path}: no labels; expected at least one; give the corpus a table with labels")
    usual = artefact.description.target or (known[0] if len(known) == 1 else "")
    if not (target or usual):
        raise DataError(
            f"{artefact.path}: labels {', '.join(known)} and none by default; expected a choice; give one as --target"
        )
    wanted = tuple(part.strip() for part in (target or usual).split(","))
    strange = [name for name in wanted if name not in known]
    if strange:
        near = difflib.get_close_matches(strange[0], known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "choose another --target"
        raise DataError(f"{artefact.path}: no label {', '.join(strange)}; expected some of {', '.join(known)}; {hint}")
    classes = artefact.description.classes
    if len(wanted) == 1 and wanted[0] in classes:
        return Task("classes", wanted, tuple(classes[wanted[0]]))
    if all(_yes_or_no(labels.values(), name) for name in wanted):
        return Task("binary", wanted)
    if len(wanted) > 1:
        raise DataError(
            f"{artefact.path}: target {', '.join(wanted)}; expected one label, or several that are only 0 or 1"
        )
    return Task("score", wanted)


def _yes_or_no(groups: Any, name: str) -> bool:
    values = [
        group["labels"][name][:][group["labels_known"][name][:]] for group in groups if name in group.get("labels", {})
    ]
    return bool(np.isin(np.concatenate(values), (0.0, 1.0)).all())


def _named_split(artefact: Artifact, split: str) -> dict[str, tuple[tuple[str, IntArray], ...]]:
    found: dict[str, list[tuple[str, IntArray]]] = {}
    known: set[str] = set()
    for name in artefact.splits:
        rooms = artefact.group(name).get("parts", {})
        known |= set(rooms)
        if split in rooms:
            values = rooms[split].asstr()[:]
            for part in np.unique(values):
                if part:
                    found.setdefault(str(part), []).append((name, np.flatnonzero(values == part)))
    if not found:
        shown = ", ".join([artefact.description.split, *sorted(known)][:12])
        raise DataError(f"{artefact.path}: no split {split!r}; expected one of {shown}; choose another --split")
    order = sorted(found, key=lambda part: (PARTS.index(part) if part in PARTS else len(PARTS), part))
    return {part: tuple(found[part]) for part in order}


def read_all(artefact: Artifact, task: Task) -> Part:
    """Read every utterance, whether or not it has the labels of the task."""
    return _read_part(artefact, [(name, np.arange(len(artefact.ids(name)))) for name in artefact.splits], task)


def _read_part(artefact: Artifact, pieces: Sequence[tuple[str, IntArray]], task: Task) -> Part:
    read = [_read_piece(artefact, name, numbers, task) for name, numbers in pieces]
    if len(read) == 1:
        return read[0]
    ids = tuple(entry for piece in read for entry in piece.rows.ids)
    lengths = {m: np.concatenate([np.diff(piece.rows.offsets[m]) for piece in read]) for m in MODALITIES}
    offsets = {m: np.concatenate([[0], np.cumsum(lengths[m])]) for m in MODALITIES}
    observed = {m: np.concatenate([piece.rows.observed[m] for piece in read]) for m in MODALITIES}
    return Part(
        rows=ObservedRows(ids, offsets, observed),
        features={m: np.concatenate([piece.features[m] for piece in read]) for m in read[0].features},
        targets=np.concatenate([piece.targets for piece in read]),
        known=np.concatenate([piece.known for piece in read]),
        dialogues=tuple(entry for piece in read for entry in piece.dialogues),
        turns=np.concatenate([piece.turns for piece in read]),
        speakers=tuple(entry for piece in read for entry in piece.speakers),
        pieces=tuple(pieces),
    )


def _read_piece(artefact: Artifact, name: str, numbers: IntArray, task: Task) -> Part:
    """Utterances of one group of the file, in its order."""
    group, rows = artefact.group(name), artefact.observed(name)
    everything = len(numbers) == len(rows.ids)
    chosen = {m: slice(None) if everything else ragged_rows(rows.offsets[m], numbers) for m in MODALITIES}
    targets, known = _read_targets(artefact, name, numbers, task)
    return Part(
        rows=_chosen_rows(rows, numbers, chosen),
        features={m: group[m][:][chosen[m]] for m in artefact.dims},
        targets=targets,
        known=known,
        dialogues=tuple(group["dialogue"].asstr()[:][numbers]),
        turns=group["turn"][:][numbers],
        speakers=tuple(group["speaker"].asstr()[:][numbers]),
        pieces=((name, numbers),),
    )


def _read_targets(artefact: Artifact, name: str, numbers: IntArray, task: Task) -> tuple[FloatArray, BoolArray]:
    group = artefact.group(name)
    labels, known = group.get("labels", {}), group.get("labels_known", {})
    absent = np.zeros(len(group["turn"]))
    targets = np.stack([labels[t][:] if t in labels else absent for t in task.targets], axis=1)[numbers]
    sure = np.stack([known[t][:] if t in known else absent.astype(bool) for t in task.targets], axis=1)[numbers]
    return np.where(sure, targets, 0.0).astype(np.float32), sure


def ragged_rows(offsets: IntArray, numbers: IntArray) -> IntArray:
    """Rows of the chosen items, one item after the other."""
    lengths = (offsets[1:] - offsets[:-1])[numbers]
    begins = np.cumsum(lengths) - lengths
    found: IntArray = np.arange(lengths.sum()) + np.repeat(offsets[:-1][numbers] - begins, lengths)
    return found


def _chosen_rows(rows: ObservedRows, numbers: IntArray, chosen: Mapping[Modality, Any]) -> ObservedRows:
    ids = tuple(rows.ids[number] for number in numbers)
    offsets = {m: np.concatenate([[0], np.cumsum(np.diff(rows.offsets[m])[numbers])]) for m in MODALITIES}
    return ObservedRows(ids, offsets, {m: rows.observed[m][chosen[m]] for m in MODALITIES})


def sha256_of(path: Path) -> str:
    """Digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_features(extractors: Mapping[Modality, Mapping[str, Any]], rule: str) -> dict[str, Any]:
    """Say what features are, as `Corpus.features` has it, from an artefact's entries of its extractors."""
    described: dict[str, Any] = {
        modality: {
            **{key: entry[key] for key in ("extractor", "version", "config", "sources")},
            "width": len(entry["names"]),
            "names": hashlib.sha256("\n".join(entry["names"]).encode()).hexdigest(),
        }
        for modality, entry in extractors.items()
    }
    return {"alignment_rule": rule, **described}


def fingerprint(features: Mapping[str, Any]) -> str:
    """Digest of `Corpus.features`: two corpora with the same may share a model."""
    return hashlib.sha256(json.dumps(features, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
