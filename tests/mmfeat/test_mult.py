"""MulT's pickles in and out."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import DIMS, description_of, rows_of, utterance_of, words_of
from foreign import mult_file, save
from typer.testing import CliRunner

from mmfeat import artifact
from mmfeat.artifact import Artifact
from mmfeat.cli import exchange as commands
from mmfeat.cli.app import app
from mmfeat.errors import FormatError, SchemaError
from mmfeat.formats.padded_rows import Room
from mmfeat.steps.exchange import export_mult, import_mult
from mmfeat.types import Failure

assert commands  # registers the commands
EMOTIONS = ("neutral", "happy", "sad", "angry")


def imported(path: Path, dataset: str = "made") -> tuple[Artifact, list[Failure]]:
    done = import_mult(path, path.with_suffix(".h5"), dataset=dataset)
    return Artifact(done.path), list(done.failures)


def reasons(failures: list[Failure]) -> str:
    return "\n".join(f"{failure.id}: {failure.reason}" for failure in failures)


def content_of(path: Path) -> Any:
    return pickle.loads(path.read_bytes())  # noqa: S301  our own file


def made(path: Path, *, dataset: str = "made", emotions: bool = False, lengths: tuple[int, ...] = (3, 7, 1)) -> Path:
    """An artefact of word-aligned utterances in all three splits."""
    utterances = [
        utterance_of(
            f"{split}V_{n + 1}",
            words_of(*"abcdefgh"[:length]),
            split=split,
            dialogue=f"{split}V",
            turn=n,
            start=n * 4.0,
            end=n * 4.0 + 3.5,
            labels={name: float((n + k) % 2) for k, name in enumerate(EMOTIONS)}
            if emotions
            else {"sentiment": n - 1.0},
        )
        for split in ("train", "valid", "test")
        for n, length in enumerate(lengths)
    ]
    artifact.write(path, description_of(classes={}, dataset=dataset), utterances, rows_of, lambda utterance: "")
    return path


@pytest.mark.parametrize("kind", ["bytes", "text"])
def test_utterances_are_known_by_their_place_in_the_video(tmp_path: Path, kind: str):
    corpus, failures = imported(mult_file(tmp_path / "mosi_data.pkl", ids=kind))
    read = corpus.utterance("vidtrain_2.500-4.500").utterance
    assert (read.dialogue, read.turn, read.start, read.end) == ("vidtrain", 1, 2.5, 4.5)
    assert corpus.ragged("train").labels["sentiment"].tolist() == [-3, 0, 3]
    assert corpus.description.extractors["text"]["extractor"] == "imported:mult"
    assert corpus.description.split == "standard"
    assert [failure.reason for failure in failures] == ["audio: 1 of 3 rows not finite; not observed"]
    assert artifact.validate(corpus.path) == []


def test_zeros_in_front_are_no_rows_and_minus_infinity_is_not_observed(tmp_path: Path):
    path = mult_file(tmp_path / "a.pkl")
    corpus, _ = imported(path)
    read, raw = corpus.utterance("vidtrain_0.000-2.000"), content_of(path)["train"]
    assert len(read.utterance.words) == 3
    np.testing.assert_array_equal(read.features["text"], raw["text"][0, 2:])
    assert read.observed["audio"].tolist() == [True, False, True]
    assert not read.features["audio"][1].any()


def test_a_row_that_only_one_modality_has_is_a_row_of_all(tmp_path: Path):
    path = mult_file(tmp_path / "a.pkl")
    content = content_of(path)
    content["train"]["text"] = content["train"]["text"].copy()
    content["train"]["text"][0, 0] = 1
    corpus, _ = imported(save(path, content))
    read = corpus.utterance("vidtrain_0.000-2.000")
    assert read.observed["text"].tolist() == [True, False, True, True, True]
    assert read.observed["vision"].tolist() == [False, False, True, True, True]


def test_an_unaligned_file_keeps_each_modality_at_its_own_length(tmp_path: Path):
    corpus, _ = imported(mult_file(tmp_path / "mosei_senti_data_noalign.pkl", rows=(5, 8, 6)))
    assert corpus.description.own_rows == ["audio", "vision"]
    assert np.diff(corpus.ragged("train").own["audio"].offsets).tolist() == [3, 5, 1]
    assert corpus.padded("train").features["audio"].shape == (3, 5, 3)


def test_iemocap_has_four_labels_each_yes_or_no_and_ids_that_are_made(tmp_path: Path):
    path = mult_file(tmp_path / "iemocap_data.pkl", emotions=True, ids=None)
    corpus, failures = imported(path, dataset="iemocap")
    train = corpus.ragged("train")
    assert train.ids == ("iemocap_train_0000", "iemocap_train_0001", "iemocap_train_0002")
    yes = np.stack([train.labels[name] for name in EMOTIONS], axis=1)
    np.testing.assert_array_equal(yes, content_of(path)["train"]["labels"].argmax(axis=2))
    assert corpus.utterance("iemocap_train_0001").utterance.dialogue is None
    assert "train: the file has no ids" in reasons(failures)
    assert "iemocap: train 3, published 2717" in reasons(failures)
    assert corpus.description.split == "mult-2717-798-938"


def test_a_label_that_is_not_one_of_two_is_unknown_and_reported(tmp_path: Path):
    path = mult_file(tmp_path / "a.pkl", emotions=True)
    content = content_of(path)
    content["train"]["labels"][1, 2] = (1, 1)
    corpus, failures = imported(save(path, content))
    assert "sad" not in corpus.utterance("vidtrain_2.500-4.500").utterance.labels
    assert "train[1]: sad is [1.0, 1.0], not one of two" in reasons(failures)


def test_a_sentiment_that_is_not_finite_is_unknown_and_reported(tmp_path: Path):
    path = mult_file(tmp_path / "a.pkl")
    content = content_of(path)
    content["valid"]["labels"] = np.array([[[np.nan]], [[1]]])
    corpus, failures = imported(save(path, content))
    assert corpus.ragged("valid").labels_known["sentiment"].tolist() == [False, True]
    assert "valid[0]: sentiment is nan, unknown" in reasons(failures)


def test_a_start_before_the_video_is_set_to_its_beginning(tmp_path: Path):
    path = mult_file(tmp_path / "a.pkl", ids="text")
    content = content_of(path)
    content["test"]["id"][0] = ["v", "-0.3", "2.5"]
    corpus, failures = imported(save(path, content))
    assert corpus.utterance("v_-0.300-2.500").utterance.start == 0
    assert "v_-0.300-2.500: start -0.3 s was set to 0" in reasons(failures)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("audio", None, "train has no audio; expected the keys of MulT"),
        ("labels", np.ones((3, 2, 2)), r"expected \(N, 1, 1\) for sentiment or \(N, 4, 2\)"),
        ("labels", np.ones((2, 1, 1)), "train/text is an array of shape"),
        ("id", [["v", "x", "1"]] * 3, r"train/id\[0\] is \['v', 'x', '1'\]; expected name, start and end"),
        ("id", [["v"]] * 3, "expected name, start and end"),
        ("id", [["v", "0", "1"]] * 2, "2 ids and 3 labels"),
        ("vision", np.ones((3, 5, 7)), "expected splits of one kind and width"),
        ("vision", "x", "train/vision is an array"),
    ],
)
def test_a_file_of_another_layout_is_refused_with_the_place(tmp_path: Path, key: str, value: Any, message: str):
    content = content_of(mult_file(tmp_path / "a.pkl"))
    content["train"][key] = value
    if value is None:
        del content["train"][key]
    with pytest.raises(FormatError, match=message):
        imported(save(tmp_path / "a.pkl", content))


def test_a_pickle_of_something_else_is_refused(tmp_path: Path):
    with pytest.raises(FormatError, match="holds list; expected train, valid and test"):
        imported(save(tmp_path / "a.pkl", [1]))


def test_an_export_has_the_published_keys_shapes_and_types(tmp_path: Path):
    done = export_mult(made(tmp_path / "a.h5", dataset="mosi"), tmp_path / "mosi_data.pkl")
    train = content_of(done.path)["train"]
    assert list(train) == ["text", "audio", "vision", "labels", "id"]
    assert {name: train[name].shape for name in DIMS} == {name: (3, 50, width) for name, width in DIMS.items()}
    assert {train[name].dtype for name in (*DIMS, "labels")} == {np.dtype(np.float32)}
    assert train["labels"].shape == (3, 1, 1)
    assert train["id"][1].tolist() == [b"trainV", b"4.0", b"7.5"]  # MOSI's loader decodes them


def test_an_export_keeps_the_last_words_with_zeros_in_front(tmp_path: Path):
    path = made(tmp_path / "a.h5")
    done = export_mult(path, tmp_path / "a.pkl", room=Room(words=5))
    text = content_of(done.path)["test"]["text"]
    with Artifact(path) as corpus:
        np.testing.assert_array_equal(text[1], corpus.utterance("testV_2").features["text"][2:])
        np.testing.assert_array_equal(text[0, 2:], corpus.utterance("testV_1").features["text"])
    assert not text[0, :2].any()
    assert "testV_2: 7 rows of text; the last 5 were written" in reasons(list(done.failures))
    assert content_of(done.path)["test"]["id"][0].tolist() == ["testV", "0.0", "3.5"]


def test_the_four_emotions_are_written_as_no_and_yes(tmp_path: Path):
    done = export_mult(made(tmp_path / "a.h5", dataset="iemocap", emotions=True), tmp_path / "iemocap_data.pkl")
    labels = content_of(done.path)["train"]["labels"]
    assert labels.shape == (3, 4, 2)
    np.testing.assert_array_equal(labels[0], [[1, 0], [0, 1], [1, 0], [0, 1]])
    np.testing.assert_array_equal(labels.sum(axis=2), 1)


def test_an_artefact_without_either_label_is_refused(tmp_path: Path):
    utterances = [utterance_of("a", words_of("x"), split="train", labels={"arousal": 1.0})]
    artifact.write(tmp_path / "a.h5", description_of(), utterances, rows_of, lambda utterance: "")
    with pytest.raises(SchemaError, match="no utterance of 'train' with the label sentiment"):
        export_mult(tmp_path / "a.h5", tmp_path / "a.pkl")


@pytest.mark.parametrize("emotions", [False, True])
def test_what_goes_out_comes_back_the_same(tmp_path: Path, emotions: bool):
    path = made(tmp_path / "a.h5", emotions=emotions)
    export_mult(path, tmp_path / "b.pkl")
    back, _ = imported(tmp_path / "b.pkl")
    with Artifact(path) as corpus:
        for split in corpus.splits:
            first, second = corpus.ragged(split), back.ragged(split)
            np.testing.assert_array_equal(first.observed, second.observed)
            for name in DIMS:
                np.testing.assert_array_equal(first.features[name], second.features[name])
            for name, values in first.labels.items():
                np.testing.assert_array_equal(values, second.labels[name])
            places = [[(u.dialogue, u.turn, u.start, u.end) for u in each.utterances(split)] for each in (corpus, back)]
            assert places[0] == places[1]


@pytest.mark.parametrize("rows", [(5, 5, 5), (5, 8, 6)])
def test_what_comes_in_goes_out_the_same(tmp_path: Path, rows: tuple[int, int, int]):
    path = mult_file(tmp_path / "a.pkl", ids="text", rows=rows)
    corpus, _ = imported(path)
    export_mult(corpus.path, tmp_path / "b.pkl", unaligned=len(set(rows)) > 1, room=Room(*rows))
    content, back = content_of(path), content_of(tmp_path / "b.pkl")
    content["train"]["audio"][0, -2] = 0  # the row that held -inf
    for split, part in content.items():
        for key in ("text", "audio", "vision", "labels"):
            np.testing.assert_array_equal(back[split][key], part[key], err_msg=f"{split} {key}")
        assert back[split]["id"][:, 0].tolist() == part["id"][:, 0].tolist()
        np.testing.assert_array_equal(back[split]["id"][:, 1:].astype(float), part["id"][:, 1:].astype(float))


def test_utterances_without_times_keep_their_ids(tmp_path: Path):
    utterances = [
        utterance_of(f"{split}V_1", words_of("x"), split=split, dialogue="V", end=0.0, labels={"sentiment": 1.0})
        for split in ("train", "valid", "test")
    ]
    description = description_of(classes={}, clock="none")
    artifact.write(tmp_path / "a.h5", description, utterances, rows_of, lambda utterance: "")
    export_mult(tmp_path / "a.h5", tmp_path / "b.pkl")
    back, _ = imported(tmp_path / "b.pkl")
    assert [back.ids(split) for split in back.splits] == [("trainV_1",), ("validV_1",), ("testV_1",)]


def test_the_commands_import_and_export(tmp_path: Path):
    path, output, again = mult_file(tmp_path / "a.pkl"), tmp_path / "a.h5", tmp_path / "b.pkl"
    run = CliRunner().invoke
    done = run(app, ["import", "mult", str(path), "--dataset", "mosi", "--output", str(output), "--json"])
    assert done.exit_code == 0, done.output
    assert '"splits": {"train": 3, "valid": 2, "test": 2}' in done.stdout
    done = run(app, ["export", "mult", str(output), "--output", str(again), "--words", "5"])
    assert done.exit_code == 0, done.output
    assert content_of(again)["train"]["text"].shape == (3, 5, 4)
