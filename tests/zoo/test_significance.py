"""The paired bootstrap: known answers, coverage, and what it refuses."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from zoo_predictions import CLASSES, NATURAL, SCORE, one_hot, predictions

from mmfeat import missing
from zoo.errors import DataError
from zoo.metrics import measure
from zoo.predictions import Predictions
from zoo.significance import paired_bootstrap

AUDIO = missing.key("modality_combination", {"kept": ["audio"]})


def regression(rng: np.random.Generator, noise: float, truth: np.ndarray, **more: object) -> Predictions:
    answers = {key: truth + rng.normal(0, noise, len(truth)) for key in (NATURAL, AUDIO)}
    return predictions(SCORE, truth, answers, **more)  # type: ignore[arg-type]


def truth_of(rng: np.random.Generator, count: int = 300) -> np.ndarray:
    return np.round(rng.normal(0, 1.3, count) * 3) / 3


def test_a_model_against_itself_differs_by_nothing():
    rng = np.random.default_rng(0)
    truth = truth_of(rng)
    runs = [regression(rng, noise, truth) for noise in (1.0, 1.1, 1.2)]
    found = paired_bootstrap(runs, list(runs), [NATURAL, AUDIO], "Corr", draws=200)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert (found.draws, found.units) == (200, 300)


def test_the_difference_is_first_minus_second_averaged_over_seeds_and_conditions():
    rng = np.random.default_rng(0)
    truth = truth_of(rng)
    first, second = [regression(rng, 0.5, truth) for _ in range(2)], [regression(rng, 1.0, truth) for _ in range(3)]

    def mean(runs: list[Predictions]) -> float:
        every = [
            measure(SCORE, run.targets, run.known, run.answers[key])["MAE"] for run in runs for key in (NATURAL, AUDIO)
        ]
        return float(np.mean(every))

    found = paired_bootstrap(first, second, [NATURAL, AUDIO], "MAE", draws=400)
    assert found.difference == pytest.approx(mean(first) - mean(second))
    assert found.low < found.difference < found.high < 0
    assert found.p == pytest.approx(2 / 401)
    turned = paired_bootstrap(second, first, [NATURAL, AUDIO], "MAE", draws=400)
    assert (turned.difference, turned.low, turned.high) == pytest.approx((-found.difference, -found.high, -found.low))


def test_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(0)
    truth = truth_of(rng)
    pair = [regression(rng, 0.5, truth)], [regression(rng, 0.6, truth)]
    one, again, other = (paired_bootstrap(*pair, [NATURAL], "MAE", draws=100, seed=seed) for seed in (0, 0, 1))
    assert one == again
    assert one.low != other.low


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    rng = np.random.default_rng(0)
    truth = truth_of(rng, 800)
    first, second = regression(rng, 0.8, truth), regression(rng, 0.8, truth)
    apart = (np.abs(first.answers[NATURAL] - first.targets) - np.abs(second.answers[NATURAL] - second.targets))[:, 0]
    half = 1.96 * apart.std() / np.sqrt(800)
    found = paired_bootstrap([first], [second], [NATURAL], "MAE", draws=4000)
    assert found.low == pytest.approx(apart.mean() - half, abs=0.08 * half)
    assert found.high == pytest.approx(apart.mean() + half, abs=0.08 * half)


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered, significant = 0, 0
    for _ in range(150):
        truth = truth_of(rng, 120)
        pair = [regression(rng, 0.8, truth)], [regression(rng, 0.8, truth)]
        found = paired_bootstrap(*pair, [NATURAL], "MAE", draws=300)
        covered += found.low <= 0 <= found.high
        significant += found.p < 0.05
    assert 0.89 <= covered / 150 <= 0.99
    assert 0.01 <= significant / 150 <= 0.11


def test_utterances_of_a_dialogue_are_drawn_together():
    rng = np.random.default_rng(0)
    truth = truth_of(rng, 300)
    dialogues = [f"d{number // 30}" for number in range(300)]
    shared = np.repeat(rng.normal(0, 1, 10), 30)  # how much better the first is, the same within a dialogue
    first = predictions(SCORE, truth, {NATURAL: truth + 2}, dialogues=dialogues)
    second = predictions(SCORE, truth, {NATURAL: truth + 2 + shared}, dialogues=dialogues)
    whole = paired_bootstrap([first], [second], [NATURAL], "MAE", draws=500)
    single = paired_bootstrap([first], [second], [NATURAL], "MAE", draws=500, unit="utterance")
    assert (whole.units, single.units) == (10, 300)
    assert whole.difference == single.difference
    assert whole.high - whole.low > 3 * (single.high - single.low)


def test_utterances_without_a_dialogue_are_drawn_one_by_one():
    rng = np.random.default_rng(0)
    truth = truth_of(rng, 20)
    one = regression(rng, 0.5, truth, dialogues=["a"] * 10 + [""] * 10)
    assert paired_bootstrap([one], [one], [NATURAL], "MAE", draws=10).units == 11


def test_what_a_combination_spared_does_not_move_the_difference():
    rng = np.random.default_rng(0)
    truth = truth_of(rng)
    spared = {AUDIO: list(rng.random(300) < 0.5)}
    first, second = (regression(rng, noise, truth, spared=spared) for noise in (0.5, 0.8))
    found = paired_bootstrap([first], [second], [AUDIO], "MAE", draws=50)
    nonsense = np.where(np.array(spared[AUDIO])[:, None], 99.0, first.answers[AUDIO])
    changed = replace(first, answers={**first.answers, AUDIO: nonsense})
    assert paired_bootstrap([changed], [second], [AUDIO], "MAE", draws=50) == found


def test_draws_in_which_the_metric_does_not_exist_are_left_out_and_counted():
    truth = np.array([1.0, 0.0, 0.0, 0.0])
    first, second = (predictions(SCORE, truth, {NATURAL: values}) for values in ([1.0, 1, 1, 1], [-1.0, 1, 1, 1]))
    found = paired_bootstrap([first], [second], [NATURAL], "Non0_acc_2", draws=1000)
    assert found.difference == found.low == found.high == 1
    assert found.draws == pytest.approx(1000 * (1 - 0.75**4), abs=60)


def test_predictions_for_other_utterances_are_refused():
    rng = np.random.default_rng(0)
    truth = truth_of(rng)
    first = regression(rng, 0.5, truth)
    others = (
        replace(first, ids=(*first.ids[1:], "x")),
        replace(first, targets=first.targets + 1),
        replace(first, known=~first.known),
        replace(first, task=replace(SCORE, targets=("arousal",))),
        replace(first, spared={**first.spared, AUDIO: ~first.spared[AUDIO]}),
    )
    for other in others:
        with pytest.raises(DataError, match="differ in utterances, labels or masks"):
            paired_bootstrap([first], [other], [AUDIO], "MAE", draws=10)
    with pytest.raises(DataError, match="1 and 0 predictions under 1 masks"):
        paired_bootstrap([first], [], [AUDIO], "MAE", draws=10)


def test_an_unknown_metric_mask_or_too_few_units_are_refused():
    rng = np.random.default_rng(0)
    one = regression(rng, 0.5, truth_of(rng, 6), dialogues=["only"] * 6)
    with pytest.raises(DataError, match="1 dialogue to draw from; expected at least 2"):
        paired_bootstrap([one], [one], [NATURAL], "MAE", draws=10)
    with pytest.raises(DataError, match="metric 'UA'; expected one of Has0_acc_2"):
        paired_bootstrap([one], [one], [NATURAL], "UA", draws=10, unit="utterance")
    with pytest.raises(DataError, match="no answers under mask burst"):
        paired_bootstrap([one], [one], ["burst"], "MAE", draws=10, unit="utterance")
    nobody = predictions(CLASSES, [0, 1], {NATURAL: one_hot([0, 1])}, known=[False, False])
    with pytest.raises(DataError, match="metric 'UA' does not exist for these utterances"):
        paired_bootstrap([nobody], [nobody], [NATURAL], "UA", draws=10)


def test_a_comparison_on_the_largest_test_split_takes_seconds():
    rng = np.random.default_rng(0)
    truth = truth_of(rng, 4659)
    pair = [regression(rng, 0.8, truth)], [regression(rng, 0.9, truth)]
    start = time.perf_counter()
    paired_bootstrap(*pair, [NATURAL], "Non0_F1_score", draws=1000)
    assert time.perf_counter() - start < 5
