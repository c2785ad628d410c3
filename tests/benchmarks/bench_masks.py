"""Masks of a corpus as large as MOSEI: all protocols, seven combinations, ten rates."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from report import Row

from mmfeat import missing
from mmfeat.types import MODALITIES, ObservedRows

SPLITS = {"train": 16_326, "valid": 1_871, "test": 4_659}  # 22,856 utterances
WORDS = 50
OBSERVED = {"text": 0.97, "audio": 0.9, "vision": 0.8}  # share of the rows


def run() -> list[Row]:
    """Draw and write the default plan, then read all of it."""
    rng = np.random.default_rng(0)
    splits = {name: _rows(rng, name, count) for name, count in SPLITS.items()}
    jobs = missing.jobs(missing.DEFAULT, tuple(splits))
    spent: Counter[str] = Counter()

    def drawn() -> Iterator[tuple[str, missing.Mask]]:
        for job in jobs:
            begin = time.perf_counter()
            mask = missing.draw(job.protocol, splits[job.split], job.parameters, job.seed, "made", job.variant)
            spent[job.protocol] += time.perf_counter() - begin
            yield job.split, mask

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "masks.h5"
        begin, begun = time.perf_counter(), time.process_time()
        missing.write(path, "made", splits, drawn())
        elapsed, busy = time.perf_counter() - begin, time.process_time() - begun
        size = path.stat().st_size / 1e6
        begin = time.perf_counter()
        masks = missing.MaskFile(path)
        for entry in masks.stored():
            masks.kept(entry.split, entry.key, splits[entry.split])
        reading = time.perf_counter() - begin
    what = f"masks: {sum(SPLITS.values())} utterances of {WORDS} words"
    return [
        Row(
            f"{what}, {len(jobs) // len(SPLITS)} masks per split: draw and write",
            f"{elapsed:.1f} s ({busy:.1f} s of one core)",
            "10 s",
        ),
        *(Row(f"  of which {protocol}", f"{seconds:.2f} s") for protocol, seconds in spent.most_common()),
        Row("  file", f"{size:.0f} MB", "100 MB"),
        Row("  reading all of it", f"{reading:.2f} s"),
    ]


def _rows(rng: np.random.Generator, name: str, count: int) -> ObservedRows:
    return ObservedRows(
        tuple(f"{name}_{number}" for number in range(count)),
        dict.fromkeys(MODALITIES, np.arange(count + 1) * WORDS),
        {modality: rng.random(count * WORDS) < share for modality, share in OBSERVED.items()},
    )
