"""Frames of utterances that share a file: which part of it each one sees and hears, and what is found again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmfeat.clip_cache import ClipCache, media_digest
from mmfeat.media import read_frames
from mmfeat.steps import ExtractorChoice, extract_frames
from mmfeat.types import Frames, Utterance

MakeClip = Callable[..., Path]
HOG, VOICE = ExtractorChoice("hog"), ExtractorChoice("librosa33")


@pytest.fixture(scope="module")
def pair(root: Path, make_clip: MakeClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of two talking faces of the demo corpus, side by side, with a tone of 440 Hz."""
    clips = root / "pipelines" / "demo" / "clips"
    left, right = ([f.image for f in read_frames(clips / f"{name}.mp4", end=0.5)] for name in ("d01_00", "d01_01"))

    def scene(time: float) -> np.ndarray:
        return np.concatenate((left[round(time * 10)], right[round(time * 10)]), axis=1)

    path = tmp_path_factory.mktemp("pair") / "pair.mkv"
    return make_clip(path, 0.5, size=(320, 160), fps=10, picture=scene)


def frames_of(utterances: list[Utterance], choice: ExtractorChoice, cache: ClipCache) -> list[Frames | None]:
    extracted, failures = extract_frames(utterances, choice, choice.build(), cache)
    assert failures == []
    return [extracted.get(utterance.id) for utterance in utterances]


def results(cache: ClipCache) -> dict[str, int]:
    """How many results of each kind there are."""
    kinds = [path.parts[len(cache.folder.parts)] for path in cache.folder.rglob("*.npz")]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def test_two_speakers_of_one_picture_have_faces_of_their_own(pair: Path, tmp_path: Path):
    cache = ClipCache(tmp_path)
    left, right = Utterance("l", pair, half="left"), Utterance("r", pair, half="right")
    one, other = frames_of([left, right], HOG, cache)
    assert one.observed.all()
    assert other.observed.all()
    assert np.abs(one.values - other.values).max() > 0.1
    assert results(cache) == {"faces": 2, "hog": 2}
    again = frames_of([replace(left, id="x")], HOG, cache)[0]
    np.testing.assert_array_equal(again.values, one.values)
    assert results(cache) == {"faces": 2, "hog": 2}


def test_both_speakers_of_one_picture_share_its_voice(pair: Path, tmp_path: Path):
    cache = ClipCache(tmp_path)
    frames_of([Utterance("l", pair, half="left"), Utterance("r", pair, half="right")], VOICE, cache)
    assert results(cache) == {"librosa33": 1}


def test_sound_is_heard_in_its_own_file_on_the_same_clock(pair: Path, make_clip: MakeClip, tmp_path: Path):
    cache = ClipCache(tmp_path / "cache")
    sound = make_clip(tmp_path / "talk.wav", 1.0, tone=220.0)
    apart = Utterance("a", pair, start=0.1, end=0.5, sound=sound)
    alone = Utterance("b", sound, start=0.1, end=0.5)
    ours, expected, film = frames_of([apart, alone, replace(apart, id="c", sound=None)], VOICE, cache)
    np.testing.assert_array_equal(ours.values, expected.values)
    np.testing.assert_array_equal(ours.times, expected.times)
    assert ours.times.min() >= 0.1
    assert np.abs(ours.values - film.values).max() > 0.1
    assert results(cache) == {"librosa33": 2}  # one for each sound that was read


def test_faces_are_looked_for_in_the_pictures_whatever_has_the_sound(pair: Path, make_clip: MakeClip, tmp_path: Path):
    cache = ClipCache(tmp_path / "cache")
    sound = make_clip(tmp_path / "talk.wav", 1.0)
    frames_of([Utterance("a", pair, sound=sound), Utterance("b", pair)], HOG, cache)
    assert results(cache) == {"faces": 1, "hog": 1}


def test_where_nothing_is_set_results_are_found_under_the_keys_they_always_had(pair: Path, tmp_path: Path):
    from dataclasses import asdict

    cache, said = ClipCache(tmp_path), Utterance("a", pair, end=0.5)
    frames_of([said], HOG, cache)
    frames_of([said], VOICE, cache)
    file = {"media": media_digest(pair), "span": [0.0, 0.5]}
    faces = {"faces": ["1", asdict(HOG.face_config())]}
    source = {choice.name: asdict(choice.build().source) for choice in (HOG, VOICE)}
    assert cache.path("faces", {**file, **faces}, ".npz").is_file()
    assert cache.path("hog", {"source": source["hog"], **file, **faces}, ".npz").is_file()
    assert cache.path("librosa33", {"source": source["librosa33"], **file}, ".npz").is_file()


def test_a_file_of_another_program_that_changed_is_read_again_and_no_face_is_tracked(pair: Path, tmp_path: Path):
    table, cache = tmp_path / "pair.csv", ClipCache(tmp_path / "cache")
    choice = ExtractorChoice("openface", {"folder": tmp_path, "columns": "gaze_angle"})
    for angle in (0.25, 0.5):
        rows = [f"{number},0,{number / 25},0.9,1,{angle},0" for number in range(5)]
        table.write_text(
            "\n".join(["frame,face_id,timestamp,confidence,success,gaze_angle_x,gaze_angle_y", *rows]) + "\n"
        )
        frames = frames_of([Utterance("a", pair)], choice, cache)[0]
        assert (frames.values[:, 0] == angle).all()
    assert results(cache) == {"openface": 2}
