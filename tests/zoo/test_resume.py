"""A training that was killed anywhere ends with the bits of one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from interrupts import heed_interrupts
from zoo_corpora import ENVIRONMENT, arguments, tiny_run, weights, write_corpus

from mmfeat.errors import ConfigError
from zoo import checkpoint
from zoo.checkpoint import read_card
from zoo.errors import CheckpointError
from zoo.train import Silent, train
from zoo.train import loop as loop_room
from zoo.train.state import read_progress

STAGES = {"aumdf": ("teacher", "student"), "momke": ("experts", "mixture")}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("resume") / "small.h5")


@pytest.fixture(scope="module")
def whole(path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Uninterrupted runs of three epochs."""
    root = tmp_path_factory.mktemp("whole")
    return {model: train(tiny_run(path, root, model, epochs="3")) for model in STAGES}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Killer(Silent):
    """Ends its own process at an epoch of a stage, before it is done or after."""

    def __init__(self, stage: str, epoch: int, *, within: bool) -> None:
        self.place, self.within = (stage, epoch), within

    def step(self, stage: str, epoch: int, *_: Any) -> None:
        if self.within and (stage, epoch) == self.place:
            die()

    def epoch(self, stage: str, epoch: int, *_: Any) -> None:
        if not self.within and (stage, epoch) == self.place:
            die()


def killed(work: Callable[[], object]) -> None:
    """Do it in a process of its own, which must die of SIGKILL."""
    process = get_context("fork").Process(target=work)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def same_as(folder: Path, other: Path) -> None:
    for stage in ("log", *(entry.name for entry in other.parent.iterdir())):
        one, two = folder.parent / stage, other.parent / stage
        if stage != "log":
            assert weights(one) == weights(two)
            assert read_card(one) == read_card(two)
            assert read_progress(one) == read_progress(two)
            for table in sorted((two / "log").rglob("*.tsv")):
                assert (one / table.relative_to(two)).read_text() == table.read_text()


@pytest.mark.parametrize(
    ("model", "stage", "epoch", "within"),
    [
        ("aumdf", 0, 1, True),
        ("aumdf", 0, 2, False),
        ("aumdf", 1, 2, True),
        ("aumdf", 1, 3, False),
        ("momke", 0, 3, False),
        ("momke", 1, 1, False),
        ("momke", 1, 3, True),
    ],
)
def test_a_killed_training_goes_on_to_the_same_bits(
    path: Path, whole: dict[str, Path], tmp_path: Path, model: str, stage: int, epoch: int, within: bool
) -> None:
    run = tiny_run(path, tmp_path, model, epochs="3")
    killed(lambda: train(run, listener=Killer(STAGES[model][stage], epoch, within=within)))
    same_as(train(run), whole[model])


def test_a_kill_between_checkpoint_and_state_loses_nothing(path: Path, whole: dict[str, Path], tmp_path: Path) -> None:
    run = tiny_run(path, tmp_path, epochs="3")

    def work() -> None:
        written = loop_room.state.write_state

        def once(folder: Path, progressed: Any, *rest: Any) -> None:
            if progressed.epoch == 2:
                die()
            written(folder, progressed, *rest)

        loop_room.state.write_state = once  # type: ignore[assignment]  # of the forked process alone
        train(run)

    killed(work)
    assert read_card(run.folder("small") / "teacher").selection["epoch"] == 2
    same_as(train(run), whole["aumdf"])


def test_a_kill_between_weights_and_card_is_noticed_and_mended(
    path: Path, whole: dict[str, Path], tmp_path: Path
) -> None:
    run = tiny_run(path, tmp_path, epochs="3")
    killed(lambda: train(run, listener=Killer("teacher", 2, within=False)))
    folder = run.folder("small") / "teacher"
    (folder / "model.safetensors").write_bytes(weights(whole["aumdf"]))
    with pytest.raises(CheckpointError, match="go on training"):
        checkpoint.load(folder)
    same_as(train(run), whole["aumdf"])


def test_what_is_finished_is_not_trained_again(path: Path, whole: dict[str, Path]) -> None:
    folder = whole["aumdf"]
    times = {file: file.stat().st_mtime_ns for file in folder.parent.rglob("*") if file.is_file()}

    class Loud(Silent):
        def step(self, *_: Any) -> None:
            raise AssertionError("trained again")

    assert train(tiny_run(path, folder.parents[3], epochs="3"), listener=Loud()) == folder
    assert {file: file.stat().st_mtime_ns for file in times} == times


def test_restart_begins_again_with_the_stages_that_are_asked_for(
    path: Path, whole: dict[str, Path], tmp_path: Path
) -> None:
    run = tiny_run(path, tmp_path, epochs="3")
    folder = train(run)
    (folder / "answers.npz").write_bytes(b"old")
    teacher = (folder.parent / "teacher" / "state.safetensors").stat().st_mtime_ns
    assert train(run, stage="student", restart=True) == folder
    assert not (folder / "answers.npz").exists()
    assert (folder.parent / "teacher" / "state.safetensors").stat().st_mtime_ns == teacher
    same_as(train(run, restart=True), whole["aumdf"])
    assert (folder.parent / "teacher" / "state.safetensors").stat().st_mtime_ns > teacher


def test_a_folder_of_another_run_is_refused_naming_what_differs(
    path: Path, whole: dict[str, Path], tmp_path: Path
) -> None:
    root = whole["aumdf"].parents[3]
    before = weights(whole["aumdf"])
    with pytest.raises(ConfigError, match=r"settings.train.learning_rate \(0.001 there, 0.5 now\)"):
        train(tiny_run(path, root, epochs="3", more=["train.learning_rate=0.5"]))
    with pytest.raises(ConfigError, match=r"settings.train.epochs \(\[3\] there, \[4\] now\)"):
        train(tiny_run(path, root, epochs="4"))
    changed = write_corpus(tmp_path / "small.h5", shift={"train": 1.0})
    with pytest.raises(ConfigError, match="other artefact .* --restart"):
        train(tiny_run(changed, root, epochs="3"))
    assert weights(whole["aumdf"]) == before


def test_a_damaged_state_is_refused(path: Path, tmp_path: Path) -> None:
    run = tiny_run(path, tmp_path, epochs="1")
    folder = train(run, stage="teacher", log=False)
    (folder / "state.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="state of a training; delete it, or train anew"):
        train(run)


@pytest.mark.slow
def test_ctrl_c_says_one_line_and_the_same_command_goes_on(path: Path, whole: dict[str, Path], tmp_path: Path) -> None:
    """Stopped while the student trains: 60 epochs of it leave time."""
    command = [sys.executable, "-m", "zoo.cli", *arguments(path, tmp_path, epochs="3,60")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, preexec_fn=heed_interrupts
    )
    state = tmp_path / "small" / "aumdf" / "seed-1111" / "student" / "state.safetensors"
    deadline = time.monotonic() + 100
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.splitlines()[-1] == "interrupted; nothing finished is lost: the same command goes on from here"
    assert "Traceback" not in said
    progressed = read_progress(state.parent)
    assert progressed is not None
    assert 1 <= progressed.epoch < 60
    first = progressed.history
    train(tiny_run(path, tmp_path, epochs="3,60"), log=False)
    done = read_progress(state.parent)
    assert done is not None
    assert done.finished
    assert done.history[: len(first)] == first
    assert weights(state.parents[1] / "teacher") == weights(whole["aumdf"].parent / "teacher")
