"""Two processes that run the same stage on the same output."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mmfeat import missing
from mmfeat.artifact import Artifact


def test_two_processes_that_draw_the_same_masks_leave_one_whole_file(tiny_artifact: Path, tmp_path: Path):
    output = tmp_path / "masks.h5"
    command = [sys.executable, "-m", "mmfeat.cli", "mask", str(tiny_artifact), "--output", str(output), "--json"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    file = missing.MaskFile(output)
    with Artifact(tiny_artifact) as corpus:
        for entry in file.stored():
            assert file.kept(entry.split, entry.key, corpus.observed(entry.split))
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part.h5")] == []
