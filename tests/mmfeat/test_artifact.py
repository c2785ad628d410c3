"""The artefact: round trip, shapes, determinism, and what is refused."""

from __future__ import annotations

import hashlib
import pickle
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import DIMS, description_of, rows_of, utterance_of, words_of

from mmfeat import artifact
from mmfeat.artifact import Artifact
from mmfeat.errors import OutputError, SchemaError
from mmfeat.types import MODALITIES, Utterance


def test_an_utterance_comes_back_as_it_was_written(tiny_artifact: Path, tiny_corpus: list[Utterance]):
    with Artifact(tiny_artifact) as corpus:
        for utterance in tiny_corpus:
            back = corpus.utterance(utterance.id)
            expected = rows_of(utterance)
            assert back.utterance.words == utterance.words
            assert back.classes == {"emotion": ["calm", "cross"]}
            assert back.utterance.labels == utterance.labels
            assert (back.utterance.speaker, back.utterance.dialogue, back.utterance.turn) == (
                utterance.speaker,
                utterance.dialogue,
                utterance.turn,
            )
            for name in MODALITIES:
                np.testing.assert_array_equal(back.features[name], expected.features[name])
                np.testing.assert_array_equal(back.observed[name], expected.observed[name])


def test_padding_puts_zeros_where_the_word_mask_is_false(tiny_artifact: Path):
    with Artifact(tiny_artifact) as corpus:
        train = corpus.padded("train")
    assert train.word_mask.tolist() == [[True, True], [True, False]]
    assert {name: values.shape for name, values in train.features.items()} == {n: (2, 2, d) for n, d in DIMS.items()}
    assert not train.observed[~train.word_mask].any()
    assert all(not values[~train.word_mask].any() for values in train.features.values())
    assert train.observed[0, 1].tolist() == [True, True, False]


def test_padding_to_fewer_words_keeps_the_first(tiny_artifact: Path):
    with Artifact(tiny_artifact) as corpus:
        cut, whole = corpus.padded("test", max_words=2), corpus.padded("test")
    np.testing.assert_array_equal(cut.features["text"], whole.features["text"][:, :2])
    np.testing.assert_array_equal(cut.intervals, whole.intervals[:, :2])


def test_an_unknown_label_is_not_a_zero(tiny_artifact: Path):
    with Artifact(tiny_artifact) as corpus:
        train = corpus.padded("train")
    assert train.labels_known["emotion"].tolist() == [True, False]
    assert np.isfinite(train.labels["emotion"]).all()


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, tiny_corpus: list[Utterance]):
    digests = set()
    for number in range(2):
        path = tmp_path / f"{number}.h5"
        artifact.write(path, description_of(), tiny_corpus, rows_of, lambda utterance: "")
        time.sleep(1.1)  # HDF5 keeps times in seconds
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_an_open_artifact_can_be_sent_to_another_process(tiny_artifact: Path):
    with Artifact(tiny_artifact) as corpus:
        corpus.padded("train")
        copy = pickle.loads(pickle.dumps(corpus))  # noqa: S301  our own object, as a data loader sends it
        assert copy.ids("train") == corpus.ids("train")
        copy.close()


def test_summary_counts_words_coverage_and_unknown_words(tmp_path: Path):
    def without_text(utterance: Utterance):
        rows = rows_of(utterance)
        rows.observed["text"][:] = [word.text == "known" for word in utterance.words]
        rows.features["text"][~rows.observed["text"]] = 0
        return rows

    path = tmp_path / "oov.h5"
    utterances = [utterance_of("a", words_of("known", "zork", "zork", ""))]
    artifact.write(path, description_of(), utterances, without_text, lambda utterance: "")
    with Artifact(path) as corpus:
        summary = corpus.summary()
    assert summary["words"] == 4
    assert summary["observed"]["text"] == 0.25
    assert summary["out_of_vocabulary"] == {"count": 2, "share": 0.5, "words": {"zork": 2}}


def test_summary_of_labels_gives_ranges_and_class_counts(tiny_artifact: Path):
    with Artifact(tiny_artifact) as corpus:
        labels = corpus.summary()["labels"]
    assert labels["emotion"] == {"known": 2, "classes": {"calm": 1, "cross": 1}}
    assert labels["sentiment"]["lowest"] == -2.0


def test_a_valid_artifact_has_no_problems(tiny_artifact: Path):
    assert artifact.validate(tiny_artifact) == []


@pytest.mark.parametrize(
    ("dataset", "row", "value", "owner", "rule"),
    [
        ("train/audio", (0, 1), np.nan, "a", "finite numbers"),
        ("train/text", (2, 0), np.inf, "b", "finite numbers"),
        ("train/vision", (1, 0), 5.0, "a", "zeros where observed is False"),
        ("train/intervals", (1, 1), 0.1, "a", "an end after the start"),
        ("train/intervals", (0, 0), -1.0, "a", "a start of 0 s or later"),
        ("train/turn", 0, -1, "a", "a turn of 0 or more"),
        ("train/offsets", 1, 9, "a", "at most the 3 word rows"),
        ("train/labels/sentiment", 0, np.nan, "train", "finite numbers"),
        ("train/ids", 1, "a", "a", "an id that occurs once"),
    ],
)
def test_each_broken_rule_is_named_with_its_utterance(tiny_artifact: Path, dataset, row, value, owner, rule):
    with h5py.File(tiny_artifact, "r+") as file:
        file[dataset][row] = value
    problems = artifact.validate(tiny_artifact)
    assert any(problem.id == owner and rule in problem.rule for problem in problems), problems


@pytest.mark.parametrize("name", ["offsets", "words", "observed", "audio", "intervals", "turn", "ids"])
def test_a_missing_array_is_a_problem_and_not_a_crash(tiny_artifact: Path, name: str):
    with h5py.File(tiny_artifact, "r+") as file:
        del file["train"][name]
    assert any(name in problem.field for problem in artifact.validate(tiny_artifact))


def test_words_out_of_order_are_a_problem(tiny_artifact: Path):
    with h5py.File(tiny_artifact, "r+") as file:
        file["test/intervals"][:] = file["test/intervals"][:][::-1]
    assert any("order" in problem.rule for problem in artifact.validate(tiny_artifact))


def test_a_file_that_is_no_artifact_is_refused_in_words(tmp_path: Path):
    text, foreign = tmp_path / "text.h5", tmp_path / "foreign.h5"
    text.write_text("hello")
    h5py.File(foreign, "w").close()
    with pytest.raises(SchemaError, match="cannot open .*text.h5"):
        Artifact(text)
    with pytest.raises(SchemaError, match="expected an artefact written by mmfeat"):
        Artifact(foreign)
    with pytest.raises(SchemaError, match="no such file"):
        Artifact(tmp_path / "absent.h5")


def test_another_schema_version_is_refused(tiny_artifact: Path):
    with h5py.File(tiny_artifact, "r+") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(SchemaError, match="schema version 99; expected 2"):
        Artifact(tiny_artifact)


def test_an_unknown_utterance_or_split_is_named(tiny_artifact: Path):
    with Artifact(tiny_artifact) as corpus:
        with pytest.raises(SchemaError, match="no utterance 'zz'"):
            corpus.utterance("zz")
        with pytest.raises(SchemaError, match="no split 'dev'; expected one of train, test"):
            corpus.padded("dev")


def test_a_failure_while_writing_leaves_the_old_file(tiny_artifact: Path, tiny_corpus: list[Utterance]):
    before = tiny_artifact.read_bytes()

    def fail(utterance: Utterance):
        raise ValueError("broken rows")

    with pytest.raises(ValueError, match="broken rows"):
        artifact.write(tiny_artifact, description_of(), tiny_corpus, fail, lambda utterance: "")
    assert tiny_artifact.read_bytes() == before
    assert [path.name for path in tiny_artifact.parent.iterdir()] == ["tiny.h5"]


def test_an_unwritable_place_is_one_clear_error(tmp_path: Path, tiny_corpus: list[Utterance]):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write .*expected a writable folder"):
        artifact.write(tmp_path / "file" / "x.h5", description_of(), tiny_corpus, rows_of, lambda utterance: "")


def test_a_full_disk_is_one_clear_error(tiny_corpus: list[Utterance], tmp_path: Path):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    from mmfeat.safe_write import replacing

    def write() -> None:
        with replacing(tmp_path / "x.txt") as beside:
            beside.symlink_to("/dev/full")
            with beside.open("w") as handle:
                handle.write("x" * 100_000)

    with pytest.raises(OutputError, match="No space left on device"):
        write()
    assert list(tmp_path.iterdir()) == []
