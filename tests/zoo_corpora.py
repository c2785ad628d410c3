"""Small artefacts for the tests of data, training and evaluation, and trainings on them that take a second."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from builders import description_of, utterance_of, words_of

from mmfeat import artifact
from mmfeat.types import MODALITIES, AlignedUtterance, Modality
from zoo.train import Run

DIMS: Mapping[Modality, int] = {"text": 6, "audio": 5, "vision": 4}
EMOTIONS = ("calm", "cross", "glad")
SIZES = {"train": 48, "valid": 16, "test": 16}
ROWS = 3  # of a modality whose rows are not the words
PLAIN = ("train.learning_rate=0.001", "train.decay=none", "train.warmup=0")  # whatever a model's own defaults are
TINY = {
    "aumdf": ("model.hidden=8", "model.width=8", "model.heads=2", "train.batch_size=16", *PLAIN),
    "momke": ("model.width=8", "model.layers=1", "train.batch_size=4", *PLAIN),
}
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}


def write_corpus(
    path: Path,
    *,
    sizes: Mapping[str, int] = SIZES,
    modalities: Sequence[Modality] = MODALITIES,
    own: Sequence[Modality] = (),
    shift: Mapping[str, float] | None = None,
    hidden: float = 0.0,
    dialogues: bool = True,
    labels: Sequence[str] = ("sentiment", "emotion", "happy", "sad"),
    target: str = "sentiment",
    lacking: int | None = None,
    extractor_version: str = "1",
    dataset: str = "small",
) -> Path:
    """An artefact of random rows whose score and class follow from the text.

    ``shift``: added to features and labels of a split. ``hidden``: what stands in rows that were not observed.
    ``lacking``: class that no training utterance has. Every fifth utterance lacks all labels, every seventh has no
    words, every ninth no dialogue.
    """
    rng = np.random.default_rng(0)
    made = {one.utterance.id: one for one in _draw(rng, sizes, modalities, own)}
    for name, one in made.items():
        made[name] = _settle(one, shift or {}, hidden, labels, lacking, dialogues=dialogues)
    extractors = {
        name: {
            "extractor": f"{name}er",
            "version": extractor_version,
            "config": {"width": DIMS[name]},
            "sources": {},
            "names": [f"{name}_{number}" for number in range(DIMS[name])],
            "frame_shift": 0.1,
        }
        for name in modalities
    }
    description = description_of(
        dataset=dataset,
        extractors=extractors,
        classes={"emotion": list(EMOTIONS)} if "emotion" in labels else {},
        split="official",
        target=target,
        own_rows=list(own),
        source={"licence": "made for tests"},
    )
    artifact.write(
        path, description, [one.utterance for one in made.values()], lambda one: made[one.id], lambda one: ""
    )
    return path


def _draw(
    rng: np.random.Generator, sizes: Mapping[str, int], modalities: Sequence[Modality], own: Sequence[Modality]
) -> list[AlignedUtterance]:
    found = []
    for split, size in sizes.items():
        for number in range(size):
            count = 0 if number % 7 == 6 else int(rng.integers(1, 9))
            words = words_of(*(f"w{place}" for place in range(count)))
            features, observed, intervals = {}, {}, {}
            for name in modalities:
                rows = ROWS if name in own else count
                features[name] = rng.normal(2, 3, (rows, DIMS[name])).astype(np.float32)
                observed[name] = rng.random(rows) < 0.8
                if name in own:
                    intervals[name] = np.stack([np.arange(rows), np.arange(rows) + 1.0], axis=1)
            mean = float(features[modalities[0]].mean()) if count else 2.0
            turn, dialogue = number % 4, f"{split}{number // 4 % 5}"
            labels = {"sentiment": round(mean - 2, 3), "emotion": float(number % 3)}
            utterance = utterance_of(
                f"{split}-{number:02}",
                words,
                split=split,
                speaker=f"s{int(rng.integers(3))}",
                dialogue=dialogue,
                turn=turn,
                labels=labels | {"happy": float(mean > 2), "sad": float(number % 2)},
                parts=_parts(number),
            )
            found.append(AlignedUtterance(utterance, features, observed, intervals=intervals))
    return found


def _parts(number: int) -> dict[str, str]:
    """A second way to divide the corpus, across the first one; every eighth is left out."""
    return {"other": ("test", "train", "valid")[number % 3]} if number % 8 else {}


def _settle(
    one: AlignedUtterance,
    shift: Mapping[str, float],
    hidden: float,
    labels: Sequence[str],
    lacking: int | None,
    *,
    dialogues: bool,
) -> AlignedUtterance:
    utterance, number = one.utterance, int(one.utterance.id.partition("-")[2])
    by = shift.get(utterance.split, 0.0)
    known = {name: value for name, value in utterance.labels.items() if name in labels and number % 5 != 4}
    if utterance.split == "train" and known.get("emotion") == lacking:
        known.pop("emotion", None)
    if by:
        turned = {"sentiment": by, "emotion": 0.0, "happy": 1.0, "sad": 0.0}
        known = {name: turned[name] for name in known}
    placed = dialogues and number % 9 != 8
    return replace(
        one,
        utterance=replace(utterance, labels=known, dialogue=utterance.dialogue if placed else None),
        features={
            name: np.where(one.observed[name][:, None], values + np.float32(by), np.float32(hidden))
            for name, values in one.features.items()
        },
    )


def tiny_run(path: Path, root: Path, model: str = "aumdf", epochs: str = "2", **changes: Any) -> Run:
    """A training that takes a second; other fields of `Run` as they are named, ``more`` settings behind the usual."""
    more = tuple(changes.pop("more", ()))
    return Run(model, path, changes=(*TINY[model], f"train.epochs={epochs}", *more), root=root, **changes)


def arguments(path: Path, root: Path, model: str = "aumdf", epochs: str = "2") -> list[str]:
    """The same for the command line."""
    settings = [part for change in (*TINY[model], f"train.epochs={epochs}") for part in ("--set", change)]
    return ["train", model, "-d", str(path), "--root", str(root), *settings]


def zoo(*arguments: object, cwd: Path | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "zoo.cli", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=ENVIRONMENT, cwd=cwd, timeout=timeout, check=False
    )


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()
