"""A made artefact of the size of CMU-MOSEI: what the speed of reading and training is measured on."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np

from mmfeat import artifact
from mmfeat.types import AlignedUtterance, Modality, Provenance, Utterance, Word

TRAINING = 16_326  # utterances of MOSEI's training part
DIMS: Mapping[Modality, int] = {"text": 300, "audio": 74, "vision": 512}
LONGEST = 50  # words
BESIDE = 200  # utterances of valid, and of test
VIDEO = 7  # utterances of a video


def mosei_size(path: Path, utterances: int = TRAINING) -> None:
    """Write noise under random scores: 1.2 GB, about 20 words an utterance; in proportion for fewer ``utterances``."""
    sizes = {"train": utterances, "valid": BESIDE, "test": BESIDE}
    rng = np.random.default_rng(0)
    members = [_utterance(split, number, rng) for split, size in sizes.items() for number in range(size)]
    extractors = {
        name: artifact.describe_extractor(Provenance("made", "1"), [f"{name}_{n}" for n in range(width)], None)
        for name, width in DIMS.items()
    }
    description = artifact.Description(
        dataset="mosei-size",
        code_version=version("mmfeat"),
        extractors=extractors,
        classes={},
        words_from={"made": "noise"},
        alignment_rule="made",
        source={},
        split="made",
        target="sentiment",
        clock="none",
    )

    def rows_of(utterance: Utterance) -> AlignedUtterance:
        count = len(utterance.words)
        features = {name: rng.standard_normal((count, width), dtype=np.float32) for name, width in DIMS.items()}
        return AlignedUtterance(utterance, features, {name: np.ones(count, dtype=np.bool_) for name in DIMS})

    artifact.write(path, description, members, rows_of, lambda utterance: "")


def _utterance(split: str, number: int, rng: np.random.Generator) -> Utterance:
    words = min(LONGEST, max(1, round(rng.lognormal(np.log(17), 0.6))))  # mean 20
    return Utterance(
        id=f"{split}_{number:05d}",
        media=Path("made"),
        split=split,
        speaker=f"{split}_{number // VIDEO}",
        dialogue=f"{split}_{number // VIDEO}",
        turn=number % VIDEO,
        words=(Word("", 0.0, 0.0),) * words,
        labels={"sentiment": float(rng.uniform(-3, 3))},
    )
