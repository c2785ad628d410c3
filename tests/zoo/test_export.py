"""Export: a graph that answers as its network does at any length and batch size, and a folder that can be trusted."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner, Result
from zoo_batches import CLASSES, DIMS, dialogue_batch, word_batch
from zoo_corpora import tiny_run, write_corpus
from zoo_stages import file_of

from mmfeat import registry
from mmfeat.errors import MissingDependency, MmfeatError, OutputError
from zoo import checkpoint
from zoo.answers import respond
from zoo.cli import app
from zoo.data import Loader, group_items, open_corpus, view
from zoo.errors import CheckpointError, CheckpointMismatch, DataError, ExportError
from zoo.export import Session, export, summary_text
from zoo.export.comparing import Difference, compare, random_batch, require_exact
from zoo.export.graph import Ports, write_graph
from zoo.export.runtime import ask, open_graph
from zoo.metrics import measure
from zoo.packing import files_of, find
from zoo.train import train
from zoo.types import MODALITIES, Batch, Inputs, Level, Modality, Output

ALL_LENGTHS, FEW_LENGTHS = (1, 3, 20, 50, 100), (1, 3, 20)
FULL = Inputs(DIMS, CLASSES.outputs)

AUMDF = (  # every setting that changes the graph, at its other values
    {"normalisation": "time", "fusion": "product", "time_alignment": "bias", "window": "printed", "values": "third"},
    {"normalisation": "none", "gate": "fixed", "similarity": "pairwise", "csd_level": "mmt"},
    {"noise_filter": False, "similarity": "both", "window": "printed"},
    {"dwam": False, "time_alignment": "off"},
    {"layers": 2, "kernel": 5, "values": "self", "mask_missing": False},
    {"layers": 0},
)
MOMKE = ({"position_code": True, "width": 7, "heads": 1}, {"layer_norms": True, "router_dropout": True, "heads": 4})


SMALL = {"aumdf": {"hidden": 8, "width": 8, "heads": 2}, "momke": {"width": 8, "layers": 1}}  # others: as they come


def small(name: str, inputs: Inputs = FULL, **settings: Any) -> nn.Module:
    file = file_of(name)
    torch.manual_seed(0)
    return file.build(file.Config(**SMALL.get(name, {}) | settings), inputs).eval()


def drawn(rng: np.random.Generator, level: Level, lengths: Sequence[int], dims: dict[Modality, int]) -> Batch:
    """Random masks; the first item lacks a modality altogether, the last one everything, if there are several."""

    def kept(observed: Any) -> Any:
        found = rng.random(observed.shape) < 0.6
        found[0, :, rng.integers(3)] = False
        if len(found) > 1:
            found[-1] = False
        return found

    return {"words": word_batch, "dialogue": dialogue_batch}[level](rng, lengths, dims, CLASSES, kept)


def greatest_difference(
    model: nn.Module, level: Level, inputs: Inputs, path: Path, lengths: Sequence[int], batches: Sequence[int]
) -> float:
    """Between a network and its graph, over all outputs, on batches of the tests' own."""
    ports = write_graph(model, inputs, level, path)
    session, rng, worst = open_graph(path), np.random.default_rng(0), 0.0
    assert [port.name for port in session.get_outputs()] == list(ports.outputs)
    for length in lengths:
        for items in batches:
            batch = drawn(rng, level, (length, *rng.integers(1, length + 1, items - 1)), dict(inputs.dims))
            with torch.inference_mode():
                output = model(batch)
            logits, weights = ask(session, batch)
            assert logits.shape == output.logits.shape
            worst = max(worst, float(np.abs(logits - output.logits.numpy()).max()))
            assert (weights is None) == ("weights" not in output.parts)
            if weights is not None:
                worst = max(worst, float(np.abs(weights - output.parts["weights"].numpy()).max()))
    return worst


@pytest.mark.parametrize("name", registry.names("zoo.models"))
def test_every_model_exports_and_is_exact_at_every_length_and_batch_size(name: str, tmp_path: Path) -> None:
    level = file_of(name).LEVEL
    assert greatest_difference(small(name), level, FULL, tmp_path / "a.onnx", ALL_LENGTHS, range(1, 9)) <= 1e-5


@pytest.mark.parametrize("name", registry.names("zoo.models"))
def test_every_model_exports_for_a_corpus_with_fewer_modalities(name: str, tmp_path: Path) -> None:
    fewer: tuple[Modality, ...] = ("text", "vision")
    inputs = Inputs({entry: DIMS[entry] for entry in fewer}, CLASSES.outputs)
    model, path = small(name, inputs), tmp_path / "a.onnx"
    assert greatest_difference(model, file_of(name).LEVEL, inputs, path, FEW_LENGTHS, (1, 3)) <= 1e-5
    assert "audio" not in {port.name for port in open_graph(path).get_inputs()}


@pytest.mark.parametrize(
    ("name", "settings"),
    [("aumdf", entry) for entry in AUMDF] + [("momke", entry) for entry in MOMKE],
    ids=lambda value: value if isinstance(value, str) else "-".join(f"{key}={value[key]}" for key in value),
)
def test_every_setting_that_changes_a_network_exports(name: str, settings: dict[str, Any], tmp_path: Path) -> None:
    level, path = file_of(name).LEVEL, tmp_path / "a.onnx"
    assert greatest_difference(small(name, **settings), level, FULL, path, FEW_LENGTHS, (1, 3)) <= 1e-5


class Counting(nn.Module):
    """A network of dialogues that looks at who speaks."""

    def forward(self, batch: Batch) -> Output:
        assert batch.speakers is not None
        logits = batch.features["text"].sum(-1, keepdim=True) + batch.speakers.unsqueeze(-1)
        return Output(logits, logits)


class Frozen(nn.Module):
    """A network with a size that tracing makes a constant."""

    def forward(self, batch: Batch) -> Output:
        logits = batch.features["text"].sum((1, 2)).unsqueeze(-1) / int(batch.mask.shape[1])
        return Output(logits, logits)


class Attending(nn.Module):
    """torch's own attention, whose export holds at one length only."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(DIMS["text"], 2, batch_first=True)

    def forward(self, batch: Batch) -> Output:
        values = batch.features["text"]
        attended: Tensor = self.attention(values, values, values, need_weights=False)[0]
        return Output(attended.mean((1, 2)).unsqueeze(-1), attended)


class Foreign(nn.Module):
    """A network with an operation that ONNX lacks."""

    def forward(self, batch: Batch) -> Output:
        logits = torch.special.bessel_j0(batch.features["text"]).sum((1, 2)).unsqueeze(-1)
        return Output(logits, logits)


TEXT = Inputs({"text": DIMS["text"]}, 1)


def compared(model: nn.Module, level: Level, path: Path) -> tuple[Ports, tuple[Difference, ...]]:
    ports = write_graph(model.eval(), TEXT, level, path)
    return ports, compare(model, open_graph(path), TEXT, level)


def test_speakers_are_an_input_only_of_a_network_that_looks_at_them(tmp_path: Path) -> None:
    ports, differences = compared(Counting(), "dialogue", tmp_path / "a.onnx")
    assert list(ports.inputs) == ["text", "speakers"]
    assert all(entry.logits <= 1e-5 and entry.weights is None for entry in differences)
    momke = write_graph(small("momke"), FULL, "dialogue", tmp_path / "b.onnx")
    assert list(momke.inputs) == ["text", "audio", "vision", "mask", "kept"]


def test_a_graph_with_a_constant_length_is_refused(tmp_path: Path) -> None:
    _, differences = compared(Frozen(), "words", tmp_path / "a.onnx")
    with pytest.raises(ExportError, match="at length 1 graph and network differ"):
        require_exact(differences, "frozen")


def test_a_graph_that_stops_at_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"stops at batch and length \(1, 1\)"):
        compared(Attending(), "words", tmp_path / "a.onnx")


def test_an_operation_that_onnx_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="Foreign: .*bessel_j0"):
        write_graph(Foreign(), TEXT, "words", tmp_path / "a.onnx")


@pytest.mark.parametrize(
    "entry", [Difference(3, 0.1, None, float("nan")), Difference(3, 0.1, None, 2e-4), Difference(3, 0.0, 2e-4, 0.0)]
)
def test_what_is_too_large_or_not_a_number_is_refused(entry: Difference) -> None:
    require_exact((Difference(1, 1e-6, 1e-6, 1e-6),), "good")
    with pytest.raises(ExportError, match="at length 3"):
        require_exact((Difference(1, 1e-6, 1e-6, 1e-6), entry), "bad")


def test_the_comparison_sees_every_kind_of_gap() -> None:
    rng = np.random.default_rng(0)
    kept = [random_batch(rng, FULL, "words", items, 20).kept.any(1) for items in range(1, 9)]
    present = torch.cat(kept).sum(1)
    assert {0, 2, 3} <= set(present.tolist())
    batch = random_batch(rng, FULL, "dialogue", 8, 20)
    assert batch.speakers is not None
    for column, name in enumerate(MODALITIES):
        assert not batch.features[name][~batch.kept[..., column]].any()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("export") / "small.h5")


@pytest.fixture(scope="module")
def trained(corpus: Path) -> Path:
    return train(tiny_run(corpus, corpus.parent, epochs="1", target="emotion"), stage="teacher", log=False)


@pytest.fixture(scope="module")
def commanded(trained: Path) -> Result:
    """The command, run once."""
    words = ["export", str(trained), "--format", "onnx", "--output", str(trained.parent / "exported")]
    return CliRunner().invoke(app, words)


@pytest.fixture(scope="module")
def original(trained: Path, commanded: Result) -> Path:
    return trained.parent / "exported"


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil; an export may be copied anywhere."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


def agree(session: Session, loaded: checkpoint.Checkpoint, corpus: Path) -> None:
    """The same normalisation and, on the validation part, the same answers."""
    part = open_corpus(corpus, ",".join(loaded.card.task.targets)).part("valid")
    items = group_items(part, session.card.level, session.normalisation)
    for name, rows in group_items(part, session.card.level, loaded.normalisation).rows.items():
        assert torch.equal(rows, items.rows[name])
    for batch in Loader(view(items, None), 5).in_order():
        with torch.inference_mode():
            expected = loaded.network(batch)
        logits, _ = session(batch)
        np.testing.assert_allclose(logits, expected.logits.numpy(), atol=1e-5, rtol=0)


def test_an_exported_folder_answers_as_its_checkpoint_does(trained: Path, original: Path, corpus: Path) -> None:
    session = Session(original)
    agree(session, checkpoint.load(trained), corpus)
    assert session.card == checkpoint.read_card(trained)
    assert (original / "card.json").read_bytes() == (trained / "card.json").read_bytes()
    assert not session.exported.int8


def test_the_folder_says_what_it_is(original: Path) -> None:
    names = {"model.onnx", "card.json", "normalisation.safetensors", "export.json"}
    assert {path.name for path in original.iterdir()} == names
    about = json.loads((original / "export.json").read_text())
    assert about["format"] == 1
    assert about["inputs"]["vision"] == {"type": "float32", "shape": ["batch", "time", DIMS["vision"]]}
    assert about["outputs"]["logits"]["shape"] == ["batch", 3]
    assert about["versions"]["torch"] == torch.__version__
    assert [entry["length"] for entry in about["differences"]] == list(ALL_LENGTHS)
    assert all(0 <= entry["logits"] <= 1e-5 for entry in about["differences"])
    assert about["sizes"]["float32"] == (original / "model.onnx").stat().st_size


def test_an_export_brings_what_the_extractors_read(tmp_path: Path) -> None:
    shipped = find("demo", tmp_path / "home")
    export(shipped, tmp_path / "exported")
    brought = {name: path.read_bytes() for name, path in files_of(tmp_path / "exported").items()}
    assert brought == {name: path.read_bytes() for name, path in files_of(shipped).items()}
    assert brought


def test_exporting_twice_gives_the_same_graph_and_takes_the_place_of_the_first(trained: Path, folder: Path) -> None:
    before = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(b"spoilt")
    seen: list[tuple[str, int, int]] = []
    export(trained, folder, progress=lambda *step: seen.append(step))
    assert (folder / "model.onnx").read_bytes() == before
    assert seen[-1] == ("compare", 5, 5)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("name", ["model.onnx", "normalisation.safetensors", "card.json"])
def test_a_damaged_file_is_refused(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(CheckpointError, match="not the file that export.json names"):
        Session(folder)
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match="expected it beside export.json"):
        Session(folder)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda about: about.pop("opset"), "opset"),
        (lambda about: about.update(format=2), "format 2; expected 1"),
        (lambda about: about.update(extra=1), "extra"),
        (lambda about: about.update(inputs=[]), "expected an export of format 1"),
        (lambda about: about["differences"].append(None), "expected an export of format 1"),
    ],
)
def test_an_export_of_another_version_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], match: str
) -> None:
    about = json.loads((folder / "export.json").read_text())
    change(about)
    (folder / "export.json").write_text(json.dumps(about))
    with pytest.raises(CheckpointError, match=match):
        Session(folder)


def test_a_folder_that_is_no_export_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no export.json; expected the folder of an exported model"):
        Session(trained)
    (tmp_path / "export.json").write_text("{")
    with pytest.raises(CheckpointError, match="expected JSON"):
        Session(tmp_path)


def test_a_batch_of_other_features_is_refused(original: Path) -> None:
    session, batch = Session(original), word_batch(np.random.default_rng(0), task=CLASSES)
    wide = replace(batch, features={**batch.features, "text": torch.zeros(3, 5, 9)})
    with pytest.raises(CheckpointMismatch, match=r"text: width \[9\]; expected \[6\]"):
        session(wide)
    silent = replace(batch, features={"text": batch.features["text"], "vision": batch.features["vision"]})
    with pytest.raises(CheckpointMismatch, match="audio: width None; expected"):
        session(silent)


def test_nothing_but_an_export_is_written_over(trained: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years")
    for taken in (mine, mine / "thesis.txt", trained):
        with pytest.raises(ExportError, match="is there and no exported model"):
            export(trained, taken)
    assert (mine / "thesis.txt").read_text() == "years"


def test_a_failed_export_leaves_nothing_and_keeps_the_earlier_one(trained: Path, folder: Path, corpus: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    empty = write_corpus(folder.parent / "empty.h5", labels=("emotion",), target="emotion", sizes={"train": 8})
    with pytest.raises(DataError, match="no valid"):
        export(trained, folder, int8=True, dataset=empty)
    broken = Path(shutil.copytree(trained, folder.parent / "broken"))
    loaded = checkpoint.load(broken)
    for weights in loaded.network.parameters():
        weights.data.fill_(torch.nan)
    checkpoint.save(broken, loaded.network, loaded.normalisation, loaded.card)
    with pytest.raises(ExportError, match="at length 1 graph and network differ by nan"):
        export(broken, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert {path.name for path in folder.parent.iterdir()} == {"copy", "broken", "empty.h5"}
    with pytest.raises(OutputError, match="cannot write"):
        export(trained, folder / "export.json" / "inner")


@pytest.mark.parametrize("model", ["aumdf", "momke"])
def test_the_loss_of_int8_is_measured_on_the_validation_part(
    model: str, trained: Path, corpus: Path, tmp_path: Path
) -> None:
    if model == "momke":
        trained = train(tiny_run(corpus, tmp_path, model, epochs="1", target="emotion"), stage="experts", log=False)
        corpus = Path(shutil.copy(corpus, tmp_path / "moved.h5"))
    exported = export(trained, tmp_path / "exported", int8=True, dataset=corpus if model == "momke" else None)
    assert Session(tmp_path / "exported").exported == exported
    loss, loaded = exported.loss, checkpoint.load(trained)
    assert loss is not None
    part = open_corpus(corpus, "emotion").part("valid")
    seen = view(group_items(part, loaded.card.level, loaded.normalisation), None)
    exact, _ = respond(loaded.network, seen, torch.device("cpu"), 7)
    assert loss.scores["complete"]["float32"] == pytest.approx(
        measure(loaded.card.task, part.targets, part.known, exact)
    )
    assert set(loss.scores) == {"complete", "declared"}
    assert set(loss.scores["declared"]["int8"]) <= set(loss.scores["complete"]["float32"])
    assert (loss.utterances, loss.artefact) == (16, str(corpus))
    assert 1e-5 < loss.answers < 0.2
    assert loss.alone < 0.2
    kinds = {port.op_type for port in _nodes(tmp_path / "exported" / "model.onnx")}
    assert {"DynamicQuantizeLSTM" if model == "aumdf" else "MatMulInteger"} <= kinds
    assert "int8 on the 16 utterances" in summary_text(exported)


def _nodes(path: Path) -> Any:
    import onnx

    return onnx.load(path).graph.node


def test_int8_needs_the_artefact_or_another_one(trained: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(trained, tmp_path / "moved"))
    card = json.loads((moved / "card.json").read_text())
    (moved / "card.json").write_text(json.dumps({**card, "artefact": "gone/away.h5"}))
    with pytest.raises(ExportError, match=r"gone/away.h5 is not here; .* give it as --dataset PATH"):
        export(moved, tmp_path / "exported", int8=True)
    with pytest.raises(DataError, match="no dataset 'nowhere.h5'"):
        export(moved, tmp_path / "exported", int8=True, dataset="nowhere.h5")
    with pytest.raises(ExportError, match="add --int8"):
        export(moved, tmp_path / "exported", dataset="nowhere.h5")
    assert not (tmp_path / "exported").exists()
    other = write_corpus(tmp_path / "other.h5", extractor_version="2")
    with pytest.raises(CheckpointMismatch, match="version"):
        export(moved, tmp_path / "exported", int8=True, dataset=other)


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_without_the_packages_the_extra_is_named(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependency, match=rf"'{name}' is not installed.*mmfeat\[export\]"):
        export(trained, tmp_path / "exported")
    assert not any(tmp_path.iterdir())


def test_a_device_that_onnxruntime_cannot_use_is_refused(original: Path) -> None:
    with pytest.raises(MissingDependency, match="onnxruntime cannot use device mps"):
        Session(original, "mps")


@pytest.mark.parametrize(("given", "threads"), [(None, 1), ("2", 2), ("3,1", 3), ("many", 1)])
def test_one_thread_unless_told_otherwise(
    original: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, threads: int
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    if given is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert open_graph(original / "model.onnx").get_session_options().intra_op_num_threads == threads


def test_the_command_prints_the_differences(trained: Path, original: Path, commanded: Result) -> None:
    assert commanded.exit_code == 0, (commanded.output, commanded.exception)
    lines = commanded.stdout.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("length"))
    assert [line.split()[0] for line in lines[first + 1 : first + 6]] == list(map(str, ALL_LENGTHS))
    assert lines[-1] == original.as_posix()
    refused = CliRunner().invoke(app, ["export", str(trained), "--output", str(trained)])
    assert isinstance(refused.exception, MmfeatError)  # which `console.run` turns into one line
    assert "\n" not in str(refused.exception)
