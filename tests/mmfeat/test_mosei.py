"""The raw release of CMU-MOSEI, on a miniature of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import raw_mosei
from raw_media import write
from raw_mosei import IN_NO_FOLD, TEST, TRAIN, VALID, WITHOUT_LABELS, WITHOUT_MEDIA

from mmfeat import registry
from mmfeat.errors import ConfigError, MmfeatError, SchemaError
from mmfeat.types import Utterance

ALIGNED = "Raw/Transcript/Full/Alignment/P2FA/Combined"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return raw_mosei.make(tmp_path_factory.mktemp("mosei"))


@pytest.fixture
def tree(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(made, tmp_path / "CMU_MOSEI"))


def read(root: Path) -> tuple[dict[str, Utterance], dict[str, str]]:
    """Utterances by id, and what the ledger says of each name."""
    utterances, failures = registry.build("mmfeat.datasets", "mosei", {"root": root}).utterances()
    assert {failure.stage for failure in failures} <= {"prepare"}
    said: dict[str, str] = {}
    for failure in failures:
        said[failure.id] = f"{said.get(failure.id, '')}{failure.reason}\n"
    return {utterance.id: utterance for utterance in utterances}, said


def test_a_line_is_taken_apart_whatever_underscores_its_id_and_text_hold(made: Path):
    first = read(made)[0][f"{TRAIN}_0"]
    assert first.transcript == "Well, the party was so slow. ____ so___"
    assert (first.start, first.end) == (0.0, pytest.approx(2.1))
    assert (first.split, first.dialogue, first.turn) == ("train", TRAIN, 0)
    assert first.media == made / f"Raw/Videos/Full/Combined/{TRAIN}.mp4"


def test_an_id_of_digits_stays_text_and_a_folder_before_it_is_dropped(made: Path):
    number = read(made)[0]["81406_4"]
    assert (number.dialogue, number.split, number.media.name, number.sound) == ("81406", "test", "81406.wav", None)
    assert number.labels == dict.fromkeys(("anger", "surprise", "disgust", "fear", "sad"), 0.0) | {
        "sentiment": 1.0,
        "happy": 1.0,
    }


def test_a_label_is_the_mean_over_its_workers_each_counted_once(made: Path):
    labels = read(made)[0][f"{TRAIN}_0"].labels
    assert (labels["sentiment"], labels["happy"], labels["sad"]) == ((2 + 3 + 3 + 2) / 4, (3 + 2 + 2 + 2) / 4, 1 / 4)


def test_an_answer_beyond_the_scale_is_cut_and_one_that_is_no_number_not_counted(made: Path):
    utterances, said = read(made)
    labels = utterances[f"{TRAIN}_1"].labels
    assert (labels["sentiment"], labels["sad"]) == ((-1 - 2) / 2, pytest.approx((2 + 3 + 2) / 3))
    assert "a worker's sad is 4; expected 0 to 3; cut to that" in said[f"{TRAIN}_1"]
    assert "a worker's sentiment is ''; expected a number; not counted" in said[f"{TRAIN}_1"]


def test_words_of_the_alignment_fall_to_the_segments_without_pauses_and_noises(made: Path):
    utterances, _ = read(made)
    first, second = utterances[f"{TRAIN}_0"], utterances[f"{TRAIN}_1"]
    assert [word.text for word in first.words] == ["well", "the", "party", "was", "so", "slow"]
    assert [word.text for word in second.words] == ["hmm", "the", "flight", "was", "rather", "lonely"]
    assert first.words[0].start == pytest.approx(2.1 / 8)
    assert all(second.start <= word.start < word.end <= second.end for word in second.words)


def test_a_word_across_the_edge_goes_to_the_segment_of_its_middle_and_is_cut(tree: Path):
    path = tree / f"Raw/Transcript/Segmented/Combined/{TRAIN}.txt"
    write(path, f"{TRAIN}___0___0.3___0.6___well the\n{TRAIN}___1___0.6___4.0___the party was so slow\n")
    utterances, _ = read(tree)
    assert [(word.text, word.start, word.end) for word in utterances[f"{TRAIN}_0"].words] == [
        ("well", 0.3, pytest.approx(0.525))
    ]
    assert (utterances[f"{TRAIN}_1"].words[0].text, utterances[f"{TRAIN}_1"].words[0].start) == ("the", 0.6)


def test_times_of_words_that_are_not_in_the_transcript_are_not_believed(made: Path):
    utterances, said = read(made)
    assert utterances[f"{VALID}_0"].words == ()
    assert "only 0 of 4 words aligned by P2FA are in the transcript" in said[f"{VALID}_0"]


def test_a_broken_alignment_costs_only_the_times(tree: Path):
    path = tree / ALIGNED / f"{TRAIN}.TextGrid"
    path.write_text(path.read_text()[:-60])
    utterances, said = read(tree)
    assert utterances[f"{TRAIN}_0"].words == ()
    assert "breaks off" in said[TRAIN]
    assert "will be aligned anew" in said[TRAIN]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (f"{TRAIN}_0", "5000_batch_raw.csv row 5: duplicate rating of one worker; counted once"),
        (f"{TRAIN}_1", "duplicate id in the transcript; the first line counts"),
        (TRAIN, "segment 2: no labels; left out"),
        (f"{TRAIN}_3", "segment without transcript; kept"),
        (f"{VALID}_0", "starts at -0.06 s; expected 0 or later; taken as 0"),
        (f"{VALID}_0", "no worker gave happy; the label is left out"),
        (f"{TEST}_5", "goes from 1 to 1 s; expected an end after the start; left out"),
        (TEST, "transcript line 'a line without its id'; expected 81406___<n>___<start>___<end>___<text>"),
        (TEST, "segment 7: labels without a line in the transcript"),
        (WITHOUT_MEDIA, "segment 0: labels without a video, or its sound; 0 with timed words kept, 1 left out"),
        (WITHOUT_LABELS, "video without labels; left out"),
        (IN_NO_FOLD, "segment 0: the video is in no fold; left out"),
        ("5000_batch_raw.csv", f"row 13 is about clip '' of video '{TRAIN}'; left out"),
    ],
)
def test_the_ledger_has_what_is_odd(made: Path, name: str, reason: str):
    assert reason in read(made)[1][name]


def test_what_is_odd_about_a_segment_costs_no_more_than_it_must(made: Path):
    utterances, _ = read(made)
    assert sorted(utterances) == sorted([*(f"{TRAIN}_{n}" for n in (0, 1, 3)), f"{VALID}_0", f"{TEST}_4"])
    assert utterances[f"{VALID}_0"].start == 0.0
    assert "happy" not in utterances[f"{VALID}_0"].labels
    assert utterances[f"{TRAIN}_3"].transcript is None


def test_a_video_that_was_lost_keeps_its_text_where_its_words_have_times(tree: Path):
    (tree / f"Raw/Videos/Full/Combined/{TRAIN}.mp4").unlink()
    utterances, said = read(tree)
    assert len(utterances[f"{TRAIN}_0"].words) == 6
    assert not utterances[f"{TRAIN}_0"].media.exists()
    assert "segments 0, 1, 3: labels without a video, or its sound; 3 with timed words kept, 0 left out" in said[TRAIN]


def test_labels_of_a_video_without_transcript_are_missed(tree: Path):
    (tree / f"Raw/Transcript/Segmented/Combined/{VALID}.txt").unlink()
    utterances, said = read(tree)
    assert f"{VALID}_0" not in utterances
    assert said[VALID] == "segment 0: labels without a transcript to say when; left out\n"


@pytest.mark.parametrize(
    ("remove", "error", "message"),
    [
        (("Raw",), SchemaError, "no folder Raw in .*expected the unpacked CMU-MOSEI release: Raw/Videos"),
        (("Raw/Labels",), SchemaError, r"no Raw/Labels/\*.csv in"),
        (("Raw/Transcript/Segmented",), SchemaError, r"no Raw/Transcript/Segmented/Combined/\*.txt in"),
        (("Raw/Videos", "Raw/Audio", ALIGNED), SchemaError, "no labelled segment .*Raw/Videos/Full/Combined/<video>"),
        (("cmu_mosei_std_folds.json",), ConfigError, "no folds in .*get cmu_mosei_std_folds.py"),
    ],
)
def test_half_a_release_says_what_is_missing(
    tree: Path, remove: tuple[str, ...], error: type[MmfeatError], message: str
):
    for name in remove:
        shutil.rmtree(tree / name) if (tree / name).is_dir() else (tree / name).unlink()
    with pytest.raises(error, match=message):
        read(tree)


def test_a_table_of_labels_in_another_layout_is_named(tree: Path):
    write(tree / "Raw/Labels/own.csv", "video,label\na,1\n")
    with pytest.raises(SchemaError, match="own.csv: no column WorkerId, Input.VIDEO_ID, Input.CLIP, Answer.sentiment"):
        read(tree)
