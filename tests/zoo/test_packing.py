"""Archives: the same bytes every time, installed once, found by name."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import shutil
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result
from zoo_batches import word_batch

from mmfeat.errors import MmfeatError, OutputError
from zoo import checkpoint
from zoo.cli import app
from zoo.errors import CheckpointError, CheckpointMismatch
from zoo.packing import Sample, fetch, files_of, find, installed, pack, sample_of, shipped

CARDS = ["MODEL_CARD.md", "card.json", "manifest.json", "model.safetensors"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the model that comes with the package."""
    return find("demo", tmp_path_factory.mktemp("home"))


@pytest.fixture
def folder(demo: Path, tmp_path: Path) -> Path:
    """A checkpoint that a test may spoil."""
    return Path(shutil.copytree(demo, tmp_path / "copy"))


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_shipped_model_is_small_and_answers_with_finite_numbers(demo: Path) -> None:
    assert shipped()["demo"].stat().st_size < 1_000_000
    loaded = checkpoint.load(demo)
    batch = word_batch(np.random.default_rng(0), (7, 3, 1), loaded.card.inputs.dims, loaded.card.task, "random")
    with torch.no_grad():
        logits = loaded.network(batch).logits
    assert logits.shape == (3, 1)
    assert torch.isfinite(logits).all()
    assert logits.unique().numel() == 3


def test_the_shipped_archive_brings_its_vectors_its_sample_and_its_terms(demo: Path, root: Path) -> None:
    source = root / "pipelines" / "demo"
    assert {name: path.read_bytes() for name, path in files_of(demo).items()} == {
        "glove.demo.txt": (source / "glove.demo.txt").read_bytes()
    }
    sample = sample_of(demo)
    assert sample is not None
    assert sample[1] is not None
    assert sample[0].read_bytes() == (source / "clips" / "d22_03.mp4").read_bytes()
    with (source / "utterances.csv").open(newline="") as handle:
        row = next(row for row in csv.DictReader(handle) if row["id"] == "d22_03")
    assert (row["split"], row["transcript"]) == ("test", sample[1].read_text().strip())
    assert (root / "zoo" / "packing" / "demo.terms.md").read_text() in (demo / "MODEL_CARD.md").read_text()


def test_the_shipped_archive_tells_nothing_of_the_machine_that_made_it() -> None:
    with zipfile.ZipFile(shipped()["demo"]) as archive:
        contents = [archive.read(name) for name in archive.namelist()]
    for data in contents:
        assert not [place for place in (b"/work", b"/home", b"/root", b"/tmp", b"/Users") if place in data]


def test_packing_twice_gives_the_same_bytes(demo: Path, folder: Path, tmp_path: Path) -> None:
    for file in folder.rglob("*"):
        file.touch()
    files = [*files_of(folder).values()]
    first = pack(demo, tmp_path / "a.zoo.zip", files=files, name="x")
    second = pack(folder, tmp_path / "b.zoo.zip", files=files, name="x")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == hashlib.sha256(second.path.read_bytes()).hexdigest()
    assert first.size == second.path.stat().st_size


def test_an_archive_holds_what_its_manifest_states(demo: Path, tmp_path: Path) -> None:
    packed = pack(demo, tmp_path / "mine.zoo.zip")
    assert (packed.name, packed.lacking) == ("mine", ("glove.demo.txt",))
    with zipfile.ZipFile(packed.path) as archive:
        assert archive.namelist() == CARDS
        given = json.loads(archive.read("manifest.json"))
        for name, entry in given["members"].items():
            data = archive.read(name)
            assert entry == {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    assert given["members"].keys() | {"manifest.json"} == set(CARDS)
    assert given["fingerprint"] == checkpoint.read_card(demo).fingerprint


def test_of_a_full_path_only_the_name_goes_out(folder: Path, tmp_path: Path) -> None:
    card = checkpoint.read_card(folder)
    checkpoint.save_card(folder, dataclasses.replace(card, artefact="/home/somebody/corpus.h5"))
    home = tmp_path / "home"
    sent = fetch(str(pack(folder, tmp_path / "a.zoo.zip").path), home=home)
    assert checkpoint.read_card(sent) == dataclasses.replace(card, artefact="corpus.h5")


def test_only_files_that_the_extractors_read_go_in_under_the_name_that_they_know(demo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("good 1 2 3\n")
    with pytest.raises(
        CheckpointMismatch, match=r"other.txt: sha256 .*; expected one of .*glove.demo.txt \(sha256 2c9"
    ):
        pack(demo, tmp_path / "a.zoo.zip", files=[other])
    shutil.copy(files_of(demo)["glove.demo.txt"], other)
    packed = pack(demo, tmp_path / "a.zoo.zip", files=[other])
    assert "files/glove.demo.txt" in packed.members
    assert packed.lacking == ()


def test_what_cannot_be_packed_leaves_no_archive(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "a.zoo.zip"
    with pytest.raises(OutputError, match="ends with .zoo.zip"):
        pack(folder, tmp_path / "a.zip")
    with pytest.raises(CheckpointError, match="choose another --name"):
        pack(folder, output, name="../a")
    with pytest.raises(CheckpointError, match="No such file"):
        pack(folder, output, sample=Sample(tmp_path / "none.mp4"))
    with pytest.raises(CheckpointError, match=r"ending '.m:4'; expected a plain one"):
        pack(folder, output, sample=Sample(tmp_path / "none.m:4"))
    with pytest.raises(CheckpointError, match="expected a text in UTF-8"):
        pack(folder, output, terms=folder / "model.safetensors")
    with (folder / "model.safetensors").open("r+b") as handle:
        handle.seek(-1, 2)
        handle.write(b"\x7f")
    with pytest.raises(CheckpointError, match="not the weights that its card.json names"):
        pack(folder, output)
    assert not output.exists()
    assert not [*tmp_path.rglob("*.part*")]


def test_an_archive_is_installed_once(demo: Path, tmp_path: Path) -> None:
    home, said = tmp_path / "home", list[str]()
    first = pack(demo, tmp_path / "mine.zoo.zip")
    (home / ".unpacking" / "of a run that was killed").mkdir(parents=True)
    folder = fetch(str(first.path), home=home, sha256=first.sha256.upper(), note=said.append)
    assert folder == home / "mine" == find("mine", home)
    before = folder.stat().st_ino
    assert said == []
    assert fetch(str(first.path), home=home, note=said.append) == folder
    assert folder.stat().st_ino == before
    assert "already" in said.pop()
    other = pack(demo, tmp_path / "other.zoo.zip", name="mine", files=[*files_of(demo).values()])
    with pytest.raises(CheckpointError, match="--replace"):
        fetch(str(other.path), home=home)
    assert files_of(folder) == {}
    fetch(str(other.path), home=home, replace=True)
    assert files_of(folder).keys() == {"glove.demo.txt"}
    fetch(str(first.path), home=home, name="second")
    assert [entry.name for entry in installed(home)] == ["mine", "second"]
    assert not {".unpacking", ".replaced"} & {path.name for path in home.iterdir()}


def test_a_damaged_installation_is_not_taken_for_the_archive(demo: Path, tmp_path: Path) -> None:
    archive = str(pack(demo, tmp_path / "mine.zoo.zip").path)
    folder = fetch(archive, home=tmp_path / "home")
    (folder / "card.json").write_text("{}")
    assert "format None" in installed(tmp_path / "home")[0].problem
    with pytest.raises(CheckpointError, match="it is not this one"):
        fetch(archive, home=tmp_path / "home")
    assert checkpoint.load(fetch(archive, home=tmp_path / "home", replace=True))


def test_find_knows_folders_installed_models_and_shipped_ones(demo: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert find(demo, home) == demo
    assert find(str(tmp_path), home) == tmp_path
    folder = find("demo", home)
    assert (folder.name, folder.is_relative_to(home)) == ("demo", True)
    assert find("demo", home) == folder
    assert installed(home) == []
    mine = fetch(str(pack(demo, tmp_path / "demo.zoo.zip").path), home=home)
    assert find("demo", home) == mine
    with pytest.raises(CheckpointError, match="no model or folder 'demos'; expected .* one of demo; 'zoo fetch'"):
        find("demos", home)
    with pytest.raises(CheckpointError, match="'zoo fetch .*demo.zoo.zip' installs it"):
        find(tmp_path / "demo.zoo.zip", home)
    for odd in ("", "../home/demo", "a" * 5000, "a\0b", ".shipped"):
        if odd:
            with pytest.raises(CheckpointError, match="no model or folder"):
                find(odd, home)


def test_many_at_once_unpack_the_shipped_model_once(tmp_path: Path) -> None:
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(find("demo", tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert checkpoint.load(found[0])


def test_a_home_that_cannot_be_written_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(OutputError, match="set ZOO_HOME to another one"):
        find("demo")
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "file"))
    with pytest.raises(CheckpointError, match="file: Not a directory; .* set ZOO_HOME to another one"):
        installed()


def test_what_an_extractor_keeps_beside_its_file_is_no_file_of_the_model(folder: Path) -> None:
    (folder / "files" / "glove.demo.txt.mmfeat-cache").mkdir()
    assert files_of(folder).keys() == {"glove.demo.txt"}


def test_a_folder_without_files_has_none(tmp_path: Path) -> None:
    assert files_of(tmp_path) == {}
    assert sample_of(tmp_path) is None


def test_the_commands_pack_fetch_and_list(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    output, clip, text = tmp_path / "mine.zoo.zip", demo / "sample" / "clip.mp4", demo / "sample" / "transcript.txt"
    said = run("pack", demo, "-o", output, "--file", demo / "files" / "glove.demo.txt", "--sample", clip)
    digest = hashlib.sha256(output.read_bytes()).hexdigest()
    assert said.stdout == f"{output}  {output.stat().st_size} bytes  sha256 {digest}\n"
    done = run("fetch", output, "--sha256", digest, "--name", "other")
    assert done.stdout.strip() == (tmp_path / "home" / "other").as_posix()
    assert sample_of(tmp_path / "home" / "other") == (tmp_path / "home" / "other" / "sample" / "clip.mp4", None)
    again = ("pack", demo, "-o", output, "--sample", clip, "--sample-transcript", text, "--terms", text)
    assert "not inside, and needed to extract features: glove.demo.txt" in run(*again, "--name", "other").stderr
    assert isinstance(run("fetch", output).exception, MmfeatError)
    assert run("fetch", output, "--replace").exit_code == 0
    (tmp_path / "home" / "broken").mkdir()
    lines = run("models").stdout.splitlines()
    assert lines[0] == f"installed  2 in {tmp_path / 'home'}"
    assert "broken  cannot be read: " in lines[1]
    assert lines[2:] == ["  other  aumdf (student) on demo, predicts sentiment", "shipped    demo"]
    found = json.loads(run("models", "--json").stdout)
    assert [entry["name"] for entry in found["installed"]] == ["broken", "other"]
    assert found["shipped"] == ["demo"]
    assert run("pack", demo, "-o", output, "--sample-transcript", text).exit_code == 2
