"""Every rule of the schema, on a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import h5py
import numpy as np

from mmfeat.artifact.reading import Artifact
from mmfeat.schema import TEXT_COLUMNS, Problem, array_problems, index_problems, utterance_problems, word_problems


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
            shape_problems = array_problems(group, split)
            shape_problems += [
                Problem(
                    split,
                    name,
                    f"{width} columns, one per name",
                    str(group[name].shape) if name in group else "missing",
                )
                for name, width in artifact.dims.items()
                if name not in group or group[name].shape[1:] != (width,)
            ]
            problems += shape_problems
            ids += group["ids"].asstr()[:].tolist()
            if not any(
                problem.field in ("offsets", "words", "intervals", "turn", "start", "end", *TEXT_COLUMNS)
                for problem in shape_problems
            ):
                problems += _table_problems(group, split)
        duplicates = [key for key, count in Counter(ids).items() if count > 1]
        return problems + [Problem(key, "id", "an id that occurs once in the corpus", key) for key in duplicates]


def _table_problems(group: h5py.Group, split: str) -> list[Problem]:
    """Check the tables of one split with pandera."""
    import pandas as pd

    ids, offsets = group["ids"].asstr()[:], group["offsets"][:]
    utterances = pd.DataFrame(
        {
            "id": pd.array(ids, dtype="string"),
            "split": pd.array([split] * len(ids), dtype="string"),
            "start": group["start"][:],
            "end": group["end"][:],
            "turn": group["turn"][:],
        }
    )
    index = pd.DataFrame({"id": pd.array(ids, dtype="string"), "first": offsets[:-1], "last": offsets[1:]})
    problems = utterance_problems(utterances) + index_problems(index, len(group["words"]))
    if (np.diff(offsets) < 0).any() or offsets[0] != 0 or offsets[-1] != len(group["words"]):
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
