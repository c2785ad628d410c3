"""Frames to words, against the definition written as a loop, and against what the CMU SDK returned."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmfeat import word_alignment
from mmfeat.errors import SchemaError
from mmfeat.types import Frames, Provenance, Word
from mmfeat.word_alignment import align_frames

SDK = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "sdk"


def frames_of(values, times=None, observed=None, shift=0.1, intervals=None):
    values = np.asarray(values, dtype=np.float32)
    values = values[:, None] if values.ndim == 1 else values
    if times is None:
        times = (np.arange(len(values)) + 0.5) * shift
    if observed is None:
        observed = np.ones(len(values), dtype=bool)
    names = tuple(f"d{column}" for column in range(values.shape[1]))
    return Frames(
        values, np.asarray(times, dtype=float), np.asarray(observed), names, Provenance("t", "1"), shift, intervals
    )


def words_of(*spans):
    return [Word(f"w{index}", float(start), float(end)) for index, (start, end) in enumerate(spans)]


def mean_by_definition(values, intervals, observed, word, rule="overlap"):
    """One word at a time over the whole sequence, in float64."""
    overlap = np.minimum(intervals[:, 1], word.end) - np.maximum(intervals[:, 0], word.start)
    chosen = (overlap > 1e-5) & observed
    if not chosen.any():
        return None
    weights = overlap[chosen] if rule == "weighted" else np.ones(chosen.sum())
    return weights @ values[chosen].astype(np.float64) / weights.sum()


def assert_equals_definition(frames, intervals, words, rule):
    features, observed = align_frames(frames, words, rule)
    for row, word in enumerate(words):
        expected = mean_by_definition(frames.values, intervals, frames.observed, word, rule)
        if expected is not None:
            assert observed[row]
            np.testing.assert_allclose(features[row], expected, rtol=1e-6, atol=1e-6)
        elif word.end - word.start > 0.2:
            assert not observed[row]


@pytest.mark.parametrize("rule", ["overlap", "weighted"])
def test_means_equal_the_definition_on_frames_of_equal_length(rng_words, rule):
    rng, words = rng_words
    frames = frames_of(rng.normal(size=(300, 5)), observed=rng.random(300) > 0.3)
    intervals = np.stack([frames.times - 0.05, frames.times + 0.05], axis=1)
    assert_equals_definition(frames, intervals, words, rule)


@pytest.mark.parametrize("rule", ["overlap", "weighted"])
def test_means_equal_the_definition_on_frames_that_overlap_and_nest(rng_words, rule, monkeypatch):
    monkeypatch.setattr(word_alignment, "PAIRS_PER_BLOCK", 50)  # so that there are many blocks
    rng, words = rng_words
    starts = rng.uniform(0, 30, 300)
    intervals = np.stack([starts, starts + rng.choice([0.0, 1e-6, 0.05, 0.3, 20.0], 300)], axis=1)
    frames = frames_of(
        rng.normal(size=(300, 3)), times=intervals.mean(axis=1), observed=rng.random(300) > 0.3, intervals=intervals
    )
    assert_equals_definition(frames, intervals, words, rule)


@pytest.fixture
def rng_words():
    """Words in no order, that overlap, touch, nest, and reach beyond the frames."""
    rng = np.random.default_rng(0)
    starts = rng.uniform(-2, 32, 200)
    return rng, words_of(*np.stack([starts, starts + rng.choice([0.0, 0.01, 0.1, 0.5, 5.0], 200)], axis=1))


def test_large_offsets_and_long_recordings_lose_no_digits():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(200_000, 2)) * 1e-3 + 1e4
    frames = frames_of(values, shift=0.01)
    words = words_of(*[(start, start + 0.25) for start in range(0, 1990, 10)])
    features, _ = align_frames(frames, words)
    intervals = np.stack([frames.times - 0.005, frames.times + 0.005], axis=1)
    for row, word in enumerate(words):
        expected = mean_by_definition(frames.values, intervals, frames.observed, word)
        assert np.array_equal(features[row], expected.astype(np.float32))


@pytest.mark.parametrize("rule", ["overlap", "weighted"])
def test_frames_in_float64_give_words_in_float32(rng, rule):
    single, double = frames_of(np.zeros((20, 3))), rng.normal(size=(20, 3))
    words = words_of((0.0, 0.5), (0.52, 0.54), (0.55, 1.9))
    features, observed = align_frames(replace(single, values=double), words, rule)
    assert features.dtype == np.float32
    assert observed.all()
    np.testing.assert_allclose(features, align_frames(frames_of(double), words, rule)[0], rtol=1e-6)


def test_only_observed_frames_enter_even_if_the_others_hold_garbage():
    frames = frames_of(np.zeros((4, 1)), observed=[True, False, True, False])
    frames.values[:, 0] = [1.0, np.nan, 3.0, np.inf]  # after the check of Frames
    features, observed = align_frames(frames, words_of((0.0, 0.4), (0.1, 0.2), (0.31, 0.39)))
    assert features[:, 0].tolist() == [2.0, 0.0, 0.0]
    assert observed.tolist() == [True, False, False]


def test_a_word_shorter_than_a_frame_takes_the_one_around_it():
    frames = frames_of([1.0, 2.0, 3.0])
    features, observed = align_frames(frames, words_of((0.12, 0.13), (0.25, 0.25), (0.15, 0.150001)))
    assert observed.all()
    assert features[:, 0].tolist() == [2.0, 3.0, 2.0]


def test_a_short_word_between_sparse_frames_takes_the_nearest_within_one_shift():
    frames = frames_of([1.0, 2.0], times=[0.05, 1.05], shift=0.1)
    features, observed = align_frames(frames, words_of((0.12, 0.17), (0.93, 0.97), (0.5, 0.55)))
    assert observed.tolist() == [True, True, False]
    assert features[:, 0].tolist() == [1.0, 2.0, 0.0]


def test_a_long_word_without_frames_is_not_observed():
    features, observed = align_frames(frames_of([1.0, 2.0]), words_of((0.2, 0.5), (-0.5, 0.0)))
    assert not observed.any()
    assert not features.any()


def test_a_short_word_in_an_unobserved_frame_does_not_borrow_its_neighbour():
    frames = frames_of([1.0, 2.0, 3.0], observed=[True, False, True])
    _, observed = align_frames(frames, words_of((0.12, 0.18)))
    assert not observed[0]


def test_frames_that_only_touch_a_word_do_not_enter():
    frames = frames_of([1.0, 2.0, 4.0])
    features, _ = align_frames(frames, words_of((0.1, 0.2), (0.1 - 5e-6, 0.2 + 5e-6)))
    assert features[:, 0].tolist() == [2.0, 2.0]


def test_weights_are_the_seconds_that_frame_and_word_share():
    frames = frames_of([0.0, 1.0])
    features, _ = align_frames(frames, words_of((0.0, 0.125)), "weighted")
    assert features[0, 0] == pytest.approx(0.2)


def test_frames_without_a_shift_reach_to_the_middle_between_neighbours():
    frames = frames_of([1.0, 2.0, 3.0], times=[0.0, 1.0, 4.0], shift=None)
    features, observed = align_frames(frames, words_of((0.4, 0.6), (2.4, 2.6), (5.4, 5.6), (-0.6, -0.51), (9.0, 9.5)))
    assert features[:3, 0].tolist() == [1.5, 2.5, 3.0]
    assert observed.tolist() == [True, True, True, True, False]


def test_a_single_frame_of_unknown_length_counts_for_the_word_around_it():
    frames = frames_of([7.0], times=[0.5], shift=None)
    features, observed = align_frames(frames, words_of((0.3, 0.9), (1.0, 1.4)))
    assert features[:, 0].tolist() == [7.0, 0.0]
    assert observed.tolist() == [True, False]


@pytest.mark.parametrize(("frame_count", "word_count"), [(0, 3), (3, 0), (0, 0)])
def test_no_frames_or_no_words_give_empty_but_well_shaped_rows(frame_count, word_count):
    frames = frames_of(np.zeros((frame_count, 2)))
    features, observed = align_frames(frames, words_of(*[(0.0, 0.1)] * word_count))
    assert features.shape == (word_count, frames.values.shape[1])
    assert features.dtype == np.float32
    assert observed.sum() == (word_count if frame_count else 0)


@pytest.mark.parametrize("span", [(0.5, 0.4), (np.nan, 1.0), (0.0, np.inf)])
def test_impossible_word_times_are_refused(span):
    with pytest.raises(SchemaError, match=r"word 'w0' spans .* expected finite times with start <= end"):
        align_frames(frames_of([1.0]), words_of(span))


def test_an_hour_of_frames_needs_little_memory_beside_itself():
    frames = frames_of(np.zeros((360_000, 20), dtype=np.float32), shift=0.01)
    words = words_of(*[(start / 3, start / 3 + 0.3) for start in range(10_800)])
    align_frames(frames, words[:1])  # scipy
    tracemalloc.start()
    align_frames(frames, words)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # words times frames as bytes would be 3.9 GB


def test_twenty_times_faster_than_masking_the_whole_sequence_for_each_word():
    rng = np.random.default_rng(2)
    frames = frames_of(rng.normal(size=(60_000, 74)), shift=0.01)
    intervals = np.stack([frames.times - 0.005, frames.times + 0.005], axis=1)
    edges = np.sort(rng.uniform(0, 600, 1601))
    words = words_of(*zip(edges[:-1], edges[1:], strict=True))
    fast = min(_seconds(lambda: align_frames(frames, words)) for _ in range(3))
    some = words[::40]  # the loop's time is proportional to its words
    slow = _seconds(lambda: [mean_by_definition(frames.values, intervals, frames.observed, word) for word in some])
    assert slow * 40 / fast > 20


def _seconds(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


@pytest.mark.reference
@pytest.mark.skipif(not SDK.is_dir(), reason="needs the CMU SDK's own output in ../shared/data/sdk")
@pytest.mark.parametrize("modality", ["audio", "vision"])
def test_equals_what_the_cmu_sdk_returned(modality):
    import h5py

    expected = np.load(SDK / "expected.npz")
    returned = dict(zip(expected[f"{modality}_keys"].tolist(), expected[modality], strict=True))
    compared = 0
    with h5py.File(SDK / "words.csd") as words_file, h5py.File(SDK / f"{modality}.csd") as frames_file:
        for video in {key.partition("[")[0] for key in returned}:
            spans = words_file["words/data"][video]["intervals"][:]
            entry = frames_file[f"{modality}/data"][video]
            intervals = entry["intervals"][:]
            frames = frames_of(entry["features"][:], times=intervals.mean(axis=1), shift=None, intervals=intervals)
            features, observed = align_frames(frames, words_of(*spans))
            for row in range(len(spans)):
                value = returned.get(f"{video}[{row}]")
                assert observed[row] == (value is not None)
                if value is not None:
                    np.testing.assert_allclose(features[row], value, rtol=0, atol=1e-6)
                    compared += 1
    assert compared == len(returned)
