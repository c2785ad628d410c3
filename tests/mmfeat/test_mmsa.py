"""MMSA's pickles in and out."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import DIMS, description_of, rows_of, utterance_of, words_of
from foreign import behind, bert_pieces, mmsa_file, mmsa_split, save
from typer.testing import CliRunner

from mmfeat import artifact
from mmfeat.artifact import Artifact
from mmfeat.cli import exchange as commands
from mmfeat.cli.app import app
from mmfeat.errors import ConfigError, FormatError, SchemaError
from mmfeat.formats.padded_rows import Room
from mmfeat.steps.exchange import export_mmsa, import_mmsa
from mmfeat.types import AlignedUtterance, Failure, Utterance

assert commands  # registers the commands


def imported(path: Path, dataset: str = "made") -> tuple[Artifact, list[Failure]]:
    done = import_mmsa(path, path.with_suffix(".h5"), dataset=dataset)
    return Artifact(done.path), list(done.failures)


def reasons(failures: list[Failure]) -> str:
    return "\n".join(f"{failure.id}: {failure.reason}" for failure in failures)


@pytest.fixture
def corpus_of(tmp_path: Path) -> Callable[..., Path]:
    """``corpus_of(lengths, ...)``: an artefact of word-aligned utterances in all three splits."""

    def make(*lengths: int, rows: Any = rows_of, **fields: Any) -> Path:
        utterances = [
            utterance_of(
                f"{split}V_{n + 1}",
                words_of(*(f"w{k}" for k in range(length))),
                split=split,
                dialogue=f"{split}V",
                turn=n,
                labels={"sentiment": n - 1.0},
            )
            for split in ("train", "valid", "test")
            for n, length in enumerate(lengths)
        ]
        path = tmp_path / "made.h5"
        artifact.write(path, description_of(classes={}, **fields), utterances, rows, lambda utterance: "")
        return path

    return make


def test_an_aligned_file_becomes_word_rows_with_ids_turns_and_labels(tmp_path: Path):
    path = mmsa_file(tmp_path / "aligned_50.pkl")
    corpus, failures = imported(path)
    content = pickle.loads(path.read_bytes())["train"]  # noqa: S301  our own file
    read = corpus.utterance("aV_b_10")
    assert not failures
    assert corpus.ids("train") == ("aV_b_2", "aV_b_10", "-c_1")
    assert (read.utterance.dialogue, read.utterance.turn) == ("aV_b", 1)
    assert [word.text for word in read.utterance.words] == ["w0", "w1", "w2", "w3", "w4"]
    for name in DIMS:
        np.testing.assert_array_equal(read.features[name], content[name][1])
        assert read.observed[name].all()
    names = corpus.description.classes["annotation"]
    assert list(names) == ["Negative", "Neutral", "Positive"]
    assert read.utterance.labels == {"sentiment": 0.0, "annotation": 1.0}


def test_an_imported_artefact_says_that_it_is_legacy_and_where_it_came_from(tmp_path: Path):
    corpus, _ = imported(mmsa_file(tmp_path / "aligned_50.pkl"))
    audio = corpus.description.extractors["audio"]
    assert (audio["extractor"], audio["version"]) == ("imported:mmsa", "legacy")
    assert list(audio["sources"]) == ["aligned_50.pkl"]
    assert len(audio["sources"]["aligned_50.pkl"]) == 64
    assert corpus.names("audio") == ("mmsa_audio_0", "mmsa_audio_1", "mmsa_audio_2")
    assert (corpus.description.clock, corpus.description.target) == ("none", "sentiment")
    assert artifact.validate(corpus.path) == []


def test_a_row_of_zeros_between_others_is_real_and_not_observed(tmp_path: Path):
    vision = behind(5, [3, 5, 1], 2)
    vision[1, 2] = 0
    corpus, _ = imported(mmsa_file(tmp_path / "a.pkl", vision=vision))
    assert corpus.utterance("aV_b_10").observed["vision"].tolist() == [True, True, False, True, True]


def test_nan_and_infinities_are_not_observed_and_counted(tmp_path: Path):
    audio = behind(5, [3, 5, 1], 3)
    audio[0, 1, 2], audio[1, 0, 0], audio[1, 4, 1] = -np.inf, np.nan, np.inf
    corpus, failures = imported(mmsa_file(tmp_path / "a.pkl", audio=audio))
    read = corpus.utterance("aV_b_10")
    assert read.observed["audio"].tolist() == [False, True, True, True, False]
    assert not read.features["audio"][[0, 4]].any()
    assert "aV_b_10: audio: 2 of 5 rows not finite" in reasons(failures)
    assert "aV_b_2: audio: 1 of 3 rows not finite" in reasons(failures)


def test_numbers_beyond_float32_are_not_observed(tmp_path: Path):
    audio = behind(5, [3, 5, 1], 3).astype(np.float64)
    audio[0, 1, 2] = 1e300
    corpus, _ = imported(mmsa_file(tmp_path / "a.pkl", audio=audio))
    assert corpus.utterance("aV_b_2").observed["audio"].tolist() == [True, False, True]


def test_the_mask_of_bert_says_which_rows_are_real(tmp_path: Path):
    lengths = [4, 5, 3]
    parts = {
        name: mmsa_split(ids, lengths, text=np.ones((3, 5, 4), np.float32), text_bert=bert_pieces(lengths))
        for name, ids in (("train", ["a$_$1", "a$_$2", "a$_$3"]), ("test", ["b$_$1", "b$_$2", "b$_$3"]))
    }
    corpus, failures = imported(save(tmp_path / "a.pkl", parts))
    read = corpus.utterance("a_3")
    assert read.features["text"].shape == (3, 4)
    assert [word.text for word in read.utterance.words] == ["", "", ""]
    assert "raw_text is not kept" in reasons(failures)


def test_audio_outside_the_mask_is_kept_and_reported(tmp_path: Path):
    audio = np.zeros((3, 5, 3), np.float32)
    audio[2, 4] = 1
    split = mmsa_split(
        ["a$_$1", "a$_$2", "a$_$3"],
        [3, 3, 3],
        text=np.ones((3, 5, 4), np.float32),
        text_bert=bert_pieces([3, 3, 3]),
        audio=audio,
    )
    corpus, failures = imported(save(tmp_path / "a.pkl", {"train": split}))
    read = corpus.utterance("a_3")
    assert read.observed["audio"].tolist() == [False, False, False, False, True]
    assert read.observed["text"].tolist() == [True, True, True, False, False]  # what BERT says of padding is nothing
    assert "where there is no text in 1 utterance(s); kept" in reasons(failures)


def test_pieces_alone_come_in_as_three_columns_and_go_out_again(tmp_path: Path):
    path = mmsa_file(tmp_path / "a.pkl", text=None, text_bert=bert_pieces([3, 5, 1]))
    content = pickle.loads(path.read_bytes())  # noqa: S301  our own file
    for split, lengths in (("valid", [2, 4]), ("test", [4, 2])):
        content[split]["text_bert"] = bert_pieces(lengths)
    corpus, _ = imported(save(path, content))
    assert corpus.names("text") == ("input_id", "attention_mask", "segment_id")
    export_mmsa(corpus.path, tmp_path / "b.pkl", room=Room(words=5))
    back = pickle.loads((tmp_path / "b.pkl").read_bytes())["train"]  # noqa: S301  our own file
    assert "text" not in back
    np.testing.assert_array_equal(back["text_bert"], content["train"]["text_bert"])


def test_an_utterance_of_zeros_alone_is_kept(tmp_path: Path):
    zeros = {name: np.zeros((3, 5, width), np.float32) for name, width in (("text", 4), ("audio", 3), ("vision", 2))}
    corpus, failures = imported(mmsa_file(tmp_path / "a.pkl", raw_text=["", "", ""], **zeros))
    assert len(corpus.ids("train")) == 3
    assert not corpus.ragged("train").observed.any()
    assert "zeros alone in 3 utterance(s)" in reasons(failures)


def unaligned(path: Path, **changes: Any) -> Path:
    own = {
        "audio": behind(8, [4, 7, 2], 3),
        "vision": behind(6, [2, 1, 6], 2),
        "audio_lengths": [4, 7, 2],
        "vision_lengths": [2, 1, 6],
    }
    return save(path, {"train": mmsa_split(["a$_$1", "a$_$2", "a$_$3"], [3, 5, 1], **(own | changes))})


def test_an_unaligned_file_keeps_each_modality_at_its_own_length(tmp_path: Path):
    corpus, failures = imported(unaligned(tmp_path / "a.pkl"))
    assert corpus.description.own_rows == ["audio", "vision"]
    ragged = corpus.ragged("train")
    assert np.diff(ragged.offsets).tolist() == [3, 5, 1]
    assert np.diff(ragged.own["audio"].offsets).tolist() == [4, 7, 2]
    assert np.diff(ragged.own["vision"].offsets).tolist() == [2, 1, 6]
    assert not failures
    assert artifact.validate(corpus.path) == []


def test_rows_behind_a_stated_length_are_kept_and_reported(tmp_path: Path):
    # As the published lengths were made: they end at the first row of zeros.
    audio = behind(8, [4, 7, 2], 3)
    audio[1, 3] = 0
    corpus, failures = imported(unaligned(tmp_path / "a.pkl", audio=audio, audio_lengths=np.array([4, 3, 2])))
    assert corpus.utterance("a_2").observed["audio"].tolist() == [True, True, True, False, True, True, True]
    assert "rows of audio behind audio_lengths in 1 utterance(s); kept" in reasons(failures)


def test_zeros_in_front_of_unaligned_rows_are_no_rows(tmp_path: Path):
    audio = behind(8, [4, 7, 2], 3)[:, ::-1]
    corpus, _ = imported(unaligned(tmp_path / "a.pkl", audio=audio, audio_lengths=[1, 1, 1]))
    assert np.diff(corpus.ragged("train").own["audio"].offsets).tolist() == [4, 7, 2]
    np.testing.assert_array_equal(corpus.utterance("a_1").features["audio"], audio[0, 4:])


def test_a_length_of_one_row_of_zeros_is_no_row(tmp_path: Path):
    audio = behind(8, [4, 0, 2], 3)
    corpus, _ = imported(unaligned(tmp_path / "a.pkl", audio=audio, audio_lengths=[4, 1, 2]))
    assert np.diff(corpus.ragged("train").own["audio"].offsets).tolist() == [4, 0, 2]


def test_labels_of_each_modality_come_in_and_go_out(tmp_path: Path):
    sides = {f"regression_labels_{side}": np.array([0.25, -1, 1], np.float32) for side in "TAV"}
    split = mmsa_split(["a$_$1", "a$_$2", "a$_$3"], [3, 5, 1], **sides)
    corpus, _ = imported(save(tmp_path / "a.pkl", dict.fromkeys(("train",), split)))
    assert corpus.utterance("a_1").utterance.labels["label_V"] == 0.25
    parts = {
        name: mmsa_split([f"{name}$_${n}" for n in range(3)], [3, 5, 1], **sides) for name in ("train", "valid", "test")
    }
    whole, _ = imported(save(tmp_path / "b.pkl", parts))
    export_mmsa(whole.path, tmp_path / "c.pkl", room=Room(words=5))
    back = pickle.loads((tmp_path / "c.pkl").read_bytes())  # noqa: S301  our own file
    np.testing.assert_array_equal(back["test"]["regression_labels_A"], sides["regression_labels_A"])


def test_labels_that_are_unknown_or_out_of_range_are_unknown_and_reported(tmp_path: Path):
    labels = np.array([np.nan, 3.5, 1], np.float32)
    corpus, failures = imported(mmsa_file(tmp_path / "a.pkl", regression_labels=labels), dataset="mosi")
    assert corpus.ragged("train").labels_known["sentiment"].tolist() == [False, False, True]
    assert "regression_labels of 1 utterance(s) not finite" in reasons(failures)
    assert "aV_b_10: sentiment is 3.5, outside (-3.0, 3.0); unknown" in reasons(failures)


def test_counts_of_a_known_data_set_are_compared_with_the_published_ones(tmp_path: Path):
    corpus, failures = imported(mmsa_file(tmp_path / "a.pkl"), dataset="mosi")
    assert "mosi: train 3, published 1284" in reasons(failures)
    assert corpus.description.expected["train"] == [1284, 1284]
    assert "Zadeh" in corpus.description.source["citation"]


def test_an_id_that_occurs_twice_keeps_both_and_says_so(tmp_path: Path):
    corpus, failures = imported(mmsa_file(tmp_path / "a.pkl", id=["v$_$1", "x$_$1", "x$_$1"]))
    assert corpus.ids("train") == ("v_1", "x_1", "x_1#2")
    assert corpus.ids("valid") == ("v_1#2", "v_2")
    assert "v_1: the id occurs twice, in train and valid; the second is now v_1#2" in reasons(failures)


def test_keys_that_are_not_read_are_named(tmp_path: Path):
    path = mmsa_file(tmp_path / "a.pkl", ground_truth=[1, 2, 3])
    content = pickle.loads(path.read_bytes()) | {"config": {"audio": "librosa"}}  # noqa: S301  our own file
    _, failures = imported(save(path, content))
    assert "a.pkl: not read: config" in reasons(failures)
    assert "train: not read: ground_truth" in reasons(failures)


def test_without_annotations_the_class_numbers_say_the_same(tmp_path: Path):
    path = mmsa_file(tmp_path / "a.pkl", annotations=None, classification_labels=np.array([0, 2, -1]))
    corpus, _ = imported(path)
    names, train = corpus.description.classes["annotation"], corpus.ragged("train")
    assert train.labels_known["annotation"].tolist() == [True, True, False]
    assert [names[int(number)] for number in train.labels["annotation"][:2]] == ["Negative", "Positive"]
    bare, _ = imported(mmsa_file(tmp_path / "b.pkl", annotations=None, classification_labels=None))
    assert bare.description.classes == {}


def test_an_id_that_is_empty_is_refused_by_the_schema(tmp_path: Path):
    with pytest.raises(SchemaError, match="expected an id that is not empty"):
        imported(mmsa_file(tmp_path / "a.pkl", id=["", "a$_$1", "a$_$2"]))


def test_words_that_do_not_fit_the_rows_are_left_out_and_counted(tmp_path: Path):
    corpus, failures = imported(mmsa_file(tmp_path / "a.pkl", raw_text=["w0", "w0 w1", ""]))
    assert [word.text for word in corpus.utterance("aV_b_2").utterance.words] == ["", "", ""]
    assert "train: raw_text of 2 utterance(s) does not fit their rows" in reasons(failures)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"audio": None}, "train has no audio; expected the keys of MMSA"),
        ({"text": None}, "train has no text"),
        ({"audio_lengths": [1, 1, 1]}, "train has no vision_lengths"),
        ({"vision": np.ones((2, 5, 2))}, r"train/vision is an array of shape \(2, 5, 2\).*the first of 3"),
        ({"vision": np.ones((3, 5))}, "expected 3 axes of numbers"),
        ({"vision": np.array([["a"]])}, "train/vision is an array of shape"),
        ({"vision": np.ones((3, 6, 2))}, r"\[5, 6\] rows in text, audio and vision"),
        ({"vision": np.ones((3, 5, 3))}, "expected splits of one kind and width"),
        ({"id": "aV"}, "train/id is 'aV'; expected a list of texts"),
        ({"raw_text": ["a"]}, "expected a list of 3 texts"),
        ({"regression_labels": ["good", "bad", "?"]}, "train/regression_labels is an array"),
        ({"text_bert": np.ones((3, 2, 5))}, "number, mask, segment"),
        ({"text_bert": np.ones((3, 3, 6))}, "as many pieces as text has rows"),
    ],
)
def test_a_file_of_another_layout_is_refused_with_the_place(tmp_path: Path, changes: dict[str, Any], message: str):
    with pytest.raises(FormatError, match=message):
        imported(mmsa_file(tmp_path / "a.pkl", **changes))


@pytest.mark.parametrize("content", [[1, 2], {"dev": {}}, {"train": [1]}, "text", {}])
def test_a_pickle_of_something_else_is_refused(tmp_path: Path, content: Any):
    with pytest.raises(FormatError, match="expected train, valid and test"):
        imported(save(tmp_path / "a.pkl", content))


def test_an_export_has_the_published_keys_shapes_and_types(corpus_of: Any, tmp_path: Path):
    done = export_mmsa(corpus_of(3, 60, 1), tmp_path / "aligned_50.pkl")
    train = pickle.loads(done.path.read_bytes())["train"]  # noqa: S301  our own file
    assert list(train) == [
        *("raw_text", "text", "audio", "vision", "id", "annotations", "classification_labels", "regression_labels")
    ]
    assert {name: train[name].shape for name in DIMS} == {name: (3, 50, width) for name, width in DIMS.items()}
    assert {train[name].dtype for name in (*DIMS, "regression_labels")} == {np.dtype(np.float32)}
    assert train["id"] == ["trainV$_$1", "trainV$_$2", "trainV$_$3"]
    assert train["annotations"] == ["Negative", "Neutral", "Positive"]
    assert train["classification_labels"].tolist() == [0, 1, 2]
    assert train["raw_text"][0] == "w0 w1 w2"
    assert done.utterances == {"train": 3, "valid": 3, "test": 3}


def test_an_export_keeps_the_first_words_and_says_whose_were_cut(corpus_of: Any, tmp_path: Path):
    path = corpus_of(3, 7)
    done = export_mmsa(path, tmp_path / "a.pkl", room=Room(words=5))
    text = pickle.loads(done.path.read_bytes())["test"]["text"]  # noqa: S301  our own file
    with Artifact(path) as corpus:
        np.testing.assert_array_equal(text[1], corpus.utterance("testV_2").features["text"][:5])
    assert not text[0, 3:].any()
    assert "testV_2: 7 rows of text; the first 5 were written" in reasons(list(done.failures))
    rows = [json.loads(line) for line in done.ledger.read_text().splitlines()]
    assert rows[0] == {"id": "trainV_2", "stage": "export", "reason": "7 rows of text; the first 5 were written"}


def test_an_unaligned_export_states_lengths_of_at_least_one(tmp_path: Path, corpus_of: Any):
    lengths = {"1": 4, "2": 0, "3": 9}

    def rows(utterance: Utterance) -> AlignedUtterance:
        aligned, count = rows_of(utterance), lengths[utterance.id[-1]]
        values = np.ones((count, DIMS["audio"]), np.float32)
        features = {**aligned.features, "audio": values}
        observed = {**aligned.observed, "audio": np.ones(count, bool)}
        return AlignedUtterance(utterance, features, observed, intervals={"audio": np.zeros((count, 2))})

    path = corpus_of(2, 2, 2, rows=rows, own_rows=["audio"], clock="none")
    done = export_mmsa(path, tmp_path / "a.pkl", unaligned=True, room=Room(audio=6))
    train = pickle.loads(done.path.read_bytes())["train"]  # noqa: S301  our own file
    assert (train["audio_lengths"], train["vision_lengths"]) == ([4, 1, 6], [2, 2, 2])
    assert train["audio"].shape == (3, 6, DIMS["audio"])
    assert "trainV_3: 9 rows of audio; the first 6 were written" in reasons(list(done.failures))
    with pytest.raises(SchemaError, match="audio has rows that are not words; expected an aligned artefact"):
        export_mmsa(path, tmp_path / "b.pkl")


@pytest.mark.parametrize("is_unaligned", [False, True])
def test_what_goes_out_comes_back_the_same(corpus_of: Any, tmp_path: Path, is_unaligned: bool):
    path = corpus_of(3, 1, 4)
    export_mmsa(path, tmp_path / "a.pkl", unaligned=is_unaligned)
    back, failures = imported(tmp_path / "a.pkl")
    assert not failures
    with Artifact(path) as corpus:
        for split in corpus.splits:
            first, second = corpus.ragged(split), back.ragged(split)
            assert first.ids == second.ids
            for name in DIMS:
                np.testing.assert_array_equal(first.features[name], second.features[name])
            np.testing.assert_array_equal(first.labels["sentiment"], second.labels["sentiment"])
            texts = [[[w.text for w in one.words] for one in each.utterances(split)] for each in (corpus, back)]
            assert texts[0] == texts[1]
            if not is_unaligned:
                np.testing.assert_array_equal(first.observed, second.observed)


@pytest.mark.parametrize("is_unaligned", [False, True])
def test_what_comes_in_goes_out_the_same(tmp_path: Path, is_unaligned: bool):
    own = {} if not is_unaligned else {"audio_lengths": [3, 5, 1], "vision_lengths": [3, 5, 1]}
    content = {
        name: mmsa_split([f"{name}$_${n}" for n in range(3)], [3, 5, 1], **own) for name in ("train", "valid", "test")
    }
    corpus, _ = imported(save(tmp_path / "a.pkl", content))
    export_mmsa(corpus.path, tmp_path / "b.pkl", unaligned=is_unaligned, room=Room(5, 5, 5))
    back = pickle.loads((tmp_path / "b.pkl").read_bytes())  # noqa: S301  our own file
    assert back.keys() == content.keys()
    for name, part in content.items():
        assert set(back[name]) == set(part)
        for key, value in part.items():
            np.testing.assert_array_equal(back[name][key], value, err_msg=key)


def test_a_modality_that_is_absent_is_one_column_of_zeros(tmp_path: Path):
    description = description_of(classes={})
    without = description_of(classes={}, extractors={"text": description.extractors["text"]})
    utterances = [
        utterance_of(split, words_of("a", "b"), split=split, labels={"sentiment": 1.0})
        for split in ("train", "valid", "test")
    ]
    artifact.write(tmp_path / "a.h5", without, utterances, rows_of, lambda utterance: "")
    done = export_mmsa(tmp_path / "a.h5", tmp_path / "a.pkl")
    train = pickle.loads(done.path.read_bytes())["train"]  # noqa: S301  our own file
    assert train["audio"].shape == train["vision"].shape == (1, 50, 1)
    assert train["id"] == ["train"]
    assert "made: no audio in the artefact; one column of zeros was written" in reasons(list(done.failures))


def test_an_utterance_without_the_label_is_left_out_and_reported(tmp_path: Path, tiny_corpus: list[Utterance]):
    more = [
        *tiny_corpus,
        utterance_of("d", words_of("x"), split="train"),
        utterance_of("e", words_of("x"), split="valid", labels={"sentiment": 1.0}),
        utterance_of("f", words_of("x"), split="spare", labels={"sentiment": 1.0}),
    ]
    artifact.write(tmp_path / "a.h5", description_of(), more, rows_of, lambda utterance: "")
    done = export_mmsa(tmp_path / "a.h5", tmp_path / "a.pkl")
    assert done.utterances == {"train": 2, "valid": 1, "test": 1}
    assert "d: no label sentiment; left out" in reasons(list(done.failures))
    assert "spare: 1 utterances are in no split of such a file" in reasons(list(done.failures))


def test_an_artefact_without_a_split_is_refused(tiny_artifact: Path, tmp_path: Path):
    with pytest.raises(SchemaError, match="no utterance of 'valid' with the label sentiment"):
        export_mmsa(tiny_artifact, tmp_path / "a.pkl")
    assert not (tmp_path / "a.pkl").exists()


def test_the_same_artefact_gives_the_same_bytes(corpus_of: Any, tmp_path: Path):
    path = corpus_of(3, 2)
    files = [export_mmsa(path, tmp_path / f"{n}.pkl").path.read_bytes() for n in range(2)]
    assert files[0] == files[1]


def test_the_file_that_is_read_is_not_written_over(tmp_path: Path):
    path = mmsa_file(tmp_path / "a.pkl")
    with pytest.raises(ConfigError, match="is the file to read"):
        import_mmsa(path, path, dataset="made")


def test_the_commands_import_and_export(tmp_path: Path):
    path, output, again = mmsa_file(tmp_path / "a.pkl"), tmp_path / "a.h5", tmp_path / "b.pkl"
    run = CliRunner().invoke
    done = run(app, ["import", "mmsa", str(path), "--dataset", "mosi", "--output", str(output)])
    assert done.exit_code == 0, done.output
    assert "utterances  train 3, valid 2, test 2" in done.output
    assert "train 3, published 1284" in done.output
    done = run(app, ["export", "mmsa", str(output), "--output", str(again), "--words", "5"])
    assert done.exit_code == 0, done.output
    assert "train 3, valid 2, test 2 utterances" in done.output
    assert "mosi (import)" not in done.output
    assert (tmp_path / "b.ledger.jsonl").exists()
