"""The command line of the zoo: what a model would be given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="zoo", help="Models that survive missing modalities.", no_args_is_help=True, add_completion=False
)


@app.callback()
def _zoo() -> None:
    """Models that survive missing modalities."""


@app.command(epilog="Example: zoo data data/aligned/demo.h5")
def data(path: Annotated[Path, typer.Argument(metavar="FILE", help="Artefact written by mmfeat.")]) -> None:
    """Shapes of the tensors that a model would be given, per split."""
    from mmfeat.artifact import Artifact

    with Artifact(path) as corpus:
        for split in corpus.splits:
            padded = corpus.padded(split)
            shapes = ", ".join(f"{name} {values.shape}" for name, values in padded.features.items())
            typer.echo(f"{split}: {shapes}, word_mask {padded.word_mask.shape}, observed {padded.observed.shape}")


def main() -> None:
    """Run the command line."""
    from mmfeat import console

    console.run(app)
