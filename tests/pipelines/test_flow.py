"""The whole pipeline by DVC, on two small corpora: builds, does nothing when nothing changed, re-runs only what did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import workspaces
from workspaces import dvc, ran, set_param

from mmfeat import missing
from mmfeat.artifact import Artifact
from mmfeat.errors import ConfigError
from pipelines import params

STAGES = (
    "prepare",
    "words",
    "extract_text",
    "extract_audio",
    "extract_vision",
    "align",
    "validate",
    "mask",
    "report",
)
CORPORA = ("demo", "iemocap")
TRAINED = ("train_teacher", "train_student", "evaluate")  # of the demo corpus


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    return workspaces.make(tmp_path_factory.mktemp("workspace"), root, ["iemocap"])


def stages(names: tuple[str, ...], corpora: tuple[str, ...] = CORPORA) -> set[str]:
    return {f"{stage}@{corpus}" for stage in names for corpus in corpora}


def test_an_extractor_whose_code_is_not_the_one_that_its_stage_depends_on_is_refused():
    extract = {"audio": "covarep", "code": {"audio": "mmfeat/extractors/librosa33.py"}}
    with pytest.raises(ConfigError, match="extract.code.audio .* set it to mmfeat/extractors/covarep"):
        params.extractor({"extract": extract}, "audio")
    extract["code"]["audio"] = "mmfeat/extractors/covarep"
    assert params.extractor({"extract": extract}, "audio") == "covarep"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_pipeline_builds_then_rests_then_rebuilds_only_what_changed(workspace: Path):
    assert set(ran(dvc(workspace, "repro"))) == stages(STAGES) | stages(TRAINED, ("demo",))
    with Artifact(workspace / "data" / "aligned" / "demo.h5") as corpus:
        summary = corpus.summary()
    assert summary["splits"] == {"test": 1, "train": 1, "valid": 1}
    assert summary["labels"]["emotion"]["known"] == 3
    ledger = [json.loads(line) for line in (workspace / "data/aligned/demo.ledger.jsonl").read_text().splitlines()]
    assert [(row["id"], row["stage"]) for row in ledger] == [("broken", "media")]
    assert json.loads((workspace / "data/metrics/demo.json").read_text())["failures"] == {"media": 1}

    scores = json.loads((workspace / "data/metrics/demo.zoo.json").read_text())
    assert {"l", "a,v", "l,a,v", "frame_drop 0.9", "mean_incomplete"} <= scores["Non0_F1_score"].keys()
    checkpoint = workspace / "data/checkpoints/demo/aumdf-small/seed-1111/student"
    (checkpoint / "answers of my own.txt").write_text("beside a checkpoint, where 'zoo evaluate' writes too")
    assert ran(dvc(workspace, "repro")) == []

    features = sorted(stages(("validate", "mask", "report")))
    set_param(workspace, "align", "rule", "weighted")
    again = set(ran(dvc(workspace, "repro", *features)))
    assert stages(("align", "validate")) <= again <= stages(("align", "validate", "mask", "report"))

    with (workspace / "mmfeat" / "extractors" / "librosa33.py").open("a") as handle:
        handle.write("\n# a change\n")
    assert set(ran(dvc(workspace, "repro", *features))) == stages(
        ("extract_audio",)
    )  # the same frames: nothing behind it runs


@pytest.mark.slow
def test_a_release_keeps_its_splits_its_targets_and_the_masks_drawn_for_it(workspace: Path):
    with Artifact(workspace / "data" / "aligned" / "iemocap.h5") as corpus:
        description, summary = corpus.description, corpus.summary()
        rows = corpus.observed("test")
    assert (description.split, description.target) == ("session5-test", "emotion4")
    assert set(summary["splits"]) == {"train", "valid", "test"}
    assert "10fold-speaker.1" in summary["other_splits"]
    assert summary["observed"]["vision"] > 0.5
    planned = {entry["protocol"] for entry in workspaces.params(workspace)["mask"]["plan"]}
    file = missing.MaskFile(workspace / "data" / "masks" / "iemocap.h5")
    assert {entry.protocol for entry in file.stored()} == planned
    assert rows.ids
    assert "iemocap" in (workspace / "data" / "reports" / "iemocap.html").read_text(encoding="utf-8")
