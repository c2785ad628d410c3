"""The command that writes the page about a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmfeat.cli.app import app


@app.command(epilog="Example: mmfeat report talk.h5 --output talk.html")
def report(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Artefact.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Page to write; default: FILE with .html.")
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="Ledger; default: FILE with .ledger.jsonl, if it is there.")
    ] = None,
    media: Annotated[Path | None, typer.Option(help="Folder of the clips, where they have moved.")] = None,
    pictures: Annotated[int, typer.Option(min=0, help="How many utterances are drawn.")] = 4,
) -> None:
    """One HTML page about a corpus, to open offline: counts, splits, coverage, lengths, labels, features, ledger."""
    from mmfeat import console
    from mmfeat import report as page

    target = output or path.with_suffix(".html")
    with console.progress_bars() as progress:
        page.write(path, target, ledger, media, pictures, progress)
    typer.echo(str(target))
