"""Emotion change, counted by hand in small dialogues and by a slow loop in large ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from zoo_predictions import BINARY, CLASSES, NATURAL, SCORE, one_hot, predictions

from mmfeat import missing
from zoo.emotion_change import change_metrics, score_changes, timeline
from zoo.errors import DataError
from zoo.predictions import Predictions

AUDIO = missing.key("modality_combination", {"kept": ["audio"]})

# Turn:      0    1    2    3    4    5    6
# Speaker:   A    B    A    B    A    A    B
# Truth:     0    1    0    2    3    3    2
# Answer:    0    1    1    2    3    0    2
TRUTH, ANSWER, SPEAKERS = [0, 1, 0, 2, 3, 3, 2], [0, 1, 1, 2, 3, 0, 2], list("ABABAAB")


def talk(**changed: object) -> Predictions:
    settings: dict[str, object] = {"dialogues": ["d"] * 7, "speakers": SPEAKERS}
    return predictions(CLASSES, TRUTH, {NATURAL: one_hot(ANSWER)}, **(settings | changed))  # type: ignore[arg-type]


def test_a_dialogue_counted_by_hand():
    # A: 0>0 0>3 3>3, answered 0>1 1>3 3>0.  B: 1>2 2>2, answered 1>2 2>2.
    found = score_changes(talk())["natural"]
    assert found.count == 5
    assert found.metrics == pytest.approx(
        {
            "changes": 2,
            "change_precision": 2 / 4,
            "change_recall": 2 / 2,
            "change_F1": 2 * 2 / (4 + 2),
            "change_accuracy": 3 / 5,
            "pair_accuracy": 2 / 5,
            "pair_accuracy_changed": 1 / 2,
        }
    )


def test_the_floor_never_changes():
    floor = score_changes(talk())["natural"].floor
    assert floor == pytest.approx(
        {
            "changes": 2,
            "change_recall": 0,
            "change_F1": 0,
            "change_accuracy": 3 / 5,
            "pair_accuracy": 3 / 5,
            "pair_accuracy_changed": 0,
        }
    )


def test_where_nothing_changes_there_is_no_recall():
    found = change_metrics(np.array([[1, 1], [2, 2]]), np.array([[1, 1], [2, 2]]))
    assert found == {"changes": 0, "change_accuracy": 1, "pair_accuracy": 1}


def test_unknown_speakers_of_a_dialogue_count_as_one():
    # 0>1>0>2>3>3>2, answered 0>1>1>2>3>0>2
    found = score_changes(talk(speakers=[""] * 7))["natural"]
    assert (found.count, found.metrics["changes"]) == (6, 5)
    assert found.metrics["change_precision"] == pytest.approx(4 / 5)
    assert found.metrics["change_recall"] == pytest.approx(4 / 5)
    assert found.metrics["pair_accuracy"] == pytest.approx(2 / 6)


def test_an_utterance_without_a_label_is_bridged_or_breaks():
    known = [True, True, True, True, False, True, True]  # the fourth of A: 0>0 then 0>3 across it
    bridged, broken = (score_changes(talk(known=known), rule)["natural"] for rule in ("bridge", "break"))
    assert (bridged.count, bridged.metrics["changes"]) == (4, 2)
    assert bridged.metrics["change_recall"] == 1  # answered 1>0 across it
    assert bridged.metrics["pair_accuracy_changed"] == 1 / 2
    assert (broken.count, broken.metrics["changes"]) == (3, 1)


def test_an_utterance_that_a_combination_spared_is_as_one_without_a_label():
    spared = [False, False, False, False, True, False, False]
    given = predictions(
        CLASSES,
        TRUTH,
        {key: one_hot(ANSWER) for key in (NATURAL, AUDIO)},
        spared={AUDIO: spared},
        dialogues=["d"] * 7,
        speakers=SPEAKERS,
    )
    found = score_changes(given)
    unlabelled = score_changes(talk(known=[not value for value in spared]))["natural"]
    assert found["a"] == unlabelled
    assert found["natural"].count == 5


def test_neighbours_are_of_one_dialogue_and_in_the_order_of_turns():
    given = predictions(
        CLASSES,
        [3, 0, 1, 0, 2],
        {NATURAL: one_hot([3, 0, 1, 0, 2])},
        dialogues=["d", "e", "d", "", ""],
        turns=[2, 0, 1, 0, 1],
        speakers=["A"] * 5,
    )
    found = score_changes(given)["natural"]
    assert (found.count, found.metrics["changes"]) == (1, 1)  # 1>3 in d; e has one utterance, two have no dialogue
    assert found.metrics["pair_accuracy"] == 1


def test_without_dialogues_there_are_no_pairs():
    found = score_changes(talk(dialogues=[""] * 7))["natural"]
    assert (found.count, found.metrics) == (0, {"changes": 0})


def test_the_emotion_of_a_score_is_its_rounded_sign():
    truth, answer = [-2.0, -0.4, 0.6, 3.0], [-0.6, 0.4, 0.5, 9.0]  # - 0 + +  answered  - 0 0 +
    given = predictions(SCORE, truth, {NATURAL: answer}, dialogues=["d"] * 4)
    found = score_changes(given)["natural"].metrics
    assert found["changes"] == 2
    assert found["change_precision"] == found["change_recall"] == 1 / 2
    assert found["pair_accuracy"] == 1 / 3
    assert timeline(given, "d", NATURAL).names == ("negative", "neutral", "positive")
    assert timeline(given, "d", NATURAL).predicted.tolist() == [0, 1, 1, 2]


def test_yes_or_no_labels_have_no_single_emotion_to_change():
    given = predictions(BINARY, [[1, 0]], {NATURAL: [[1.0, -1]]}, dialogues=["d"])
    with pytest.raises(DataError, match="yes-or-no labels happy, sad"):
        score_changes(given)
    with pytest.raises(DataError, match="yes-or-no labels happy, sad"):
        timeline(given, "d", NATURAL)


def test_an_answer_that_is_not_finite_is_refused():
    given = predictions(SCORE, [1.0, 2.0], {NATURAL: [1.0, np.inf]}, dialogues=["d"] * 2)
    with pytest.raises(DataError, match="1 of 2 answers are NaN or infinite"):
        score_changes(given)


def slow_pairs(given: Predictions, rule: str) -> Iterator[tuple[int, int]]:
    for dialogue in sorted(set(given.dialogues) - {""}):
        for speaker in sorted(set(given.speakers)):
            own = [n for n, name in enumerate(given.dialogues) if (name, given.speakers[n]) == (dialogue, speaker)]
            last = None
            for number in sorted(own, key=lambda n: given.turns[n]):
                if given.known[number, 0]:
                    if last is not None:
                        yield last, number
                    last = number
                elif rule == "break":
                    last = None


@pytest.mark.parametrize("rule", ["bridge", "break"])
def test_a_slow_loop_over_many_dialogues_finds_the_same(rule: str):
    rng = np.random.default_rng(0)
    given = predictions(
        CLASSES,
        rng.integers(4, size=400),
        {NATURAL: rng.normal(size=(400, 4))},
        known=rng.random(400) < 0.7,
        dialogues=[f"d{number}" if number else "" for number in rng.integers(9, size=400)],
        turns=list(rng.permutation(400)),
        speakers=[("", "A", "B")[number] for number in rng.integers(3, size=400)],
    )
    pairs = np.array(list(slow_pairs(given, rule)))
    truth, predicted = given.targets[:, 0].astype(int), given.answers[NATURAL].argmax(axis=1)
    found = score_changes(given, rule)["natural"]  # type: ignore[arg-type]
    assert found.count == len(pairs) > 100
    assert found.metrics == change_metrics(truth[pairs], predicted[pairs])


def test_a_timeline_has_the_dialogue_in_the_order_of_its_turns():
    shuffled = [6, 5, 4, 3, 2, 1, 0]
    given = predictions(
        CLASSES,
        [TRUTH[number] for number in shuffled] + [0],
        {NATURAL: one_hot([ANSWER[number] for number in shuffled] + [0])},
        known=[number != 4 for number in shuffled] + [True],
        dialogues=["d"] * 7 + ["e"],
        turns=[*shuffled, 0],
        speakers=[SPEAKERS[number] for number in shuffled] + ["A"],
    )
    line = timeline(given, "d", NATURAL)
    assert line.names == CLASSES.classes
    assert line.turns.tolist() == list(range(7))
    assert "".join(line.speakers) == "ABABAAB"
    assert line.truth.tolist() == [0, 1, 0, 2, -1, 3, 2]
    assert line.predicted.tolist() == ANSWER
    assert line.scored.tolist() == [True] * 4 + [False] + [True] * 2
    assert line.ids[0] == "u6"


def test_a_timeline_of_no_dialogue_or_mask_is_refused():
    with pytest.raises(DataError, match=r"dialogue 'dd'; expected one of the split's \(d\)"):
        timeline(talk(), "dd", NATURAL)
    with pytest.raises(DataError, match=r"dialogue ''; expected one of the split's \(none\)"):
        timeline(talk(dialogues=[""] * 7), "", NATURAL)
    with pytest.raises(DataError, match="no answers under mask x"):
        timeline(talk(), "d", "x")
