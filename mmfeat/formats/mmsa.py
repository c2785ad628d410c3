"""The pickles of MMSA, ``aligned_50.pkl`` and ``unaligned_50.pkl``, in and out.

``{"train" | "valid" | "test": {...}}`` with, for N utterances:

=========================  ==========================================================================================
``raw_text``               N texts
``text``                   (N, 50, D): of BERT, 768; written from GloVe, 300
``text_bert``              (N, 3, 50): number, mask and segment of each word piece
``audio``, ``vision``      (N, T, D); as many rows as ``text`` in an aligned file
``audio_lengths``, ...     N numbers; only in an unaligned file, and what it is known by
``id``                     ``<video>$_$<clip>``
``regression_labels``      (N,); of CH-SIMS also ``_T``, ``_A``, ``_V``
``annotations``            N class names; ``classification_labels`` 0, 1, 2 say the same
=========================  ==========================================================================================

Layout: thuiar/MMSA 2.2.1, ``data_loader.py``. Zeros stand behind the rows. A text that is known by ``text_bert`` alone
is imported as three columns, its numbers, mask and segments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmfeat import media
from mmfeat.artifact import Artifact
from mmfeat.errors import FormatError
from mmfeat.formats import exported, pickle_writing, restricted_pickle
from mmfeat.formats.exported import Chosen
from mmfeat.formats.imported import (
    STAGE,
    Imported,
    PaddedPart,
    PaddedRows,
    generic_names,
    unread,
    with_distinct_ids,
    with_turns,
)
from mmfeat.formats.mmsa_split import LABELS, SEPARATOR, SIGNS, WORD_PIECES, MmsaSplit
from mmfeat.formats.padded_rows import Room
from mmfeat.formats.pickle_writing import Streamed
from mmfeat.types import Failure, Modality, Progress, Utterance

SPLITS = ("train", "valid", "test")
ANNOTATIONS = ("Negative", "Weakly Negative", "Neutral", "Weakly Positive", "Positive")  # in the order of their sense


def read(path: Path) -> Imported:
    """Read a file.

    Real rows of an aligned file are those of the mask of ``text_bert``, or as many as ``raw_text`` has words, and all
    others from the first to the last that is not zeros; of an unaligned one those of the stated lengths, and any behind
    them that are not zeros.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Imported
        ``id`` ``a$_$7`` becomes utterance ``a_7`` of dialogue ``a``. Labels ``sentiment``, ``label_T`` ...,
        ``annotation`` (classes).

    Raises
    ------
    FormatError
        If it is no such file, or holds more than arrays and plain containers.
    """
    content = restricted_pickle.load(path)
    found = content if isinstance(content, dict) else {}
    parts = {name: MmsaSplit(found[name], f"{path}: {name}") for name in SPLITS if isinstance(found.get(name), dict)}
    if not parts:
        raise FormatError(
            f"{path} holds {', '.join(map(str, found)) or type(content).__name__}; expected train, valid and test; "
            "give a pickle as MMSA reads it"
        )
    widths = _widths(parts, path)
    order = _classes([name for part in parts.values() for name in part.class_names()])
    utterances, failures = with_distinct_ids(
        one for name, part in parts.items() for one in part.utterances(name, order)
    )
    notes = [Failure(name, STAGE, note) for name, part in parts.items() for note in part.notes]
    first = next(iter(parts.values()))
    names = generic_names("mmsa", widths)
    return Imported(
        utterances=with_turns(utterances, _clip_number),
        rows=PaddedRows({name: PaddedPart(p.features, p.spans, p.text_mask) for name, p in parts.items()}, utterances),
        names={**names, "text": WORD_PIECES} if first.pieces_only else names,
        sources=dict.fromkeys(names, {path.name: media.digest(path)}),
        own_rows=first.own_rows,
        target="sentiment",
        classes={"annotation": order} if order else {},
        failures=[*failures, *unread(found, path), *notes],
    )


def write(
    artifact: Artifact, path: Path, *, unaligned: bool, room: Room, progress: Progress | None = None
) -> tuple[dict[str, int], list[Failure]]:
    """Write the train, valid and test utterances that have a ``sentiment``.

    Parameters
    ----------
    artifact : Artifact
    path : Path
    unaligned : bool
        Write ``audio_lengths`` and ``vision_lengths``, and rows that are not words as they are.
    room : Room
        Of each utterance the first so many rows are written.
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
    chosen, failures = exported.choose(artifact, ["sentiment"], unaligned)
    place = exported.places(artifact, room)
    failures += exported.cut(artifact, chosen, place, "first")
    content: dict[str, dict[str, Any]] = {}
    for split, arrays in exported.arrays(artifact, chosen, place, "behind", progress).items():
        content[split] = _content(artifact, chosen[split], arrays)
        if unaligned:
            content[split] |= _lengths(artifact, split, chosen[split], place)
    pickle_writing.write(content, path)
    return {split: len(some.utterances) for split, some in chosen.items()}, failures


def _widths(parts: dict[str, MmsaSplit], path: Path) -> dict[Modality, int]:
    """Feature width of each modality, the same in every split."""
    widths = {split: {name: values.shape[2] for name, values in part.features.items()} for split, part in parts.items()}
    kinds = {str((widths[split], part.own_rows, part.pieces_only)) for split, part in parts.items()}
    if len(kinds) > 1:
        raise FormatError(f"{path}: widths {widths}; expected splits of one kind and width; give one file per kind")
    return next(iter(widths.values()))


def _classes(names: Sequence[str]) -> tuple[str, ...]:
    rank = {name: number for number, name in enumerate(ANNOTATIONS)}
    return tuple(sorted(set(names) - {""}, key=lambda name: (rank.get(name, len(rank)), name)))


def _clip_number(utterance: Utterance) -> float:
    clip = utterance.id.removeprefix(f"{utterance.dialogue}_")
    return float(clip) if clip.isdecimal() else np.inf


def _content(artifact: Artifact, some: Chosen, arrays: dict[str, Streamed]) -> dict[str, Any]:
    """What the file holds of one split, under the published keys and in the published types."""
    if "text" in artifact.dims and artifact.names("text") == WORD_PIECES:
        arrays["text_bert"] = _turned(arrays.pop("text"))
    signs = np.sign(some.label("sentiment")).astype(np.int64) + 1
    content: dict[str, Any] = {
        "raw_text": [" ".join(word.text for word in one.words) for one in some.utterances],
        **arrays,
        "id": [_foreign_id(one) for one in some.utterances],
        "annotations": _annotations(artifact, some, signs.tolist()),
        "classification_labels": signs,
    }
    content |= {
        theirs: np.array(some.label(ours), dtype=np.float32) for ours, theirs in LABELS.items() if some.have(ours)
    }
    return content


def _lengths(artifact: Artifact, split: str, some: Chosen, place: Mapping[Modality, int]) -> dict[str, list[int]]:
    """Rows of audio and vision that are real, at least 1: some layers take no empty sequence."""
    offsets = artifact.observed(split).offsets
    audio_and_vision: tuple[Modality, ...] = ("audio", "vision")
    return {
        f"{name}_lengths": np.diff(offsets[name])[some.positions].clip(1, place[name]).tolist()
        for name in audio_and_vision
    }


def _turned(pieces: Streamed) -> Streamed:
    """(N, T, 3) to (N, 3, T)."""
    count, rows, columns = pieces.shape
    return Streamed((count, columns, rows), (np.swapaxes(block, 1, 2) for block in pieces.blocks))


def _foreign_id(utterance: Utterance) -> str:
    if utterance.dialogue is None:
        return utterance.id
    return utterance.dialogue + SEPARATOR + utterance.id.removeprefix(f"{utterance.dialogue}_")


def _annotations(artifact: Artifact, some: Chosen, signs: Sequence[int]) -> list[str]:
    """The annotation of the artefact where there is one, else the sign of the sentiment."""
    names = artifact.description.classes.get("annotation", ())
    return [
        names[int(one.labels["annotation"])] if "annotation" in one.labels else SIGNS[sign]
        for one, sign in zip(some.utterances, signs, strict=True)
    ]
