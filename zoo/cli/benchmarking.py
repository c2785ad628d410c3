"""Compare."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmfeat import console, registry
from zoo.cli.app import Dataset, Device, Masks, Part, Precision, Root, Split, Target, app

if TYPE_CHECKING:
    from zoo.benchmark import Bench, Variant
    from zoo.predictions import Predictions


@app.command(
    epilog="Example: zoo benchmark -d mosi --models aumdf --models 'no-csd=aumdf@aumdf,model.lambda_csd=0' --jobs 2"
)
def benchmark(
    dataset: Dataset,
    models: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME=]MODEL[:CONFIG][@BASE][,SECTION.KEY=VALUE...]",
            help="May be repeated. BASE: another row whose teacher this one shares; semicolons within a value.",
        ),
    ],
    seeds: Annotated[list[int] | None, typer.Option(help="May be repeated; default 1111 to 1115.")] = None,
    target: Target = None,
    split: Split = None,
    part: Part = "test",
    masks: Masks = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the results; default: data/results/DATASET.")
    ] = None,
    root: Root = Path("data/checkpoints"),
    jobs: Annotated[int, typer.Option(min=1, help="Trainings at a time.")] = 1,
    device: Device = "auto",
    precision: Precision = "32-true",
) -> None:
    """Train and test several models with several seeds under the same masks: tables, pictures, intervals."""
    from zoo.benchmark import SEEDS, Bench, parse_variant
    from zoo.benchmark import benchmark as run_all
    from zoo.data import find_artefact, open_corpus
    from zoo.results import summary_text, write
    from zoo.train import Compute

    variants = tuple(parse_variant(text) for text in models)
    bench = Bench(variants, dataset, tuple(seeds or SEEDS), target, split, part, masks=masks, root=root)
    compute = registry.configure(Compute, {"device": device, "precision": precision}, owner="compute")
    corpus = open_corpus(find_artefact(dataset), target, split).dataset
    with console.progress_bars() as progress:
        runs = run_all(bench, compute, jobs, progress)
    typer.echo(summary_text(corpus, runs))
    folder = output or Path("data/results") / corpus
    for path in write(folder, corpus, runs):
        typer.echo(path.as_posix())
    for variant in variants:  # of the first seed
        for path in _pictures(bench, variant, runs[variant.name][bench.seeds[0]], folder, corpus):
            typer.echo(path.as_posix())


def _pictures(bench: Bench, variant: Variant, found: Predictions, folder: Path, corpus: str) -> Iterator[Path]:
    from zoo import pictures
    from zoo.settings import settle

    stage = settle(variant.model, variant.config, variant.changes).file.STAGES[-1].name
    checkpoint = bench.run(variant, bench.seeds[0]).folder(corpus) / stage
    embedding, dialogue = pictures.can_show(found)
    if embedding:
        yield pictures.embedding(
            checkpoint, folder / f"embedding-{variant.name}.png", part=bench.part, masks=bench.masks
        )
    if dialogue:
        yield pictures.dialogue(checkpoint, folder / f"dialogue-{variant.name}.png", part=bench.part, masks=bench.masks)
