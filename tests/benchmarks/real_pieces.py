"""The public pieces of CMU-MOSI in ../shared as artefacts, for measuring models on them; nothing of them is kept here.

Each function takes the folder of the pieces and writes one file. What a split is made of is a rule, not a draw: videos
in the order of their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np

from mmfeat import artifact
from mmfeat.clip_cache import media_digest
from mmfeat.datasets.mosi import SOURCE
from mmfeat.steps.csd import import_csd
from mmfeat.types import AlignedUtterance, FloatArray, Modality, Provenance, Utterance, Word

EVERY = 7  # one in so many training videos of ``utterances_2199`` validates: 9 of 62
VALID_VIDEOS = 2  # of each fold of ``valid_words``
Rows = dict[str, Mapping[Modality, FloatArray]]  # id of the utterance -> (W, D_m) of each modality


def valid_words(pieces: Path, path: Path) -> None:
    """229 segments of 10 videos, word by word: GloVe 300, COVAREP 74, FACET 47; label ``sentiment``.

    Named splits ``leave-one-video-out.<k>``: video k is the test, the next two (after the last comes the first)
    validate, the others train. The file itself is divided as fold 0.
    """
    with np.load(pieces / "valid_words.npz") as file:
        content = dict(file)
    ids = [str(name) for name in content["ids"]]
    places = [name.removesuffix("]").split("[") for name in ids]  # video[segment]
    videos = sorted({video for video, _ in places})
    spans = [slice(*pair) for pair in zip(content["offsets"][:-1], content["offsets"][1:], strict=True)]
    utterances: list[Utterance] = []
    rows: Rows = {}
    for name, (video, segment), span, label in zip(ids, places, spans, content["labels"], strict=True):
        folds = {
            f"leave-one-video-out.{number}": _part((videos.index(video) - number) % len(videos))
            for number in range(len(videos))
        }
        utterances.append(
            Utterance(
                id=name,
                media=Path(video),
                split=folds["leave-one-video-out.0"],
                speaker=video,
                dialogue=video,
                turn=int(segment),
                words=_untimed(content["words"][span]),
                labels={"sentiment": float(label)},
                parts=folds,
            )
        )
        rows[name] = {"text": content["text"][span], "audio": content["audio"][span], "vision": content["vision"][span]}
    _write(path, pieces / "valid_words.npz", utterances, rows, "leave-one-video-out.0", target="sentiment")


def utterances_2199(pieces: Path, path: Path) -> None:
    """2,199 segments of 93 videos, one row each: 100, 73 and 100 wide; class label ``polarity``.

    The test is the file's own (``bclstm_split``; on the official split its features leak). Of the training videos every
    seventh validates.
    """
    with np.load(pieces / "utterances_2199.npz") as file:
        content = dict(file)
    ids = [str(name) for name in content["id"]]
    training = sorted({_video(name) for name, part in zip(ids, content["bclstm_split"], strict=True) if part != "test"})
    held_out = set(training[::EVERY])
    utterances: list[Utterance] = []
    rows: Rows = {}
    for number, name in enumerate(ids):
        video = _video(name)
        part = "test" if content["bclstm_split"][number] == "test" else "valid" if video in held_out else "train"
        utterances.append(
            Utterance(
                id=name,
                media=Path(video),
                split=part,
                speaker=video,
                dialogue=video,
                turn=int(name[len(video) + 1 :]) - 1,
                words=_untimed([str(content["transcript"][number])]),
                labels={"polarity": float(content["label_binary"][number])},
            )
        )
        row = slice(number, number + 1)
        rows[name] = {
            "text": content["text100"][row],
            "audio": content["audio73"][row],
            "vision": content["video100"][row],
        }
    classes = {"polarity": ("negative", "positive")}
    _write(path, pieces / "utterances_2199.npz", utterances, rows, "bclstm", target="polarity", classes=classes)


def mosi_text(pieces: Path, path: Path) -> None:
    """All 2,199 segments, official split, GloVe vectors of their words alone; label ``sentiment``."""
    import_csd(
        path,
        words=pieces / "CMU_MOSI_ModifiedTimestampedWords.csd",
        labels=pieces / "CMU_MOSI_Opinion_Labels.csd",
        glove=pieces / "glove.mosi.300d.txt",
        folds=pieces / "MOSI-label.csv",
        dataset="mosi",
        word_shift=1,
    )


def _part(behind: int) -> str:
    """Part of a video that comes so many after the one that is tested."""
    return "test" if behind == 0 else "valid" if behind <= VALID_VIDEOS else "train"


def _video(name: str) -> str:
    """Video of ``<video>_<segment>``; the name of a video may itself hold an underscore."""
    return name.rpartition("_")[0]


def _untimed(texts: Sequence[str]) -> tuple[Word, ...]:
    return tuple(Word(str(text), 0.0, 0.0) for text in texts)


def _write(
    path: Path,
    piece: Path,
    utterances: Sequence[Utterance],
    rows: Rows,
    split: str,
    target: str,
    classes: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write rows that are zeros throughout as not observed."""
    sources = {piece.name: media_digest(piece)}
    extractors = {
        name: artifact.describe_extractor(
            Provenance(f"imported:{piece.stem}", "1", {}, sources),
            [f"{name}_{n}" for n in range(values.shape[1])],
            None,
        )
        for name, values in rows[utterances[0].id].items()
    }
    description = artifact.Description(
        dataset="mosi",
        code_version=version("mmfeat"),
        extractors=extractors,
        classes=classes or {},
        words_from={"imported": piece.stem},
        alignment_rule="imported",
        source=asdict(SOURCE),
        split=split,
        target=target,
        clock="none",
    )

    def aligned(utterance: Utterance) -> AlignedUtterance:
        features = rows[utterance.id]
        return AlignedUtterance(
            utterance, features, {name: (values != 0).any(axis=1) for name, values in features.items()}
        )

    artifact.write(path, description, utterances, aligned, lambda utterance: "")
