"""What a user can get wrong: one clear line, exit code 1, and nothing that was there is lost."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from zoo_corpora import arguments, tiny_run, weights, write_corpus

from mmfeat.errors import OutputError
from zoo import checkpoint
from zoo.cli import main
from zoo.errors import NonFiniteLoss
from zoo.models.aumdf.objectives import TeacherObjective
from zoo.train import Silent, train
from zoo.train.state import read_progress
from zoo.types import Batch

Fail = Callable[..., str]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("bad") / "small.h5")


@pytest.fixture(scope="module")
def folder(path: Path) -> Path:
    return train(tiny_run(path, path.parent / "ck", epochs="1"), log=False)


@pytest.fixture
def fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fail:
    """Run a command in an empty folder, which must end with code 1; gives what it says last."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["zoo", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        assert stop.value.code == 1, said
        assert "Traceback" not in said.err
        lines = [line for line in said.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1
        assert lines[0] == said.err.splitlines()[-1]
        assert said.out == ""
        return lines[0].removeprefix("error: ")

    return run


def test_a_dataset_that_is_not_there_says_what_makes_it(fail: Fail) -> None:
    said = fail("train", "aumdf", "-d", "mosi")
    assert said.startswith("no dataset 'mosi': neither a file of that name nor data/aligned/mosi.h5")
    assert "'dvc repro'" in said
    assert "'mmfeat extract'" in said


@pytest.mark.parametrize(
    ("corpus", "words", "message"),
    [
        ({"labels": ()}, (), "no labels; expected at least one; give the corpus a table with labels"),
        ({"sizes": {"train": 20}}, (), "has train, no valid; expected train, valid, test; divide the corpus"),
        ({"sizes": {"all": 20}}, (), "has all, no train and no valid"),
        ({"lacking": 2}, ("--target", "emotion"), "class glad of emotion never occurs in train"),
        ({"own": ("vision",)}, (), "rows of vision are not the words"),
        ({}, ("--target", "valence"), "no label valence; expected some of emotion, happy, sad, sentiment"),
        ({}, ("--split", "session"), "no split 'session'; expected one of official, other"),
    ],
)
def test_an_artefact_that_cannot_be_learned_from_says_why(
    fail: Fail, tmp_path: Path, corpus: dict[str, Any], words: tuple[str, ...], message: str
) -> None:
    target = {"target": ""} if "labels" in corpus else {}
    path = write_corpus(tmp_path / "a.h5", **corpus, **target)
    assert message in fail(*arguments(path, tmp_path / "ck"), *words)
    assert not (tmp_path / "ck").exists()


def test_dialogues_are_asked_for_by_a_model_of_dialogues(fail: Fail, tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "a.h5", dialogues=False)
    assert "a column 'dialogue', and 'turn'" in fail(*arguments(path, tmp_path / "ck", "momke"))


def test_a_file_that_is_no_artefact_is_refused(fail: Fail, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"no")
    assert "expected an artefact" in fail("train", "aumdf", "-d", tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--set", "train.learningrate=1"), "did you mean 'learning_rate'"),
        (("--set", "trian.epochs=1"), "expected SECTION.KEY=VALUE"),
        (("--set", "train.select=MEA"), "train.select 'MEA'; expected what validation has of sentiment: loss, "),
        (("--set", "train.select=MEA"), "did you mean 'MAE'"),
        (("--set", "train.select=UA"), "Has0_acc_2"),
        (("--set", "missing.combinations=txt"), "kept 'txt'"),
        (("--config", "nowhere.yaml"), "expected a YAML file or one of"),
        (("--stage", "studnet"), "stage 'studnet'; expected one of teacher, student"),
        (("--stage", "student"), "stage teacher is not finished"),
        (("--base", "nobody"), "stage teacher is not finished"),
        (("--device", "gpu"), "device='gpu' is not auto | cpu | cuda"),
        (("--precision", "fp8"), "32-true | bf16-mixed | 16-mixed"),
        (("--device", "cpu", "--precision", "16-mixed"), "CPUs lack it"),
    ],
)
def test_a_wrong_option_is_named(fail: Fail, path: Path, tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    assert message in fail(*arguments(path, tmp_path / "ck"), *words)
    assert not (tmp_path / "ck").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named(fail: Fail, path: Path, tmp_path: Path) -> None:
    said = fail(*arguments(path, tmp_path), "--device", "cuda")
    assert said == "device cuda: this machine has none that torch can use; expected one; choose --device cpu"


def test_bad_yaml_is_refused(fail: Fail, path: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("train: {epochs: 3\nmodel: [")
    assert "mine.yaml: " in fail(*arguments(path, tmp_path / "ck"), "--config", "mine.yaml")


def test_an_unknown_model_is_answered_with_the_near_ones(fail: Fail, path: Path) -> None:
    assert "expected one of aumdf, " in fail("train", "aumfd", "-d", path)
    assert "did you mean aumdf?" in fail("train", "aumfd", "-d", path)


@pytest.mark.parametrize("clip", ["0", "1"])
def test_a_loss_that_is_no_number_stops_the_training(fail: Fail, path: Path, tmp_path: Path, clip: str) -> None:
    more = ("--set", "train.learning_rate=1e30", "--set", f"train.clip_norm={clip}")
    said = fail(*arguments(path, tmp_path), *more)
    assert said.startswith("teacher: loss ")
    assert " at batch 2 of epoch 1; expected a number; lower train.learning_rate (1e+30)" in said
    assert "the best epoch so far" not in said


def test_what_was_kept_before_a_loss_that_is_no_number_stays(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, calls = TeacherObjective.forward, [0]

    def poisoned(self: TeacherObjective, batch: Batch) -> dict[str, Tensor]:
        losses = forward(self, batch)
        calls[0] += 1
        return {name: value * (float("nan") if calls[0] == 9 else 1) for name, value in losses.items()}

    monkeypatch.setattr(TeacherObjective, "forward", poisoned)
    run = tiny_run(path, tmp_path, epochs="4")  # an epoch is 3 batches of training and 1 of validation
    with pytest.raises(NonFiniteLoss, match=r"teacher: loss nan at batch 1 of epoch 3; .* best epoch so far is in"):
        train(run, stage="teacher", log=False)
    monkeypatch.undo()
    kept = checkpoint.load(run.folder("small") / "teacher")
    assert kept.card.selection["epoch"] == 2
    assert kept.card.selection["finished"] is False
    whole = train(tiny_run(path, tmp_path / "whole", epochs="4"), stage="teacher", log=False)
    assert weights(train(run, stage="teacher", log=False)) == weights(whole)


@pytest.mark.parametrize("limit", [30_000, 100_000], ids=["weights", "state"])
def test_a_full_disk_leaves_the_earlier_checkpoint(path: Path, tmp_path: Path, limit: int) -> None:
    """No file may grow beyond the limit: first the weights cannot be written, then only the state that follows."""
    run = tiny_run(path, tmp_path, epochs="3")

    class Full(Silent):
        def epoch(self, *_: Any) -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    def work() -> None:
        with pytest.raises(OutputError, match="cannot write .*teacher/(model|state).safetensors: File too large"):
            train(run, listener=Full(), log=False)
        os._exit(7)

    process = get_context("fork").Process(target=work)
    process.start()
    process.join(60)
    assert process.exitcode == 7
    teacher = run.folder("small") / "teacher"
    assert checkpoint.load(teacher).card.selection["epoch"] == (1 if limit == 30_000 else 2)
    progressed = read_progress(teacher)
    assert progressed is not None
    assert progressed.epoch == 1
    assert {file.name for file in teacher.iterdir()} == {"model.safetensors", "card.json", "state.safetensors"}
    whole = train(tiny_run(path, tmp_path / "whole", epochs="3"), stage="teacher", log=False)
    assert weights(train(run, stage="teacher", log=False)) == weights(whole)


def test_a_folder_that_cannot_be_written_is_named(fail: Fail, path: Path, tmp_path: Path) -> None:
    (tmp_path / "ck").write_text("a file stands here")
    assert "cannot write" in fail(*arguments(path, tmp_path / "ck"))


def test_a_log_that_cannot_be_written_is_named(path: Path, tmp_path: Path) -> None:
    run = tiny_run(path, tmp_path, epochs="1")
    log = run.folder("small") / "teacher" / "log"

    class Spoiler(Silent):
        def step(self, *_: Any) -> None:
            shutil.rmtree(log)
            log.write_text("a file stands here")

    with pytest.raises(OutputError, match="cannot write .*teacher/log: .*free the disk"):
        train(run, listener=Spoiler())


@pytest.mark.parametrize("command", ["evaluate", "info", "draw-dialogue", "draw-embedding"])
def test_a_checkpoint_that_is_not_there_says_what_makes_one(fail: Fail, tmp_path: Path, command: str) -> None:
    output = ("-o", tmp_path / "a.png") if command.startswith("draw") else ()
    said = fail(command, tmp_path / "nowhere", *output)
    assert "no card.json; expected the folder of a checkpoint; 'zoo train' makes one, 'zoo list' shows them" in said


def test_a_checkpoint_of_another_version_is_refused(fail: Fail, folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    text = (copy / "card.json").read_text()
    (copy / "card.json").write_text(text.replace('"format": 1', '"format": 9'))
    assert "format 9; expected 1" in fail("evaluate", copy)
    (copy / "card.json").write_text(text.replace('"hidden": 8', '"hidden": 12'))
    assert "weights do not fit aumdf as it is built now" in fail("evaluate", copy)


def test_an_evaluation_of_what_does_not_fit_is_refused(fail: Fail, folder: Path, tmp_path: Path) -> None:
    other = write_corpus(tmp_path / "other.h5", extractor_version="2")
    assert "version is '2' here, '1' there" in fail("evaluate", folder, "-d", other)
    assert "no dev" in fail("evaluate", folder, "--part", "dev")
    assert "no such file" in fail("evaluate", folder, "--masks", "nowhere.h5")
    (tmp_path / "gone").mkdir()
    moved = Path(shutil.copytree(folder, tmp_path / "copy"))
    text = (moved / "card.json").read_text()
    (moved / "card.json").write_text(text.replace("small.h5", "gone.h5"))
    assert "gone.h5" in fail("evaluate", moved)
