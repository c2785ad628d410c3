"""The floor: the best answer that ignores its input."""

from __future__ import annotations

import numpy as np
import pytest
from zoo_predictions import BINARY, CLASSES, SCORE

from zoo.errors import DataError
from zoo.metrics import constant_answer, decide, measure


def test_the_constant_answer_of_a_score_is_the_median():
    targets, known = np.array([[-3.0], [0.5], [1.0], [9.0]]), np.array([[1], [1], [1], [0]], bool)
    assert constant_answer(SCORE, targets, known).tolist() == [0.5]
    errors = [np.abs(targets[:3] - constant).mean() for constant in np.linspace(-3, 3, 61)]
    assert np.abs(targets[:3] - 0.5).mean() <= min(errors) + 1e-12


def test_the_floor_of_a_score_takes_the_larger_side_where_the_median_is_zero():
    known = np.ones((5, 1), bool)
    for targets, accuracy in (([-1, 0, 0, 1, 2], 2 / 3), ([-1, -1, 0, 0, 2], 2 / 3)):
        truth = np.array(targets, float)[:, None]
        answer = np.tile(constant_answer(SCORE, truth, known), (5, 1))
        assert measure(SCORE, truth, known, answer)["Non0_acc_2"] == pytest.approx(accuracy)
        assert abs(answer[0, 0]) <= 1e-6


def test_the_constant_answer_of_classes_is_the_logarithm_of_their_shares():
    targets = np.array([[0.0], [0], [0], [1], [1], [2], [3]])
    known = np.array([[1], [1], [1], [1], [1], [1], [0]], bool)
    found = constant_answer(CLASSES, targets, known)
    assert np.exp(found) == pytest.approx(np.array([4, 3, 2, 1]) / 10)  # one more of each
    floor = measure(CLASSES, targets, known, np.tile(found, (7, 1)))
    assert floor["WA"] == pytest.approx(3 / 6)
    assert floor["UA"] == pytest.approx(1 / 3)


def test_the_constant_answer_of_yes_or_no_labels_is_the_logarithm_of_the_odds():
    targets = np.array([[1.0, 0], [1, 0], [1, 1], [0, 1]])
    known = np.array([[1, 1], [1, 1], [1, 1], [1, 0]], bool)
    assert constant_answer(BINARY, targets, known) == pytest.approx(np.log([4 / 2, 2 / 3]))
    assert decide(BINARY, constant_answer(BINARY, targets, known)[None]).tolist() == [[1, 0]]


def test_no_constant_answer_is_fitted_to_nothing():
    with pytest.raises(DataError, match="0 of 2 utterances have a label"):
        constant_answer(SCORE, np.zeros((2, 1)), np.zeros((2, 1), bool))
