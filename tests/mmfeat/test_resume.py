"""A killed run, then the same command again: only unfinished clips are computed."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from interrupts import heed_interrupts

MMFEAT = str(Path(sys.executable).parent / "mmfeat")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Twelve talking clips with transcripts."""
    demo, folder = root / "pipelines" / "demo", tmp_path_factory.mktemp("clips")
    with (demo / "utterances.csv").open(encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if not row["note"]][:12]
    for row in rows:
        media = demo / row["media"]
        (folder / media.name).write_bytes(media.read_bytes())
        (folder / f"{media.stem}.txt").write_text(row["transcript"])
    return folder


def command(clips: Path, output: Path, root: Path, workers: int) -> list[str]:
    vectors = root / "pipelines" / "demo" / "glove.demo.txt"
    arguments = ["extract", clips, "--transcripts", clips, "--glove", vectors, "--output", output, "--workers", workers]
    return [MMFEAT, *map(str, arguments)]


def finished(cache: Path) -> dict[Path, int]:
    """Results in the cache, with the time each was written."""
    return {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file() and ".part" not in path.name}


def faces(cache: Path) -> list[Path]:
    """Finished face features."""
    return [path for path in cache.glob("hog/*/*.npz") if ".part" not in path.name]


@pytest.mark.slow
@pytest.mark.parametrize(("sign", "workers"), [(signal.SIGKILL, 1), (signal.SIGINT, 1), (signal.SIGKILL, 2)])
def test_the_same_command_goes_on_after_a_kill(sign: int, workers: int, clips: Path, root: Path, tmp_path: Path):
    output, cache = tmp_path / "x.h5", tmp_path / ".mmfeat-cache"
    running = subprocess.Popen(
        command(clips, output, root, workers),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    deadline = time.monotonic() + 120
    while len(faces(cache)) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    # The whole group dies, as in a shell or when the machine runs out of memory.
    os.killpg(running.pid, sign)
    err = running.communicate(timeout=60)[1]
    assert running.returncode != 0
    assert not output.exists()
    assert "Traceback" not in err or sign == signal.SIGKILL
    if sign == signal.SIGINT:
        assert (running.returncode, "goes on from here" in err) == (130, True), err
    before = finished(cache)
    assert 4 <= len(faces(cache)) < 12

    done = subprocess.run(command(clips, output, root, workers), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    after = finished(cache)
    assert {path: after[path] for path in before} == before
    assert len(faces(cache)) == 12
    assert [path.name for path in output.parent.iterdir() if ".part" in path.name] == []
