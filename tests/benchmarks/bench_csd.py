"""Computational sequences to word-aligned rows, reading included, beside reading alone with h5py on one core."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from report import Row

from mmfeat.formats.csd import Rows

SECONDS = 150
VIDEOS, MORE_VIDEOS = 16, 48
DIFFERENT = 4  # the others are copies of their packed bytes: gzip at level 9 is slow to write
STREAMS = (("COVAREP", 100, 74), ("FACET_4.2", 30, 35))  # frames per second, columns, in float64 as published
REPEATS = 5

# Best time of several by the clock, processor time of that run, largest size in MB (Linux says KiB).
MEASURED = """
import json, resource, sys, time
from pathlib import Path
folder, work, repeats = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
import h5py
from mmfeat.steps.csd_alignment import align_files
STREAMS = ("COVAREP", "FACET_4.2")

def plainly():
    rows = 0
    for name in ("words", *STREAMS):
        with h5py.File(folder / f"{name}.csd") as file:
            for entry in file[name]["data"].values():
                rows += len(entry["features"][()]) + len(entry["intervals"][()])
    return rows

def aligned(workers):
    files = {name: folder / f"{name}.csd" for name in STREAMS}
    videos = align_files(folder / "words.csd", files, workers=workers)
    return sum(len(rows.numbers) for video in videos for rows in video.rows.values())

call = {"plain": plainly, "one": lambda: aligned(1), "two": lambda: aligned(2)}[work]
import scipy.sparse
times = []
for _ in range(repeats):
    begin, busy = time.perf_counter(), time.process_time()
    rows = call()
    times.append((time.perf_counter() - begin, time.process_time() - busy))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": min(times)[0], "busy": min(times)[1], "peak": peak, "rows": rows}))
"""


def run() -> list[Row]:
    """Sixteen videos, and three times as many for the size in memory; each measurement in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        few, many = Path(name) / "few", Path(name) / "many"
        _write(few, VIDEOS)
        _write(many, MORE_VIDEOS)
        plain = _measure(few, "plain", REPEATS)
        one, two = _measure(few, "one", REPEATS), _measure(few, "two", REPEATS)
        small, large = _measure(few, "two", 1), _measure(many, "two", 1)
    what = f".csd to word rows, {VIDEOS} videos of {SECONDS} s, gzip 9, 74 columns at 100 Hz and 35 at 30 Hz"
    minutes = two["seconds"] / VIDEOS * 3300 / 60
    return [
        Row(what, f"{two['seconds']:.2f} s (processor {two['busy']:.2f} s)", "1.0 s"),
        Row("  on one core", f"{one['seconds']:.2f} s (processor {one['busy']:.2f} s)"),
        Row("  plain h5py reading, one core", f"{plain['seconds']:.2f} s (processor {plain['busy']:.2f} s)"),
        Row("  time over that of plain reading", f"{two['seconds'] / plain['seconds']:.2f}"),
        Row("  in proportion, 3,300 videos", f"{minutes:.1f} min", "4 min"),
        Row(f"  peak memory, {VIDEOS} videos", f"{small['peak']:.0f} MB"),
        Row(f"  peak memory, {MORE_VIDEOS} videos", f"{large['peak']:.0f} MB", "the same"),
    ]


def _measure(folder: Path, work: str, repeats: int) -> dict[str, float]:
    command = [sys.executable, "-c", MEASURED, str(folder), work, str(repeats)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _write(folder: Path, videos: int) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    edges = np.sort(rng.uniform(0, SECONDS, 401))
    words = np.array([[b"word"]] * 400)
    spans = np.stack([edges[:-1], edges[1:]], axis=1)
    _write_sequence(folder / "words.csd", "words", videos, lambda: Rows(spans, words))
    for name, rate, columns in STREAMS:
        _write_sequence(folder / f"{name}.csd", name, videos, functools.partial(_frames, rng, rate, columns))


def _frames(rng: np.random.Generator, rate: int, columns: int) -> Rows:
    times = np.arange(SECONDS * rate) / rate
    return Rows(np.stack([times, times + 1 / rate], axis=1), rng.normal(size=(len(times), columns)))


def _write_sequence(path: Path, name: str, videos: int, rows: Callable[[], Rows]) -> None:
    with h5py.File(path, "w") as file:
        data = file.create_group(name).create_group("data")
        for number in range(videos):
            if number >= DIFFERENT:
                data.copy(f"v{number % DIFFERENT:03d}", data, f"v{number:03d}")
                continue
            entry, made = data.create_group(f"v{number:03d}"), rows()
            for key, values in (("features", made.features), ("intervals", made.intervals)):
                entry.create_dataset(key, data=values, compression="gzip", compression_opts=9)  # as the SDK does
