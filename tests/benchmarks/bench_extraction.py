"""The whole extraction of a one-hour 720p clip with word times: memory of the process, and time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_media import SECONDS, encode_720p, repeat
from report import Row

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "pipelines" / "demo" / "glove.demo.txt"

# The command line, which says at its end how large it grew, in KiB on Linux.
MEASURED = """
import atexit, resource, sys
atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr))
from mmfeat.cli import main
main()
"""


def run() -> list[Row]:
    """Extract text, voice and face from an hour, in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = repeat(encode_720p(folder / "loop.mp4"), folder / "hour.mp4", SECONDS)
        rows = [f"film,{second},{second + 0.35}\n" for second in range(SECONDS)]
        (folder / "hour.csv").write_text("word,start,end\n" + "".join(rows))
        given = ["--transcripts", folder / "hour.csv", "--glove", VECTORS, "--output", folder / "hour.h5", "--json"]
        command = [sys.executable, "-c", MEASURED, "extract", str(clip), *map(str, given)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        begin = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        elapsed = time.perf_counter() - begin
        if done.returncode:
            raise SystemExit(done.stderr)
        summary = json.loads(done.stdout)
    peak = int(done.stderr.rsplit(maxsplit=1)[-1]) / 1024
    what = f"extraction: {SECONDS / 3600:.2g} h of 720p"
    return [
        Row(f"{what}: peak memory", f"{peak:.0f} MB", "1200 MB"),
        Row(f"{what}: time", f"{elapsed:.0f} s, {elapsed / SECONDS:.2f} s per second of film"),
        Row(f"{what}: faces found", f"{summary['observed']['vision']:.1%} of words"),
    ]
