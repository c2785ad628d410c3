"""A miniature of the raw release of CMU-MOSI: its folders and file formats, our own voices, faces and labels."""

from __future__ import annotations

from pathlib import Path

from raw_media import film, write

TRAIN, VALID, TEST = "-aB_cD3eF4g", "_hI5jK-lM6n", "0pQ__7rS8tU"  # ids as YouTube makes them
WITHOUT_MEDIA, WITHOUT_LABELS, IN_NO_FOLD = "noVideo_123", "noLabels-45", "noFold__678"


def make(root: Path) -> Path:
    """Make the release with what is odd about the real one: see the comments; return its folder."""
    root /= "CMU_MOSI"
    raw = root / "Raw"
    first, second = film(("d05_04", "d20_01"), raw / f"Video/Full/{TRAIN}.mp4")
    (third,) = film(("d22_01",), raw / f"Video/Full/{VALID}.mp4", raw / f"Audio/WAV_16000/Full/{VALID}.wav")
    (fourth,) = film(("d01_04",), wav=raw / f"Audio/WAV_16000/Full/{TEST}.wav")  # has no film
    rows = [
        (-0.02, first.end, TRAIN, 1, 2.4),  # begins before the film
        (second.start, second.end, TRAIN, 2, -1.0),
        (first.start, second.end, TRAIN, 3, "nan"),  # and no transcript
        (first.start, first.end, TRAIN, 4, 4.2),  # out of range
        (first.start, first.end, TRAIN, 1, 0.6),  # an id that is there already
        (second.end, second.start, TRAIN, 5, 0.2),  # ends before it begins
        (third.start, third.end, VALID, 1, 0.0),
        (fourth.start, fourth.end, TEST, 1, 1.8),
        (0.5, 1.5, WITHOUT_MEDIA, 1, 1.0),
        (0.5, 1.5, IN_NO_FOLD, 1, 1.0),
        ("start", "end", "video_id", "segment", "label"),  # no number
    ]
    write(root / "Labels/OpinionLevelSentiment.csv", "".join(",".join(map(str, row)) + "\n" for row in rows))
    texts = {
        TRAIN: f"1_DELIM_{first.text.upper()}\n2_DELIM_{second.text.upper()}\n4_DELIM_{first.text.upper()}\n",
        VALID: f"1_DELIM_{third.text.upper()}\n",
        TEST: f"1_DELIM_{fourth.text.upper()}\nno number\n",
        WITHOUT_LABELS: "1_DELIM_NOBODY RATED THIS\n",
    }
    for video, text in texts.items():
        write(raw / f"Transcript/Segmented/{video}.annotprocessed", text)
    folds = {"train": [TRAIN], "valid": [VALID], "test": [TEST, WITHOUT_MEDIA]}
    write(root / "cmu_mosi_std_folds.py", "".join(f"standard_{part}_fold={ids!r}\n" for part, ids in folds.items()))
    return root
