"""Artefacts whose modalities keep rows of their own, rows without times, and other named splits."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import DIMS, description_of, frames_of, rows_of, utterance_of, words_of

from mmfeat import artifact
from mmfeat.artifact import Artifact
from mmfeat.errors import SchemaError
from mmfeat.steps.align import align, describe
from mmfeat.types import AlignedUtterance, Utterance

LENGTHS = {"a": 5, "b": 0, "c": 20_000}  # the last one more than is held before it is written


def own_rows(utterance: Utterance) -> AlignedUtterance:
    """Text per word; audio at its own rate, its second row not observed."""
    aligned = rows_of(utterance)
    count = LENGTHS[utterance.id]
    values = np.arange(count * DIMS["audio"], dtype=np.float32).reshape(count, DIMS["audio"]) + 1
    observed = np.arange(count) != 1
    values[~observed] = 0
    times = np.arange(count)[:, None] * 0.01 + np.array([0, 0.01])
    return AlignedUtterance(
        utterance,
        {**aligned.features, "audio": values},
        {**aligned.observed, "audio": observed},
        intervals={"audio": times},
    )


@pytest.fixture
def unaligned(tmp_path: Path) -> Path:
    path = tmp_path / "unaligned.h5"
    utterances = [
        utterance_of("a", words_of("good", "day")),
        utterance_of("b", end=1.0),
        utterance_of("c", words_of("no")),
    ]
    artifact.write(path, description_of(own_rows=["audio"]), utterances, own_rows, lambda utterance: "")
    return path


def test_a_modality_with_rows_of_its_own_comes_back_as_it_went_in(unaligned: Path):
    with Artifact(unaligned) as corpus:
        read = corpus.utterance("a")
        split = corpus.ragged("all")
    expected = own_rows(utterance_of("a", words_of("good", "day")))
    for name in ("text", "audio"):
        np.testing.assert_array_equal(read.features[name], expected.features[name])
        np.testing.assert_array_equal(read.observed[name], expected.observed[name])
    np.testing.assert_array_equal(read.intervals["audio"], expected.intervals["audio"])
    assert split.own["audio"].offsets.tolist() == [0, 5, 5, 20_005]
    assert split.features["audio"].shape == (20_005, DIMS["audio"])
    assert split.features["text"].shape == (3, DIMS["text"])


def test_padding_gives_each_modality_its_own_length(unaligned: Path):
    with Artifact(unaligned) as corpus:
        padded = corpus.padded("all", max_words=1)
    assert padded.features["text"].shape == (3, 1, DIMS["text"])
    assert padded.features["audio"].shape == (3, 20_000, DIMS["audio"])
    assert padded.own["audio"].mask.sum(axis=1).tolist() == [5, 0, 20_000]
    assert padded.own["audio"].observed[0, :6].tolist() == [True, False, True, True, True, False]


def test_what_was_observed_follows_the_rows_of_each_modality(unaligned: Path):
    with Artifact(unaligned) as corpus:
        rows, summary = corpus.observed("all"), corpus.summary()
    assert rows.offsets["text"].tolist() == [0, 2, 2, 3]
    assert rows.offsets["audio"].tolist() == [0, 5, 5, 20_005]
    assert rows.observed["audio"].sum() == 20_003
    assert summary["rows"] == {"text": 3, "audio": 20_005, "vision": 3}
    assert summary["observed"]["audio"] == 20_003 / 20_005


def test_the_same_rows_give_the_same_bytes(unaligned: Path, tmp_path: Path):
    again = tmp_path / "again.h5"
    utterances = [
        utterance_of("a", words_of("good", "day")),
        utterance_of("b", end=1.0),
        utterance_of("c", words_of("no")),
    ]
    artifact.write(again, description_of(own_rows=["audio"]), utterances, own_rows, lambda utterance: "")
    assert again.read_bytes() == unaligned.read_bytes()


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("audio", np.nan, "finite numbers"),
        ("own/audio/observed", False, "zeros where observed is False"),
        ("own/audio/intervals", np.inf, "finite times"),
        ("own/audio/offsets", 7, "do not decrease"),
    ],
)
def test_broken_rows_of_its_own_are_found(unaligned: Path, field: str, value: object, rule: str):
    assert artifact.validate(unaligned) == []
    with h5py.File(unaligned, "r+") as file:
        file["all"][field][0] = value
    assert any(rule in problem.rule for problem in artifact.validate(unaligned))


def test_rows_of_its_own_that_are_absent_are_found(unaligned: Path):
    with h5py.File(unaligned, "r+") as file:
        del file["all/own/audio/observed"]
    assert [problem.field for problem in artifact.validate(unaligned)] == ["own/audio/observed"]


def test_words_without_times_are_valid_only_where_the_file_says_so(tmp_path: Path):
    words = tuple(replaced for replaced in words_of("a", "b", step=0.0))
    for clock, expected in (("none", 0), ("media", 2)):
        path = tmp_path / f"{clock}.h5"
        artifact.write(path, description_of(clock=clock), [utterance_of("a", words)], rows_of, lambda utterance: "")
        problems = [problem for problem in artifact.validate(path) if problem.rule == "an end after the start"]
        assert len(problems) >= expected
        assert bool(problems) == bool(expected)


def test_parts_sound_and_half_come_back(tmp_path: Path):
    path = tmp_path / "parts.h5"
    utterances = [
        utterance_of("a", words_of("so"), parts={"5fold.1": "train", "5fold.2": "test"}, half="left"),
        utterance_of("b", words_of("so"), parts={"5fold.1": "valid"}, sound=Path("b.wav")),
    ]
    artifact.write(path, description_of(split="standard", target="mood"), utterances, rows_of, lambda utterance: "")
    with Artifact(path) as corpus:
        first, second = corpus.utterances("all")
        description, others = corpus.description, corpus.summary()["other_splits"]
    assert (dict(first.parts), first.half, first.sound) == (dict(utterances[0].parts), "left", None)
    assert (dict(second.parts), second.half, second.sound) == (dict(utterances[1].parts), None, Path("b.wav"))
    assert (description.split, description.target) == ("standard", "mood")
    assert others == {"5fold.1": {"train": 1, "valid": 1}, "5fold.2": {"test": 1}}


def test_the_rule_none_leaves_frames_as_they_are(tmp_path: Path):
    frames = frames_of(np.arange(12).reshape(6, 2))
    text = frames_of(np.ones((2, 2)))
    description = describe("made", {"text": text, "audio": frames}, rule="none", words_from={}, classes={}, source={})
    path = tmp_path / "frames.h5"
    utterances = [utterance_of("a", words_of("good", "day"))]
    align(utterances, {"text": {"a": text}, "audio": {"a": frames}}, description, path, rule="none")
    with Artifact(path) as corpus:
        read = corpus.utterance("a")
    assert artifact.validate(path) == []
    np.testing.assert_array_equal(read.features["audio"], frames.values)
    np.testing.assert_allclose(read.intervals["audio"].mean(axis=1), frames.times)
    assert read.features["text"].shape == (2, 2)


@pytest.mark.parametrize("fields", [{"labels": {"a/b": 1.0}}, {"parts": {"5fold/1": "train"}}, {"labels": {"": 1.0}}])
def test_a_name_that_the_file_cannot_hold_is_refused(tmp_path: Path, fields: dict[str, object]):
    utterances = [utterance_of("a", words_of("so"), **fields)]
    with pytest.raises(SchemaError, match="expected a name without a slash"):
        artifact.write(tmp_path / "a.h5", description_of(), utterances, rows_of, lambda utterance: "")
