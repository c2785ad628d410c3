"""IEMOCAP's release to utterances, on a miniature in its layout: what is read, what is mended, what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import raw_iemocap

from mmfeat import counts, registry
from mmfeat.errors import ConfigError, SchemaError
from mmfeat.faces import FaceConfig, track_face
from mmfeat.types import Failure, Utterance

IEMOCAP = registry.module("mmfeat.datasets", "iemocap")
FIRST = "Ses01F_impro01"
KNOWN_GAP = Failure(
    raw_iemocap.NO_WDSEG, "prepare", "no .wdseg; expected the word times of the release; its words will be aligned"
)


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return raw_iemocap.make(tmp_path_factory.mktemp("iemocap"))


@pytest.fixture
def release(intact: Path, tmp_path: Path) -> Path:
    """A copy to do damage to."""
    return Path(shutil.copytree(intact, tmp_path / "release"))


def read(root: Path, **settings: Any) -> tuple[dict[str, Utterance], list[Failure]]:
    utterances, failures = registry.build("mmfeat.datasets", "iemocap", {"root": root, **settings}).utterances()
    return {utterance.id: utterance for utterance in utterances}, failures


def reasons(failures: list[Failure], name: str) -> list[str]:
    """What the ledger says of one name, beyond what it says of the intact release."""
    return [failure.reason for failure in failures if failure.id == name and failure != KNOWN_GAP]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def evaluation(root: Path, dialogue: str = FIRST) -> Path:
    return root / f"Session{dialogue[4]}" / "dialog" / "EmoEvaluation" / f"{dialogue}.txt"


def wdseg(root: Path, turn: str = f"{FIRST}_F000") -> Path:
    folder = root / f"Session{turn[4]}" / "sentences" / "ForcedAlignment" / turn.rpartition("_")[0]
    return folder / f"{turn}.wdseg"


def test_every_evaluated_turn_is_an_utterance_whatever_its_label(intact: Path):
    utterances, failures = read(intact)
    names = [f"{talk.name}_{turn.name}" for talk in raw_iemocap.TALKS for turn in talk.turns]
    assert list(utterances) == names  # by session, dialogue and time, although the files go by name
    assert failures == [KNOWN_GAP]  # and nothing of Finder's files, overlaps, lines without times, absent ratings


def test_a_turn_has_the_times_speaker_and_place_of_its_line(intact: Path):
    utterances, _ = read(intact)
    turn = utterances[f"{FIRST}_M000"]
    assert (turn.start, turn.end, turn.turn, turn.dialogue) == (1.6125, 2.2, 2, FIRST)
    assert turn.speaker == "Ses01M"  # by the last letter: in this dialogue the other wears the markers
    assert turn.transcript == "was ugly. [LAUGHTER]"
    assert {utterance.speaker for utterance in utterances.values()} == set(IEMOCAP.SPEAKERS)


@pytest.mark.parametrize(
    ("turn", "emotion4", "emotion6"),
    [
        ("Ses01F_impro01_F000", "neutral", "neutral"),
        ("Ses01F_impro01_M000", "happy", "excited"),
        ("Ses02M_impro02_F000", "happy", "happy"),
        ("Ses01F_script01_1_F000", "sad", "sad"),
        ("Ses01F_script01_1_M000", "angry", "angry"),
        ("Ses02M_impro02_M000", None, "frustrated"),
        ("Ses03M_impro03_F000", None, None),  # oth
        ("Ses01F_impro01_F001", None, None),  # xxx
    ],
)
def test_emotions_are_merged_as_everybody_does(intact: Path, turn: str, emotion4: str | None, emotion6: str | None):
    labels = read(intact)[0][turn].labels
    named = {
        label: classes[int(labels[label])] if label in labels else None
        for label, classes in IEMOCAP.Iemocap.classes.items()
    }
    assert named == {"emotion4": emotion4, "emotion6": emotion6}
    one_of_two = {emotion: labels.get(emotion) for emotion in IEMOCAP.EMOTION4}
    assert one_of_two == {name: None if emotion4 is None else float(name == emotion4) for name in IEMOCAP.EMOTION4}


def test_classes_are_numbered_as_gcnet_numbers_them():
    assert IEMOCAP.EMOTION4 == ("happy", "sad", "neutral", "angry")
    assert IEMOCAP.EMOTION6 == ("happy", "sad", "neutral", "angry", "excited", "frustrated")


def test_ratings_are_in_the_order_of_the_header_and_known_without_an_emotion(intact: Path):
    utterances, _ = read(intact)
    labels = utterances["Ses01F_script01_1_F000"].labels
    assert {name: labels[name] for name in IEMOCAP.RATINGS} == {"valence": 1.6667, "activation": 2.0, "dominance": 2.0}
    assert all(set(IEMOCAP.RATINGS) <= utterance.labels.keys() for utterance in utterances.values())


def test_words_have_the_times_of_the_release_on_the_clock_of_the_dialogue(intact: Path):
    words = read(intact)[0][f"{FIRST}_F000"].words
    assert [word.text for word in words] == ["the", "dinner", "was", "rude"]  # no <s>, no (2)
    # The turn begins at 0.1012 s; THE(2) has the frames 7 to 19, DINNER 20 to 40: the last frame belongs to its word.
    assert (words[0].start, words[0].end) == pytest.approx((0.1012 + 0.07, 0.1012 + 0.20))
    assert words[1].start == words[0].end
    assert words[3].end == pytest.approx(0.1012 + 0.87)


def test_noises_and_silence_are_no_words(intact: Path):
    text = wdseg(intact, f"{FIRST}_M000").read_text()
    assert "++BREATHING++" in text
    assert [word.text for word in read(intact)[0][f"{FIRST}_M000"].words] == ["was", "ugly"]


def test_a_word_ends_with_its_turn(release: Path):
    edit(wdseg(release), "   61    86", "   61    91")
    edit(wdseg(release), "   87    87", "   92    92")
    turn = read(release)[0][f"{FIRST}_F000"]
    assert turn.words[-1].end == turn.end  # and not at 1.0212 s: rounded times of turns may cut a frame


def test_words_are_left_to_our_aligner_if_wanted(intact: Path):
    utterances, failures = read(intact, words="align")
    assert not any(utterance.words for utterance in utterances.values())
    assert failures == []
    assert utterances[f"{FIRST}_F000"].transcript == "The dinner was rude."


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("SegAScr", "Score", "no header"),
        ("DINNER", "DINNER TIME", "expected SFrm EFrm SegAScr Word"),
        ("   20    40", "   xx    40", "expected SFrm EFrm SegAScr Word"),
        ("   20    40", "   19    40", "expected 20 or later"),  # as if the last frame did not belong to the word
        ("   20    40", "   40    20", "expected 20 or later"),
        ("   87    87", "   87   187", "'</s>' reaches beyond the turn"),
        ("   87    87", "   90    91", None),
        ("DINNER", "\udce9", "cannot be read"),
    ],
)
def test_word_times_that_cannot_be_trusted_are_left_to_the_aligner(
    release: Path, old: str, new: str, message: str | None
):
    path = wdseg(release)
    path.write_text(path.read_text().replace(old, new, 1), errors="surrogateescape")
    utterances, failures = read(release)
    turn = utterances[f"{FIRST}_F000"]
    assert turn.transcript == "The dinner was rude."
    if message is None:
        assert (len(turn.words), reasons(failures, turn.id)) == (4, [])
        return
    assert turn.words == ()
    (reason,) = reasons(failures, turn.id)
    assert message in reason
    assert reason.endswith("; its words will be aligned")


def test_a_word_that_begins_after_its_turn_is_not_believed(release: Path):
    edit(evaluation(release), "[0.1012 - 0.9837]", "[0.1012 - 0.8000]")
    utterances, failures = read(release)
    assert utterances[f"{FIRST}_F000"].words == ()
    assert "'RUDE' reaches beyond the turn" in reasons(failures, f"{FIRST}_F000")[0]


def test_a_dialogue_without_word_times_is_one_row(release: Path):
    shutil.rmtree(wdseg(release).parent)
    utterances, failures = read(release)
    assert not any(utterance.words for utterance in utterances.values() if utterance.dialogue == FIRST)
    assert reasons(failures, FIRST) == [f"no ForcedAlignment/{FIRST}/; its words will be aligned"]
    assert reasons(failures, f"{FIRST}_F000") == []


@pytest.mark.parametrize(
    ("side", "halves"), [("left", ("left", "right")), ("right", ("right", "left")), ("none", (None, None))]
)
def test_the_actor_who_wears_the_markers_is_on_one_side(intact: Path, side: str, halves: tuple[str | None, ...]):
    utterances, _ = read(intact, marked_side=side)
    assert (utterances["Ses01F_impro01_F000"].half, utterances["Ses01F_impro01_M000"].half) == halves
    assert (utterances["Ses02M_impro02_M000"].half, utterances["Ses02M_impro02_F000"].half) == halves


def test_each_speaker_has_a_face_in_their_half(intact: Path):
    utterances, _ = read(intact)
    tracks = {
        name: track_face(turn.media, FaceConfig(), turn.start, turn.end, turn.half)
        for name, turn in utterances.items()
        if turn.dialogue == FIRST
    }
    assert all(track.observed.all() and (track.boxes[:, 2] <= 128).all() for track in tracks.values())


def test_pictures_are_of_the_video_and_sound_of_its_own_file(intact: Path):
    turn = read(intact)[0][f"{FIRST}_F000"]
    assert turn.media == intact / "Session1/dialog/avi/DivX/Ses01F_impro01.avi"
    assert turn.sound == intact / "Session1/dialog/wav/Ses01F_impro01.wav"


def test_without_a_sound_file_the_video_is_heard(release: Path):
    (release / f"Session1/dialog/wav/{FIRST}.wav").unlink()
    utterances, failures = read(release)
    assert utterances[f"{FIRST}_F000"].media.suffix == ".avi"
    assert utterances[f"{FIRST}_F000"].sound is None
    assert failures == [KNOWN_GAP]


def test_without_video_the_sound_of_the_dialogue_is_used(release: Path):
    (release / f"Session1/dialog/avi/DivX/{FIRST}.avi").unlink()
    utterances, failures = read(release)
    turn = utterances[f"{FIRST}_M000"]
    assert (turn.media, turn.sound, turn.half) == (release / f"Session1/dialog/wav/{FIRST}.wav", None, None)
    assert (turn.start, turn.words[0].start) == pytest.approx((1.6125, 1.6225))
    assert reasons(failures, FIRST) == [f"no avi/DivX/{FIRST}.avi; its turns have no pictures"]


def test_without_either_each_turn_is_heard_in_its_own_file_from_0_s_on(release: Path):
    shutil.rmtree(release / "Session1/dialog/avi")
    shutil.rmtree(release / "Session1/dialog/wav")
    turn = read(release)[0][f"{FIRST}_M000"]
    assert turn.media == release / f"Session1/sentences/wav/{FIRST}/{FIRST}_M000.wav"
    assert (turn.start, turn.end, turn.turn) == (0.0, None, 2)
    assert [word.start for word in turn.words] == pytest.approx([0.01, 0.19])
    assert [word.end for word in turn.words] == pytest.approx([0.19, 0.54])


def test_turns_without_media_are_kept_with_their_words(release: Path):
    (release / f"Session1/dialog/avi/DivX/{FIRST}.avi").unlink()
    (release / f"Session1/dialog/wav/{FIRST}.wav").unlink()
    (release / f"Session1/sentences/wav/{FIRST}/{FIRST}_F000.wav").unlink()
    utterances, failures = read(release)
    assert [word.text for word in utterances[f"{FIRST}_F000"].words] == ["the", "dinner", "was", "rude"]
    missing, without_pictures = reasons(failures, FIRST)
    assert missing.startswith(f"no media for 1 of 3 turns ({FIRST}_F000); expected avi/DivX/{FIRST}.avi")
    assert "no pictures" in without_pictures
    shutil.rmtree(release / f"Session1/sentences/wav/{FIRST}")
    (missing,) = reasons(read(release)[1], FIRST)
    assert missing.startswith(f"no media for 3 of 3 turns ({FIRST}_F000, {FIRST}_F001, {FIRST}_M000)")


def test_the_default_split_tests_on_session_5_and_validates_on_4(intact: Path):
    utterances, _ = read(intact)
    expected = {"1": "train", "2": "train", "3": "train", "4": "valid", "5": "test"}
    assert all(utterance.split == expected[name[4]] for name, utterance in utterances.items())
    assert len(utterances[f"{FIRST}_F000"].parts) == 15
    assert "session5-test" not in utterances[f"{FIRST}_F000"].parts


def test_any_split_may_divide_the_corpus_and_the_others_stay(intact: Path):
    utterances, _ = read(intact, split="5fold-session.1")
    expected = {"1": "test", "2": "train", "3": "train", "4": "train", "5": "valid"}
    assert all(utterance.split == expected[name[4]] for name, utterance in utterances.items())
    assert all(
        utterance.parts["session5-test"] == utterance.parts["5fold-session.5"] for utterance in utterances.values()
    )


def test_every_session_and_every_speaker_is_tested_on_once():
    parts = {speaker: IEMOCAP.parts_of(int(speaker[4]), speaker) for speaker in IEMOCAP.SPEAKERS}
    for fold in range(1, 6):
        of = {speaker: parts[speaker][f"5fold-session.{fold}"] for speaker in parts}
        assert {speaker for speaker in of if of[speaker] == "test"} == {f"Ses0{fold}F", f"Ses0{fold}M"}
        assert {speaker for speaker in of if of[speaker] == "valid"} == {f"Ses0{(fold - 2) % 5 + 1}{s}" for s in "FM"}
    for fold, tested in enumerate(IEMOCAP.SPEAKERS, start=1):
        of = {speaker: parts[speaker][f"10fold-speaker.{fold}"] for speaker in parts}
        other = tested[:5] + ("M" if tested[5] == "F" else "F")
        assert {speaker: part for speaker, part in of.items() if part != "train"} == {tested: "test", other: "valid"}


def test_an_unknown_split_is_refused_with_the_known_ones(intact: Path):
    with pytest.raises(ConfigError, match=r"split='5fold-session'; .* 10fold-speaker\.10; did you mean '5fold-session"):
        read(intact, split="5fold-session")


@pytest.mark.parametrize(
    ("old", "new", "name", "message", "kept"),
    [
        ("\tneu\t", "\thappy\t", f"{FIRST}_F000", "emotion 'happy'; expected one of hap, sad", True),
        ("[2.5000, 2.5000, 2.5000]", "[2.5000, 5.5000, 2.5000]", f"{FIRST}_F000", "activation is '5.5000'", True),
        ("[2.5000, 2.5000, 2.5000]", "[2.5000, 2.5000, ]", f"{FIRST}_F000", "dominance is ''; expected", True),
        ("[2.5000, 2.5000, 2.5000]", "[2.5000, nan, 2.5000]", f"{FIRST}_F000", "activation is 'nan'", True),
        ("[2.5000, 2.5000, 2.5000]", "[2.5000]", f"{FIRST}_F000", "ratings '2.5000'; expected valence", True),
        ("[0.1012 - 0.9837]", "[0.9837 - 0.1012]", f"{FIRST}_F000", "expected an end after the start", False),
        ("[0.1012 - 0.9837]", "[0.1.2 - 0.9837]", f"{FIRST}_F000", "from 0.1.2 to 0.9837 s; expected numbers", False),
        ("[0.1012 - 0.9837]", "0.1012 - 0.9837", FIRST, f"EmoEvaluation line '0.1012 - 0.9837\\t{FIRST}_F000", False),
        (f"{FIRST}_F000", "Ses01F_impro02_F000", FIRST, f"expected [start - end], {FIRST}_F000 or the like", False),
    ],
)
def test_what_is_wrong_in_a_line_is_written_down_and_the_rest_kept(
    release: Path, old: str, new: str, name: str, message: str, kept: bool
):
    edit(evaluation(release), old, new)
    utterances, failures = read(release)
    assert len(utterances) == (16 if kept else 15)
    assert message in reasons(failures, name)[0]
    if kept:
        known = utterances[f"{FIRST}_F000"].labels
        assert "valence" in known or "[2.5000]" in new
        assert all(rating in known for rating in ("valence", "activation", "dominance")) == (new == "\thappy\t")
        assert ("emotion4" in known) == (new != "\thappy\t")


def test_of_a_turn_that_is_there_twice_the_first_line_counts(release: Path):
    with evaluation(release).open("a") as handle:
        handle.write(f"[0.2000 - 0.9837]\t{FIRST}_F000\tang\t[1.0000, 1.0000, 1.0000]\n")
    utterances, failures = read(release)
    assert utterances[f"{FIRST}_F000"].start == 0.1012
    assert reasons(failures, f"{FIRST}_F000") == ["duplicate turn in EmoEvaluation; the first line counts"]


def test_turns_and_transcripts_that_miss_each_other_are_written_down(release: Path):
    path = release / f"Session1/dialog/transcriptions/{FIRST}.txt"
    edit(path, f"{FIRST}_F000 [000.1012-000.9837]:", f"{FIRST}_F007 [000.1012-000.9837]:")
    edit(path, f"{FIRST}_M000 [", f"{FIRST}_F001 [000.0000-000.1000]: again\n{FIRST}_M000 [")
    utterances, failures = read(release)
    assert utterances[f"{FIRST}_F000"].transcript is None
    assert utterances[f"{FIRST}_F000"].words  # the release has them all the same
    assert reasons(failures, f"{FIRST}_F000") == ["turn without transcript; kept"]
    assert reasons(failures, f"{FIRST}_F007") == ["transcript without evaluation; left out"]
    assert utterances[f"{FIRST}_F001"].transcript == "And the waiter"
    assert reasons(failures, f"{FIRST}_F001") == ["duplicate line in the transcription; the first counts"]


def test_a_dialogue_without_transcription_is_one_row(release: Path):
    (release / f"Session1/dialog/transcriptions/{FIRST}.txt").unlink()
    utterances, failures = read(release)
    assert utterances[f"{FIRST}_F000"].transcript is None
    assert reasons(failures, FIRST) == [f"no transcriptions/{FIRST}.txt; its turns have no transcript"]


def test_letters_that_are_not_utf8_are_unknown_and_written_down(release: Path):
    path = release / f"Session1/dialog/transcriptions/{FIRST}.txt"
    path.write_bytes(path.read_bytes().replace(b"rude", b"rud\xe9"))
    utterances, failures = read(release)
    assert utterances[f"{FIRST}_F000"].transcript == "The dinner was rud\ufffd."
    assert "expected UTF-8" in reasons(failures, FIRST)[0]


def test_a_dialogue_that_was_not_evaluated_is_left_out(release: Path):
    evaluation(release).unlink()
    utterances, failures = read(release)
    assert FIRST not in {utterance.dialogue for utterance in utterances.values()}
    assert reasons(failures, FIRST) == [
        f"no EmoEvaluation/{FIRST}.txt; expected its turns and labels; the dialogue is left out"
    ]


def test_an_evaluation_in_the_wrong_session_is_left_out(release: Path):
    shutil.copy(evaluation(release), evaluation(release).with_name("Ses02F_impro01.txt"))
    utterances, failures = read(release)
    assert len(utterances) == 16
    assert reasons(failures, "Ses02F_impro01") == [
        "EmoEvaluation/Ses02F_impro01.txt is of no dialogue of Session1; left out"
    ]


def test_half_a_release_says_which_half_is_missing(release: Path):
    shutil.rmtree(release / "Session2")
    shutil.rmtree(release / "Session3/dialog/EmoEvaluation")
    utterances, failures = read(release)
    assert {name[:5] for name in utterances} == {"Ses01", "Ses04", "Ses05"}
    assert reasons(failures, "Session2") == ["no folder Session2; its dialogues are left out"]
    assert reasons(failures, "Session3") == ["no folder Session3/dialog/EmoEvaluation; its dialogues are left out"]
    lines = counts.differences(counts.count(utterances.values(), IEMOCAP.Iemocap.classes), IEMOCAP.EXPECTED)
    assert "utterances 12, published 10039" in lines
    assert "speakers 6, published 10" in lines


def test_another_folder_is_refused_with_a_hint_where_the_release_is(intact: Path, tmp_path: Path):
    with pytest.raises(SchemaError, match=r"no folder Session1 to Session5 .* did you mean .*IEMOCAP_full_release\?"):
        read(intact.parent)
    with pytest.raises(SchemaError, match=r"did you mean .*IEMOCAP_full_release\?"):
        read(intact / "Session1")
    with pytest.raises(SchemaError, match="set root to the folder that holds them"):
        read(tmp_path / "nowhere")


def test_a_release_without_any_turn_is_refused(tmp_path: Path):
    (tmp_path / "Session1").mkdir()
    with pytest.raises(SchemaError, match=r"no turns in any session; expected Session1/dialog/EmoEvaluation"):
        read(tmp_path)


def test_published_counts_add_up():
    expected = {name: low for name, (low, high) in IEMOCAP.EXPECTED.items() if low == high}
    assert expected.keys() == IEMOCAP.EXPECTED.keys()
    assert sum(expected[f"emotion4={name}"] for name in IEMOCAP.EMOTION4) == expected["emotion4"] == 5531
    assert sum((1085, 1023, 1151, 1031, 1241)) == expected["emotion4"]  # session by session
    assert expected["emotion6"] - expected["emotion4"] == 1849  # frustrated


def test_the_miniature_is_small(intact: Path):
    assert sum(path.stat().st_size for path in intact.rglob("*") if path.is_file()) < 400_000
