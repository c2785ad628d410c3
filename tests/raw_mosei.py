"""A miniature of the raw release of CMU-MOSEI: its folders and file formats, our own voices, faces and labels."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from raw_media import Sentence, film, write

TRAIN, VALID, TEST = "_v9-W__xY0z", "-kL8mN7oP6q", "81406"  # as YouTube makes them, and a number
WITHOUT_MEDIA, WITHOUT_LABELS, IN_NO_FOLD = "noVideo_12_", "noLabels-45", "255224"
ANSWERS = ("anger", "disgust", "fear", "gender", "happiness", "sadness", "sentiment", "surprise")
COLUMNS = (
    "HITId",
    "Title",
    "AssignmentId",
    "WorkerId",
    "AssignmentStatus",
    "Input.VIDEO_ID",
    "Input.CLIP",
    *(f"Answer.{name}" for name in ANSWERS),
    "Approve",
    "Reject",
)


def make(root: Path) -> Path:
    """Make the release with what is odd about the real one: see the comments; return its folder."""
    root /= "CMU_MOSEI"
    raw = root / "Raw"
    first, second = film(("d05_04", "d20_01"), raw / f"Videos/Full/Combined/{TRAIN}.mp4")
    (third,) = film(("d22_01",), raw / f"Videos/Full/Combined/{VALID}.mp4", raw / f"Audio/Full/WAV_16000/{VALID}.wav")
    (fourth,) = film(("d01_04",), wav=raw / f"Audio/Full/WAV_16000/{TEST}.wav")  # has no film
    _write_transcripts(raw / "Transcript/Segmented/Combined", first, second, third, fourth)
    aligned = raw / "Transcript/Full/Alignment/P2FA/Combined"
    write(aligned / f"{TRAIN}.TextGrid", text_grid((first, second)))
    write(aligned / f"{VALID}.TextGrid", text_grid((Sentence("other words than these", third.start, third.end),)))
    _write_labels(raw / "Labels")
    folds = {"train": [TRAIN], "valid": [VALID], "test": [TEST, WITHOUT_MEDIA]}
    write(root / "cmu_mosei_std_folds.json", json.dumps(folds))
    return root


def text_grid(sentences: Sequence[Sentence]) -> str:
    """Give the short form of P2FA: a tier of phones, a tier of words in capitals with pauses and noises."""
    words: list[tuple[float, float, str]] = []
    for sentence in sentences:
        tokens = ["sp", *sentence.text.upper().replace(".", "").replace(",", "").split(), "{LG}"]
        step = (sentence.end - sentence.start) / len(tokens)
        words += [(sentence.start + step * n, sentence.start + step * (n + 1), word) for n, word in enumerate(tokens)]
    end = sentences[-1].end
    tiers = [("phone", [(0.0, end, "AH1")]), ("word", words)]
    lines = ['File type = "ooTextFile short"', '"TextGrid"', "", 0.0, end, "<exists>", len(tiers)]
    for name, intervals in tiers:
        lines += ['"IntervalTier"', f'"{name}"', 0.0, end, len(intervals)]
        for start, stop, label in intervals:
            lines += [start, stop, f'"{label}"']
    return "\n".join(map(str, lines)) + "\n"


def _write_transcripts(folder: Path, *sentences: Sentence) -> None:
    first, second, third, fourth = sentences
    lines = {
        TRAIN: [
            (0, first.start, first.end, f"{first.text} ____ so___"),  # the mark between the fields, inside one
            (1, second.start, second.end, second.text),
            (1, second.start, second.end, second.text),  # an id that is there already
            (2, first.start, second.end, "nobody rated this"),
            (3, second.start, second.end, ""),  # without text
        ],
        VALID: [(0, -0.06, third.end, third.text)],  # begins before the film
        TEST: [(4, fourth.start, fourth.end, fourth.text), (5, 1.0, 1.0, "takes no time")],
        WITHOUT_MEDIA: [(0, 0.5, 1.5, "nothing to see")],
        WITHOUT_LABELS: [(0, 0.5, 1.5, "nobody rated this")],
        IN_NO_FOLD: [(0, 0.5, 1.5, "in no fold")],
    }
    for video, rows in lines.items():
        text = "".join("___".join(map(str, (video, *row))) + "\n" for row in rows)
        write(folder / f"{video}.txt", text + ("a line without its id\n" if video == TEST else ""))


def _write_labels(folder: Path) -> None:
    """Sentiment, happiness, sadness per worker, the other answers 0; in two batches, as the release has six."""
    batch = [
        ("w1", TRAIN, 0, 2, 3, 0),
        ("w2", TRAIN, 0, 3, 2, 0),
        ("w3", TRAIN, 0, 3, 2, 0),
        ("w4", TRAIN, 0, 2, 2, 1),  # a fourth worker
        ("w4", TRAIN, 0, 2, 2, 1),  # the same answer again
        ("w1", TRAIN, 1, -1, 0, 2),
        ("w2", TRAIN, 1, -2, 0, 4),  # beyond the scale
        ("w3", TRAIN, 1, "", 0, 2),  # no answer
        ("w1", TRAIN, 3, 0, 0, 0),
        ("w1", VALID, 0, 1, "nan", 0),
        ("w1", WITHOUT_MEDIA, 0, 1, 0, 0),
        ("w1", IN_NO_FOLD, 0, 1, 0, 0),
        ("w1", TRAIN, "", 1, 0, 0),  # about no clip
    ]
    extra = [("w5", f"mono/{TEST}", 4, 1, 1, 0), ("w6", f"mono/{TEST}", 7, 0, 0, 0)]  # folder/ID; no such segment
    for name, rows in (("5000_batch_raw", batch), ("pom_extra_sqa_mono_results", extra)):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(_answer(*row) for row in rows)


def _answer(worker: str, video: str, clip: object, sentiment: object, happy: object, sad: object) -> dict[str, object]:
    row: dict[str, object] = {f"Answer.{name}": 0 for name in ANSWERS}
    row |= {"HITId": "3X0", "Title": "MOSI2 video annotation", "WorkerId": worker, "AssignmentStatus": "Submitted"}
    row |= {"Input.VIDEO_ID": video, "Input.CLIP": clip}
    return row | {"Answer.sentiment": sentiment, "Answer.happiness": happy, "Answer.sadness": sad}
