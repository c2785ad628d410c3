"""The one program that every command registers with."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="mmfeat",
    help="Raw talking clips to validated, word-aligned text, audio and vision tensors.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

importing = typer.Typer(help="Other people's files to an artefact.", no_args_is_help=True, rich_markup_mode="markdown")
exporting = typer.Typer(help="An artefact to other people's files.", no_args_is_help=True, rich_markup_mode="markdown")
app.add_typer(importing, name="import")
app.add_typer(exporting, name="export")
