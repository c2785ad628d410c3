"""Share: pack a checkpoint, fetch one, list what is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mmfeat import console
from zoo.cli.app import AsJson, Checkpoint, app

EXAMPLE = (
    "Example: zoo pack data/checkpoints/demo/aumdf-small/seed-1111/student --output mine.zoo.zip "
    "--file pipelines/demo/glove.demo.txt"
)


@app.command(epilog=EXAMPLE)
def pack(
    checkpoint: Checkpoint,
    output: Annotated[Path, typer.Option("--output", "-o", help="Archive to write; its name ends with .zoo.zip.")],
    files: Annotated[
        list[Path] | None,
        typer.Option("--file", help="A file that its extractors read, such as word vectors; may be repeated."),
    ] = None,
    sample: Annotated[Path | None, typer.Option(help="A clip to try the model with.")] = None,
    sample_transcript: Annotated[Path | None, typer.Option(help="What is said in the sample.")] = None,
    terms: Annotated[
        Path | None, typer.Option(help="Text on what may be done with all of it, for the model card.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="That it is installed under; default: that of the output.")] = None,
) -> None:
    """Make one archive of a checkpoint: weights, card, model card, checksums, and the files that go with it."""
    from zoo.packing import Sample
    from zoo.packing import pack as make

    if sample_transcript and not sample:
        raise typer.BadParameter("there is no --sample that it could be of", param_hint="--sample-transcript")
    tried = Sample(sample, sample_transcript) if sample else None
    packed = make(checkpoint, output, files=files or (), name=name, sample=tried, terms=terms)
    if packed.lacking:
        console.note(f"not inside, and needed to extract features: {', '.join(packed.lacking)} (--file adds them)")
    typer.echo(f"{packed.path.as_posix()}  {packed.size} bytes  sha256 {packed.sha256}")


@app.command(epilog="Example: zoo fetch https://example.org/demo.zoo.zip --sha256 HEX --name mine")
def fetch(
    source: Annotated[str, typer.Argument(metavar="PATH_OR_URL", help="Archive made by 'zoo pack'.")],
    sha256: Annotated[str | None, typer.Option(help="That the archive has to have.", metavar="HEX")] = None,
    name: Annotated[str | None, typer.Option(help="That it is installed under; default: the archive's own.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="In place of another model of that name.")] = False,
) -> None:
    """Check an archive and install it; a download that broke off goes on where it stopped. ZOO_HOME says where to."""
    from zoo.packing import fetch as install

    with console.progress_bars() as progress:
        folder = install(source, sha256=sha256, name=name, replace=replace, progress=progress, note=console.note)
    typer.echo(folder.as_posix())


@app.command(epilog="Example: zoo models --json")
def models(as_json: AsJson = False) -> None:
    """Models that other commands know by name: installed ones, and those that come with the package."""
    from zoo.packing import home_folder, installed, shipped

    home, found, own = home_folder(), [entry.summary() for entry in installed()], list(shipped())
    if as_json:
        typer.echo(json.dumps({"home": str(home), "installed": found, "shipped": own}))
        return
    typer.echo(f"installed  {len(found)} in {home}")
    for entry in found:
        said = "{model} ({stage}) on {dataset}, predicts {targets}" if entry["model"] else "cannot be read: {problem}"
        typer.echo(f"  {entry['name']}  {said.format(**entry)}")
    typer.echo(f"shipped    {', '.join(own)}")
