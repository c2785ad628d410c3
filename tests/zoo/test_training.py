"""Training: determined by its seed, chosen on validation alone, each stage from the one before."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from zoo_corpora import TINY, arguments, tiny_run, weights, write_corpus, zoo

from mmfeat.errors import ConfigError
from zoo import checkpoint
from zoo.checkpoint import read_card
from zoo.data import draw_for, group_items, open_corpus, view
from zoo.errors import CheckpointMismatch, DataError
from zoo.settings import settle
from zoo.train import Compute, Run, Silent, train
from zoo.train import loop as loop_room
from zoo.train.state import read_optimiser, read_progress
from zoo.train.validation import mean_scores
from zoo.types import Missing

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("training") / "small.h5")


@pytest.fixture(scope="module")
def trained(path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One finished run of each model, logged; not to be changed."""
    root = tmp_path_factory.mktemp("trained")
    return {model: train(tiny_run(path, root, model)) for model in TINY}


def again(path: Path, root: Path, model: str = "aumdf", **changes: Any) -> Path:
    return train(tiny_run(path, root, model, **changes), log=False)


@pytest.mark.parametrize("model", TINY)
def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(
    path: Path, trained: dict[str, Path], tmp_path: Path, model: str
) -> None:
    same = again(path, tmp_path, model)
    other = again(path, tmp_path, model, seed=7)
    for stage in ("teacher", "student") if model == "aumdf" else ("experts", "mixture"):
        first = weights(trained[model].parent / stage)
        assert weights(same.parent / stage) == first
        assert weights(other.parent / stage) != first
    assert read_card(same) == read_card(trained[model])


def test_workers_change_nothing(path: Path, trained: dict[str, Path], tmp_path: Path) -> None:
    folder = again(path, tmp_path, more=["data.workers=2"])
    assert weights(folder) == weights(trained["aumdf"])
    # Nor do they make it another run.
    assert again(path, tmp_path) == folder


def test_the_student_learns_from_the_teacher_and_leaves_it_alone(
    path: Path, trained: dict[str, Path], tmp_path: Path
) -> None:
    teacher = train(tiny_run(path, tmp_path), stage="teacher", log=False)
    before = weights(teacher)
    student = train(tiny_run(path, tmp_path), stage="student", log=False)
    assert weights(teacher) == before
    assert weights(student) == weights(trained["aumdf"])
    card = read_card(student)
    assert (card.stage, card.teacher) == ("student", read_card(teacher).weights_sha256)
    assert read_card(teacher).teacher == ""
    assert read_card(teacher).mask_ids == ()


def test_a_teacher_trains_on_complete_data_and_its_student_does_not(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool]] = []

    def spy(items: Any, kept: Any) -> Any:
        seen.append((items.part.rows.ids[0].partition("-")[0], kept is None))
        return view(items, kept)

    monkeypatch.setattr(loop_room, "view", spy)
    again(path, tmp_path, epochs="1")
    assert seen == [("valid", True), ("train", True), *[("valid", False)] * 3, ("train", False)]


def test_a_later_stage_goes_on_with_network_and_optimiser(path: Path, tmp_path: Path) -> None:
    """Adam counts steps per weight: twice as many for experts, which both stages train."""
    train(tiny_run(path, tmp_path, "momke"), stage="experts", log=False)
    folder = train(tiny_run(path, tmp_path, "momke"), stage="mixture", log=False)
    counts = [
        {name.split(".")[2]: float(values) for name, values in read_optimiser(place).items() if name.endswith(".step")}
        for place in (folder.parent / "experts", folder)
    ]
    assert counts[0] == {"projections": 6, "experts": 6, "heads": 6}
    assert counts[1] == {"projections": 12, "experts": 12, "heads": 6, "routers": 6, "joint": 6, "head": 6}


def test_a_stage_that_keeps_the_last_epoch_keeps_it(path: Path, trained: dict[str, Path]) -> None:
    card = read_card(trained["momke"].parent / "experts")
    assert card.selection["epoch"] == card.selection["epochs"] == 2
    state = torch_state(trained["momke"].parent / "experts")
    loaded = checkpoint.load(trained["momke"].parent / "experts").network.state_dict()
    assert all(torch.equal(values, state[f"objective.model.{name}"]) for name, values in loaded.items())


def torch_state(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "state.safetensors")


def test_training_stops_early_and_keeps_the_best_epoch(path: Path, tmp_path: Path) -> None:
    run = tiny_run(path, tmp_path, epochs="40", more=["train.learning_rate=0.3", "train.patience=2"])
    teacher = train(run, stage="teacher", log=False)
    progressed = read_progress(teacher)
    assert progressed is not None
    assert progressed.finished
    values = [entry["valid"] for entry in progressed.history]
    best = int(np.argmin(values)) + 1
    assert len(values) < 40
    assert progressed.best_epoch == best == len(values) - 2
    assert [entry["best"] for entry in progressed.history] == np.minimum.accumulate(values).tolist()
    expected = {"metric": "loss", "value": min(values), "epoch": best, "epochs": best + 2, "finished": True}
    assert read_card(teacher).selection == expected
    # What is kept is the network of that epoch: a run that ends there has the same.
    short = tiny_run(path, tmp_path / "short", epochs=str(best), more=["train.learning_rate=0.3", "train.patience=0"])
    assert weights(train(short, stage="teacher", log=False)) == weights(teacher)


@pytest.mark.parametrize(
    ("model", "target", "select"),
    [("aumdf", "sentiment", "MAE"), ("aumdf", "emotion", "UA"), ("momke", "happy,sad", "mean_F1")],
)
def test_a_checkpoint_reproduces_the_validation_that_it_was_chosen_by(
    path: Path, tmp_path: Path, model: str, target: str, select: str
) -> None:
    more = [f"train.select={select}", "train.validation_draws=2"]
    folder = again(path, tmp_path, model, epochs="3", target=target, more=more)
    loaded = checkpoint.load(folder)
    corpus = open_corpus(path, target)
    part = corpus.part("valid")
    items = group_items(part, loaded.card.level, loaded.normalisation)
    draws = [draw_for(settle(model).missing, part.rows, "small", 0, variant) for variant in range(2)]
    views = [view(items, kept) for kept, _ in draws]
    size = loaded.card.settings["train"]["batch_size"]
    scores = mean_scores(loaded.network, views, corpus.task, size, CPU)
    assert scores == loaded.card.validation
    assert loaded.card.mask_ids == tuple(name for _, name in draws)
    assert all(name for name in loaded.card.mask_ids)
    assert loaded.card.selection["value"] == scores[select]
    progressed = read_progress(folder)
    assert progressed is not None
    assert progressed.history[loaded.card.selection["epoch"] - 1]["valid"] == scores[select]
    better = min if select == "MAE" else max
    assert scores[select] == better(entry["valid"] for entry in progressed.history)


def test_a_metric_that_only_some_draws_have_is_averaged_over_those() -> None:
    """Nobody in truth is glad; a draw in which nobody is called glad has no F1 of it."""
    from zoo.train import validation

    tables = iter([{"UA": 0.5}, {"UA": 0.7, "F1_glad": 0.0}])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "respond", lambda *_: (None, None))
        patch.setattr(validation, "measure", lambda *_: next(tables))
        part = dataclasses.make_dataclass("P", ["targets", "known"])(None, None)
        seen = dataclasses.make_dataclass("V", ["items"])(dataclasses.make_dataclass("I", ["part"])(part))
        scores = validation.mean_scores(None, [seen, seen], None, 1, CPU)  # type: ignore[arg-type]
    assert scores == {"UA": pytest.approx(0.6), "F1_glad": 0.0}


def test_nothing_of_the_test_part_reaches_weights_or_card(trained: dict[str, Path], tmp_path: Path) -> None:
    elsewhere = write_corpus(tmp_path / "small.h5", shift={"test": 40.0})
    for model, folder in trained.items():
        other = again(elsewhere, tmp_path, model)
        for stage in (folder.parent / name.name for name in folder.parent.iterdir()):
            one, two = read_card(stage), read_card(other.parent / stage.name)
            assert one.artefact_sha256 != two.artefact_sha256
            assert dataclasses.replace(two, artefact_sha256=one.artefact_sha256, artefact=one.artefact) == one
            assert weights(stage) == weights(other.parent / stage.name)


def test_the_validation_part_does_reach_the_choice_but_not_the_weights_of_an_epoch(
    path: Path, trained: dict[str, Path], tmp_path: Path
) -> None:
    elsewhere = write_corpus(tmp_path / "small.h5", shift={"valid": 3.0})
    teacher = train(tiny_run(elsewhere, tmp_path), stage="teacher", log=False)
    mine, theirs = read_card(trained["aumdf"].parent / "teacher"), read_card(teacher)
    assert mine.selection["value"] != theirs.selection["value"]
    ours, other = torch_state(trained["aumdf"].parent / "teacher"), torch_state(teacher)
    assert all(torch.equal(values, other[name]) for name, values in ours.items())


def test_the_validation_masks_are_the_same_for_every_seed_and_model(
    trained: dict[str, Path], path: Path, tmp_path: Path
) -> None:
    card = read_card(trained["aumdf"])
    other = read_card(again(path, tmp_path, "momke", seed=5, more=["missing.kind=mixed"]))
    assert card.mask_ids == other.mask_ids
    assert len(set(card.mask_ids)) == 3


def test_the_history_and_the_log_say_the_same(trained: dict[str, Path]) -> None:
    for folder in trained.values():
        progressed = read_progress(folder)
        assert progressed is not None
        assert len(progressed.history) == 2
        assert {"loss", "task", "valid", "best"} <= progressed.history[0].keys()
        tables = {path.stem: path for path in (folder / "log" / "plots" / "metrics").glob("*.tsv")}
        assert tables.keys() == progressed.history[0].keys()
        for name, table in tables.items():
            rows = [line.split("\t") for line in table.read_text().splitlines()[1:]]
            assert [int(row[0]) for row in rows] == [1, 2]
            assert [float(row[1]) for row in rows] == pytest.approx([entry[name] for entry in progressed.history])
        assert json.loads((folder / "log" / "metrics.json").read_text())["step"] == 2
        assert not (folder / "log" / "dvc.yaml").exists()


def test_the_log_leaves_a_repository_alone(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVCLive would make DVC at home in any Git repository that a user stands in, and fail in an empty one."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    folder = train(tiny_run(path, Path("ck"), epochs="1"), stage="teacher")
    assert (folder / "log" / "metrics.json").is_file()
    assert {entry.name for entry in tmp_path.iterdir()} == {".git", "ck"}
    assert not (tmp_path / ".git" / "index").exists()


def test_a_listener_is_told_of_every_epoch_and_of_the_losses(path: Path, tmp_path: Path) -> None:
    told: list[Any] = []

    class Ear(Silent):
        def step(self, *values: Any) -> None:
            told.append(values[:5])
            assert all(math.isfinite(value) for value in values[5].values())

        def epoch(self, stage: str, epoch: int, values: Mapping[str, float]) -> None:
            told.append((stage, epoch))

    train(tiny_run(path, tmp_path), stage="teacher", listener=Ear(), log=False)
    assert told == [("teacher", 1, 2, 3, 3), ("teacher", 1), ("teacher", 2, 2, 3, 3), ("teacher", 2)]


def test_the_rate_warms_up_and_falls_by_a_cosine() -> None:
    rate = torch.optim.Adam([torch.zeros(1, requires_grad=True)])

    def at(done: float, **changes: object) -> float:
        settings = settle("aumdf", {"train": {"learning_rate": 2.0, "decay": "none", "warmup": 0.0, **changes}})
        loop_room._set_rate(rate, settings, done)
        return float(rate.param_groups[0]["lr"])

    assert [at(done) for done in (0.1, 1.0)] == [2.0, 2.0]
    assert at(0.05, warmup=0.1) == pytest.approx(1.0)
    assert at(0.5, warmup=0.1) == 2.0
    assert [at(done, decay="cosine") for done in (0.0, 0.5, 1.0)] == pytest.approx([2.0, 1.0, 0.0])
    assert at(0.55, decay="cosine", warmup=0.1) == pytest.approx(1.0)


def test_tied_weights_can_be_kept(path: Path, tmp_path: Path) -> None:
    folder = again(path, tmp_path, epochs="1", more=["model.srd_projection=tied"])
    assert again(path, tmp_path, epochs="1", more=["model.srd_projection=tied"]) == folder


def test_bfloat16_trains_too(path: Path, trained: dict[str, Path], tmp_path: Path) -> None:
    folder = train(tiny_run(path, tmp_path, epochs="1"), Compute(precision="bf16-mixed"), log=False)
    single = again(path, tmp_path / "b", epochs="1")
    assert weights(folder) != weights(single)
    assert read_card(folder).selection["value"] == pytest.approx(read_card(single).selection["value"], rel=0.05)


def test_a_run_can_take_its_teacher_from_another(path: Path, trained: dict[str, Path], tmp_path: Path) -> None:
    first = again(path, tmp_path, name="full")
    second = again(path, tmp_path, name="bare", base="full", more=["model.lambda_csd=0"])
    assert read_card(second).teacher == read_card(first).teacher == read_card(first.parent / "teacher").weights_sha256
    assert weights(second) != weights(first)
    assert [entry.name for entry in second.parent.iterdir()] == ["student"]


def test_a_teacher_of_other_data_is_refused(path: Path, tmp_path: Path) -> None:
    train(tiny_run(path, tmp_path, name="full", epochs="1"), stage="teacher", log=False)
    with pytest.raises(CheckpointMismatch, match="split .official there, other now"):
        again(path, tmp_path, name="bare", base="full", split="other")
    with pytest.raises(CheckpointMismatch, match="target .sentiment there, emotion now"):
        again(path, tmp_path, name="bare", base="full", target="emotion")
    # It also stands in the way of a run of its own folder, whatever stage is asked for.
    with pytest.raises(ConfigError, match="other split"):
        train(tiny_run(path, tmp_path, name="full", epochs="1", split="other"), stage="student", log=False)


def test_a_stage_before_must_be_finished(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="stage teacher is not finished"):
        train(tiny_run(path, tmp_path), stage="student", log=False)
    with pytest.raises(DataError, match="stage teacher is not finished"):
        again(path, tmp_path, base="nobody")


def test_runs_of_other_splits_and_targets_have_folders_of_their_own(path: Path) -> None:
    assert Run("aumdf", path, seed=3).folder("small") == Path("data/checkpoints/small/aumdf/seed-3")
    other = Run("aumdf", path, "happy,sad", "5fold.1", root=Path("r")).folder("small")
    assert other == Path("r/small/aumdf-5fold.1-happy+sad/seed-1111")


def test_a_corpus_of_text_alone_trains(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "text.h5", modalities=("text",))
    for model in TINY:
        assert read_card(again(path, tmp_path, model, epochs="1")).inputs.dims == {"text": 6}


def test_complete_data_need_no_masks(path: Path, tmp_path: Path) -> None:
    folder = again(path, tmp_path, epochs="1", more=["missing.kind=complete"])
    assert read_card(folder).mask_ids == ()
    assert Missing("complete").kind == read_card(folder).settings["missing"]["kind"]


@pytest.mark.slow
def test_two_processes_train_together(path: Path, tmp_path: Path) -> None:
    """MoMKE, since some of its weights rest in the first stage."""
    done = zoo(*arguments(path, tmp_path, "momke", "1"), "--devices", "2", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert read_card(Path(done.stdout.strip())).selection["finished"] is True
