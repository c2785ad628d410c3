"""Export a checkpoint."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.app import Model, OtherDataset, app


class Format(StrEnum):
    """What a checkpoint can be exported to."""

    ONNX = "onnx"


@app.command(
    epilog="Example: zoo export data/checkpoints/demo/aumdf-small/seed-1111/student --format onnx --output exported"
)
def export(
    checkpoint: Model,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write: a new one, or an earlier export.")],
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.ONNX,
    int8: Annotated[
        bool, typer.Option("--int8", help="Weights in 8 bits; what is lost is measured on the validation part.")
    ] = False,
    dataset: OtherDataset = None,
) -> None:
    """Write an ONNX graph that onnxruntime answers with, compared with the network at lengths 1 to 100."""
    from mmfeat import console
    from zoo.export import export as write
    from zoo.export import summary_text
    from zoo.packing import find

    with console.progress_bars() as progress:
        exported = write(find(checkpoint), output, int8=int8, dataset=dataset, progress=progress)
    typer.echo(summary_text(exported))
    typer.echo(output.as_posix())
