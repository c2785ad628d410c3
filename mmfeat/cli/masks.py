"""Commands for missing data: draw the masks of an artefact, list those of a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmfeat import console
from mmfeat.cli.app import app
from mmfeat.cli.options import AsJson, pair, show_table
from mmfeat.errors import ConfigError
from mmfeat.types import MODALITIES

if TYPE_CHECKING:
    from mmfeat.missing import Stored


@app.command(epilog="Example: mmfeat mask talk.h5 --protocol burst --rate 0.3 --rate 0.5 --output talk.masks.h5")
def mask(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Artefact.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="HDF5 file to write; replaced if it is there.")],
    protocol: Annotated[
        str | None,
        typer.Option(
            help="natural, frame_drop, burst, modality_combination, random_modality or mixed; default: all but mixed."
        ),
    ] = None,
    rate: Annotated[
        list[str] | None,
        typer.Option(help="One mask per --rate; 0.1,0.2,0.3 is one mask for which each utterance draws one of them."),
    ] = None,
    kept: Annotated[
        list[str] | None, typer.Option(help="One mask per --kept, for instance text+audio; commas as for --rate.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="mean_length=8 (rows) or modalities=vision; may be repeated."),
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="May be repeated; default 0.")] = None,
    variants: Annotated[int, typer.Option(min=1, help="Independent draws per seed, such as one per epoch.")] = 1,
    split: Annotated[list[str] | None, typer.Option(help="May be repeated; default: every split.")] = None,
    as_json: AsJson = False,
) -> None:
    """Draw missing-data masks once, for every model. Without --protocol: all protocols, combinations and rates."""
    from dataclasses import replace

    from mmfeat import missing
    from mmfeat.steps.mask import mask as draw_masks

    each = {name: values for name, values in (("rate", rate), ("kept", kept)) if values}
    parameters = dict(pair(entry) for entry in settings or ())
    if protocol is None and (each or parameters):
        raise ConfigError("--rate, --kept and --set without --protocol; expected the protocol they are for; name it")
    plan = missing.DEFAULT if protocol is None else (missing.Entry(protocol, parameters, each),)
    seeds, splits = tuple(seed or (0,)), tuple(split or ())
    plan = tuple(replace(entry, seeds=seeds, variants=variants, splits=splits) for entry in plan)
    with console.progress_bars() as progress:
        drawn = draw_masks(path, output, plan, progress)
    _show(drawn, as_json)


@app.command(epilog="Example: mmfeat masks talk.masks.h5 --json")
def masks(path: Annotated[Path, typer.Argument(metavar="FILE", help="Mask file.")], as_json: AsJson = False) -> None:
    """What a mask file holds: every mask, and what it really drops of what was observed."""
    from mmfeat.missing import MaskFile

    _show(MaskFile(path).stored(), as_json)


def _show(stored: Sequence[Stored], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_record(entry) for entry in stored], ensure_ascii=False))
        return
    rows = [
        {
            "split": entry.split,
            "mask": entry.key,
            **{f"{name} rows": _percent(entry.dropped_rows.get(name)) for name in MODALITIES},
            "modalities": _percent(entry.dropped_modalities),
            "spared": f"{entry.spared} of {entry.utterances}",
        }
        for entry in stored
    ]
    typer.echo("dropped, of what was observed:")
    show_table([{name: name for name in rows[0]}, *rows], as_json)  # the columns need their names


def _percent(share: float | None) -> str:
    return "absent" if share is None else f"{share:.1%}"


def _record(entry: Stored) -> dict[str, Any]:
    from dataclasses import asdict

    found = {"dropped_rows": entry.dropped_rows, "dropped_modalities": entry.dropped_modalities}
    return {**asdict(entry), **found}
