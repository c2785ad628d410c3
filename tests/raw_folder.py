"""A miniature corpus in MMSA's layout: ``label.csv`` and ``Raw/<video_id>/<clip_id>.mp4``."""

from __future__ import annotations

import csv
from pathlib import Path

from raw_media import copy_of

COLUMNS = ("video_id", "clip_id", "text", "label", "label_T", "label_A", "label_V", "annotation", "mode")


def make(root: Path) -> Path:
    """Make the corpus, with what may be odd about one: see the comments; return its folder."""
    root /= "SIMS"
    clips = {name: root / f"Raw/{name}.mp4" for name in ("0001/2", "0001/10", "aqgy_0003/00")}
    texts = [copy_of(clip, path) for clip, path in zip(("d05_04", "d20_01", "d22_01"), clips.values(), strict=True)]
    copy_of("d05_04", root / "Raw/0001/11.mp4")  # a clip without a row
    rows = [
        ("0001", "10", texts[1], -0.4, -0.2, -0.6, "", "Negative", "train"),  # not in order
        ("0001", "2", texts[0], 0.8, 1.0, 0.6, 0.4, "Positive", "train"),
        ("0001", "2", texts[0], 0.0, 0.0, 0.0, 0.0, "Neutral", "train"),  # an id that is there already
        ("aqgy_0003", "00", texts[2], "nan", 0.2, 0.2, 0.2, "", "test"),  # no number
        ("aqgy_0003", "01", "no such clip", 0.0, 0.0, 0.0, 0.0, "Neutral", "valid"),
    ]
    with (root / "label.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([COLUMNS, *rows])
    return root
