"""A clip to answers with the model that is shipped: its own extractors, cut at pauses, as table, JSON and picture."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from raw_media import film
from zoo_corpora import zoo

import mmfeat
from mmfeat.artifact import Artifact
from mmfeat.errors import ExtractionFailed, MissingDependency
from zoo.cli import main
from zoo.data import read_all
from zoo.errors import CheckpointMismatch, InputError
from zoo.packing import files_of, sample_of
from zoo.predict import (
    Answer,
    Answered,
    Handling,
    Predictor,
    Value,
    answer_clips,
    as_json,
    as_table,
    changes,
    choices_of,
    draw_recording,
)

SENTENCES = ("d22_03", "d01_00")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("film") / "talk.mp4"
    return path, " ".join(sentence.text for sentence in film(SENTENCES, path))


@pytest.fixture(scope="module")
def answered(predictor: Predictor, recording: tuple[Path, str]) -> Answered:
    return answer_clips(predictor, [recording[0]], recording[1], Handling(pauses=mmfeat.Pauses(shortest=0.3)))


@pytest.mark.slow
def test_a_recording_is_cut_and_answered_in_order(answered: Answered, recording: tuple[Path, str]) -> None:
    assert not answered.failures
    assert len(answered.answers) == len(SENTENCES)
    assert {answer.recording for answer in answered.answers} == {"talk"}
    assert [word.text for answer in answered.answers for word in answer.words] == recording[1].split()
    first, second = answered.answers
    assert first.end is not None
    assert second.start is not None
    assert first.end <= second.start
    assert all(answer.used == ("text", "audio", "vision") for answer in answered.answers)
    assert all(set(answer.what_if) == {*first.what_if} and len(answer.what_if) == 7 for answer in answered.answers)


@pytest.mark.slow
def test_answers_are_those_for_the_features_that_mmfeat_extracts(predictor: Predictor, tmp_path: Path) -> None:
    given = sample_of(predictor.folder)
    assert given is not None
    clip, transcript = given
    found = answer_clips(predictor, [clip], transcript, Handling(pauses=None)).answers[0]
    choices = choices_of(predictor.card, files_of(predictor.folder), Handling())
    done = mmfeat.extract([clip], tmp_path / "a.h5", transcripts=transcript, choices=choices)
    with Artifact(done.path) as artefact:
        expected = predictor.answer_part(read_all(artefact, predictor.card.task))[0]
    assert found.value == expected.value
    assert found.what_if == expected.what_if
    deaf = answer_clips(predictor, [clip], transcript, Handling(pauses=None, without=("audio", "vision"))).answers[0]
    assert deaf.used == ("text",)
    alone = found.what_if["text"]
    assert alone is not None
    assert deaf.value.score == pytest.approx(alone.score, abs=1e-5)


@pytest.mark.slow
def test_a_broken_clip_does_not_stop_the_others(predictor: Predictor, tmp_path: Path) -> None:
    given = sample_of(predictor.folder)
    assert given is not None
    good, bad = tmp_path / "good.mp4", tmp_path / "bad.mp4"
    shutil.copy(given[0], good)
    bad.write_bytes(b"no film")
    found = answer_clips(predictor, [good, bad])
    assert [answer.recording for answer in found.answers] == ["good"]
    assert {failure.id for failure in found.failures} == {"bad"}  # that words are unknown is no failure
    assert found.answers[0].used == ("audio", "vision")
    with pytest.raises(ExtractionFailed, match="no clip could be used"):
        answer_clips(predictor, [bad])


def test_other_extractors_are_refused_before_anything_is_extracted(predictor: Predictor) -> None:
    audio = {**predictor.card.features["audio"], "version": "0"}
    card = dataclasses.replace(predictor.card, features={**predictor.card.features, "audio": audio})
    changed = dataclasses.replace(predictor, card=card)
    with pytest.raises(CheckpointMismatch, match=r"audio\.version is '1' here, '0' there"):
        answer_clips(changed, [Path("not-even-there.mp4")])
    other = Handling(settings={"hog": {"size": 32}})
    with pytest.raises(CheckpointMismatch, match=r"vision\.config\.size is 32 here, 64 there"):
        choices_of(predictor.card, files_of(predictor.folder), other)


def test_a_model_without_its_word_vectors_asks_for_them(predictor: Predictor) -> None:
    with pytest.raises(MissingDependency, match="word vectors"):
        choices_of(predictor.card, {}, Handling())


def test_one_text_for_several_clips_is_refused(predictor: Predictor, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one transcript for 2 clips"):
        answer_clips(predictor, [tmp_path / "a.mp4", tmp_path / "b.mp4"], "hello there")


def an_answer(number: int, label: str = "positive", **changes: object) -> Answer:
    fields: dict[str, object] = {
        "id": f"talk_{number:03}",
        "value": Value(label, 1.25, {}),
        "used": ("text",),
        "observed": {"text": 1.0, "audio": 0.0},
        "weights": None,
        "what_if": {"text": Value(label, 0.5, {}), "audio": None},
        "recording": "talk",
        "start": 2.0 * number,
        "end": 2.0 * number + 1.5,
        "words": (mmfeat.Word("fine", 2.0 * number, 2.0 * number + 1),),
    }
    return Answer(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_table_says_what_is_missing(predictor: Predictor) -> None:
    shares = {"happy": 0.75, "sad": 0.25}
    head, line, other = as_table([an_answer(0), an_answer(1, "happy", value=Value("happy", None, shares))]).splitlines()
    assert head.split() == "recording from to answer seen l seen a seen v l a words".split()
    assert line.split() == "talk 0.0 1.5 positive +1.25 100% 0% - +0.50 - fine".split()
    assert other.split()[3:5] == ["happy", "75%"]
    made = json.loads(json.dumps(as_json(predictor.card, Answered((an_answer(0),), ()))))
    assert made["answers"][0]["what_if"] == {
        "text": {"label": "positive", "score": 0.5, "probabilities": {}},
        "audio": None,
    }


def test_changes_are_where_the_label_differs_from_the_one_before() -> None:
    answers = [an_answer(0), an_answer(1), an_answer(2, "negative"), an_answer(3)]
    assert [after.id for _, after in changes(answers)] == ["talk_002", "talk_003"]


def test_a_recording_is_drawn_with_and_without_weights(tmp_path: Path) -> None:
    plain = draw_recording([an_answer(0), an_answer(1, "negative")], tmp_path / "plain.png")
    classes = Value("happy", None, {"happy": 0.75, "sad": 0.25})
    weighted = draw_recording(
        [an_answer(0, value=classes, weights={"text": 0.6, "audio": 0.4})], tmp_path / "other.png"
    )
    assert plain.read_bytes()[:4] == weighted.read_bytes()[:4] == b"\x89PNG"
    assert plain.read_bytes() != weighted.read_bytes()
    with pytest.raises(InputError, match="2 answers of 2 recordings"):
        draw_recording([an_answer(0), an_answer(1, recording="other")], tmp_path / "no.png")


@pytest.mark.slow
def test_the_command_prints_a_table_and_writes_json_and_picture(
    demo: Path, recording: tuple[Path, str], tmp_path: Path
) -> None:
    output, plot = tmp_path / "a.json", tmp_path / "a.png"
    transcript = tmp_path / "talk.txt"
    transcript.write_text(recording[1], encoding="utf-8")
    done = zoo(
        "predict", demo, recording[0], "--transcript", transcript, "--pause", "0.3", "-o", output, "--plot", plot
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2 + len(SENTENCES)
    answers = json.loads(output.read_text(encoding="utf-8"))["answers"]
    assert [np.isfinite(answer["answer"]["score"]) for answer in answers] == [True] * len(SENTENCES)
    assert plot.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("no-such-model", "a.mp4"), "no-such-model"),
        (("demo", "a.mp4"), "no such file"),
        (("demo", "a.mp4", "--without", "smell"), "--without smell"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(
    home: Path,
    arguments: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(home))
    monkeypatch.setattr("sys.argv", ["zoo", "predict", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert said in capsys.readouterr().err.splitlines()[-1]
