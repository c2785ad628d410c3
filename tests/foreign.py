"""Small files of other people's features, in their published layouts."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np


def save(path: Path, value: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def behind(rows: int, lengths: list[int], width: int, seed: int = 0) -> np.ndarray:
    """(N, rows, width) numbers with zeros behind."""
    values = np.random.default_rng(seed).uniform(0.5, 1, (len(lengths), rows, width)).astype(np.float32)
    values[np.arange(rows) >= np.array(lengths)[:, None]] = 0
    return values


def in_front(rows: int, lengths: list[int], width: int, seed: int = 0) -> np.ndarray:
    """(N, rows, width) numbers with zeros in front."""
    return behind(rows, lengths, width, seed)[:, ::-1]


def mmsa_split(ids: list[str], lengths: list[int], **changes: Any) -> dict[str, Any]:
    """One split of MMSA, aligned, from word vectors."""
    labels = np.linspace(-3, 3, len(ids)).astype(np.float32)
    names = {-1: "Negative", 0: "Neutral", 1: "Positive"}
    content = {
        "raw_text": [" ".join(f"w{n}" for n in range(length)) for length in lengths],
        "text": behind(5, lengths, 4, 1),
        "audio": behind(5, lengths, 3, 2),
        "vision": behind(5, lengths, 2, 3),
        "id": ids,
        "annotations": [names[int(sign)] for sign in np.sign(labels)],
        "classification_labels": np.sign(labels) + 1,
        "regression_labels": labels,
    }
    return {key: value for key, value in (content | changes).items() if value is not None}


def mmsa_file(path: Path, **changes: Any) -> Path:
    """Three splits; ``changes`` are those of train, None takes a key away."""
    train = mmsa_split(["aV_b$_$2", "aV_b$_$10", "-c$_$1"], [3, 5, 1], **changes)
    valid, test = mmsa_split(["v$_$1", "v$_$2"], [2, 4]), mmsa_split(["t$_$0", "t$_$3"], [4, 2])
    for part in (valid, test):
        for key in [key for key in part if key not in train]:
            del part[key]
    return save(path, {"train": train, "valid": valid, "test": test})


def bert_pieces(lengths: list[int], rows: int = 5) -> np.ndarray:
    """(N, 3, rows): numbers, mask, segments."""
    mask = (np.arange(rows) < np.array(lengths)[:, None]).astype(np.float32)
    return np.stack([mask * (101 + np.arange(rows)), mask, np.zeros_like(mask)], axis=1)


def mult_file(
    path: Path, *, emotions: bool = False, ids: Any = "bytes", rows: tuple[int, int, int] = (5, 5, 5)
) -> Path:
    """Three splits of MulT: 3, 2 and 2 utterances, zeros in front, -inf in the sound of the first."""
    content = {}
    for number, (split, lengths) in enumerate({"train": [3, 5, 1], "valid": [2, 4], "test": [4, 2]}.items()):
        part: dict[str, Any] = {
            "text": in_front(rows[0], lengths, 4, number),
            "audio": in_front(rows[1], lengths, 3, number),
            "vision": in_front(rows[2], lengths, 2, number),
        }
        if split == "train":
            part["audio"] = part["audio"].copy()
            part["audio"][0, -2, 1] = -np.inf
        count = len(lengths)
        if emotions:
            part["labels"] = np.eye(2, dtype=np.float32)[np.arange(count * 4).reshape(count, 4) % 3 % 2]
        else:
            part["labels"] = np.linspace(-3, 3, count, dtype=np.float32).reshape(-1, 1, 1)
        if ids is not None:
            names = [[f"vid{split}", f"{n * 2.5}", f"{n * 2.5 + 2}"] for n in range(count)]
            part["id"] = np.array(names).astype("S") if ids == "bytes" else np.array(names, dtype=object)
        content[split] = part
    return save(path, content)


def gcnet_files(folder: Path, *, six: bool = False, sentiment: bool = False) -> tuple[Path, dict[str, Path]]:
    """A label pickle as Python 2 wrote them, and a folder per modality: text UTT, audio FRA, vision two faces."""
    ids = {"Ses01F_impro01": ["Ses01F_impro01_F000", "Ses01F_impro01_M000"], "Ses05M_script01_1": ["Ses05M_x_M000"]}
    labels: dict[str, list[Any]] = {"Ses01F_impro01": [0, 3], "Ses05M_script01_1": [5 if six else 2]}
    if sentiment:
        labels = {name: [float(value) - 1.5 for value in some] for name, some in labels.items()}
    speakers = {"Ses01F_impro01": ["F", "M"], "Ses05M_script01_1": ["M"]}
    sentences = {"Ses01F_impro01": ["Excuse me.", "Do you have your forms?"], "Ses05M_script01_1": [""]}
    parts = (
        [{"Ses01F_impro01"}, set(), {"Ses05M_script01_1"}] if sentiment else [{"Ses01F_impro01"}, {"Ses05M_script01_1"}]
    )
    table = save(folder / "labels.pkl", [ids, labels, speakers, sentences, *parts], protocol=2)
    folders = {name: folder / f"{name}-features" for name in ("text", "audio", "vision")}
    for place in folders.values():
        place.mkdir()
    for number, name in enumerate(name for some in ids.values() for name in some):
        np.save(folders["text"] / f"{name}.npy", np.full((1, 4) if number else 4, number + 1.0))
        np.save(folders["audio"] / f"{name}.npy", np.full((number + 2, 3), number + 1.0, dtype=np.float32))
        (folders["vision"] / name).mkdir()
        for letter in "FM":
            np.save(folders["vision"] / name / f"{letter}.npy", np.full(2, ord(letter) + number, dtype=np.float32))
    return table, folders
