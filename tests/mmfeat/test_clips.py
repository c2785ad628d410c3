"""Clips find their transcripts and get names of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmfeat.errors import FormatError, MediaError
from mmfeat.steps.clips import from_clips


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("some words")


def test_a_folder_gives_its_media_files_and_their_transcripts(tmp_path: Path):
    touch(tmp_path / "b.mp4", tmp_path / "a.wav", tmp_path / "a.txt", tmp_path / "notes.md")
    utterances, failures = from_clips([tmp_path], tmp_path)
    assert [(utterance.id, utterance.transcript) for utterance in utterances] == [("a", "some words"), ("b", None)]
    assert failures == []


def test_clips_of_the_same_name_are_told_apart_by_their_folders(tmp_path: Path):
    touch(tmp_path / "ann" / "1.mp4", tmp_path / "bob" / "1.mp4", tmp_path / "bob" / "2.mp4")
    utterances, _ = from_clips([tmp_path], None)
    assert sorted(utterance.id for utterance in utterances) == ["2", "ann/1.mp4", "bob/1.mp4"]


def test_a_table_gives_transcripts_by_name(tmp_path: Path):
    touch(tmp_path / "a.wav", tmp_path / "b.wav")
    (tmp_path / "t.csv").write_text('id,text\nb,"yes, please"\n')
    utterances, _ = from_clips([tmp_path], tmp_path / "t.csv")
    assert [utterance.transcript for utterance in utterances] == [None, "yes, please"]


def test_one_transcript_for_several_clips_is_refused(tmp_path: Path):
    touch(tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "a.txt")
    with pytest.raises(FormatError, match="transcript of one clip, but 2 clips"):
        from_clips([tmp_path], tmp_path / "a.txt")


def test_a_broken_transcript_is_a_row_of_the_ledger(tmp_path: Path):
    touch(tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "b.txt")
    (tmp_path / "a.ctm").write_text("a 1 zero 0.3 word\n")
    utterances, failures = from_clips([tmp_path], tmp_path)
    assert [utterance.id for utterance in utterances] == ["a", "b"]
    assert [(failure.id, failure.stage) for failure in failures] == [("a", "transcript")]


@pytest.mark.parametrize(
    ("clips", "message"), [(["absent.mp4"], "no such file"), ([""], "holds no media"), (["a.wav", "a.wav"], "twice")]
)
def test_what_cannot_be_clips_is_refused(clips: list[str], message: str, tmp_path: Path):
    folder = tmp_path / "empty"
    folder.mkdir()
    if "a.wav" in clips:
        touch(folder / "a.wav")
    with pytest.raises(MediaError, match=message):
        from_clips([folder / clip if clip else folder for clip in clips], None)


def test_transcripts_that_belong_to_no_clip_are_refused(tmp_path: Path):
    touch(tmp_path / "a.wav", tmp_path / "said" / "other.txt")
    with pytest.raises(FormatError, match="holds no transcript of a"):
        from_clips([tmp_path / "a.wav"], tmp_path / "said")
    with pytest.raises(FormatError, match="no such file or folder"):
        from_clips([tmp_path / "a.wav"], tmp_path / "nowhere")
