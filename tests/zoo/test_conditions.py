"""Conditions, scores within them, and summaries over them, against sums done by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from zoo_predictions import CLASSES, NATURAL, SCORE, one_hot, predictions

from mmfeat import missing
from zoo.conditions import CONDITIONS, Spread, Summary, across_seeds, score_predictions, scored, summarise
from zoo.errors import DataError

COMBINATIONS = ("l", "a", "v", "l,a", "l,v", "a,v", "l,a,v")
TEXT = missing.key("modality_combination", {"kept": ["text"]})
AUDIO = missing.key("modality_combination", {"kept": ["audio"]})
DROP = missing.key("frame_drop", {"rate": 0.9})


def given(values: dict[str, float], metric: str = "UA") -> dict[str, dict[str, float]]:
    return {name: {metric: value} for name, value in values.items()}


def test_conditions_are_those_that_masks_are_drawn_for_by_default():
    keys = {missing.key(job.protocol, job.parameters) for job in missing.jobs(missing.DEFAULT, ["test"])}
    assert {condition.key for condition in CONDITIONS} == keys
    assert len({condition.name for condition in CONDITIONS}) == len(CONDITIONS)


def test_combinations_have_the_names_of_the_papers():
    seven = [condition for condition in CONDITIONS if condition.group == "combination"]
    assert tuple(condition.name for condition in seven) == COMBINATIONS
    assert [condition.kept for condition in seven][3:6] == ["text+audio", "text+vision", "audio+vision"]
    assert seven[3].key == "modality_combination,kept=text+audio,seed=0,variant=0"


def test_frame_drop_runs_over_ten_rates():
    rates = [condition.rate for condition in CONDITIONS if condition.group == "frame_drop"]
    assert rates == [number / 10 for number in range(10)]
    assert next(condition for condition in CONDITIONS if condition.name == "frame_drop 0.9").key == DROP


def test_a_model_and_its_floor_are_scored_in_every_condition_that_it_answered_under():
    truth = [0, 0, 0, 1]
    given = predictions(
        CLASSES,
        truth,
        {AUDIO: one_hot([0, 1, 1, 1]), NATURAL: one_hot(truth)},
        constant=[3.0, 2, 1, 0],
        known=[True, True, True, True],
    )
    found = score_predictions(given)
    assert list(found) == ["natural", "a"]
    assert found["natural"].metrics["WA"] == 1
    assert found["a"].metrics["WA"] == pytest.approx(2 / 4)
    assert found["a"].floor["WA"] == pytest.approx(3 / 4)
    assert found["a"].floor["UA"] == pytest.approx(1 / 2)


def test_utterances_that_a_combination_spared_are_not_scored():
    spared = {key: [False, True, False, False] for key in (AUDIO, DROP)}
    given = predictions(
        SCORE,
        [1.0, 2.0, -1.0, 0.5],
        {key: [1.5, 9.0, -1.0, 7.0] for key in (AUDIO, DROP)},
        spared=spared,
        known=[1, 1, 1, 0],
        constant=[1.0],
    )
    found = score_predictions(given)
    assert found["a"].count == 2
    assert found["a"].metrics["MAE"] == pytest.approx(0.5 / 2)
    assert found["a"].floor["MAE"] == pytest.approx((0 + 2) / 2)
    # A row always stays when rows are dropped, so nobody is left out there.
    assert found["frame_drop 0.9"].count == 3
    assert found["frame_drop 0.9"].metrics["MAE"] == pytest.approx(7.5 / 3)


def test_a_condition_that_spares_everybody_has_no_score_and_is_missing_from_the_summaries():
    given = predictions(
        CLASSES,
        [0, 1],
        {TEXT: one_hot([0, 1]), AUDIO: one_hot([0, 1])},
        spared={AUDIO: [True, True]},
    )
    found = score_predictions(given)
    assert (found["a"].metrics, found["a"].floor, found["a"].count) == ({}, {}, 0)
    means = summarise({name: scores.metrics for name, scores in found.items()}, "UA")
    assert means["mean_incomplete"] == Summary(1.0, 1, 6)
    assert means["mean_all"] == Summary(1.0, 1, 7)
    assert means["worst"] == Summary(1.0, 1, 7, "l")


def test_answers_under_an_unknown_mask_are_refused():
    with pytest.raises(DataError, match="no answers under mask natural"):
        scored(predictions(CLASSES, [0], {AUDIO: one_hot([0])}), NATURAL)


def test_means_over_six_and_over_seven_are_those_of_a_published_row():
    # AUMDF (Wang et al. 2025), table 3, its own row of F1 on MOSI, whose average is printed as that of all seven.
    row = dict(zip(COMBINATIONS, (81.31, 64.53, 60.84, 73.68, 79.41, 73.84, 84.37), strict=True))
    means = summarise(given(row), "UA")
    assert means["mean_incomplete"] == Summary(pytest.approx(433.61 / 6), 6, 6)
    assert means["mean_all"] == Summary(pytest.approx(73.997, abs=0.001), 7, 7)
    assert means["worst"] == Summary(60.84, 7, 7, "v")


def test_the_worst_of_an_error_is_the_highest():
    row = dict(zip(COMBINATIONS, (0.7, 1.4, 1.2, 0.8, 0.6, 1.1, 0.5), strict=True))
    assert summarise(given(row), "UA")["worst"] == Summary(0.5, 7, 7, "l,a,v")
    assert summarise(given(row, "MAE"), "MAE")["worst"] == Summary(1.4, 7, 7, "a")


def test_the_area_of_a_straight_line_is_its_middle_and_of_a_constant_itself():
    line = {f"frame_drop {number / 10}": 0.9 - number / 20 for number in range(10)}
    assert summarise(given(line), "UA") == {"area_frame_drop": Summary(pytest.approx(0.9 - 4.5 / 20), 10, 10)}
    flat = {f"burst {number / 10}": 0.4 for number in range(1, 10)}
    assert summarise(given(flat), "UA") == {"area_burst": Summary(pytest.approx(0.4), 9, 9)}


def test_the_area_agrees_with_numpy_on_any_curve():
    rng = np.random.default_rng(0)
    curve = {f"random_modality {number / 10}": float(rng.random()) for number in range(8)}
    expected = np.trapezoid(list(curve.values()), np.arange(8) / 10) / 0.7
    assert summarise(given(curve), "UA")["area_random_modality"].value == pytest.approx(expected)


def test_an_area_bridges_a_gap_and_does_not_guess_an_end():
    line = {f"frame_drop {number / 10}": number / 10 for number in range(10)}
    middle = {name: value for name, value in line.items() if name != "frame_drop 0.4"}
    assert summarise(given(middle), "UA")["area_frame_drop"] == Summary(pytest.approx(0.45), 9, 10)
    assert summarise(given({name: line[name] for name in list(line)[:9]}), "UA") == {}


def test_a_metric_that_no_condition_has_has_no_summary():
    assert summarise(given({"l": 1.0}), "Corr") == {}


def test_seeds_have_a_mean_a_deviation_of_the_sample_and_a_number():
    found = across_seeds([{"UA": 0.5, "WA": 1.0}, {"UA": 0.7}, {"UA": 0.9}])
    assert found["UA"] == Spread(pytest.approx(0.7), pytest.approx(0.2), 3)
    assert found["WA"] == Spread(1.0, None, 1)
    assert across_seeds([]) == {}


def test_the_order_of_utterances_changes_no_score():
    rng = np.random.default_rng(0)
    answers, order = rng.normal(size=(30, 4)), rng.permutation(30)
    first = predictions(CLASSES, rng.integers(4, size=30), {AUDIO: answers}, spared={AUDIO: [False, True, False] * 10})
    second = replace(
        first,
        targets=first.targets[order],
        known=first.known[order],
        answers={AUDIO: answers[order]},
        spared={AUDIO: first.spared[AUDIO][order]},
    )
    assert score_predictions(first)["a"].metrics == pytest.approx(score_predictions(second)["a"].metrics)
