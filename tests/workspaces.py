"""Copies of the pipeline with small corpora, to run DVC in."""

from __future__ import annotations

import csv
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

BIN = Path(sys.executable).parent
SMALL = {"model": {"hidden": 4, "width": 4, "heads": 2}, "train": {"epochs": [1, 2]}}  # an AUMDF that trains in no time


def make(folder: Path, root: Path, releases: Sequence[str] = ()) -> Path:
    """Copy the pipeline, with a demo corpus of four clips, one of them broken, and miniature releases by adapter."""
    skip = shutil.ignore_patterns("__pycache__", "clips", "utterances.csv")
    shutil.copytree(root / "pipelines", folder / "pipelines", ignore=skip)
    for package in ("mmfeat", "zoo"):
        shutil.copytree(root / package, folder / package, ignore=skip)
    shutil.copy(root / "dvc.yaml", folder)
    _make_demo(root / "pipelines" / "demo", folder / "pipelines" / "demo")
    set_param(folder, "words", "max_failed", 0.5)
    set_param(folder, "extract", "max_failed", 0.5)
    set_param(folder, "zoo", "demo", {**params(folder)["zoo"]["demo"], "config": SMALL})
    for name in releases:
        tree = importlib.import_module(f"raw_{name}").make(folder / "raw")
        glove = "pipelines/demo/glove.demo.txt"
        section = {"adapter": name, "root": tree.relative_to(folder).as_posix(), "glove": glove, "complete": False}
        set_param(folder, "corpora", name, section)
    dvc(folder, "init", "--no-scm", "--quiet")
    shutil.copy(root / ".dvcignore", folder)  # over the one that init writes
    return folder


def dvc(folder: Path, *arguments: str) -> str:
    """Run DVC there; what it printed."""
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([BIN / "dvc", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def params(folder: Path) -> dict[str, Any]:
    """All knobs."""
    found: dict[str, Any] = yaml.safe_load((folder / "pipelines" / "params.yaml").read_text())
    return found


def set_param(folder: Path, section: str, key: str, value: object) -> None:
    """Change a knob."""
    written = params(folder)
    written[section][key] = value
    (folder / "pipelines" / "params.yaml").write_text(yaml.safe_dump(written))


def ran(output: str) -> list[str]:
    """Stages that DVC says it ran."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def _make_demo(demo: Path, small: Path) -> None:
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
