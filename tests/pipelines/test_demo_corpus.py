"""The demo corpus in the repository is complete, small, and what its README says."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest

DEMO = Path(__file__).resolve().parents[2] / "pipelines" / "demo"
COLUMNS = "id media start end split speaker dialogue turn transcript sentiment emotion note".split()
NO_FACE = {"face covered", "face out of view", "black picture"}

Row = dict[str, str]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with (DEMO / "utterances.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def vectors() -> dict[str, list[float]]:
    lines = (DEMO / "glove.demo.txt").read_text(encoding="utf-8").splitlines()
    return {line.split(" ")[0]: [float(value) for value in line.split(" ")[1:]] for line in lines}


def spoken(row: Row) -> list[str]:
    return re.findall(r"[a-z']+", row["transcript"].lower())


def noted(rows: list[Row], *notes: str) -> list[Row]:
    return [row for row in rows if row["note"] in notes]


def test_corpus_fits_into_three_megabytes():
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 3_000_000


def test_corpus_is_large_and_varied_enough(rows: list[Row]):
    assert len(rows) >= 120
    assert len({row["speaker"] for row in rows}) >= 6
    assert len({row["id"] for row in rows}) == len(rows)
    assert len({row["transcript"] for row in rows}) > 0.9 * len(rows)


def test_table_has_the_documented_columns(rows: list[Row]):
    assert list(rows[0]) == COLUMNS
    assert all(row["start"] == row["end"] == "" for row in rows)


def test_table_and_clips_name_each_other(rows: list[Row]):
    assert {DEMO / row["media"] for row in rows} == set((DEMO / "clips").iterdir())


@pytest.mark.parametrize("column", ["speaker", "dialogue"])
def test_no_speaker_or_dialogue_crosses_splits(rows: list[Row], column: str):
    seen = {(row[column], row["split"]) for row in rows}
    assert len(seen) == len({name for name, _ in seen})
    assert {split for _, split in seen} == {"train", "valid", "test"}


def test_dialogues_are_complete_talks_of_two_people(rows: list[Row]):
    for dialogue in {row["dialogue"] for row in rows}:
        turns = [row for row in rows if row["dialogue"] == dialogue]
        assert [int(row["turn"]) for row in turns] == list(range(len(turns)))
        assert 6 <= len(turns) <= 10
        assert len({row["speaker"] for row in turns}) == 2


def test_scores_and_emotions_agree(rows: list[Row]):
    for row in rows:
        score = float(row["sentiment"])
        assert -3 <= score <= 3
        assert (row["emotion"] == "happy") == (score > 0.7)
        assert (row["emotion"] in {"sad", "angry"}) == (score < -0.7)


def test_every_split_has_every_emotion(rows: list[Row]):
    counts = Counter((row["split"], row["emotion"]) for row in rows)
    assert len(counts) == 12
    assert min(counts.values()) >= 3


def test_vectors_are_rectangular_and_finite(vectors: dict[str, list[float]]):
    assert {len(vector) for vector in vectors.values()} == {32}
    assert np.isfinite(list(vectors.values())).all()


def test_only_the_planted_words_are_unknown(rows: list[Row], vectors: dict[str, list[float]]):
    for row in rows:
        assert sum(word not in vectors for word in spoken(row)) == (row["note"] == "unknown word"), row["transcript"]


def test_planted_cases_are_there(rows: list[Row]):
    counts = Counter(row["note"] for row in rows if row["note"])
    assert 10 <= sum(counts.values()) <= 20
    assert counts["disagree"] == 4
    assert len(noted(rows, *NO_FACE)) == 3
    assert [row["transcript"] for row in rows if not row["transcript"]] == [""] * counts["no transcript"]


def test_streams_are_as_the_notes_say(rows: list[Row]):
    for row in rows:
        with av.open(str(DEMO / row["media"])) as container:
            pictures, sound = bool(container.streams.video), bool(container.streams.audio)
            assert 2.0 <= container.duration / av.time_base <= 4.0
        assert pictures == (row["note"] != "no video stream")
        assert sound == (row["note"] != "no audio stream")


def test_frames_come_ten_times_a_second(rows: list[Row]):
    row = next(row for row in rows if not row["note"])
    with av.open(str(DEMO / row["media"])) as container:
        frames = list(container.decode(video=0))
    assert {(frame.width, frame.height) for frame in frames} == {(160, 160)}
    assert np.diff([frame.time for frame in frames]) == pytest.approx(0.1, abs=1e-3)


def test_black_picture_is_black(rows: list[Row]):
    with av.open(str(DEMO / noted(rows, "black picture")[0]["media"])) as container:
        assert max(frame.to_ndarray(format="gray").max() for frame in container.decode(video=0)) < 20


def test_script_says_what_is_missing_without_espeak(tmp_path: Path):
    command = [sys.executable, str(DEMO / "make_demo.py"), "--output", str(tmp_path)]
    run = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "espeak-ng not found; expected the program on the PATH; install it" in run.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_script_makes_the_same_bytes_twice(tmp_path: Path):
    for name, fill in (("first", "0"), ("second", "85")):  # glibc fills new memory so: nothing may depend on it
        command = [sys.executable, str(DEMO / "make_demo.py"), "--output", str(tmp_path / name), "--only", "d01_00"]
        subprocess.run(command, env=os.environ | {"MALLOC_PERTURB_": fill}, capture_output=True, check=True)
    first, second = ((tmp_path / name / "clips" / "d01_00.mp4").read_bytes() for name in ("first", "second"))
    assert first == second
