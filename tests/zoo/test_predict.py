"""Answers for feature rows: those of the evaluation, whatever stands beside them; and what cannot be answered for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zoo_corpora import DIMS, tiny_run, write_corpus

from mmfeat import registry
from mmfeat.artifact import Artifact
from mmfeat.types import MODALITIES
from zoo.conditions import CONDITIONS, named
from zoo.data import read_all
from zoo.errors import CheckpointError, InputError
from zoo.evaluate import evaluate
from zoo.predict import Answer, Features, Predictor
from zoo.predict.answer import value_of
from zoo.train import train
from zoo.types import Task

MODELS = registry.names("zoo.models")
NATURAL = named("natural")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("predict") / "small.h5", sizes={"train": 30, "valid": 8, "test": 20})


@pytest.fixture(scope="module")
def predictors(path: Path) -> dict[str, Predictor]:
    return {
        model: Predictor.open(train(tiny_run(path, path.parent / "ck", model, epochs="1"), log=False))
        for model in MODELS
    }


def of_test_part(predictor: Predictor, path: Path) -> dict[str, Answer]:
    with Artifact(path) as artefact:
        answers = predictor.answer_part(read_all(artefact, predictor.card.task))
        wanted = set(artefact.ids("test"))
    return {answer.id: answer for answer in answers if answer.id in wanted}


def features(rng: np.random.Generator, count: int = 4, **changes: Any) -> Features:
    rows: Mapping[Any, Any] = {name: rng.normal(size=(count, width)).astype("f4") for name, width in DIMS.items()}
    return Features(**{"id": "a", "rows": rows, "dialogue": "d", **changes})


def score(answer: Answer, kept: str | None = None) -> float:
    value = answer.value if kept is None else answer.what_if[kept]
    assert value is not None
    assert value.score is not None
    return value.score


@pytest.mark.parametrize("model", MODELS)
def test_answers_are_those_of_the_evaluation(path: Path, predictors: dict[str, Predictor], model: str) -> None:
    predictor = predictors[model]
    truth, answers = evaluate(predictor.folder), of_test_part(predictor, path)
    for row, name in enumerate(truth.ids):
        assert score(answers[name]) == pytest.approx(truth.answers[NATURAL.key][row, 0], abs=1e-5)
    for condition in (each for each in CONDITIONS if each.group == "combination"):
        for row, name in enumerate(truth.ids):
            if not set(condition.kept.split("+")) & set(answers[name].used):
                assert answers[name].what_if[condition.kept] is None
            elif model == "aumdf":  # in a dialogue, what other utterances were spared counts too
                given = score(answers[name], condition.kept)
                assert given == pytest.approx(truth.answers[condition.key][row, 0], abs=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_an_answer_does_not_depend_on_what_else_is_asked(
    predictors: dict[str, Predictor], rng: np.random.Generator, model: str
) -> None:
    asked = [features(rng, count, id=f"u{count}", dialogue=f"d{count}") for count in range(1, 120)]
    together = {answer.id: score(answer) for answer in predictors[model].answer(asked)}
    for one in asked[::20]:
        assert score(predictors[model].answer([one], what_if=False)[0]) == pytest.approx(together[one.id], abs=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_an_absent_modality_is_one_that_was_not_observed(
    predictors: dict[str, Predictor], rng: np.random.Generator, model: str
) -> None:
    whole = features(rng)
    absent = features(rng, rows={name: rows for name, rows in whole.rows.items() if name != "vision"})
    unseen = features(rng, rows=whole.rows, observed={"vision": np.zeros(4, dtype=np.bool_)})
    first, second, complete = (predictors[model].answer([given])[0] for given in (absent, unseen, whole))
    assert score(first) == pytest.approx(score(second), abs=1e-6)
    assert score(first) == pytest.approx(score(complete, "text+audio"), abs=1e-6)
    assert abs(score(first) - score(complete)) > 1e-4
    assert first.used == ("text", "audio")
    assert first.what_if["vision"] is None
    assert first.observed == {"text": 1.0, "audio": 1.0, "vision": 0.0}


def test_weights_are_shares_of_what_is_kept(predictors: dict[str, Predictor], rng: np.random.Generator) -> None:
    answer = predictors["aumdf"].answer([features(rng, observed={"audio": np.array([True, False, True, False])})])[0]
    assert answer.weights is not None
    assert sum(answer.weights.values()) == pytest.approx(1.0)
    assert answer.weights["audio"] > 0
    assert answer.observed["audio"] == 0.5
    nothing = {name: np.zeros(4, dtype=np.bool_) for name in MODALITIES}
    blind = predictors["aumdf"].answer([features(rng, observed=nothing)])[0]
    assert blind.used == ()
    assert np.isfinite(score(blind))
    assert predictors["momke"].answer([features(rng)])[0].weights is None


def test_utterances_of_a_dialogue_are_answered_in_the_order_of_their_turns(
    predictors: dict[str, Predictor], rng: np.random.Generator
) -> None:
    first, second = features(rng, id="a", turn=0), features(rng, id="b", turn=1)
    given = predictors["momke"].answer([second, first])
    assert [answer.id for answer in given] == ["b", "a"]
    told = predictors["momke"].answer([first, second])
    assert score(given[0]) == pytest.approx(score(told[1]), abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": {}}, "no modality; expected some of text, audio, vision"),
        ({"rows": {"smell": np.zeros((4, 2))}}, "smell; expected some of"),
        ({"rows": {"text": np.zeros((4, 3))}}, r"text of shape \(4, 3\); expected \(rows, "),
        ({"rows": {"text": np.zeros((0, DIMS["text"]))}}, "at least one row"),
        ({"rows": {"text": np.full((4, DIMS["text"]), np.nan)}}, "NaN or infinity"),
        ({"observed": {"text": np.ones(3, dtype=np.bool_)}}, "one flag per row"),
        ({"rows": {name: np.zeros((n + 1, DIMS[name])) for n, name in enumerate(MODALITIES)}}, "one per word"),
    ],
)
def test_rows_that_do_not_fit_are_refused(
    predictors: dict[str, Predictor], rng: np.random.Generator, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        predictors["aumdf"].answer([features(rng, **changes)])


def test_nothing_to_answer_for_is_refused(predictors: dict[str, Predictor]) -> None:
    with pytest.raises(InputError, match="no utterances"):
        predictors["aumdf"].answer([])


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no card\.json"):
        Predictor.open(tmp_path)


def test_values_speak_the_language_of_their_task() -> None:
    assert value_of(Task("score", ("sentiment",)), np.array([-0.4])).label == "neutral"
    assert value_of(Task("score", ("sentiment",)), np.array([1.7])).label == "positive"
    sure = value_of(Task("classes", ("emotion",), ("sad", "glad")), np.array([0.0, np.log(3.0)]))
    assert sure.label == "glad"
    assert sure.probabilities["glad"] == pytest.approx(0.75)
    both = value_of(Task("binary", ("sad", "angry")), np.array([2.0, 1.0]))
    assert both.label == "sad, angry"
    assert value_of(Task("binary", ("sad", "angry")), np.array([-2.0, -1.0])).label == "none"
