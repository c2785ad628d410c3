"""From an artefact to its mask file: the step, its plan, the commands."""

from __future__ import annotations

import json
import multiprocessing
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from builders import description_of, rows_of, utterance_of, words_of

from mmfeat import artifact, cli, missing
from mmfeat.cli import masks as mask_commands
from mmfeat.errors import ConfigError, SchemaError
from mmfeat.missing import Entry, MaskFile
from mmfeat.steps.mask import mask
from pipelines import mask as stage

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process; gives exit code, stdout, stderr."""
    assert mask_commands.app is cli.app

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["mmfeat", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


def test_the_default_plan_covers_every_condition_in_every_split(tiny_artifact, tmp_path):
    seen = []
    stored = mask(tiny_artifact, tmp_path / "masks.h5", progress=lambda *told: seen.append(told))
    assert {entry.split for entry in stored} == {"train", "test"}
    keys = [entry.key for entry in stored if entry.split == "test"]
    assert len(keys) == 1 + 10 + 7 + 8 + 9
    assert seen == [("mask", done, 70) for done in range(1, 71)]


def test_masks_of_an_artefact_fit_it_and_no_other(tiny_artifact, tmp_path, tiny_corpus):
    mask(tiny_artifact, tmp_path / "masks.h5")
    masks, key = MaskFile(tmp_path / "masks.h5"), missing.key("natural")
    with artifact.Artifact(tiny_artifact) as corpus:
        rows = corpus.observed("test")
    assert masks.kept("test", key, rows)["vision"].tolist() == [True, False, True]
    others = [*tiny_corpus, utterance_of("d", words_of("hi"), split="test")]
    artifact.write(tmp_path / "more.h5", description_of(), others, rows_of, lambda utterance: "0" * 64)
    with artifact.Artifact(tmp_path / "more.h5") as corpus, pytest.raises(SchemaError, match="1 ids, now 2"):
        masks.kept("test", key, corpus.observed("test"))


def test_the_same_artefact_and_plan_give_the_same_bytes(tiny_artifact, tmp_path):
    for name in ("one.h5", "two.h5"):
        mask(tiny_artifact, tmp_path / name)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def _digest(path: Path, split: str) -> list[str]:
    with artifact.Artifact(path) as corpus:
        rows = corpus.observed(split)
    return [missing.draw("burst", rows, {"rate": 0.5}, seed, "made").kept["text"].tobytes().hex() for seed in range(20)]


def test_other_processes_draw_the_same(tiny_artifact):
    here = _digest(tiny_artifact, "train")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply(_digest, (tiny_artifact, "train"))
    assert here == there
    assert len(set(here)) > 1


def test_variants_and_seeds_are_draws_of_their_own(tmp_path):
    talk = [utterance_of("long", words_of(*["word"] * 60), split="train")]
    artifact.write(tmp_path / "talk.h5", description_of(), talk, rows_of, lambda utterance: "0" * 64)
    plan = [Entry("frame_drop", {"rate": [0.3, 0.5]}, seeds=(1, 2), variants=3, splits=("train",))]
    stored = mask(tmp_path / "talk.h5", tmp_path / "masks.h5", plan)
    with artifact.Artifact(tmp_path / "talk.h5") as corpus:
        rows = corpus.observed("train")
    masks = MaskFile(tmp_path / "masks.h5")
    patterns = {masks.kept("train", entry.key, rows)["text"].tobytes() for entry in stored}
    assert len(stored) == len(patterns) == 6
    drawn = missing.draw("frame_drop", rows, {"rate": [0.3, 0.5]}, 2, "made", variant=1)
    np.testing.assert_array_equal(masks.kept("train", drawn.key, rows)["text"], drawn.kept["text"])


def test_the_artefact_itself_is_never_overwritten(tiny_artifact):
    before = tiny_artifact.read_bytes()
    with pytest.raises(ConfigError, match="is the artefact itself"):
        mask(tiny_artifact, tiny_artifact.parent / ".." / tiny_artifact.parent.name / tiny_artifact.name)
    assert tiny_artifact.read_bytes() == before


def test_a_modality_with_rows_of_its_own_is_masked_row_by_row(tmp_path):
    def rows(utterance):
        aligned = rows_of(utterance)
        frames = np.ones((70, 4), dtype=np.float32)
        times = np.arange(70)[:, None] * 0.01 + [0, 0.01]
        features, observed = {**aligned.features, "audio": frames}, {**aligned.observed, "audio": np.ones(70, bool)}
        return replace(aligned, features=features, observed=observed, intervals={"audio": times})

    talk = [utterance_of("a", words_of("good", "day"), split="test")]
    artifact.write(tmp_path / "talk.h5", description_of(own_rows=["audio"]), talk, rows, lambda utterance: "0" * 64)
    plan = [Entry("burst", {"rate": 0.5, "mean_length": 7})]
    stored = mask(tmp_path / "talk.h5", tmp_path / "masks.h5", plan)
    with artifact.Artifact(tmp_path / "talk.h5") as corpus:
        kept = MaskFile(tmp_path / "masks.h5").kept("test", stored[0].key, corpus.observed("test"))
    assert {name: len(values) for name, values in kept.items()} == {"text": 2, "audio": 70, "vision": 2}
    lost = ~kept["audio"]
    assert lost.sum() == 35
    assert (lost & ~np.roll(lost, 1)).sum() == 5


def test_the_stage_draws_the_plan_of_the_pipeline(tiny_artifact, tmp_path, monkeypatch):
    section = {"mask": {"plan": [{"protocol": "random_modality", "each": {"rate": [0.2, 0.5]}, "splits": ["train"]}]}}
    for folder in ("pipelines", "data/aligned"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "pipelines" / "params.yaml").write_text(yaml.safe_dump(section))
    tiny_artifact.rename(tmp_path / "data" / "aligned" / "tiny.h5")
    monkeypatch.chdir(tmp_path)
    stage.main("tiny")
    stored = MaskFile("data/masks/tiny.h5").stored()
    assert [entry.key for entry in stored] == [missing.key("random_modality", {"rate": rate}) for rate in (0.2, 0.5)]


def test_the_plan_in_the_documentation_is_the_default(root):
    block = re.search(r"```yaml\n(plan:.*?)```", (root / "docs" / "masks.md").read_text(), re.DOTALL)
    assert block is not None
    documented = missing.parse(yaml.safe_load(block[1])["plan"])
    assert missing.jobs(documented, ["test"]) == missing.jobs(missing.DEFAULT, ["test"])


def test_the_plan_of_the_pipeline_is_the_default(root):
    listed = missing.parse(yaml.safe_load((root / "pipelines" / "params.yaml").read_text())["mask"]["plan"])
    assert missing.jobs(listed, ["test"]) == missing.jobs(missing.DEFAULT, ["test"])


def test_the_documentation_names_every_protocol_and_its_parameters(root):
    text = (root / "docs" / "masks.md").read_text()
    for name, protocol in missing.PROTOCOLS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        assert all(f"`{field}`" in row for field in getattr(protocol, "__dataclass_fields__", {}) if field != "unit")
        assert f"| {protocol.unit} |" in row


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (None, "expected a list of entries"),
        ([], "expected a list of entries"),
        (["natural"], "entry 1: 'natural'; expected a mapping with a protocol"),
        ([{"protocol": "natural"}, {"rate": 0.3}], "entry 2.*expected a mapping with a protocol"),
        ([{"protocol": None}], "expected a mapping with a protocol"),
        ([{"protocol": "burst", "rate": 0.3}], "unknown key 'rate'"),
        ([{"protocol": "burst", "each": {"rate": 0.3}}], "does not map parameters to lists"),
        ([{"protocol": "burst", "each": {"rate": []}}], "does not map parameters to lists"),
        ([{"protocol": "burst", "parameters": [0.3]}], r"parameters \[0.3\] are no mapping"),
        ([{"protocol": "burst", "each": {"rate": [0.1]}, "parameters": {"rate": 0.2}}], "rate under parameters and"),
        ([{"protocol": "natural", "seeds": 3}], "seeds 3 are no list"),
        ([{"protocol": "natural", "splits": "test"}], "splits 'test' are no list"),
        ([{"protocol": "natural", "variants": 0}], "variants 0 is no whole number above 0"),
    ],
)
def test_a_bad_plan_is_refused(entries, message):
    with pytest.raises(ConfigError, match=message):
        missing.parse(entries)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ([Entry("natural", splits=("tset",))], "natural: split tset; expected some of train, test"),
        ([Entry("natural"), Entry("natural")], "mask natural,seed=0,variant=0 of split train twice"),
        ([Entry("frame_drop", each={"rate": (0.1, 1.2)})], "rate 1.2; expected"),
        ([Entry("natural", seeds=("x",))], "seed 'x'; expected a whole number"),  # type: ignore[arg-type]
    ],
)
def test_an_impossible_plan_is_refused_before_anything_is_drawn(plan, message):
    with pytest.raises(ConfigError, match=message):
        missing.jobs(plan, ("train", "test"))


def test_the_command_draws_and_lists(run, tiny_artifact, tmp_path):
    output = tmp_path / "masks.h5"
    code, out, _ = run("mask", tiny_artifact, "--output", output)
    assert code == 0
    assert "modality_combination,kept=text+vision,seed=0,variant=0" in out
    assert out.splitlines()[1].split() == "split mask text rows audio rows vision rows modalities spared".split()
    assert run("masks", output)[1] == out
    code, out, _ = run("masks", output, "--json")
    listed = {(entry["split"], entry["key"]): entry for entry in json.loads(out)}
    assert len(listed) == 70
    vision = listed["train", "modality_combination,kept=vision,seed=0,variant=0"]
    assert vision["dropped_rows"] == {"text": 1.0, "audio": 1.0, "vision": 0.0}


def test_the_command_draws_one_protocol_with_everything_given(run, tiny_artifact, tmp_path):
    given = ["--protocol", "burst", "--rate", "0.3", "--rate", "0.1,0.5", "--set", "mean_length=2"]
    more = ["--seed", "4", "--seed", "5", "--variants", "2", "--split", "train", "--json"]
    code, out, _ = run("mask", tiny_artifact, "-o", tmp_path / "masks.h5", *given, *more)
    assert code == 0
    assert {entry["key"] for entry in json.loads(out)} == {
        f"burst,rate={rate},mean_length=2.0,seed={seed},variant={variant}"
        for rate in ("0.3", "0.1|0.5")
        for seed in (4, 5)
        for variant in (0, 1)
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--protocol", "frame_dropp", "--rate", "0.1"], "did you mean frame_drop"),
        (["--protocol", "frame_drop", "--rate", "-0.1"], "rate -0.1; expected at least 0 and less than 1"),
        (["--protocol", "frame_drop"], "missing setting 'rate'"),
        (["--protocol", "natural", "--seed", "-3"], "seed -3; expected"),
        (["--rate", "0.3"], "without --protocol; expected the protocol they are for"),
        (["--split", "dev"], "split dev; expected some of train, test"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(run, tiny_artifact, tmp_path, given, message):
    code, out, err = run("mask", tiny_artifact, "-o", tmp_path / "masks.h5", *given)
    assert (code, out) == (1, "")
    assert message in err.replace("\n", " ")
    assert not (tmp_path / "masks.h5").exists()


def test_a_modality_that_was_never_observed_is_said_to_be_absent(run, tmp_path):
    talk = [utterance_of("a", words_of("good", "day"), split="test")]

    def text_only(utterance):
        rows = rows_of(utterance)
        rows.observed["audio"][:] = rows.observed["vision"][:] = False
        return rows

    artifact.write(tmp_path / "talk.h5", description_of(), talk, text_only, lambda utterance: "0" * 64)
    given = ["--protocol", "modality_combination", "--kept", "audio"]
    code, out, _ = run("mask", tmp_path / "talk.h5", "-o", tmp_path / "masks.h5", *given)
    assert code == 0
    assert re.search(r"0\.0% +absent +absent +0\.0% +1 of 1", out)
