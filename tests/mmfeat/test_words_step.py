"""Words get times from the transcript, the aligner or the transcriber, and a clip is never lost for want of them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mmfeat.clip_cache import ClipCache
from mmfeat.errors import ConfigError
from mmfeat.media import probe
from mmfeat.steps import WordsPlan, place_words
from mmfeat.steps.words import require_words_source
from mmfeat.types import Utterance, Word


@pytest.fixture(scope="module")
def planted(root: Path) -> dict[str, Utterance]:
    """One clip of the demo corpus for each note; '' is an ordinary one."""
    demo = root / "pipelines" / "demo"
    with (demo / "utterances.csv").open(encoding="utf-8") as handle:
        rows = {row["note"]: row for row in csv.DictReader(handle)}
    return {
        note: Utterance(id=row["id"], media=demo / row["media"], transcript=row["transcript"] or None)
        for note, row in rows.items()
    }


@pytest.fixture
def cache(tmp_path: Path) -> ClipCache:
    return ClipCache(tmp_path)


def place(utterance: Utterance, cache: ClipCache, plan: WordsPlan | None = None) -> tuple[Utterance, str | None]:
    """The utterance with words, and the reason in the ledger."""
    placed, failures = place_words([utterance], plan or WordsPlan(), cache)
    return placed[0], failures[0].reason if failures else None


def test_a_transcript_is_aligned_word_by_word(planted: dict[str, Utterance], cache: ClipCache):
    utterance, reason = place(planted[""], cache)
    assert reason is None
    assert [word.text for word in utterance.words] == planted[""].transcript.split()
    assert utterance.end == probe(utterance.media).duration
    assert all(word.score is not None for word in utterance.words)


def test_without_sound_the_words_are_spread_over_the_clip(planted: dict[str, Utterance], cache: ClipCache):
    utterance, reason = place(planted["no audio stream"], cache)
    assert reason is not None
    assert "no sound" in reason
    assert [word.text for word in utterance.words] == planted["no audio stream"].transcript.split()
    assert utterance.words[0].start == 0
    assert utterance.words[-1].end == pytest.approx(utterance.end)


def test_where_alignment_fails_the_clip_is_kept_with_unknown_words(planted: dict[str, Utterance], cache: ClipCache):
    utterance, reason = place(planted["noise"], cache)
    assert reason is not None
    assert "words unknown" in reason
    assert {word.text for word in utterance.words} == {""}
    assert utterance.words[0].start == 0
    assert utterance.words[-1].end == pytest.approx(utterance.end)


def test_a_trusted_transcript_is_spread_where_alignment_fails(planted: dict[str, Utterance], cache: ClipCache):
    utterance, reason = place(planted["noise"], cache, WordsPlan(on_failure="spread"))
    assert reason is not None
    assert [word.text for word in utterance.words] == planted["noise"].transcript.split()


def test_times_that_are_given_stay_unless_realigned(planted: dict[str, Utterance], cache: ClipCache):
    given = tuple(
        Word(text, 0.1 * number, 0.1 * number + 0.1) for number, text in enumerate(planted[""].transcript.split())
    )
    utterance = replace(planted[""], words=given)
    assert place(utterance, cache)[0].words == given
    again, reason = place(utterance, cache, WordsPlan(realign=True))
    assert reason is None
    assert [word.text for word in again.words] == [word.text for word in given]
    assert again.words[-1].start > given[-1].start


def test_subtitles_are_aligned_inside_each_cue(planted: dict[str, Utterance], cache: ClipCache):
    aligned, _ = place(planted[""], cache)
    words = aligned.words
    middle = len(words) // 2
    cut = (words[middle - 1].end + words[middle].start) / 2
    halves = (words[:middle], words[middle:])
    spans = ((0.0, cut), (cut, aligned.end))
    cues = tuple(Word(" ".join(w.text for w in half), *span) for half, span in zip(halves, spans, strict=True))
    utterance, reason = place(replace(planted[""], transcript=None, cues=cues), cache)
    assert [word.text for word in utterance.words] == [word.text for word in words]
    assert all(word.end <= cut + 1e-6 for word in utterance.words[:middle]), reason
    assert all(word.start >= cut - 1e-6 for word in utterance.words[middle:])


def test_the_transcriber_hears_words_where_there_is_no_transcript(planted: dict[str, Utterance], cache: ClipCache):
    utterance, reason = place(replace(planted[""], transcript=None), cache, WordsPlan(transcriber="pocketsphinx"))
    assert reason is None
    assert len(utterance.words) >= 2
    assert all(
        first.end <= second.start + 1e-6 for first, second in zip(utterance.words, utterance.words[1:], strict=False)
    )


def test_results_come_from_the_cache_the_second_time(planted: dict[str, Utterance], cache: ClipCache):
    first = place(planted[""], cache)
    entries = {path: path.stat().st_mtime_ns for path in cache.folder.rglob("*.json")}
    assert place(planted[""], cache) == first
    assert {path: path.stat().st_mtime_ns for path in cache.folder.rglob("*.json")} == entries


def test_words_are_placed_in_the_file_that_has_the_sound(
    planted: dict[str, Utterance], cache: ClipCache, make_clip: Callable[..., Path], tmp_path: Path
):
    heard, _ = place(planted[""], cache)
    film = make_clip(tmp_path / "film.mp4", 1.0, tone=None)
    apart = replace(planted[""], media=film, sound=planted[""].media)
    entries = list(cache.folder.rglob("*.json"))
    utterance, reason = place(apart, cache)
    assert reason is None
    assert (utterance.words, utterance.end) == (heard.words, heard.end)
    assert list(cache.folder.rglob("*.json")) == entries  # the same sound: found under the same key
    given, _ = place(replace(apart, words=heard.words), cache)
    assert given.end == heard.end


def test_cues_are_aligned_in_the_file_that_has_the_sound(
    planted: dict[str, Utterance], cache: ClipCache, make_clip: Callable[..., Path], tmp_path: Path
):
    heard, _ = place(planted[""], cache)
    cue = Word(planted[""].transcript, heard.start, heard.end)
    apart = replace(planted[""], media=make_clip(tmp_path / "film.mp4", 1.0, tone=None), sound=planted[""].media)
    utterance, reason = place(replace(apart, cues=(cue,)), cache)
    assert reason is None
    assert [word.start for word in utterance.words] == pytest.approx([word.start for word in heard.words], abs=0.05)


def test_a_sound_that_cannot_be_read_is_a_row_of_the_ledger(planted: dict[str, Utterance], cache: ClipCache):
    placed, failures = place_words([replace(planted[""], sound=Path("gone.wav"))], WordsPlan(), cache)
    assert placed[0].words == ()
    assert [failure.stage for failure in failures] == ["media"]
    assert "gone.wav does not exist" in failures[0].reason


def test_sound_beside_silent_pictures_needs_a_transcript(planted: dict[str, Utterance]):
    silent = replace(planted["no audio stream"], transcript=None, sound=planted[""].media)
    with pytest.raises(ConfigError, match="no transcript"):
        require_words_source([silent], WordsPlan())


def test_no_transcript_at_all_is_refused_before_the_work(planted: dict[str, Utterance]):
    with pytest.raises(ConfigError, match="whisper .* or --transcriber pocketsphinx"):
        require_words_source([replace(planted[""], transcript=None)], WordsPlan())


def test_a_clip_without_sound_needs_no_transcript(planted: dict[str, Utterance]):
    require_words_source([replace(planted["no audio stream"], transcript=None)], WordsPlan())
