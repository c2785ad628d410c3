"""Other people's pickles in and out, through the commands that a user runs."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import description_of, rows_of, utterance_of, words_of
from typer.testing import CliRunner

from mmfeat import artifact
from mmfeat.artifact import Artifact
from mmfeat.cli import app
from mmfeat.errors import FormatError, MmfeatError
from mmfeat.formats import restricted_pickle


class Calls:
    """What a malicious pickle asks for."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> Any:
        return self._call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("function", [os.system, eval, exec, getattr, np.load, np.fromfile, open, __import__])
def test_a_pickle_that_calls_anything_is_refused_and_calls_nothing(tmp_path: Path, function: Any, protocol: int):
    touched, path = tmp_path / "touched", tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps({"train": Calls(function, f"open({str(touched)!r}, 'w')")}, protocol))
    with pytest.raises(FormatError, match="refused|expected"):
        restricted_pickle.load(path)
    assert not touched.exists()


@pytest.mark.parametrize("content", [b"", b"no pickle at all", pickle.dumps(np.ones(99))[:-20]])
def test_what_is_no_whole_pickle_is_an_error(tmp_path: Path, content: bytes):
    path = tmp_path / "bad.pkl"
    path.write_bytes(content)
    with pytest.raises(FormatError):
        restricted_pickle.load(path)


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_and_plain_containers_come_back(tmp_path: Path, protocol: int):
    content = {"a": [np.arange(6.0).reshape(2, 3), "x", b"y", None, (1, 2.5)], "b": np.array(["p", "q"], dtype=object)}
    path = tmp_path / "good.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    found = restricted_pickle.load(path)
    np.testing.assert_array_equal(found["a"][0], content["a"][0])
    assert found["a"][1:] == content["a"][1:]
    assert found["b"].tolist() == ["p", "q"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Six utterances of three videos, one video per split, and one word too many for the room of two."""
    path = tmp_path / "corpus.h5"
    utterances = [
        utterance_of(
            f"v{video}_{number}",
            words_of(*"good day sir".split()[: number + 1]),
            split=split,
            dialogue=f"v{video}",
            turn=number - 1,
            labels={"sentiment": float(number) - 1.5},
        )
        for video, split in enumerate(("train", "valid", "test"))
        for number in (1, 2)
    ]
    artifact.write(path, description_of(classes={}), utterances, rows_of, lambda utterance: "")
    return path


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(("kind", "rows"), [("mmsa", slice(0, 2)), ("mult", slice(-2, None))])
def test_what_was_exported_comes_back_as_it_was(corpus: Path, tmp_path: Path, kind: str, rows: slice):
    pickled, back = tmp_path / f"{kind}.pkl", tmp_path / "back.h5"
    run("export", kind, corpus, "--output", pickled, "--words", 2)
    run("import", kind, pickled, "--dataset", "made", "--output", back, "--json")
    assert artifact.validate(back) == []
    with Artifact(corpus) as before, Artifact(back) as after:
        for split in before.splits:
            assert len(after.ids(split)) == len(before.ids(split))
            for ours, theirs in zip(before.ids(split), after.ids(split), strict=True):
                one, other = before.utterance(ours), after.utterance(theirs)
                assert other.utterance.labels["sentiment"] == one.utterance.labels["sentiment"]
                for modality in before.dims:
                    np.testing.assert_allclose(other.features[modality], one.features[modality][rows], rtol=1e-6)


def test_the_exported_file_has_the_published_keys_shapes_and_types(corpus: Path, tmp_path: Path):
    pickled = tmp_path / "aligned_50.pkl"
    run("export", "mmsa", corpus, "--output", pickled)
    content = pickle.loads(pickled.read_bytes())  # noqa: S301 - our own
    train = content["train"]
    assert set(content) == {"train", "valid", "test"}
    assert "text_bert" not in train
    assert {name: (train[name].shape, train[name].dtype.name) for name in ("text", "audio", "vision")} == {
        "text": ((2, 50, 3), "float32"),
        "audio": ((2, 50, 4), "float32"),
        "vision": ((2, 50, 2), "float32"),
    }
    assert list(train["id"]) == ["v0$_$1", "v0$_$2"]
    assert train["regression_labels"].tolist() == [-0.5, 0.5]
    assert list(train["raw_text"]) == ["good day", "good day sir"]


def test_utterance_vectors_keep_dialogues_classes_and_what_is_missing(tmp_path: Path):
    ids = {"Ses01_a": ["a_1", "a_2"], "Ses02_b": ["b_1"], "Ses05_c": ["c_1"]}
    labels = {"Ses01_a": [0, 1], "Ses02_b": [2], "Ses05_c": [3]}
    speakers = {name: ["F"] * len(names) for name, names in ids.items()}
    sentences = {name: ["so it is"] * len(names) for name, names in ids.items()}
    lists = [ids, labels, speakers, sentences, ["Ses01_a"], ["Ses02_b"], ["Ses05_c"]]
    path, folder, output = tmp_path / "labels.pkl", tmp_path / "audio", tmp_path / "out.h5"
    path.write_bytes(pickle.dumps(lists))
    folder.mkdir()
    for number, name in enumerate(("a_1", "b_1", "c_1")):  # a_2 has none
        np.save(folder / f"{name}.npy", np.full(8, number + 1, dtype=np.float32))
    run("import", "gcnet", "--labels", path, "--audio", folder, "--dataset", "made", "--output", output)
    with Artifact(output) as corpus:
        first, second = corpus.utterance("a_1"), corpus.utterance("a_2")
        classes, splits = corpus.description.classes, corpus.summary()["splits"]
    assert splits == {"train": 2, "valid": 1, "test": 1}
    assert first.features["audio"].tolist() == [[1.0] * 8]
    assert not second.observed["audio"].any()
    assert (first.utterance.dialogue, second.utterance.turn) == ("Ses01_a", 1)
    label = next(iter(first.utterance.labels))
    assert [classes[label][int(one.utterance.labels[label])] for one in (first, second)] == ["happy", "sad"]
    ledger = [json.loads(line) for line in output.with_suffix(".ledger.jsonl").read_text().splitlines()]
    assert "a_2" in [row["id"] for row in ledger]


def test_a_file_that_is_something_else_is_one_clear_error(tmp_path: Path):
    path = tmp_path / "other.pkl"
    path.write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
    for kind in ("mmsa", "mult"):
        arguments = ["import", kind, str(path), "--dataset", "made", "--output", str(tmp_path / "x.h5")]
        with pytest.raises(MmfeatError, match="expected"):
            CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert not (tmp_path / "x.h5").exists()
