"""Word vectors: reading a GloVe text beside gensim's reader, and opening its cache, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from report import Row

WORDS, DIMENSION = 40_000, 300
LARGE = 400_000  # words of glove.6B, for which times are given in proportion

_TIMED = """
import resource, sys, time
from pathlib import Path
import gensim.models, pandas
path = Path(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
{work}
print(time.perf_counter() - start, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
_OURS = "from mmfeat.extractors.glove import Config, build; build(Config(path))"
_GENSIM = "gensim.models.KeyedVectors.load_word2vec_format(str(path), no_header=True)"


def run() -> list[Row]:
    """Make a file in GloVe's form, read it with both readers, open the cache; one core, times of the work alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.txt"
        _write(path)
        ours, memory = _measure(path, _OURS)
        cached, cached_memory = _measure(path, _OURS)
        gensim, gensim_memory = _measure(path, _GENSIM)
    size = f"{WORDS:,} x {DIMENSION}"
    return [
        Row(f"GloVe text {size}, first use: read, hash, write the cache", f"{ours:.2f} s, {memory:.0f} MB"),
        Row("  in proportion for 400,000 words", f"{ours * LARGE / WORDS:.1f} s", "12 s (study)"),
        Row(f"GloVe text {size}, gensim's reader", f"{gensim:.2f} s, {gensim_memory:.0f} MB"),
        Row("  ours against gensim", f"{gensim / ours:.1f} times faster"),
        Row(f"GloVe cache {size}, every later use", f"{cached:.3f} s, {cached_memory:.0f} MB"),
    ]


def _measure(path: Path, work: str) -> tuple[float, float]:
    code = _TIMED.format(work=work)
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, done.stdout.split())
    return seconds, megabytes


def _write(path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [" ".join(f"{value:.5g}" for value in row) for row in rng.normal(0.0, 0.4, (1000, DIMENSION))]
    with path.open("w") as file:
        file.writelines(f"word{index} {rows[index % 1000]}\n" for index in range(WORDS))
