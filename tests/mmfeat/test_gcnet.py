"""The utterance vectors of GCNet, MoMKE and HARDY-MER."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign import gcnet_files, save
from typer.testing import CliRunner

from mmfeat import artifact
from mmfeat.artifact import Artifact
from mmfeat.cli import exchange as commands
from mmfeat.cli.app import app
from mmfeat.errors import ConfigError, FormatError
from mmfeat.steps.exchange import import_gcnet
from mmfeat.types import MODALITIES, Failure

assert commands  # registers the commands
FIRST, SECOND, THIRD = "Ses01F_impro01_F000", "Ses01F_impro01_M000", "Ses05M_x_M000"


def imported(labels: Path, folders: dict[str, Path], dataset: str = "made") -> tuple[Artifact, list[Failure]]:
    done = import_gcnet(labels, labels.with_suffix(".h5"), dataset=dataset, **folders)  # type: ignore[arg-type]
    return Artifact(done.path), list(done.failures)


def reasons(failures: list[Failure]) -> str:
    return "\n".join(f"{failure.id}: {failure.reason}" for failure in failures)


def test_vectors_are_one_row_and_frames_are_rows(tmp_path: Path):
    corpus, _ = imported(*gcnet_files(tmp_path))
    read = corpus.utterance(SECOND)
    assert {name: read.features[name].shape for name in MODALITIES} == {
        "text": (1, 4),
        "audio": (3, 3),
        "vision": (1, 2),
    }
    assert corpus.description.own_rows == ["text", "audio", "vision"]
    assert read.features["text"][0].tolist() == [2, 2, 2, 2]
    assert all(read.observed[name].all() for name in MODALITIES)
    assert artifact.validate(corpus.path) == []


def test_dialogues_turns_speakers_words_and_parts(tmp_path: Path):
    corpus, _ = imported(*gcnet_files(tmp_path))
    second, third = corpus.utterance(SECOND).utterance, corpus.utterance(THIRD).utterance
    assert (second.dialogue, second.turn, second.speaker, second.split) == ("Ses01F_impro01", 1, "Ses01M", "train")
    assert [word.text for word in second.words] == ["Do", "you", "have", "your", "forms?"]
    assert (third.split, third.speaker, third.words) == ("test", "Ses05M", ())


def test_four_classes_six_classes_and_sentiment_are_told_apart(tmp_path: Path):
    four, six, numbers = (tmp_path / name for name in ("four", "six", "numbers"))
    for folder in (four, six, numbers):
        folder.mkdir()
    corpus, _ = imported(*gcnet_files(four))
    assert corpus.description.classes == {"emotion4": ["happy", "sad", "neutral", "angry"]}
    assert corpus.utterance(SECOND).utterance.labels == {"emotion4": 3.0}
    corpus, _ = imported(*gcnet_files(six, six=True))
    assert corpus.description.classes["emotion6"][4:] == ["excited", "frustrated"]
    assert (corpus.description.target, corpus.description.split) == ("emotion6", "gcnet")
    corpus, _ = imported(*gcnet_files(numbers, sentiment=True))
    assert corpus.utterance(FIRST).utterance.labels == {"sentiment": -1.5}
    assert (corpus.description.target, corpus.description.split) == ("sentiment", "standard")


def test_of_two_faces_that_of_the_speaker_is_taken(tmp_path: Path):
    corpus, failures = imported(*gcnet_files(tmp_path))
    assert corpus.utterance(FIRST).features["vision"].tolist() == [[ord("F")] * 2]
    assert corpus.utterance(SECOND).features["vision"].tolist() == [[ord("M") + 1] * 2]
    assert "vision-features: 3 utterances also have faces of the actor who does not speak; left out" in reasons(
        failures
    )


def test_several_faces_of_one_speaker_are_rows_in_the_order_of_their_names(tmp_path: Path):
    labels, folders = gcnet_files(tmp_path)
    for number in (2, 1):
        np.save(folders["vision"] / FIRST / f"F_{number}.npy", np.full((1, 2), number))
    corpus, _ = imported(labels, folders)
    assert corpus.utterance(FIRST).features["vision"][:, 0].tolist() == [ord("F"), 1, 2]


def test_faces_of_a_corpus_with_one_speaker_need_no_letter(tmp_path: Path):
    labels, folders = gcnet_files(tmp_path)
    table = pickle.loads(labels.read_bytes())  # noqa: S301  our own file
    table[2] = {name: [""] * len(some) for name, some in table[2].items()}
    corpus, _ = imported(save(labels, table), folders)
    assert corpus.utterance(FIRST).features["vision"].shape == (2, 2)


def test_files_that_are_missing_or_bad_are_not_observed_and_reported(tmp_path: Path):
    labels, folders = gcnet_files(tmp_path)
    (folders["audio"] / f"{FIRST}.npy").unlink()
    (folders["audio"] / f"{SECOND}.npy").write_bytes(b"\x93NUMPY\x01\x00rubbish")
    (folders["text"] / f"{FIRST}.npy").write_bytes(b"")
    np.save(folders["text"] / f"{THIRD}.npy", np.zeros(9))
    shutil.rmtree(folders["vision"] / SECOND)
    (folders["vision"] / FIRST / "F.npy").unlink()
    corpus, failures = imported(labels, folders)
    first = corpus.utterance(FIRST)
    assert {name: first.features[name].shape for name in MODALITIES} == {
        "text": (0, 4),
        "audio": (0, 3),
        "vision": (0, 2),
    }
    text = reasons(failures)
    assert f"{FIRST}: audio: no file {FIRST}.npy; not observed" in text
    assert f"{SECOND}: audio: " in text
    assert f"{FIRST}: text: " in text
    assert f"{THIRD}: text: 9 columns, elsewhere 4; not observed" in text
    assert f"{SECOND}: vision: no file {SECOND}.npy" in text
    assert f"{FIRST}: vision: no face of the speaker" in text
    assert artifact.validate(corpus.path) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (np.array([{"a": 1}], dtype=object), "allow_pickle=False"),
        (np.zeros((1, 2, 3)), r"an array of shape (1, 2, 3)"),
        (np.zeros((0, 3)), "an array of shape (0, 3)"),
        (np.array(["x"]), "dtype <U1"),
    ],
)
def test_a_file_of_something_else_is_not_observed_and_reported(tmp_path: Path, content: Any, reason: str):
    labels, folders = gcnet_files(tmp_path)
    np.save(folders["audio"] / f"{FIRST}.npy", content)
    _, failures = imported(labels, {"audio": folders["audio"]})
    assert reason in reasons([failure for failure in failures if failure.id == FIRST])


def test_a_face_that_does_not_say_whose_it_is_is_not_observed(tmp_path: Path):
    labels, folders = gcnet_files(tmp_path)
    np.save(folders["vision"] / FIRST / "unknown.npy", np.zeros(2))
    _, failures = imported(labels, folders)
    assert f"{FIRST}: vision: unknown.npy does not say whose face it is (F or M)" in reasons(failures)


def test_vectors_of_zeros_and_nan_are_not_observed(tmp_path: Path):
    labels, folders = gcnet_files(tmp_path)
    np.save(folders["text"] / f"{FIRST}.npy", np.zeros(4))
    np.save(folders["text"] / f"{SECOND}.npy", np.array([1, np.nan, 1, 1]))
    corpus, failures = imported(labels, folders)
    assert corpus.observed("train").observed["text"].tolist() == [False, False]
    assert f"{SECOND}: text: 1 of 1 rows not finite" in reasons(failures)


def test_a_modality_without_a_folder_is_not_in_the_artefact(tmp_path: Path):
    labels, folders = gcnet_files(tmp_path)
    corpus, _ = imported(labels, {"audio": folders["audio"]})
    assert corpus.dims == {"audio": 3}
    assert list(corpus.description.extractors["audio"]["sources"]) == ["audio-features", "labels.pkl"]
    with pytest.raises(ConfigError, match="expected at least one of --text, --audio, --vision"):
        imported(labels, {})


def test_the_sum_of_a_folder_changes_with_one_of_its_files(tmp_path: Path):
    labels, folders = gcnet_files(tmp_path)
    sums = []
    for value in (1.0, 2.0):
        np.save(folders["text"] / f"{THIRD}.npy", np.full(4, value))
        corpus, _ = imported(labels, {"text": folders["text"]})
        sums.append(corpus.description.extractors["text"]["sources"]["text-features"])
        corpus.close()
    assert sums[0] != sums[1]


def test_counts_are_compared_with_those_of_the_circulating_lists(tmp_path: Path):
    _, failures = imported(*gcnet_files(tmp_path), dataset="iemocap")
    assert "iemocap: utterances 3, published 5531" in reasons(failures)


def changed(labels: Path, place: int, value: Any) -> Path:
    table = pickle.loads(labels.read_bytes())  # noqa: S301  our own file
    table[place] = value
    return save(labels, table)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, [], "holds a list of 6; expected a list of 6 or 7"),
        (4, {"Ses01F_impro01", "Ses05M_script01_1"}, "dialogue Ses05M_script01_1 is in two parts"),
        (4, {"Ses01F_impro01", "nowhere"}, r"dialogue nowhere has \[0, 0, 0, 0\] utterances, labels"),
        (1, {"Ses01F_impro01": [0], "Ses05M_script01_1": [1]}, r"dialogue Ses01F_impro01 has \[2, 1, 2, 2\]"),
        (1, {"Ses01F_impro01": ["sad", 1], "Ses05M_script01_1": [1]}, "label 'sad'; expected class numbers"),
    ],
)
def test_a_table_of_another_layout_is_refused(tmp_path: Path, place: int, value: Any, message: str):
    labels, folders = gcnet_files(tmp_path)
    with pytest.raises(FormatError, match=message):
        imported(changed(labels, place, value), folders)


def test_a_label_that_no_class_has_is_unknown_and_reported(tmp_path: Path):
    labels, folders = gcnet_files(tmp_path)
    corpus, failures = imported(changed(labels, 1, {"Ses01F_impro01": [-1, 2], "Ses05M_script01_1": [1]}), folders)
    assert corpus.utterance(FIRST).utterance.labels == {}
    assert f"{FIRST}: label -1.0; unknown" in reasons(failures)


def test_dialogues_in_no_part_and_ids_that_occur_twice_are_reported(tmp_path: Path):
    labels, folders = gcnet_files(tmp_path)
    changed(labels, 5, set())
    _, failures = imported(
        changed(labels, 0, {"Ses01F_impro01": [FIRST, FIRST], "Ses05M_script01_1": [THIRD]}), folders
    )
    assert "Ses05M_script01_1: the dialogue is in no part; left out" in reasons(failures)
    assert f"{FIRST}: the id occurs twice, in Ses01F_impro01 and Ses01F_impro01; the second was left out" in reasons(
        failures
    )


def test_an_id_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path):
    labels, folders = gcnet_files(tmp_path)
    np.save(tmp_path / "secret.npy", np.ones(3))
    table = {"Ses01F_impro01": ["../secret", SECOND], "Ses05M_script01_1": [THIRD]}
    _, failures = imported(changed(labels, 0, table), {"audio": folders["audio"]})
    assert "../secret: audio: its id is not the name of a file; not observed" in reasons(failures)


def test_a_folder_of_something_else_is_refused(tmp_path: Path):
    labels, _ = gcnet_files(tmp_path)
    with pytest.raises(FormatError, match=r"no features of audio in .*expected <utterance>.npy; check --audio"):
        imported(labels, {"audio": tmp_path / "nowhere"})


def test_the_command_imports(tmp_path: Path):
    labels, folders = gcnet_files(tmp_path)
    arguments = ["import", "gcnet", "--labels", str(labels), "--dataset", "iemocap", "--output", str(tmp_path / "a.h5")]
    done = CliRunner().invoke(app, [*arguments, "--audio", str(folders["audio"]), "--text", str(folders["text"])])
    assert done.exit_code == 0, done.output
    assert "utterances  train 2, test 1" in done.output
    assert "label       emotion4: 3 known" in done.output
