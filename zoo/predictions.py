"""What a model answered for one split under every mask: the raw material of all metrics, tables and pictures."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mmfeat.safe_write import replacing
from mmfeat.types import BoolArray, FloatArray, IntArray
from zoo.errors import DataError
from zoo.types import Task


@dataclass(frozen=True)
class Predictions:
    """Answers for the N utterances of a split. ``answers`` and ``spared`` have the same keys."""

    task: Task
    ids: tuple[str, ...]
    dialogues: tuple[str, ...]  # the utterance's dialogue, '' where it has none
    turns: IntArray  # (N,) position within the dialogue
    speakers: tuple[str, ...]  # '' where unknown
    targets: FloatArray  # (N, K)
    known: BoolArray  # (N, K)
    answers: Mapping[str, FloatArray]  # mask key (`mmfeat.missing.key`) -> (N, outputs) scores or logits
    spared: Mapping[
        str, BoolArray
    ]  # mask key -> (N,) utterances that keep more than the mask asked; see `conditions.scored`
    constant: FloatArray  # (outputs,) the best answer that ignores its input: median, class shares, logits of shares

    def write(self, path: Path) -> None:
        """Write to an ``.npz`` file, beside its place and renamed.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        about = {
            "task": asdict(self.task),
            "ids": self.ids,
            "dialogues": self.dialogues,
            "speakers": self.speakers,
            "keys": list(self.answers),
        }
        with replacing(path) as beside, beside.open("wb") as file:
            np.savez_compressed(
                file,
                about=np.frombuffer(json.dumps(about).encode(), dtype=np.uint8),
                turns=self.turns,
                targets=self.targets,
                known=self.known,
                constant=self.constant,
                answers=np.stack([self.answers[key] for key in self.answers]),
                spared=np.stack([self.spared[key] for key in self.answers]),
            )


def read(path: Path) -> Predictions:
    """Read what `Predictions.write` wrote.

    Raises
    ------
    DataError
        If the file is not there or not one of these.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(file["about"].tobytes())
            task = Task(about["task"]["kind"], tuple(about["task"]["targets"]), tuple(about["task"]["classes"]))
            return Predictions(
                task=task,
                ids=tuple(about["ids"]),
                dialogues=tuple(about["dialogues"]),
                turns=file["turns"],
                speakers=tuple(about["speakers"]),
                targets=file["targets"],
                known=file["known"],
                answers=dict(zip(about["keys"], file["answers"], strict=True)),
                spared=dict(zip(about["keys"], file["spared"], strict=True)),
                constant=file["constant"],
            )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"cannot read {path}: {error}; expected predictions that 'zoo evaluate' wrote; evaluate again"
        ) from None
