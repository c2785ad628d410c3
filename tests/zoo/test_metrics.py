"""Metrics against tables counted by hand, scikit-learn and scipy, and relations that must hold for any data."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, mean_absolute_error, recall_score
from zoo_predictions import BINARY, CLASSES, SCORE, one_hot

from zoo.errors import DataError
from zoo.metrics import (
    LOWER_IS_BETTER,
    binary_metrics,
    class_metrics,
    confusion,
    decide,
    main_metric,
    measure,
    measure_draws,
    round_half_even,
    score_metrics,
)
from zoo.types import Task

NAMES = CLASSES.classes
TASKS = (SCORE, CLASSES, BINARY)


def random_case(task: Task, rng: np.random.Generator, count: int = 200):
    """Targets, known and answers with all that is awkward: zeros, halves, values out of range, unknown labels."""
    if task.kind == "score":
        targets, answers = (np.round(rng.normal(0, 1.5, (count, 1)) * 4) / 4 for _ in range(2))
    elif task.kind == "classes":
        targets, answers = rng.integers(4, size=(count, 1)).astype(float), rng.normal(size=(count, 4))
    else:
        targets, answers = (rng.random((count, 2)) < 0.3).astype(float), rng.normal(size=(count, 2))
    return targets, rng.random(targets.shape) < 0.8, answers


def test_scores_agree_with_a_table_counted_by_hand():
    truth = np.array([-2.6, -1.0, 0.0, 0.0, 0.4, 1.5, 2.4, 3.0])
    prediction = np.array([-3.2, 0.5, -0.2, 0.0, 0.0, 2.2, 1.4, -1.0])
    found = score_metrics(truth, prediction)
    # Against non-negative. Truth: 2 negative, 6 not. Answered negative: 3, of which the first alone is.
    assert found["Has0_acc_2"] == pytest.approx(5 / 8)  # wrong: second, third, last
    assert found["Has0_F1_score"] == pytest.approx((2 * (2 / 5) + 6 * (8 / 11)) / 8)
    # Without the two zeros. An answer of exactly 0 (fifth) is negative. Answered: - + - + + -.
    assert found["Non0_acc_2"] == pytest.approx(3 / 6)
    assert found["Non0_F1_score"] == pytest.approx((2 * (2 / 5) + 4 * (4 / 7)) / 6)
    # 7: -3 -1 0 0 0 2 2 3 against -3 0 0 0 0 2 1 -1;  5: -2 -1 0 0 0 2 2 2 against -2 0 0 0 0 2 1 -1
    assert found["Mult_acc_7"] == found["Mult_acc_5"] == pytest.approx(5 / 8)
    assert found["MAE"] == pytest.approx((0.6 + 1.5 + 0.2 + 0 + 0.4 + 0.7 + 1.0 + 4.0) / 8)


def test_classes_agree_with_a_table_counted_by_hand():
    truth, prediction = np.array([0, 0, 0, 0, 1, 1, 2, 2]), np.array([0, 0, 0, 1, 1, 2, 2, 3])
    assert confusion(truth, prediction, 4).tolist() == [[3, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 0]]
    assert class_metrics(truth, prediction, NAMES) == pytest.approx(
        {
            "WA": 5 / 8,
            "UA": (3 / 4 + 1 / 2 + 1 / 2) / 3,  # nobody is angry in truth
            "F1_neutral": 6 / 7,
            "F1_happy": 2 / 4,
            "F1_sad": 2 / 4,
            "F1_angry": 0,  # yet it was answered
            "macro_F1": (6 / 7 + 1) / 4,
            "weighted_F1": (4 * 6 / 7 + 2) / 8,
        }
    )


def test_yes_or_no_labels_agree_with_a_table_counted_by_hand():
    truth = np.array([[1, 0], [1, 0], [0, 0], [0, 0], [0, 1]], bool)
    known = np.array([[1, 1], [1, 1], [1, 1], [1, 1], [1, 0]], bool)
    prediction = np.array([[1, 0], [0, 0], [1, 0], [0, 0], [0, 0]], bool)
    happy, sad = (2 * 1 / 2 + 3 * 4 / 6) / 5, 1.0
    assert binary_metrics(truth, known, prediction, BINARY.targets) == pytest.approx(
        {
            "F1_happy": happy,
            "F1_positive_happy": 1 / 2,
            "acc_happy": 3 / 5,
            "F1_sad": sad,  # the only yes is not known; without one there is no F1 of yes
            "acc_sad": 1.0,
            "mean_F1": (happy + sad) / 2,
            "mean_F1_positive": 1 / 2,
            "mean_acc": (3 / 5 + 1) / 2,
        }
    )


@pytest.mark.parametrize("seed", range(4))
def test_scores_agree_with_scikit_learn_and_scipy(seed: int):
    rng = np.random.default_rng(seed)
    targets, _, answers = random_case(SCORE, rng)
    truth, prediction = targets[:, 0], answers[:, 0]
    marked = truth != 0
    has0, non0 = (truth >= 0, prediction >= 0), (truth[marked] > 0, prediction[marked] > 0)
    rounded = [[np.round(np.clip(values, -most, most)) for values in (truth, prediction)] for most in (2, 3)]
    assert score_metrics(truth, prediction) == pytest.approx(
        {
            "Has0_acc_2": accuracy_score(*has0),
            "Has0_F1_score": f1_score(*has0, average="weighted"),
            "Non0_acc_2": accuracy_score(*non0),
            "Non0_F1_score": f1_score(*non0, average="weighted"),
            "Mult_acc_5": accuracy_score(*rounded[0]),
            "Mult_acc_7": accuracy_score(*rounded[1]),
            "MAE": mean_absolute_error(truth, prediction),
            "Corr": pearsonr(truth, prediction).statistic,
        }
    )


@pytest.mark.parametrize("occurring", [(0, 1, 2, 3), (0, 2), (1,)])
def test_classes_agree_with_scikit_learn_also_where_some_do_not_occur(occurring: tuple[int, ...]):
    rng = np.random.default_rng(0)
    truth, prediction = rng.choice(occurring, 150), rng.integers(3, size=150)
    found = class_metrics(truth, prediction, NAMES)
    single = f1_score(truth, prediction, labels=range(4), average=None, zero_division=np.nan)
    assert found == pytest.approx(
        {
            "WA": accuracy_score(truth, prediction),
            "UA": recall_score(truth, prediction, labels=occurring, average="macro"),
            "macro_F1": f1_score(truth, prediction, average="macro"),
            "weighted_F1": f1_score(truth, prediction, average="weighted"),
            **{f"F1_{name}": value for name, value in zip(NAMES, single, strict=True) if not math.isnan(value)},
        }
    )
    assert np.array_equal(confusion(truth, prediction, 4), confusion_matrix(truth, prediction, labels=range(4)))


def test_yes_or_no_labels_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    targets, known, answers = random_case(BINARY, rng)
    found = measure(BINARY, targets, known, answers)
    for number, name in enumerate(BINARY.targets):
        pair = targets[known[:, number], number], answers[known[:, number], number] > 0
        assert found[f"F1_{name}"] == pytest.approx(f1_score(*pair, average="weighted"))
        assert found[f"F1_positive_{name}"] == pytest.approx(f1_score(*pair))
        assert found[f"acc_{name}"] == pytest.approx(accuracy_score(*pair))
    assert found["mean_F1"] == pytest.approx((found["F1_happy"] + found["F1_sad"]) / 2)


def test_f1_is_weighted_by_the_truth_and_not_by_the_answers():
    truth, prediction = np.array([1.0, 1, 1, -1]), np.array([1.0, -1, -1, -1])
    assert score_metrics(truth, prediction)["Non0_F1_score"] == pytest.approx((3 * 2 / 4 + 1 * 2 / 4) / 4)
    truth, prediction = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 1, 1, 1])
    right, swapped = (class_metrics(*pair, NAMES)["weighted_F1"] for pair in [(truth, prediction), (prediction, truth)])
    assert right == pytest.approx((3 * 2 / 4 + 2 * 4 / 6) / 5)
    assert swapped != pytest.approx(right)


def test_halves_are_rounded_to_the_even_number_within_the_limits():
    scores = np.array([-3.6, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 9.0])
    assert round_half_even(scores, 3).tolist() == [-3, -2, -2, 0, 0, 2, 2, 3]
    assert round_half_even(scores, 2).tolist() == [-2, -2, -2, 0, 0, 2, 2, 2]


@pytest.mark.parametrize("constant", [0.1, -1 / 3, 0.0, 2.7])
def test_a_constant_has_correlation_zero_also_in_single_precision(constant: float):
    rng = np.random.default_rng(0)
    truth, same = rng.normal(size=501).astype(np.float32), np.full(501, constant, np.float32)
    assert score_metrics(truth, same)["Corr"] == 0
    assert score_metrics(same, truth)["Corr"] == 0
    assert score_metrics(truth[:1], same[:1])["Corr"] == 0


def test_the_correlation_survives_a_large_common_offset_and_a_tiny_spread():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=300)
    for prediction in (1e6 + truth, 1e-9 * truth, 5 + 1e-7 * (truth + rng.normal(size=300))):
        assert score_metrics(truth, prediction)["Corr"] == pytest.approx(pearsonr(truth, prediction)[0], abs=1e-6)


def test_without_utterances_there_are_no_metrics():
    for task in TASKS:
        targets, known, answers = random_case(task, np.random.default_rng(0))
        assert measure(task, targets[:0], known[:0], answers[:0]) == {}
        assert measure(task, targets, np.zeros_like(known), answers) == {}
    assert not {"Non0_acc_2", "Non0_F1_score"} & score_metrics(np.zeros(3), np.ones(3)).keys()


@pytest.mark.parametrize("task", TASKS)
def test_what_is_unknown_takes_no_part(task: Task):
    rng = np.random.default_rng(0)
    targets, known, answers = random_case(task, rng)
    nonsense = np.where(known, targets, 0)
    assert measure(task, nonsense, known, answers) == measure(task, targets, known, answers)
    if task.kind != "binary":
        rows = known[:, 0]
        assert measure(task, targets[rows], known[rows], answers[rows]) == measure(task, targets, known, answers)


def test_an_answer_that_is_not_finite_is_refused():
    with pytest.raises(DataError, match="1 of 3 answers are NaN or infinite"):
        measure(SCORE, np.zeros((3, 1)), np.ones((3, 1), bool), np.array([[0.0], [np.nan], [1.0]]))


def test_answers_become_decisions():
    assert decide(SCORE, np.array([[0.3]])).tolist() == [[0.3]]
    assert decide(CLASSES, np.array([[0.0, 2, 2, 1], [0, 0, 0, 0]])).tolist() == [[1], [0]]
    assert decide(BINARY, np.array([[0.1, -0.1], [0.0, 3]])).tolist() == [[1, 0], [0, 1]]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.sampled_from(TASKS))
def test_relations_that_hold_for_any_data(seed: int, count: int, task: Task):
    rng = np.random.default_rng(seed)
    targets, known, answers = random_case(task, rng, count)
    found = measure(task, targets, known, answers)
    order = rng.permutation(count)
    assert measure(task, targets[order], known[order], answers[order]) == pytest.approx(found, abs=1e-12)
    shares = [value for name, value in found.items() if name not in {"MAE", "Corr"}]
    assert all(math.isfinite(value) for value in found.values())
    assert all(0 <= value <= 1 for value in shares)
    if task.kind == "score" and found:
        assert found["Mult_acc_5"] >= found["Mult_acc_7"]
        assert -1 <= found["Corr"] <= 1
    doubled = (np.concatenate([values, values]) for values in (targets, known, answers))
    assert measure(task, *doubled) == pytest.approx(found, abs=1e-12)


def test_leaving_the_zeros_out_is_what_the_name_says():
    rng = np.random.default_rng(0)
    targets, _, answers = random_case(SCORE, rng)
    truth, prediction = targets[:, 0], answers[:, 0]
    rest = truth != 0
    assert 0 < rest.sum() < len(truth)
    for name in ("Non0_acc_2", "Non0_F1_score"):
        assert score_metrics(truth, prediction)[name] == score_metrics(truth[rest], prediction[rest])[name]
    without_zero_answers = np.where(prediction == 0, 0.1, prediction)[rest]
    both = score_metrics(truth[rest], without_zero_answers)
    assert both["Has0_acc_2"] == both["Non0_acc_2"]


@pytest.mark.parametrize("task", TASKS)
def test_a_perfect_answer_gets_the_best_of_everything(task: Task):
    targets, known, _ = random_case(task, np.random.default_rng(0))
    answers = {"score": targets, "binary": targets - 0.5}.get(task.kind)
    found = measure(task, targets, known, one_hot(targets[:, 0].astype(int)) if answers is None else answers)
    assert found.pop("MAE", 0.0) == 0
    assert set(found.values()) == {1.0} or min(found.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("task", TASKS)
def test_a_weighted_draw_is_the_same_as_the_utterances_drawn(task: Task):
    rng = np.random.default_rng(0)
    targets, known, answers = random_case(task, rng)
    chosen = rng.integers(len(targets), size=(5, len(targets)))
    weights = np.stack([np.bincount(row, minlength=len(targets)) for row in chosen]).astype(float)
    draws = measure_draws(task, targets, known, answers, weights)
    for number, row in enumerate(chosen):
        one = {name: values[number] for name, values in draws.items()}
        assert one == pytest.approx(measure(task, targets[row], known[row], answers[row]), abs=1e-12)


def test_a_thousand_draws_of_the_largest_test_split_take_about_a_second():
    rng = np.random.default_rng(0)
    targets, known, answers = random_case(SCORE, rng, 4659)
    weights = rng.integers(3, size=(1000, 4659)).astype(float)
    start = time.perf_counter()
    measure_draws(SCORE, targets, known, answers, weights)
    assert time.perf_counter() - start < 3  # measured: 0.15 s


@pytest.mark.parametrize("task", TASKS)
def test_the_main_metric_is_among_the_metrics(task: Task):
    found = measure(task, *random_case(task, np.random.default_rng(0)))
    assert main_metric(task) in found
    assert main_metric(task) not in LOWER_IS_BETTER
