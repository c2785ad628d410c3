"""The 74 voice features: seconds of one core per second of sound, growth with length, memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from report import Row

from mmfeat.media import read_waveform

ROOT = Path(__file__).resolve().parents[2]
SPEECH = ROOT.parent / "shared" / "data" / "covarep"  # real speech where it is to be had, else the demo corpus
DEMO = ROOT / "pipelines" / "demo" / "clips"
RATE = 16_000
LENGTHS = (10, 100, 1000)  # s
HOUR = 3600  # s

# Process time of the whole command, its largest size in KiB (Linux), and the time of the analysis alone.
MEASURED = """
import json, resource, sys, time
from mmfeat import registry
from mmfeat.media import read_waveform
from pathlib import Path
extractor = registry.build("mmfeat.extractors", "covarep", {})
from mmfeat.extractors.covarep import analysis
extractor(read_waveform(Path(sys.argv[2]), 16000))
begin = time.process_time()
frames = extractor(read_waveform(Path(sys.argv[1]), 16000))
analysed = time.process_time() - begin
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"analysed": analysed, "whole": time.process_time(), "peak": peak, "frames": len(frames.times)}))
"""


def run() -> list[Row]:
    """Measure each length in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm = _speech(folder / "warm.wav", 2)
        rows = []
        for seconds in (*LENGTHS, HOUR):
            found = _measure(_speech(folder / f"{seconds}.wav", seconds), warm)
            per_second = found["analysed"] / seconds
            what = f"covarep: {seconds} s of speech, 74 columns, one core"
            asked = "0.15 (aim 0.08) s per s" if seconds == LENGTHS[1] else "linear"
            start = found["whole"] - found["analysed"]
            rows.append(Row(what, f"{per_second:.3f} s per s (start-up {start:.1f} s)", asked))
            if seconds == HOUR:
                rows.append(Row("covarep: one hour, peak memory", f"{found['peak']:.0f} MB", "1000 MB"))
    return rows


def _speech(path: Path, seconds: int) -> Path:
    """Clips one after the other, as often as it takes."""
    clips = sorted(SPEECH.glob("*.wav")) or sorted(DEMO.glob("*.mp4"))
    parts = [read_waveform(clip, RATE) for clip in clips[:40]]
    sound = np.concatenate([part.samples for part in parts if part is not None])
    soundfile.write(path, np.resize(sound, seconds * RATE), RATE, subtype="PCM_16")
    return path


def _measure(clip: Path, warm: Path) -> dict[str, float]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MEASURED, str(clip), str(warm)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout)
    return result
