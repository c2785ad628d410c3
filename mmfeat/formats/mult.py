"""The pickles of MulT, ``mosi_data.pkl``, ``mosei_senti_data_noalign.pkl``, ``iemocap_data.pkl``, in and out.

``{"train" | "valid" | "test": {...}}`` with, for N utterances:

=============================  ======================================================================================
``text``, ``audio``,           (N, T, D); of GloVe, COVAREP and Facet; as many rows in each in an aligned file, else
``vision``                     50, 375 or 500, 500; of IEMOCAP 20 words
``labels``                     (N, 1, 1) sentiment; of IEMOCAP (N, 4, 2): neutral, happy, sad, angry, each no or yes
``id``                         (N, 3): video, start and end in s; bytes in MOSI; absent in IEMOCAP
=============================  ======================================================================================

Layout: yaohungt/Multimodal-Transformer@a670936, ``src/dataset.py``. Zeros stand in front of the rows, and the model
answers from the last of them (issue #3 there). The audio of the published files has -inf in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mmfeat import media
from mmfeat.artifact import Artifact
from mmfeat.errors import FormatError
from mmfeat.formats import exported, pickle_writing, restricted_pickle
from mmfeat.formats.exported import SPLITS, Chosen
from mmfeat.formats.imported import (
    NOWHERE,
    STAGE,
    Imported,
    PaddedPart,
    PaddedRows,
    generic_names,
    unread,
    untimed_words,
    with_distinct_ids,
    with_turns,
)
from mmfeat.formats.padded_rows import Room, filled, require_numbers
from mmfeat.types import MODALITIES, Failure, IntArray, Modality, Progress, Utterance

EMOTIONS = ("neutral", "happy", "sad", "angry")  # of IEMOCAP, in this order
IEMOCAP_SPLIT = "mult-2717-798-938"
IEMOCAP_COUNTS = {"train": (2717, 2717), "valid": (798, 798), "test": (938, 938)}


def read(path: Path, dataset: str) -> Imported:
    """Read a file.

    Real rows are those from the first to the last that is not zeros, in an aligned file of all modalities together.

    Parameters
    ----------
    path : Path
    dataset : str
        For the ids of utterances that have none in the file: ``<dataset>_<split>_<row, from 0>``.

    Returns
    -------
    Imported
        An utterance with a place in its video is ``<video>_<start>-<end>`` (s), of dialogue ``<video>``. Labels
        ``sentiment``, or ``neutral``, ``happy``, ``sad``, ``angry`` (0 or 1). The words are unknown.

    Raises
    ------
    FormatError
        If it is no such file, or holds more than arrays and plain containers.
    """
    content = restricted_pickle.load(path)
    found = content if isinstance(content, dict) else {}
    contents = {name: found[name] for name in SPLITS if isinstance(found.get(name), dict)}
    if not contents:
        raise FormatError(
            f"{path} holds {', '.join(map(str, found)) or type(content).__name__}; expected train, valid and test; "
            "give a pickle as MulT reads it"
        )
    features = {name: _features(content, f"{path}: {name}") for name, content in contents.items()}
    kinds = {name: _kind(arrays) for name, arrays in features.items()}
    if len({str(kind) for kind in kinds.values()}) > 1:
        raise FormatError(f"{path}: {kinds}; expected splits of one kind and width; give one file per kind")
    widths, own_rows = next(iter(kinds.values()))
    parts = {name: PaddedPart(arrays, _spans(arrays, bool(own_rows))) for name, arrays in features.items()}
    members, notes = [], []
    for name, content in contents.items():
        made, missed = _utterances(content, name, parts[name].spans["text"], f"{path}: {name}", dataset)
        members += made
        notes += missed
    utterances, repeated = with_distinct_ids(members)
    names = generic_names("mult", widths)
    emotions = np.shape(next(iter(contents.values()))["labels"])[1:] == (len(EMOTIONS), 2)
    return Imported(
        utterances=with_turns(utterances, lambda one: one.start),
        rows=PaddedRows(parts, utterances),
        names=names,
        sources=dict.fromkeys(names, {path.name: media.digest(path)}),
        own_rows=own_rows,
        target="" if emotions else "sentiment",  # four questions of equal standing: none is the one to learn
        split=IEMOCAP_SPLIT if emotions else "standard",
        expected=IEMOCAP_COUNTS if emotions else None,
        failures=[*repeated, *unread(found, path), *notes],
    )


def write(
    artifact: Artifact, path: Path, *, unaligned: bool, room: Room, progress: Progress | None = None
) -> tuple[dict[str, int], list[Failure]]:
    """Write the train, valid and test utterances that have a ``sentiment``, or the four emotions of IEMOCAP.

    Parameters
    ----------
    artifact : Artifact
    path : Path
    unaligned : bool
        Write rows that are not words as they are.
    room : Room
        Of each utterance the last so many rows are written.
    progress : Progress, optional

    Returns
    -------
    counts : dict of str to int
        Utterances written, by split.
    failures : list of Failure
        What was left out or cut.

    Raises
    ------
    SchemaError
        If a split would be empty, or a modality has rows that are not words and ``unaligned`` is False.
    OutputError
        If ``path`` cannot be written.
    """
    known = {label for split in artifact.splits for label in artifact.group(split).get("labels", {})}
    labels = EMOTIONS if set(EMOTIONS) <= known else ("sentiment",)
    chosen, failures = exported.choose(artifact, labels, unaligned)
    place = exported.places(artifact, room)
    failures += exported.cut(artifact, chosen, place, "last")
    content = {
        split: {
            **arrays,
            "labels": _foreign_labels(chosen[split]) if labels == EMOTIONS else _column(chosen[split]),
            "id": _foreign_ids(chosen[split], artifact.description.dataset),
        }
        for split, arrays in exported.arrays(artifact, chosen, place, "front", progress).items()
    }
    pickle_writing.write(content, path)
    return {split: len(some.utterances) for split, some in chosen.items()}, failures


def _features(content: Mapping[str, Any], where: str) -> dict[Modality, Any]:
    absent = [key for key in (*MODALITIES, "labels") if key not in content]
    if absent:
        found = ", ".join(map(str, content))
        raise FormatError(f"{where} has no {', '.join(absent)}; expected the keys of MulT; it has {found}")
    count = len(np.atleast_1d(content["labels"]))
    return {name: require_numbers(content[name], f"{where}/{name}", count) for name in MODALITIES}


def _kind(features: Mapping[Modality, Any]) -> tuple[dict[Modality, int], tuple[Modality, ...]]:
    """Width of each modality, and the modalities whose rows are not words."""
    aligned = len({values.shape[1] for values in features.values()}) == 1
    return {name: values.shape[2] for name, values in features.items()}, () if aligned else ("audio", "vision")


def _spans(features: Mapping[Modality, Any], unaligned: bool) -> dict[Modality, IntArray]:
    if unaligned:
        return {name: filled(values) for name, values in features.items()}
    spans = filled(*features.values())
    # An utterance of zeros alone is one row that was not observed, so that it is not lost.
    return dict.fromkeys(MODALITIES, np.where(spans[:, 1:] == 0, (0, 1), spans))


def _utterances(
    content: Mapping[str, Any], split: str, spans: IntArray, where: str, dataset: str
) -> tuple[list[Utterance], list[Failure]]:
    labels, failures = _labels(content["labels"], where, split)
    identities = content.get("id")
    if identities is None:
        failures.append(Failure(split, STAGE, "the file has no ids: made from the rows, not to be joined with others"))
        made = [Utterance(f"{dataset}_{split}_{row:04d}", NOWHERE) for row in range(len(labels))]
    else:
        made = [_identified(identity, f"{where}/id[{row}]") for row, identity in enumerate(identities)]
        failures += [Failure(one.id, STAGE, f"start {one.start} s was set to 0") for one in made if one.start < 0]
    if len(made) != len(labels):
        raise FormatError(f"{where} has {len(made)} ids and {len(labels)} labels; expected as many; check the file")
    return [
        replace(
            one,
            split=split,
            start=max(one.start, 0.0),
            words=untimed_words((), int(stop - start)),
            labels=label,
        )
        for one, label, (start, stop) in zip(made, labels, spans.tolist(), strict=True)
    ], failures


def _identified(identity: Any, where: str) -> Utterance:
    """An utterance from (name, start, end); one without a stretch of time is its name."""
    parts = identity.tolist() if isinstance(identity, np.ndarray) else identity
    texts = [part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part) for part in parts]
    try:
        name, start, end = texts[0], float(texts[1]), float(texts[2])
    except (ValueError, IndexError):
        raise FormatError(f"{where} is {texts}; expected name, start and end in s; the file is not MulT's") from None
    if not end > start:
        return Utterance(name, NOWHERE)
    return Utterance(f"{name}_{start:.3f}-{end:.3f}", NOWHERE, start, end, dialogue=name)


def _labels(values: Any, where: str, split: str) -> tuple[list[dict[str, float]], list[Failure]]:
    """Known labels of each utterance."""
    array = np.asarray(values)
    if array.shape[1:] == (len(EMOTIONS), 2):
        array = require_numbers(array, f"{where}/labels", None)
        sure = (np.sort(array, axis=2) == (0, 1)).all(axis=2)
        failures = [
            Failure(f"{split}[{row}]", STAGE, f"{EMOTIONS[column]} is {array[row, column].tolist()}, not one of two")
            for row, column in np.argwhere(~sure).tolist()
        ]
        return [
            {name: float(value) for name, value, known in zip(EMOTIONS, chosen, knowns, strict=True) if known}
            for chosen, knowns in zip(array.argmax(axis=2), sure, strict=True)
        ], failures
    if array.size != len(array) or array.dtype.kind not in "fiu":
        raise FormatError(
            f"{where}/labels is of shape {array.shape}; expected (N, 1, 1) for sentiment or (N, 4, 2) for emotions; "
            "the file is not MulT's"
        )
    column = array.reshape(-1).tolist()
    failures = [
        Failure(f"{split}[{row}]", STAGE, f"sentiment is {value}, unknown")
        for row, value in enumerate(column)
        if not np.isfinite(value)
    ]
    return [{"sentiment": float(value)} if np.isfinite(value) else {} for value in column], failures


def _column(some: Chosen) -> Any:
    return np.array(some.label("sentiment"), dtype=np.float32).reshape(-1, 1, 1)


def _foreign_labels(some: Chosen) -> Any:
    yes = np.array([some.label(name) for name in EMOTIONS], dtype=np.float32).T
    return np.stack([1 - yes, yes], axis=2)


def _foreign_ids(some: Chosen, dataset: str) -> Any:
    """(N, 3) texts; of MOSI bytes, since its loader decodes them."""
    rows = [
        (one.dialogue or one.id, str(one.start), str(one.end)) if (one.end or 0) > one.start else (one.id, "0", "0")
        for one in some.utterances
    ]
    return np.array([[part.encode() for part in row] for row in rows]) if dataset == "mosi" else np.array(rows)
