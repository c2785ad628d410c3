"""The raw release of CMU-MOSI, on a miniature of it, and with the real labels and times."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import pytest
import raw_mosi
from raw_media import write
from raw_mosi import IN_NO_FOLD, TEST, TRAIN, VALID, WITHOUT_LABELS, WITHOUT_MEDIA

from mmfeat import counts, registry
from mmfeat.datasets import mosi
from mmfeat.errors import ConfigError, MmfeatError, SchemaError
from mmfeat.media import probe
from mmfeat.types import Utterance

Read = tuple[dict[str, Utterance], dict[str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return raw_mosi.make(tmp_path_factory.mktemp("mosi"))


@pytest.fixture
def tree(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(made, tmp_path / "CMU_MOSI"))


def read(root: Path, **settings: object) -> Read:
    """Utterances by id, and what the ledger says of each name."""
    utterances, failures = registry.build("mmfeat.datasets", "mosi", {"root": root, **settings}).utterances()
    assert {failure.stage for failure in failures} <= {"prepare"}
    said: dict[str, str] = {}
    for failure in failures:
        said[failure.id] = f"{said.get(failure.id, '')}{failure.reason}\n"
    return {utterance.id: utterance for utterance in utterances}, said


def without_times(tree: Path) -> None:
    """Turn the release into one that has MMSA's labels and the first video cut up."""
    shutil.rmtree(tree / "Labels")
    write(tree / "label.csv", f"video_id,clip_id,text,label,mode\n{TRAIN},1,A,2.4,train\n{TRAIN},x,B,1,train\n")
    cut_out = tree / f"Raw/Video/Segmented/{TRAIN}_1.mp4"
    cut_out.parent.mkdir()
    (tree / f"Raw/Video/Full/{TRAIN}.mp4").rename(cut_out)


def test_a_segment_lies_in_the_full_video_at_the_times_of_its_label(made: Path):
    second = read(made)[0][f"{TRAIN}_2"]
    assert second.media == made / f"Raw/Video/Full/{TRAIN}.mp4"
    assert (second.start, second.end) == (pytest.approx(2.1), pytest.approx(4.3))
    assert probe(second.media).duration == pytest.approx(4.3, abs=0.1)
    assert (second.split, second.dialogue, second.turn) == ("train", TRAIN, 1)
    assert second.transcript == "HMM, THE FLIGHT WAS RATHER LONELY."
    assert second.labels == {"sentiment": -1.0}


def test_the_wav_is_the_sound_beside_pictures_and_the_media_without_them(made: Path):
    utterances, _ = read(made)
    sounds = made / "Raw/Audio/WAV_16000/Full"
    assert utterances[f"{VALID}_1"].media.suffix == ".mp4"
    assert utterances[f"{VALID}_1"].sound == sounds / f"{VALID}.wav"
    assert (utterances[f"{TEST}_1"].media, utterances[f"{TEST}_1"].sound) == (sounds / f"{TEST}.wav", None)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (f"{TRAIN}_1", "starts at -0.02 s; expected 0 or later; taken as 0"),
        (f"{TRAIN}_1", "duplicate id; the first row counts"),
        (f"{TRAIN}_3", "segment without transcript; kept"),
        (f"{TRAIN}_3", "label sentiment is 'nan'; expected a number from -3 to 3; left out"),
        (f"{TRAIN}_4", "label sentiment is '4.2'; expected a number from -3 to 3; left out"),
        (f"{TRAIN}_5", "goes from 4.3 to 2.1 s; expected an end after the start; left out"),
        (TEST, "transcript line 'no number'; expected <n>_DELIM_<text>; left out"),
        (WITHOUT_MEDIA, "segment 1: labels without a video, or its sound; left out"),
        (WITHOUT_LABELS, "video without labels; left out"),
        (IN_NO_FOLD, "segment 1: the video is in no fold; left out"),
        ("OpinionLevelSentiment.csv", "line 'start,end,video_id,segment,label'; expected start,end,video,n"),
    ],
)
def test_the_ledger_has_what_is_odd(made: Path, name: str, reason: str):
    assert reason in read(made)[1][name]


def test_what_is_odd_about_a_segment_costs_no_more_than_it_must(made: Path):
    utterances, _ = read(made)
    assert sorted(utterances) == sorted([*(f"{TRAIN}_{n}" for n in (1, 2, 3, 4)), f"{VALID}_1", f"{TEST}_1"])
    assert (utterances[f"{TRAIN}_1"].start, utterances[f"{TRAIN}_1"].labels) == (0.0, {"sentiment": 2.4})
    assert (utterances[f"{TRAIN}_3"].transcript, utterances[f"{TRAIN}_3"].labels) == (None, {})
    assert utterances[f"{TRAIN}_4"].labels == {}


def test_a_video_of_the_folds_that_is_not_there_is_missed(tree: Path):
    write(tree / "folds.json", f'{{"train": ["{TRAIN}"], "valid": ["{VALID}"], "test": ["{TEST}", "not_there"]}}')
    assert "video without labels" in read(tree, folds=tree / "folds.json")[1]["not_there"]


def test_a_segment_that_takes_no_time_gets_the_gap_between_its_neighbours(tree: Path):
    rows = ["0,1", "1.5,1.5", "2,3", "3,3", "3,4"]
    write(tree / "Labels/OpinionLevelSentiment.csv", "".join(f"{row},{TRAIN},{n},1\n" for n, row in enumerate(rows, 1)))
    utterances, said = read(tree)
    second = utterances[f"{TRAIN}_2"]
    assert (second.start, second.end) == (1.0, 2.0)
    assert "taken from 1 to 2 s" in said[f"{TRAIN}_2"]
    assert f"{TRAIN}_4" not in utterances
    assert "takes no time; expected an end after the start; left out" in said[f"{TRAIN}_4"]


def test_without_its_transcript_a_video_is_kept(tree: Path):
    (tree / f"Raw/Transcript/Segmented/{VALID}.annotprocessed").unlink()
    utterances, said = read(tree)
    assert utterances[f"{VALID}_1"].transcript is None
    assert said[f"{VALID}_1"] == "segment without transcript; kept\n"


def test_characters_that_are_not_utf8_are_replaced_and_written_down(tree: Path):
    path = tree / f"Raw/Transcript/Segmented/{VALID}.annotprocessed"
    path.write_bytes(b"1_DELIM_CAF\xe9 GOOD\r\n1_DELIM_AGAIN\r\n")
    utterances, said = read(tree)
    assert utterances[f"{VALID}_1"].transcript == "CAF\ufffd GOOD"
    assert "expected UTF-8" in said[VALID]
    assert "duplicate line in the transcript" in said[f"{VALID}_1"]


def test_where_only_the_cut_out_segment_is_there_it_is_used_whole(tree: Path):
    cut_out = tree / f"Raw/Video/Segmented/{TRAIN}_2.mp4"
    cut_out.parent.mkdir()
    (tree / f"Raw/Video/Full/{TRAIN}.mp4").rename(cut_out)
    utterances, said = read(tree)
    second = utterances[f"{TRAIN}_2"]
    assert (second.media, second.start, second.end) == (cut_out, 0.0, None)
    assert "segments 1, 3, 4: labels without a video" in said[TRAIN]


def test_mmsa_labels_have_no_times_so_the_segments_are_used(tree: Path):
    without_times(tree)
    utterances, said = read(tree)
    assert list(utterances) == [f"{TRAIN}_1"]
    first = utterances[f"{TRAIN}_1"]
    assert (first.media.parent.name, first.end, first.labels) == ("Segmented", None, {"sentiment": 2.4})
    assert first.transcript == "WELL, THE PARTY WAS SO SLOW."  # of the release, where it has one
    assert "clip_id 'x'; expected a number" in said[TRAIN]


def test_mmsa_labels_bring_the_transcript_where_the_release_has_none(tree: Path):
    without_times(tree)
    shutil.rmtree(tree / "Raw/Transcript")
    assert read(tree)[0][f"{TRAIN}_1"].transcript == "A"


def test_a_segment_that_is_known_to_be_badly_cut_is_pointed_out(tree: Path):
    without_times(tree)
    bad = "VCslbP0mgZI"
    for path in [*tree.rglob("*.csv"), tree / "cmu_mosi_std_folds.py"]:
        path.write_text(path.read_text().replace(TRAIN, bad))
    (tree / f"Raw/Video/Segmented/{TRAIN}_1.mp4").rename(tree / f"Raw/Video/Segmented/{bad}_1.mp4")
    utterances, said = read(tree)
    assert f"{bad}_1" in utterances
    assert "known to be badly cut" in said[f"{bad}_1"]


@pytest.mark.parametrize(
    ("remove", "error", "message"),
    [
        ("Raw", SchemaError, "no folder Raw in .*expected the unpacked CMU-MOSI release: Raw/Video"),
        ("Labels", SchemaError, "no labels in .*OpinionLevelSentiment.csv .*MMSA's label.csv.*mmfeat import csd"),
        ("Raw/Video", SchemaError, r"no labelled segment .*expected Raw/Video/Full/<video>\.mp4"),
        ("cmu_mosi_std_folds.py", ConfigError, "no folds in .*get cmu_mosi_std_folds.py from the CMU-MultimodalSDK"),
    ],
)
def test_half_a_release_says_what_is_missing(tree: Path, remove: str, error: type[MmfeatError], message: str):
    shutil.rmtree(tree / "Raw/Audio") if remove == "Raw/Video" else None
    shutil.rmtree(tree / remove) if (tree / remove).is_dir() else (tree / remove).unlink()
    with pytest.raises(error, match=message):
        read(tree)


def test_mmsa_labels_without_cut_out_segments_say_that_those_are_needed(tree: Path):
    without_times(tree)
    shutil.rmtree(tree / "Raw/Video/Segmented")
    with pytest.raises(SchemaError, match=r"Segmented/<video>_<n>\.mp4: label.csv has no times.*adapter: folder"):
        read(tree)


def test_a_label_file_of_another_kind_is_refused(tree: Path):
    write(tree / "Labels/OpinionLevelSentiment.csv", "video,label\na,1\n")
    with pytest.raises(SchemaError, match="no row can be read as a label; expected start,end,video,n,sentiment"):
        read(tree)


def test_a_folder_too_high_or_too_low_is_told_the_right_one(made: Path):
    for wrong in (made.parent, made / "Raw"):
        with pytest.raises(SchemaError, match=f"did you mean {re.escape(str(made))}\\?"):
            read(wrong)


@pytest.mark.reference
def test_the_real_labels_and_times_make_the_published_counts(shared: Path, tmp_path: Path):
    import h5py

    with h5py.File(shared / "mosi" / "CMU_MOSI_Opinion_Labels.csd") as csd:
        videos = {
            name: (video["intervals"][:], video["features"][:, 0])
            for name, video in csd[next(iter(csd))]["data"].items()
        }
    rows = [
        (*span, name, n, label)
        for name, video in videos.items()
        for n, (span, label) in enumerate(zip(*video, strict=True), 1)
    ]
    (tmp_path / "Labels").mkdir()
    with (tmp_path / "Labels/OpinionLevelSentiment.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows(rows)
    for name in videos:
        write(tmp_path / f"Raw/Video/Full/{name}.mp4", "")
    dataset = registry.build("mmfeat.datasets", "mosi", {"root": tmp_path, "folds": shared / "mosi/MOSI-label.csv"})
    utterances, failures = dataset.utterances()
    assert counts.differences(counts.count(utterances, dataset.classes), mosi.EXPECTED) == []
    mended = [failure for failure in failures if failure.reason != "segment without transcript; kept"]
    assert [failure.id for failure in mended] == ["2WGyTLYerpo_44"]
    assert "is at 127.213 s and takes no time; taken from 126.605 to 127.213 s" in mended[0].reason
