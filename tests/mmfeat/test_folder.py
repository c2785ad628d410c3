"""Anybody's own corpus, as a table of ours or in MMSA's layout."""

from __future__ import annotations

from pathlib import Path

import pytest
import raw_folder
from raw_media import write as write_file

from mmfeat import registry, schema
from mmfeat.errors import SchemaError
from mmfeat.types import Dataset


def of_table(folder: Path, text: str) -> Dataset:
    """Build a corpus whose table is this text."""
    write_file(folder / "utterances.csv", text)
    dataset: Dataset = registry.build("mmfeat.datasets", "folder", {"root": folder})
    return dataset


@pytest.fixture(scope="module")
def mmsa(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = raw_folder.make(tmp_path_factory.mktemp("folder"))
    dataset: Dataset = registry.build("mmfeat.datasets", "folder", {"root": root})
    return dataset


def test_columns_of_numbers_are_scores_and_others_are_classes(tmp_path: Path):
    dataset = of_table(tmp_path, "id,media,start,end,score,mood\na,x.wav,1.5,2.5,-1.2,sad\nb,x.wav,,,,glad\n")
    first, second = dataset.utterances()[0]
    assert dataset.classes == {"mood": ("glad", "sad")}
    assert (first.start, first.end, first.split, dict(first.labels)) == (1.5, 2.5, "all", {"score": -1.2, "mood": 1.0})
    assert (second.start, second.end, dict(second.labels)) == (0.0, None, {"mood": 0.0})


def test_sound_half_and_other_splits_have_columns_of_their_own(tmp_path: Path):
    dataset = of_table(
        tmp_path,
        "id,media,sound,half,split,split:by-speaker,split:old\na,x.avi,x.wav,left,train,test,\nb,y.avi,,,test,,valid\n",
    )
    first, second = dataset.utterances()[0]
    assert (first.sound, first.half, first.split) == (tmp_path / "x.wav", "left", "train")
    assert (first.parts, second.parts) == ({"by-speaker": "test"}, {"old": "valid"})
    assert (second.sound, second.half) == (None, None)
    assert (dataset.classes, dataset.target) == ({}, None)


@pytest.mark.parametrize(
    ("header", "target"), [("mood,sentiment", "sentiment"), ("mood,score", "mood"), ("speaker,note", None)]
)
def test_models_learn_the_sentiment_or_else_the_first_label(tmp_path: Path, header: str, target: str | None):
    assert of_table(tmp_path, f"id,media,{header}\na,x.wav,1,2\n").target == target


def test_a_row_that_cannot_be_read_goes_to_the_ledger(tmp_path: Path):
    dataset = of_table(tmp_path, "id,media,start,half\na,x.wav,soon,\nb,x.wav,1,\nc,x.wav,1,middle\n")
    utterances, failures = dataset.utterances()
    assert [utterance.id for utterance in utterances] == ["b"]
    assert [(failure.id, failure.stage) for failure in failures] == [("a", "prepare"), ("c", "prepare")]
    assert "soon" in failures[0].reason
    assert "half is 'middle', not left or right" in failures[1].reason


def test_a_label_that_is_not_finite_is_left_out_and_written_down(tmp_path: Path):
    dataset = of_table(tmp_path, "id,media,score\na,x.wav,nan\nb,x.wav,-inf\nc,x.wav,1\n")
    utterances, failures = dataset.utterances()
    assert [dict(utterance.labels) for utterance in utterances] == [{}, {}, {"score": 1.0}]
    assert [failure.reason for failure in failures] == [
        f"label score is {text!r}; expected a finite number; left out" for text in ("nan", "-inf")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,media\n", "no rows"),
        ("name,media\na,x.wav\n", "no column id"),
        ("id,media\na,x.wav,3,4\n", "more cells than the header"),
    ],
)
def test_a_broken_table_says_what_is_wrong(tmp_path: Path, text: str, message: str):
    with pytest.raises(SchemaError, match=message):
        of_table(tmp_path, text)


def test_an_absent_table_says_where_it_goes(tmp_path: Path):
    with pytest.raises(SchemaError, match=r"no table utterances.csv or label.csv in .*put the corpus there"):
        registry.build("mmfeat.datasets", "folder", {"root": tmp_path})


def test_a_table_of_another_name_is_read_as_what_its_columns_say(tmp_path: Path):
    write_file(tmp_path / "utterances.csv", "id,media\na,x.wav\n")
    write_file(tmp_path / "mine.csv", "id,media\nb,x.wav\n")
    dataset = registry.build("mmfeat.datasets", "folder", {"root": tmp_path, "table": "mine.csv"})
    assert [utterance.id for utterance in dataset.utterances()[0]] == ["b"]


def test_all_failures_of_a_manifest_come_in_one_report(tmp_path: Path):
    rows = "".join(f"same,x.wav,{start},1\n" for start in (0, -1, 5))
    utterances, _ = of_table(tmp_path, "id,media,start,end\n" + rows).utterances()
    with pytest.raises(SchemaError) as error:
        schema.require_valid_utterances(utterances, "corpus")
    assert "occurs once" in str(error.value)
    assert "start of 0 s or later" in str(error.value)
    assert "end after the start" in str(error.value)


def test_mmsa_rows_keep_ids_of_digits_and_take_their_place_in_the_video(mmsa: Dataset):
    utterances, _ = mmsa.utterances()
    assert [(one.id, one.dialogue, one.turn, one.split) for one in utterances] == [
        ("0001_10", "0001", 1, "train"),
        ("0001_2", "0001", 0, "train"),
        ("aqgy_0003_00", "aqgy_0003", 0, "test"),
    ]
    assert utterances[1].media.parts[-3:] == ("Raw", "0001", "2.mp4")
    assert utterances[1].transcript == "Well, the party was so slow."


def test_mmsa_labels_are_there_where_the_table_has_them(mmsa: Dataset):
    first, second, third = mmsa.utterances()[0]
    assert mmsa.classes == {"annotation": ("Negative", "Neutral", "Positive")}
    assert second.labels == {"sentiment": 0.8, "label_T": 1.0, "label_A": 0.6, "label_V": 0.4, "annotation": 2.0}
    assert "label_V" not in first.labels
    assert third.labels == dict.fromkeys(("label_T", "label_A", "label_V"), 0.2)
    assert mmsa.target == "sentiment"


def test_the_ledger_has_what_is_odd_about_mmsas_table(mmsa: Dataset):
    said = {failure.id: failure.reason for failure in mmsa.utterances()[1]}
    assert "duplicate id; the first row counts" in said["0001_2"]
    assert "label sentiment is 'nan'; expected a finite number" in said["aqgy_0003_00"]
    assert "no clip" in said["aqgy_0003_01"]
    assert "without a row in the table" in said["0001_11"]
    assert len(said) == 4


def test_mmsas_table_without_clips_says_where_they_go(tmp_path: Path):
    write_file(tmp_path / "label.csv", "video_id,clip_id,text,label,mode\na,1,hello,0,train\n")
    dataset = registry.build("mmfeat.datasets", "folder", {"root": tmp_path})
    with pytest.raises(SchemaError, match=r"none of 1 rows has a clip; expected Raw/<video_id>/<clip_id>\.mp4"):
        dataset.utterances()


@pytest.mark.reference
def test_the_real_table_of_mmsa_has_the_published_split(shared: Path, tmp_path: Path):
    write_file(tmp_path / "label.csv", (shared / "mosi" / "MOSI-label.csv").read_text(encoding="utf-8-sig"))
    for row in (tmp_path / "label.csv").read_text().splitlines()[1:]:
        video, clip = row.split(",")[:2]
        write_file(tmp_path / f"Raw/{video}/{clip}.mp4", "")
    dataset = registry.build("mmfeat.datasets", "folder", {"root": tmp_path})
    utterances, failures = dataset.utterances()
    splits = [utterance.split for utterance in utterances]
    assert [splits.count(part) for part in ("train", "valid", "test")] == [1284, 229, 686]
    assert failures == []
    assert dataset.classes == {"annotation": ("Negative", "Neutral", "Positive")}
