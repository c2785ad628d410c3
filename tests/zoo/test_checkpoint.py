"""Checkpoints: nothing that runs when read, loaded strictly, refused where they do not fit."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from zoo_corpora import DIMS, tiny_run, weights, write_corpus

from mmfeat.errors import OutputError
from zoo import checkpoint
from zoo.catalogue import checkpoints, markdown_card
from zoo.checkpoint import Card, load, read_card, save
from zoo.data import fit_normalisation, open_corpus
from zoo.errors import CheckpointError, CheckpointMismatch
from zoo.train import train


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("checkpoint") / "small.h5")


@pytest.fixture(scope="module")
def original(path: Path) -> Path:
    return train(tiny_run(path, path.parent, epochs="1", target="emotion"), stage="teacher", log=False)


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil; a checkpoint may be copied anywhere."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    card = json.loads((folder / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(card))


def test_what_is_saved_is_loaded(original: Path, folder: Path, path: Path) -> None:
    loaded = load(folder, model="aumdf")
    assert loaded.card == read_card(original)
    assert not loaded.network.training
    fitted = fit_normalisation(open_corpus(path, "emotion").part("train")).state()
    restored = loaded.normalisation.state()
    assert fitted.keys() == restored.keys()
    assert all(torch.equal(values, restored[name]) for name, values in fitted.items())
    loaded.require_fit(open_corpus(path, "emotion"))


def test_the_card_says_what_the_weights_depend_on(original: Path, path: Path) -> None:
    card, corpus = read_card(original), open_corpus(path, "emotion")
    assert (card.model, card.stage, card.level, card.seed) == ("aumdf", "teacher", "words", 1111)
    assert (card.dataset, card.split, card.licence) == ("small", "official", "made for tests")
    assert card.artefact_sha256 == corpus.sha256
    assert card.utterances == {"train": 48, "valid": 16}
    assert dict(card.inputs.dims) == dict(DIMS)
    assert card.config["hidden"] == 8
    assert card.settings["train"]["epochs"] == [1]
    assert card.task == corpus.task


def test_no_file_of_a_checkpoint_runs_anything(original: Path) -> None:
    names = {file.name for file in original.iterdir()}
    assert names == {"model.safetensors", "card.json", "state.safetensors"}
    for name in ("model.safetensors", "state.safetensors"):
        data = (original / name).read_bytes()
        length = int.from_bytes(data[:8], "little")
        assert isinstance(json.loads(data[8 : 8 + length]), dict)


def test_saving_twice_gives_the_same_bytes(original: Path, tmp_path: Path) -> None:
    loaded = load(original)
    save(tmp_path / "again", loaded.network, loaded.normalisation, loaded.card)
    for name in ("model.safetensors", "card.json"):
        assert (tmp_path / "again" / name).read_bytes() == (original / name).read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.update(format=2), "format 2; expected 1; train again"),
        (lambda card: card.pop("format"), "format None"),
        (lambda card: card.update(extra=1), "extra missing or unknown"),
        (lambda card: card.pop("seed"), "seed missing or unknown"),
        (lambda card: card.update(task=None), "expected a card"),
        (lambda card: card.update(inputs={"dims": 3}), "expected a card"),
        (lambda card: card.update(selection=3), "expected a card"),
    ],
)
def test_a_card_of_another_kind_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    edit(folder, change)
    with pytest.raises(CheckpointError, match=message) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "\udcff"])
def test_a_card_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "card.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CheckpointError):
        read_card(folder)


@pytest.mark.parametrize("name", ["card.json", "model.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"no {name}"):
        load(folder)


def test_damaged_weights_are_noticed(folder: Path) -> None:
    data = bytearray(weights(folder))
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError, match="not the weights that its card.json names"):
        load(folder)
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match="copy the folder again"):
        load(folder)


def test_another_model_is_refused(folder: Path) -> None:
    with pytest.raises(CheckpointMismatch, match="a checkpoint of aumdf; expected one of momke"):
        load(folder, model="momke")
    edit(folder, lambda card: card.update(model="aumfd"))
    with pytest.raises(CheckpointMismatch, match="which this version of the zoo lacks"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card["config"].update(hidden=16), "weights do not fit aumdf as it is built now.*hidden|size"),
        (lambda card: card["config"].update(depth=1), "unknown setting 'depth'"),
        (lambda card: card["inputs"]["dims"].update(text=7), "weights do not fit"),
        (lambda card: card["inputs"]["dims"].pop("vision"), "weights do not fit"),
    ],
)
def test_loading_is_strict(folder: Path, change: Callable[[dict[str, Any]], object], message: str) -> None:
    edit(folder, change)
    with pytest.raises(CheckpointMismatch, match=message) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_other_features_are_refused_naming_the_field(original: Path, tmp_path: Path) -> None:
    loaded = load(original)
    other = open_corpus(write_corpus(tmp_path / "a.h5", extractor_version="2"), "emotion")
    said = "differ from those that aumdf was trained on: audio.version is '2' here, '1' there"
    with pytest.raises(CheckpointMismatch, match=said):
        loaded.require_fit(other)
    fewer = open_corpus(write_corpus(tmp_path / "b.h5", modalities=("text", "audio")), "emotion")
    with pytest.raises(CheckpointMismatch, match="vision is 'nothing' here"):
        loaded.require_fit(fewer)
    assert loaded.card.fingerprint != checkpoint.fingerprint(other.features)
    assert loaded.card.fingerprint == checkpoint.fingerprint(open_corpus(other.path).features | loaded.card.features)


def test_another_target_is_refused(original: Path, path: Path) -> None:
    with pytest.raises(CheckpointMismatch, match="target sentiment, a score task; expected emotion .calm, cross, glad"):
        load(original).require_fit(open_corpus(path))


def test_a_write_that_fails_halfway_leaves_the_earlier_checkpoint(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card is written last; if the disk is full by then, the old weights must still be the ones it names."""
    loaded = load(folder)
    with torch.no_grad():
        next(iter(loaded.network.parameters())).add_(1)

    def full(card: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dataclasses, "asdict", full)
    with pytest.raises(OutputError, match="No space left"):
        save(folder, loaded.network, loaded.normalisation, loaded.card)
    monkeypatch.undo()
    assert load(folder).card == loaded.card
    assert {file.name for file in folder.iterdir()} == {"model.safetensors", "card.json", "state.safetensors"}


def test_the_list_names_every_checkpoint_even_a_damaged_one(folder: Path) -> None:
    spoilt = Path(shutil.copytree(folder, folder.parent / "spoilt"))
    (spoilt / "card.json").write_text("{")
    half = Path(shutil.copytree(folder, folder.parent / "half"))
    edit(half, lambda card: card["selection"].update(finished=False))
    found = {Path(entry["folder"]).name: entry for entry in checkpoints(folder.parent)}
    assert found.keys() == {"copy", "half", "spoilt"}
    assert found["copy"]["state"] == ""
    assert "not finished" in found["half"]["state"]
    assert "cannot be read" in found["spoilt"]["state"]
    assert found["copy"]["model"] == "aumdf"
    assert checkpoints(folder / "nowhere") == []


def test_the_model_card_tells_a_reader_what_matters(original: Path) -> None:
    card: Card = read_card(original)
    text = markdown_card(card)
    assert text.startswith("# aumdf (teacher) on small")
    for needed in (card.weights_sha256, card.artefact_sha256, card.fingerprint, "made for tests", "texter 1"):
        assert needed in text
    assert "train 48, valid 16" in text
    assert "| model.hidden | 8 |" in text or "| hidden | 8 |" in text
    assert all(line.count("|") == 3 for line in text.splitlines() if line.startswith("|"))
