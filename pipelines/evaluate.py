"""A trained model to its scores under missing modalities: tables, pictures, and the main metric as JSON."""

import json
import sys
from pathlib import Path

from mmfeat import console
from mmfeat.safe_write import replacing
from pipelines import trainings
from zoo.evaluate import evaluate
from zoo.metrics import main_metric
from zoo.results import collect, summary_text, write


def main(name: str) -> None:
    """Write the results of one corpus."""
    run = trainings.read(name)
    answers = evaluate(trainings.stages_of(name, run)[-1], run.dataset, masks=Path(f"data/masks/{name}.h5"))
    runs, metric = {run.model: {run.seed: answers}}, main_metric(answers.task)
    scores = {column: spread.mean for column, spread in collect(name, runs).spread(run.model, metric).items()}
    folder = Path("data/results", run.folder(name).relative_to(run.root))
    write(folder, name, runs)
    with replacing(folder / "summary.txt") as beside:
        beside.write_text(summary_text(name, runs) + "\n", encoding="utf-8")
    with replacing(Path(f"data/metrics/{name}.zoo.json")) as beside:
        beside.write_text(json.dumps({"model": run.model, "seed": run.seed, metric: scores}, indent=2) + "\n")


if __name__ == "__main__":
    console.run(lambda: main(*sys.argv[1:]))
