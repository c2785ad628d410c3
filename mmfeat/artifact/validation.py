"""Every rule of the schema, on a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import h5py
import numpy as np

from mmfeat.artifact.reading import Artifact
from mmfeat.schema import (
    TEXT_COLUMNS,
    Problem,
    array_problems,
    index_problems,
    own_row_problems,
    utterance_problems,
    word_problems,
)

# What the rules over tables read: where one of these is broken they cannot be asked.
TABLES = ("offsets", "words", "intervals", "turn", "start", "end", *TEXT_COLUMNS)


def validate(path: Path | str) -> list[Problem]:
    """Check every rule of the schema.

    Parameters
    ----------
    path : Path or str

    Returns
    -------
    list of Problem
        All of them; empty for a valid artefact.

    Raises
    ------
    SchemaError
        If the file cannot be opened as an artefact at all.
    """
    with Artifact(path) as artifact:
        problems: list[Problem] = []
        ids: list[str] = []
        for split in artifact.splits:
            group = artifact.group(split)
            absent = [name for name in ("offsets", "ids") if name not in group]
            if absent:
                problems += [Problem(split, name, "this dataset", "missing") for name in absent]
                continue
            problems += _split_problems(artifact, group, split)
            ids += group["ids"].asstr()[:].tolist()
        duplicates = [key for key, count in Counter(ids).items() if count > 1]
        return problems + [Problem(key, "id", "an id that occurs once in the corpus", key) for key in duplicates]


def _split_problems(artifact: Artifact, group: h5py.Group, split: str) -> list[Problem]:
    own_rows = artifact.description.own_rows
    problems = array_problems(group, split, own_rows)
    problems += [
        Problem(
            split,
            name,
            f"{width} columns, one per name",
            str(group[name].shape) if name in group else "missing",
        )
        for name, width in artifact.dims.items()
        if name not in group or group[name].shape[1:] != (width,)
    ]
    for name in own_rows:
        problems += own_row_problems(group, split, name)
    if not any(problem.field in TABLES for problem in problems):
        problems += _table_problems(group, split, timed=artifact.description.clock == "media")
    return problems


def _table_problems(group: h5py.Group, split: str, *, timed: bool) -> list[Problem]:
    """Check the tables of one split with pandera."""
    import pandas as pd

    ids, offsets = group["ids"].asstr()[:], group["offsets"][:]
    utterances = pd.DataFrame(
        {
            "id": pd.array(ids, dtype="string"),
            "split": pd.array([split] * len(ids), dtype="string"),
            "start": group["start"][:],
            "end": group["end"][:] if timed else np.nan,
            "turn": group["turn"][:],
        }
    )
    index = pd.DataFrame({"id": pd.array(ids, dtype="string"), "first": offsets[:-1], "last": offsets[1:]})
    problems = utterance_problems(utterances) + index_problems(index, len(group["words"]))
    if not timed or (np.diff(offsets) < 0).any() or offsets[0] != 0 or offsets[-1] != len(group["words"]):
        return problems
    words = pd.DataFrame(
        {
            "id": pd.array(np.repeat(ids, np.diff(offsets)), dtype="string"),
            "word": pd.array(group["words"].asstr()[:], dtype="string"),
            "start": group["intervals"][:, 0],
            "end": group["intervals"][:, 1],
        }
    )
    return problems + word_problems(words)
