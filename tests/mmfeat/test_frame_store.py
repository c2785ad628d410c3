"""Frames come back as they were written, one clip or a corpus at a time."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import frames_of

from mmfeat import frame_store
from mmfeat.errors import SchemaError
from mmfeat.types import Frames, Provenance


def assert_same(back: Frames | None, frames: Frames) -> None:
    assert back is not None
    np.testing.assert_array_equal(back.values, frames.values)
    np.testing.assert_array_equal(back.times, frames.times)
    np.testing.assert_array_equal(back.observed, frames.observed)
    for name in ("intervals", "valid"):
        there, wanted = getattr(back, name), getattr(frames, name)
        assert (there is None) == (wanted is None)
        if wanted is not None:
            np.testing.assert_array_equal(there, wanted)
            assert there.dtype == wanted.dtype
    assert (back.names, back.source, back.frame_shift) == (frames.names, frames.source, frames.frame_shift)


def test_npz_round_trip(tmp_path: Path, rng: np.random.Generator):
    frames = frames_of(rng.normal(size=(7, 3)))
    frame_store.write_npz(frames, tmp_path / "x.npz")
    assert_same(frame_store.read_npz(tmp_path / "x.npz"), frames)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as arrays:
        assert {"names", "times", "values", "observed"} <= set(arrays)
        assert (arrays["names"].shape, arrays["times"].shape, arrays["values"].shape) == ((3,), (7,), (7, 3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_npz_keeps_the_type_of_the_values_and_what_is_valid(tmp_path: Path, rng: np.random.Generator, dtype: type):
    values = rng.normal(size=(7, 3)).astype(dtype)
    frames = replace(frames_of(values), values=values, valid=rng.random((7, 3)) > 0.5)
    frame_store.write_npz(frames, tmp_path / "x.npz")
    back = frame_store.read_npz(tmp_path / "x.npz")
    assert_same(back, frames)
    assert back.values.dtype == dtype


def test_npz_without_valid_has_no_such_array(tmp_path: Path):
    frame_store.write_npz(frames_of(np.ones((2, 1))), tmp_path / "x.npz")
    assert frame_store.read_npz(tmp_path / "x.npz").valid is None
    with np.load(tmp_path / "x.npz", allow_pickle=False) as arrays:
        assert "valid" not in arrays


def test_npz_keeps_intervals(tmp_path: Path):
    frames = replace(frames_of(np.ones((2, 1))), intervals=np.array([[0.0, 0.3], [0.3, 0.4]]), frame_shift=None)
    frame_store.write_npz(frames, tmp_path / "x.npz")
    np.testing.assert_array_equal(frame_store.read_npz(tmp_path / "x.npz").intervals, frames.intervals)


def test_a_cut_npz_is_one_clear_error(tmp_path: Path):
    frame_store.write_npz(frames_of(np.ones((50, 3))), tmp_path / "x.npz")
    data = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(SchemaError, match="expected frames written by mmfeat"):
        frame_store.read_npz(tmp_path / "x.npz")


def test_csv_has_a_row_per_frame(tmp_path: Path):
    frame_store.write_csv(frames_of(np.array([[1.5, 2.0], [3.0, 4.0]])), tmp_path / "x.csv")
    with (tmp_path / "x.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert rows[0] == {"time": "0.050000", "observed": "1", "d0": "1.5", "d1": "2"}


def test_csv_has_the_digits_that_the_type_has(tmp_path: Path):
    frames = frames_of(np.array([[1 / 3]]))
    frame_store.write_csv(frames, tmp_path / "single.csv")
    frame_store.write_csv(replace(frames, values=np.array([[1 / 3]])), tmp_path / "double.csv")
    assert (tmp_path / "single.csv").read_text().splitlines()[1] == "0.050000,1,0.3333333"
    assert (tmp_path / "double.csv").read_text().splitlines()[1] == "0.050000,1,0.333333333333333"


def test_store_of_a_corpus_gives_each_utterance_its_own(tmp_path: Path, rng: np.random.Generator):
    made = {name: frames_of(rng.normal(size=(rows, 3))) for name, rows in (("a", 4), ("b", 0), ("c/d", 9))}
    made["spans"] = replace(made["a"], intervals=np.stack([made["a"].times, made["a"].times + 0.3], axis=1))
    made["judged"] = replace(made["a"], valid=rng.random((4, 3)) > 0.5)
    made["judged, no frames"] = replace(made["b"], valid=np.zeros((0, 3), dtype=bool))
    made["last"] = made["c/d"]
    names, source = made["a"].names, made["a"].source
    with frame_store.writing(tmp_path / "s.h5", names, source, 0.1) as writer:
        for name, frames in made.items():
            writer.append(name, frames)
    reader = frame_store.FrameReader(tmp_path / "s.h5")
    for name, frames in made.items():
        assert_same(reader.get(name), frames)
    assert reader.get("absent") is None
    reader.close()


def test_a_store_in_which_nothing_is_judged_keeps_no_room_for_it(tmp_path: Path):
    frames = frames_of(np.ones((2, 1)))
    with frame_store.writing(tmp_path / "s.h5", frames.names, frames.source, 0.1) as writer:
        writer.append("a", frames)
    with h5py.File(tmp_path / "s.h5") as file:
        assert not {"valid", "judged"} & set(file)


def test_a_store_takes_float64_and_gives_float32(tmp_path: Path):
    frames = replace(frames_of(np.ones((2, 1))), values=np.full((2, 1), 1 / 3))
    with frame_store.writing(tmp_path / "s.h5", frames.names, frames.source, 0.1) as writer:
        writer.append("a", frames)
    reader = frame_store.FrameReader(tmp_path / "s.h5")
    back = reader.get("a")
    reader.close()
    assert back is not None
    assert back.values.dtype == np.float32
    np.testing.assert_array_equal(back.values, np.float32(1 / 3))


def test_a_foreign_store_is_refused(tmp_path: Path):
    (tmp_path / "s.h5").write_text("hello")
    with pytest.raises(SchemaError, match="expected frames"):
        frame_store.FrameReader(tmp_path / "s.h5")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": np.full((2, 1), np.nan, dtype=np.float32)}, "not finite"),
        ({"times": np.array([1.0, 0.5])}, "not increasing"),
        ({"names": ("a", "b")}, "2 names"),
        ({"valid": np.ones((1, 1), dtype=bool)}, "expected one shape"),
    ],
)
def test_frames_that_break_the_contract_cannot_be_made(change: dict, message: str):
    fields = {
        "values": np.ones((2, 1), dtype=np.float32),
        "times": np.array([0.0, 1.0]),
        "observed": np.ones(2, dtype=bool),
        "names": ("a",),
    }
    with pytest.raises(SchemaError, match=message):
        Frames(**(fields | change), source=Provenance("x", "1"), frame_shift=1.0)
