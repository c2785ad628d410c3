"""The whole pipeline by DVC, on four clips: builds, does nothing when nothing changed, re-runs only what did."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mmfeat.artifact import Artifact
from mmfeat.errors import ConfigError
from pipelines import params

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A copy of the pipeline whose demo corpus has four clips, one of them broken."""
    folder = tmp_path_factory.mktemp("workspace")
    skip = shutil.ignore_patterns("__pycache__", "clips", "utterances.csv")
    shutil.copytree(root / "pipelines", folder / "pipelines", ignore=skip)
    shutil.copytree(root / "mmfeat", folder / "mmfeat", ignore=skip)
    shutil.copy(root / "dvc.yaml", folder)
    demo, small = root / "pipelines" / "demo", folder / "pipelines" / "demo"
    (small / "clips").mkdir()
    with (demo / "utterances.csv").open(encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if not row["note"]]
    chosen = [next(row for row in rows if row["split"] == split) for split in ("train", "valid", "test")]
    for row in chosen:
        shutil.copy(demo / row["media"], small / row["media"])
    (small / "clips" / "broken.mp4").write_text("this is not a film")
    chosen.append({**chosen[0], "id": "broken", "media": "clips/broken.mp4"})
    with (small / "utterances.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(chosen[0]))
        writer.writeheader()
        writer.writerows(chosen)
    set_param(folder, "words", "max_failed", 0.3)
    dvc(folder, "init", "--no-scm", "--quiet")
    shutil.copy(root / ".dvcignore", folder)  # over the one that init writes
    return folder


def dvc(folder: Path, *arguments: str) -> str:
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([BIN / "dvc", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def set_param(folder: Path, section: str, key: str, value: object) -> None:
    path = folder / "pipelines" / "params.yaml"
    written = yaml.safe_load(path.read_text())
    written[section][key] = value
    path.write_text(yaml.safe_dump(written))


def ran(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def test_an_extractor_whose_code_is_not_the_one_that_its_stage_depends_on_is_refused():
    extract = {"audio": "covarep", "code": {"audio": "mmfeat/extractors/librosa33.py"}}
    with pytest.raises(ConfigError, match="extract.code.audio .* set it to mmfeat/extractors/covarep"):
        params.extractor({"extract": extract}, "audio")
    extract["code"]["audio"] = "mmfeat/extractors/covarep"
    assert params.extractor({"extract": extract}, "audio") == "covarep"


@pytest.mark.slow
def test_the_pipeline_builds_then_rests_then_rebuilds_only_what_changed(workspace: Path):
    first = ran(dvc(workspace, "repro"))
    assert set(first) == {
        f"{stage}@demo"
        for stage in ("prepare", "words", "extract_text", "extract_audio", "extract_vision", "align", "validate")
    }
    with Artifact(workspace / "data" / "aligned" / "demo.h5") as corpus:
        summary = corpus.summary()
    assert summary["splits"] == {"test": 1, "train": 1, "valid": 1}
    assert summary["labels"]["emotion"]["known"] == 3
    ledger = [json.loads(line) for line in (workspace / "data/aligned/demo.ledger.jsonl").read_text().splitlines()]
    assert [(row["id"], row["stage"]) for row in ledger] == [("broken", "media")]
    assert json.loads((workspace / "data/metrics/demo.json").read_text())["failures"] == {"media": 1}

    assert ran(dvc(workspace, "repro")) == []

    set_param(workspace, "align", "rule", "weighted")
    assert set(ran(dvc(workspace, "repro"))) == {"align@demo", "validate@demo"}

    with (workspace / "mmfeat" / "extractors" / "librosa33.py").open("a") as handle:
        handle.write("\n# a change\n")
    assert "extract_vision@demo" not in ran(dvc(workspace, "repro"))
