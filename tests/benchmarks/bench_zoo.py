"""Speed and memory of training and answering, on a generated corpus with the shape of MOSEI's.

An eighth of the training part (2,040 of 16,326 utterances) stands for the whole, whose epoch takes eight times as long
and whose features take 1.2 GB instead of 0.15. With a GPU the whole is used.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from report import Row

UTTERANCES = 16326
SHARE = 8
MOSEI = "300/74/512 dimensions, up to 50 words, batch 128"

# Runs in a process of its own, so that the peak is that of training alone.
WORK = """
import json, resource, sys, time
from pathlib import Path
import numpy as np, torch
from zoo.answers import respond
from zoo.checkpoint import load
from zoo.data import Loader, draw_for, fit_normalisation, group_items, open_corpus, view
from zoo.train import Compute, Run, Silent, train
from zoo.types import Missing

corpus, root, model, precision, device = sys.argv[1:6]
marks = []
class Clock(Silent):
    def epoch(self, stage, epoch, values):
        marks.append((stage, time.perf_counter()))
changes = ("train.epochs=3", "train.batch_size=" + ("128" if model == "aumdf" else "16"), "train.patience=0")
start = time.perf_counter()
folder = train(Run(model, Path(corpus), changes=changes, root=Path(root)), Compute(device, precision=precision),
               listener=Clock(), log=False)
found = {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
for stage in dict.fromkeys(name for name, _ in marks):
    times = [moment for name, moment in marks if name == stage]
    found[stage] = times[-1] - times[-2]  # the last epoch, its validation included
place = torch.device("cuda" if device == "cuda" else "cpu")
if device == "cuda":
    found["gpu"] = torch.cuda.max_memory_allocated() / 2**20
opened = open_corpus(Path(corpus))
part = opened.part("train")
checkpoint = load(folder, device=place)
items = group_items(part, checkpoint.card.level, checkpoint.normalisation, device=place)
start = time.perf_counter()
kept, _ = draw_for(Missing(), part.rows, opened.dataset, 0, 1)
seen = view(items, kept)
found["draw"] = time.perf_counter() - start
start = time.perf_counter()
for batch in Loader(seen, 128 if model == "aumdf" else 16).shuffled(0, 1):
    pass
found["load"] = time.perf_counter() - start
tested = group_items(opened.part("test"), checkpoint.card.level, checkpoint.normalisation, device=place)
whole = view(tested, None)
for size in (1, 256):
    respond(checkpoint.network, whole, place, size)
    start = time.perf_counter()
    respond(checkpoint.network, whole, place, size)
    found[f"answer {size}"] = len(tested.part.rows.ids) / (time.perf_counter() - start)
print(json.dumps(found))
"""


def run() -> list[Row]:
    """AUMDF and MoMKE; on a GPU too where there is one."""
    import torch

    rows = []
    cuda = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as folder:
        rows += _measured(Path(folder), "cpu", ("32-true",), UTTERANCES // SHARE)
        if cuda:
            rows += _measured(Path(folder), "cuda", ("32-true", "bf16-mixed"), UTTERANCES)
    return rows


def _measured(folder: Path, device: str, precisions: tuple[str, ...], utterances: int) -> list[Row]:
    from mosei_size import mosei_size

    corpus = folder / f"{utterances}.h5"
    mosei_size(corpus, utterances)
    rows = []
    for model, stages in (("aumdf", ("teacher", "student")), ("momke", ("experts", "mixture"))):
        for precision in precisions:
            root = folder / f"{model}-{device}-{precision}"
            done = subprocess.run(
                [sys.executable, "-c", WORK, str(corpus), str(root), model, precision, device],
                capture_output=True,
                text=True,
                check=True,
            )
            found = json.loads(done.stdout.splitlines()[-1])
            where = f"{model}, {device} {precision}"
            for stage in stages:
                asked = "6 s an epoch" if device == "cuda" and stage == "student" else "-"
                text = f"{found[stage]:.1f} s for {utterances}, {utterances / found[stage]:.0f} utterances/s"
                rows.append(Row(f"{where}: epoch of the {stage}, {MOSEI}", text, asked))
            outside = (found["draw"] + found["load"]) / found[stages[-1]]
            rows.append(Row(f"{where}: time outside the model, drawing and loading", f"{outside:.1%}", "10 %"))
            rows.append(Row(f"{where}: peak memory of the process", f"{found['peak']:.0f} MiB"))
            if "gpu" in found:
                rows.append(Row(f"{where}: peak memory of the GPU", f"{found['gpu']:.0f} MiB"))
            for size in (1, 256):
                rows.append(Row(f"{where}: answers at batch {size}", f"{found[f'answer {size}']:.0f} utterances/s"))
    return rows
