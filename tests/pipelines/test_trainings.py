"""What params.yaml says of a training; and when a stage that DVC starts goes on, and when it begins anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mmfeat.errors import ConfigError
from pipelines import trainings

SECTION = {
    "name": "small",
    "model": "aumdf",
    "code": "zoo/models/aumdf",
    "stages": ["teacher", "student"],
    "target": "sentiment",
    "split": None,
    "seed": 7,
    "config": {"train": {"epochs": [1, 2]}},
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that a training of the demo corpus looks at, a few bytes each."""
    monkeypatch.chdir(tmp_path)
    for path in ("zoo/losses.py", "mmfeat/missing/draws.py", "data/aligned/demo.h5"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("first")
    list_model(tmp_path)
    return tmp_path


def list_model(folder: Path, **changes: Any) -> None:
    (folder / "pipelines").mkdir(exist_ok=True)
    (folder / "pipelines" / "params.yaml").write_text(yaml.safe_dump({"zoo": {"demo": SECTION | changes}}))


def left_by(folder: Path, stage: str) -> Path:
    """Begin a stage, and leave a state as if it had been killed."""
    run = trainings.read("demo")
    trainings.keep_only_what_goes_on("demo", run, stage)
    state = folder / "data/checkpoints/demo/small/seed-7" / stage / "state.safetensors"
    state.write_text("epoch 3")
    return state


def test_a_training_is_read_with_its_model_target_seed_and_settings(here: Path):
    run = trainings.read("demo")
    assert (run.model, run.target, run.seed, run.config) == ("aumdf", "sentiment", 7, SECTION["config"])
    folders = [Path(f"data/checkpoints/demo/small/seed-7/{stage}") for stage in ("teacher", "student")]
    assert trainings.stages_of("demo", run) == folders


def test_an_interrupted_stage_goes_on_if_nothing_changed(here: Path):
    state = left_by(here, "teacher")
    trainings.keep_only_what_goes_on("demo", trainings.read("demo"), "teacher")
    assert state.read_text() == "epoch 3"


@pytest.mark.parametrize("changed", ["zoo/losses.py", "mmfeat/missing/draws.py", "data/aligned/demo.h5"])
def test_a_stage_begins_anew_if_its_code_or_its_data_changed(here: Path, changed: str):
    state = left_by(here, "teacher")
    (here / changed).write_text("second")
    trainings.keep_only_what_goes_on("demo", trainings.read("demo"), "teacher")
    assert not state.exists()


def test_a_stage_begins_anew_if_its_settings_changed(here: Path):
    state = left_by(here, "teacher")
    list_model(here, config=None)
    trainings.keep_only_what_goes_on("demo", trainings.read("demo"), "teacher")
    assert not state.exists()


def test_a_student_begins_anew_if_its_teacher_changed_and_a_teacher_does_not_look_at_students(here: Path):
    teacher, student = left_by(here, "teacher"), left_by(here, "student")
    teacher.with_name("model.safetensors").write_text("another teacher")
    trainings.keep_only_what_goes_on("demo", trainings.read("demo"), "student")
    trainings.keep_only_what_goes_on("demo", trainings.read("demo"), "teacher")
    assert (student.exists(), teacher.exists()) == (False, True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"code": "zoo/models/momke.py"}, "zoo.demo.code .* set it to zoo/models/aumdf"),
        ({"stages": ["student"]}, r"zoo.demo.stages .* set it to \[teacher, student\]"),
    ],
)
def test_code_and_stages_that_are_not_the_models_are_refused(here: Path, changes: dict[str, Any], message: str):
    list_model(here, **changes)
    with pytest.raises(ConfigError, match=message):
        trainings.read("demo")


def test_a_corpus_without_a_model_says_where_to_list_one(here: Path):
    with pytest.raises(ConfigError, match="corpus 'mosi' has no model .* expected one of demo; list it under zoo"):
        trainings.read("mosi")


def test_every_corpus_with_a_model_in_the_repository_can_be_read(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(root)
    listed = yaml.safe_load((root / "pipelines" / "params.yaml").read_text())
    assert set(listed["zoo"]) <= set(listed["corpora"])
    assert all(trainings.read(name).model in str(listed["zoo"][name]["code"]) for name in listed["zoo"])
