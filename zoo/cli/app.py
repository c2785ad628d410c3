"""The one program that every command registers with, and the options that several of them share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="zoo",
    help="Models of sentiment and emotion that survive missing modalities.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

Dataset = Annotated[
    str, typer.Option("--dataset", "-d", help="Name of a dataset (data/aligned/NAME.h5), or path of an artefact.")
]
OtherDataset = Annotated[
    str | None, typer.Option("--dataset", "-d", help="Default: the artefact that the checkpoint was trained on.")
]
Target = Annotated[
    str | None,
    typer.Option(help="Label to predict, or several yes-or-no labels joined by commas; default: the artefact's."),
]
Split = Annotated[
    str | None, typer.Option(help="A named split of the artefact, such as 5fold-session.1; default: its own.")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Precision = Annotated[str, typer.Option(help="32-true, bf16-mixed or 16-mixed.")]
Checkpoint = Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Folder with card.json and model.safetensors.")]
Part = Annotated[str, typer.Option(help="Part of the split that is answered for.")]
Masks = Annotated[
    Path | None,
    typer.Option(
        help="Mask file; default: that of the pipeline, or one beside the artefact, drawn where there is none."
    ),
]
Root = Annotated[Path, typer.Option(help="Where checkpoints are kept.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Model = Annotated[
    str,
    typer.Argument(
        metavar="CHECKPOINT", help="Folder of a checkpoint or of an exported one, name of an installed one, or demo."
    ),
]
Glove = Annotated[
    Path | None,
    typer.Option(envvar="MMFEAT_GLOVE", help="Word vectors, where the checkpoint does not bring its own."),
]
