"""The commands, each once, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result
from zoo_corpora import arguments, weights, write_corpus

from zoo.checkpoint import read_card
from zoo.cli import app
from zoo.data import open_corpus


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("cli") / "small.h5", target="emotion")


@pytest.fixture(scope="module")
def folder(path: Path) -> Path:
    """A run of both stages, trained by the command."""
    return Path(run(*arguments(path, path.parent / "ck", epochs="1")).stdout.strip())


def run(*words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def test_train_prints_the_folder_of_the_last_stage(path: Path, folder: Path) -> None:
    assert folder == path.parent / "ck" / "small" / "aumdf" / "seed-1111" / "student"
    card = read_card(folder)
    assert card.settings["train"]["epochs"] == [1]
    assert card.selection["finished"] is True
    again = run(*arguments(path, path.parent / "ck", epochs="1"))
    assert again.stdout.strip() == folder.as_posix()


def test_train_takes_stage_seed_name_base_target_and_split(path: Path, folder: Path, tmp_path: Path) -> None:
    words = [*arguments(path, tmp_path, epochs="1"), "--seed", "7", "--target", "sentiment", "--split", "other"]
    teacher = Path(run(*words, "--stage", "teacher", "--name", "a").stdout.strip())
    assert teacher == tmp_path / "small" / "a" / "seed-7" / "teacher"
    student = Path(run(*words, "--name", "b", "--base", "a", "--device", "cpu").stdout.strip())
    card = read_card(student)
    assert (card.seed, card.split, card.task.targets) == (7, "other", ("sentiment",))
    assert card.teacher == read_card(teacher).weights_sha256
    before = weights(student)
    run(*words, "--name", "b", "--base", "a", "--restart")
    assert weights(student) == before


def test_train_reads_settings_from_a_file(path: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("model: {width: 8, layers: 1}\ntrain: {epochs: 1}\n")
    words = ["train", "momke", "-d", path, "--config", tmp_path / "mine.yaml", "--root", tmp_path]
    card = read_card(Path(run(*words, "--set", "model.heads=1").stdout.strip()))
    assert (card.config["width"], card.config["heads"]) == (8, 1)


def test_list_shows_models_settings_and_checkpoints(folder: Path) -> None:
    root = folder.parents[3]
    text = run("list", "--root", root).stdout
    for needed in ("aumdf", "momke", "aumdf-paper", f"checkpoints  2 in {root}", folder.as_posix(), "epoch 1"):
        assert needed in text
    found = json.loads(run("list", "--root", root, "--json").stdout)
    assert [entry["stage"] for entry in found["checkpoints"]] == ["student", "teacher"]
    assert "checkpoints  0" in run("list", "--root", root / "nowhere").stdout


def test_info_and_card_say_the_same(folder: Path, tmp_path: Path) -> None:
    text = run("info", folder).stdout
    file = tmp_path / "CARD.md"
    assert run("card", folder, "-o", file).stdout.strip() == file.as_posix()
    assert file.read_text().strip() == text.strip()
    assert json.loads(run("info", folder, "--json").stdout)["weights_sha256"] in text


def test_data_shows_shapes(path: Path) -> None:
    lines = run("data", path).stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["train", "valid", "test"]
    assert "text (48, 8, 6)" in lines[0]


def test_planted_makes_a_corpus(tmp_path: Path) -> None:
    file = tmp_path / "p.h5"
    assert run("planted", "linear", "--samples", 20, "-o", file).stdout.strip() == file.as_posix()
    assert open_corpus(file).task.targets == ("score",)


@pytest.mark.slow
def test_evaluate_writes_tables_and_pictures(folder: Path, tmp_path: Path) -> None:
    said = run("evaluate", folder, "--output", tmp_path / "out").stdout
    written = [Path(line) for line in said.splitlines() if line.startswith(tmp_path.as_posix())]
    assert written
    assert all(file.is_file() for file in written)


@pytest.mark.slow
def test_benchmark_writes_a_comparison(path: Path, tmp_path: Path) -> None:
    small = "model.hidden=8,model.width=8,model.heads=2,train.epochs=1"
    words = [
        "benchmark",
        "-d",
        path,
        "--models",
        f"a=aumdf,{small}",
        "--models",
        f"b=aumdf@a,{small},model.lambda_csd=0",
    ]
    said = run(*words, "--seeds", 1, "--root", tmp_path / "ck", "-o", tmp_path / "out").stdout
    written = [Path(line) for line in said.splitlines() if line.startswith(tmp_path.as_posix())]
    assert written
    assert all(file.is_file() for file in written)
    assert "b" in said


@pytest.mark.slow
def test_pictures_of_a_dialogue_and_of_an_embedding_are_drawn(folder: Path, tmp_path: Path) -> None:
    for command, more in (("draw-dialogue", ["--condition", "l,a,v"]), ("draw-embedding", ["--condition", "l"])):
        file = tmp_path / f"{command}.png"
        run(command, folder, "-o", file, *more)
        assert file.read_bytes().startswith(b"\x89PNG")


def test_every_command_has_an_example_that_its_options_allow() -> None:
    for command in app.registered_commands:
        assert command.epilog is not None
        assert command.epilog.startswith("Example: zoo ")
        assert run(command.name or command.callback.__name__, "--help").stdout
