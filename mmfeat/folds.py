"""Official splits: which video belongs to train, valid or test, from the files that pass this on.

====================  ==============================================================================================
``.json``             ``{"train": [...], "valid": [...], "test": [...]}``, or ``"standard_train_fold": [...]`` and so on
``.py``               ``standard_train_fold = [...]`` and so on, as in the CMU-MultimodalSDK; parsed, never run
``.csv``              a table with the columns ``video_id`` and ``mode``, as MMSA's ``label.csv``
====================  ==============================================================================================
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmfeat.csv_tables import read_rows
from mmfeat.errors import ConfigError, FormatError

PARTS = ("train", "valid", "test")


def read_folds(path: Path) -> dict[str, str]:
    """Read an official split.

    Returns
    -------
    dict of str to str
        Video id -> train, valid or test, in the order of the file.

    Raises
    ------
    FormatError
        If the file is missing, malformed or of another kind, lacks a part, or puts a video into two.
    """
    readers = {".json": _read_json, ".py": _read_python, ".csv": _read_table}
    if path.suffix.lower() not in readers:
        raise FormatError(f"{path}: a file of type {path.suffix!r}; expected folds as {', '.join(readers)}; convert it")
    part_of: dict[str, str] = {}
    for video, part in readers[path.suffix.lower()](path):
        if part_of.setdefault(video, part) != part:
            raise FormatError(
                f"{path}: video {video!r} is in {part_of[video]} and in {part}; expected one of them; mend the file"
            )
    absent = [part for part in PARTS if part not in part_of.values()]
    if absent:
        raise FormatError(
            f"{path}: no videos in {', '.join(absent)}; expected lists called {', '.join(PARTS)}, or "
            f"{', '.join(_standard_name(part) for part in PARTS)}; get the whole file"
        )
    return part_of


def find_folds(root: Path, corpus: str) -> Path:
    """Find the official split in the folder of a corpus.

    Parameters
    ----------
    root : Path
    corpus : str
        As in the SDK's file names: ``mosi``, ``mosei``.

    Raises
    ------
    ConfigError
        If none is there; says where to get it.
    """
    stem = f"cmu_{corpus}_std_folds"
    names = (f"{stem}.py", f"{stem}.json", "label.csv")
    found = next((root / name for name in names if (root / name).is_file()), None)
    if found is None:
        raise ConfigError(
            f"no folds in {root}; expected one of {', '.join(names)}; get {stem}.py from the CMU-MultimodalSDK "
            f"(mmsdk/mmdatasdk/dataset/standard_datasets/CMU_{corpus.upper()}/) and put it there, or set 'folds'"
        )
    return found


def _standard_name(part: str) -> str:
    return f"standard_{part}_fold"


def _read_json(path: Path) -> list[tuple[str, str]]:
    try:
        found = json.loads(_text_of(path))
    except json.JSONDecodeError as error:
        raise FormatError(f"{path}: {error}; expected a JSON object of three lists; mend the file") from None
    if not isinstance(found, dict):
        raise FormatError(f"{path}: a JSON {type(found).__name__}; expected an object of three lists; mend the file")
    return _pairs(found, path)


def _read_python(path: Path) -> list[tuple[str, str]]:
    """Take the lists that are written out in a Python file, without running it."""
    found = {}
    try:
        for node in ast.parse(_text_of(path)).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if name in map(_standard_name, PARTS):
                    found[name] = ast.literal_eval(node.value)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise FormatError(
            f"{path}: {error}; expected lists of video ids, written out as {_standard_name('train')} = [...]; "
            "get the file of the SDK as it is"
        ) from None
    return _pairs(found, path)


def _read_table(path: Path) -> list[tuple[str, str]]:
    pairs = [(row["video_id"], row["mode"]) for row in read_rows(path, ("video_id", "mode"))]
    other = next((mode for _, mode in pairs if mode not in PARTS), None)
    if other is not None:
        raise FormatError(f"{path}: mode {other!r}; expected one of {', '.join(PARTS)}; mend the table")
    return pairs


def _pairs(found: Mapping[str, Any], path: Path) -> list[tuple[str, str]]:
    """Lists under either kind of name to pairs of video and part; an id of digits may have lost its quotes."""
    pairs = []
    for part in PARTS:
        videos = found.get(part, found.get(_standard_name(part), []))
        if not isinstance(videos, list) or not all(type(video) in (str, int) for video in videos):
            raise FormatError(f'{path}: {part} is no list of video ids; expected ["id", ...]; mend the file')
        pairs += [(str(video), part) for video in videos]
    return pairs


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror}; expected a file of folds; check the path") from None
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: {error}; expected UTF-8; save it as such") from None
