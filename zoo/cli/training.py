"""Train."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Annotated

import typer

from mmfeat import registry
from zoo.cli.app import Dataset, Device, Precision, Root, Split, Target, app


@app.command(epilog="Example: zoo train aumdf --dataset iemocap --target emotion4 --set train.epochs=20,40")
def train(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of a model; 'zoo list' shows them.")],
    dataset: Dataset,
    target: Target = None,
    split: Split = None,
    config: Annotated[
        str | None, typer.Option(help="Settings: a YAML file, or a name such as aumdf-paper.", metavar="FILE")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="model., train., missing. or data.; may be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same run.")] = 1111,
    stage: Annotated[
        str | None, typer.Option(help="Only this stage, such as teacher or student; default: all.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the folder; default: the model, its split and target.")] = None,
    base: Annotated[
        str | None, typer.Option(help="Name of another run whose stages before the last are taken over.")
    ] = None,
    root: Root = Path("data/checkpoints"),
    resume: Annotated[
        bool, typer.Option("--resume/--restart", help="Go on where it stopped, or throw that away and begin again.")
    ] = True,
    device: Device = "auto",
    devices: Annotated[int, typer.Option(min=1, help="GPUs that train together; each takes train.batch_size.")] = 1,
    precision: Precision = "32-true",
) -> None:
    """Train a model: every stage, chosen on the validation part under the declared missing distribution."""
    from zoo.train import Compute, Run, Silent, bars
    from zoo.train import train as train_model

    run = Run(model, dataset, target, split, seed, config, tuple(changes or ()), name, base, root)
    compute = registry.configure(
        Compute, {"device": device, "devices": devices, "precision": precision}, owner="compute"
    )
    # With several devices the program is started once for each, and only the first one speaks.
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    with bars() if first else contextlib.nullcontext(Silent()) as listener:
        folder = train_model(run, compute, stage=stage, restart=not resume, listener=listener)
    if first:
        typer.echo(folder.as_posix())
