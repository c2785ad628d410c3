"""Look at what is there: models, checkpoints, data; make a planted corpus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.app import AsJson, Checkpoint, Root, app


@app.command(epilog="Example: zoo data data/aligned/demo.h5")
def data(path: Annotated[Path, typer.Argument(metavar="FILE", help="Artefact written by mmfeat.")]) -> None:
    """Shapes of the tensors that a model would be given, per split."""
    from mmfeat.artifact import Artifact

    with Artifact(path) as corpus:
        for split in corpus.splits:
            padded = corpus.padded(split)
            shapes = ", ".join(f"{name} {values.shape}" for name, values in padded.features.items())
            typer.echo(f"{split}: {shapes}, word_mask {padded.word_mask.shape}, observed {padded.observed.shape}")


@app.command("list", epilog="Example: zoo list")
def list_all(root: Root = Path("data/checkpoints"), as_json: AsJson = False) -> None:
    """Models, settings with a name, and the checkpoints that are there."""
    from mmfeat import registry
    from zoo.catalogue import checkpoints
    from zoo.settings import MODELS, named_configs

    names, found = registry.names(MODELS), checkpoints(root)
    if as_json:
        typer.echo(json.dumps({"models": names, "configs": named_configs(), "checkpoints": found}))
        return
    typer.echo(f"models       {', '.join(names)}")
    typer.echo(f"settings     {', '.join(named_configs())}")
    typer.echo(f"checkpoints  {len(found)} in {root}")
    for entry in found:
        typer.echo(
            f"  {entry['folder']}  {entry['metric']} {entry['value']:.4f} (epoch {entry['epoch']}){entry['state']}"
        )


@app.command(epilog="Example: zoo info data/checkpoints/demo/aumdf-small/seed-1111/student")
def info(checkpoint: Checkpoint, as_json: AsJson = False) -> None:
    """What a checkpoint says of itself: model, data, settings, validation."""
    from dataclasses import asdict

    from zoo.catalogue import markdown_card
    from zoo.checkpoint import read_card

    card = read_card(checkpoint)
    typer.echo(json.dumps(asdict(card)) if as_json else markdown_card(card))


@app.command(epilog="Example: zoo card data/checkpoints/demo/aumdf-small/seed-1111/student --output MODEL_CARD.md")
def card(
    checkpoint: Checkpoint,
    output: Annotated[Path, typer.Option("--output", "-o", help="Markdown file to write.")],
) -> None:
    """Write the model card in Markdown, to go with the weights where they are published."""
    from mmfeat.safe_write import replacing
    from zoo.catalogue import markdown_card
    from zoo.checkpoint import read_card

    text = markdown_card(read_card(checkpoint))
    with replacing(output) as beside:
        beside.write_text(text, encoding="utf-8")
    typer.echo(output.as_posix())


@app.command(epilog="Example: zoo planted linear --samples 2000 --output planted.h5")
def planted(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="linear or sarcasm.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Artefact to write.")],
    samples: Annotated[int, typer.Option(help="Utterances of the training part.")] = 2000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Make a corpus whose best possible prediction is known, to see whether a model learns."""
    from zoo.planted import make

    make(output, kind, samples, seed)
    typer.echo(output.as_posix())
