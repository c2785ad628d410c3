"""Commands that read other people's features, and write files for their loaders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmfeat import console
from mmfeat.cli.app import exporting, importing
from mmfeat.cli.options import AsJson, show_summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmfeat.steps.exchange import Exported
    from mmfeat.steps.pipeline import Extraction
    from mmfeat.types import Failure

Pickle = Annotated[Path, typer.Argument(metavar="PICKLE", help="File to read; nothing in it is executed.")]
Artefact = Annotated[Path, typer.Argument(metavar="FILE", help="Artefact.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="HDF5 file to write.")]
PickleOutput = Annotated[Path, typer.Option("--output", "-o", help="Pickle to write.")]
Dataset = Annotated[str, typer.Option(help="mosi, mosei, iemocap, sims or any other name; known counts are compared.")]
Unaligned = Annotated[bool, typer.Option("--unaligned", help="Modalities at their own length.")]
Words = Annotated[int, typer.Option(min=1, help="Word rows that find a place.")]
AudioRows = Annotated[int, typer.Option(min=1, help="Audio rows that find a place, where they are not words.")]
VisionRows = Annotated[int, typer.Option(min=1, help="Vision rows that find a place, where they are not words.")]
Folder = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of <utterance>.npy files.")]

SHOWN = 10  # rows of the ledger


@importing.command("mmsa", epilog="Example: mmfeat import mmsa aligned_50.pkl --dataset mosi --output mosi.h5")
def import_mmsa(path: Pickle, output: Output, dataset: Dataset, as_json: AsJson = False) -> None:
    """Features of MMSA: aligned_50.pkl, unaligned_50.pkl."""
    from mmfeat.steps import exchange

    with console.progress_bars() as progress:
        done = exchange.import_mmsa(path, output, dataset=dataset, progress=progress)
    _show(done, as_json)


@importing.command("mult", epilog="Example: mmfeat import mult mosi_data.pkl --dataset mosi --output mosi.h5")
def import_mult(path: Pickle, output: Output, dataset: Dataset, as_json: AsJson = False) -> None:
    """Features of MulT: mosi_data.pkl, mosei_senti_data_noalign.pkl, iemocap_data.pkl."""
    from mmfeat.steps import exchange

    with console.progress_bars() as progress:
        done = exchange.import_mult(path, output, dataset=dataset, progress=progress)
    _show(done, as_json)


@importing.command(
    "gcnet",
    epilog="Example: mmfeat import gcnet --labels IEMOCAP_features_raw_4way.pkl --audio features/wav2vec-large-c-UTT "
    "--text features/deberta-large-4-UTT --vision features/manet_UTT --dataset iemocap --output iemocap.h5",
)
def import_gcnet(
    labels: Annotated[Path, typer.Option(metavar="PICKLE", help="Label pickle; nothing in it is executed.")],
    output: Output,
    dataset: Dataset,
    text: Folder = None,
    audio: Folder = None,
    vision: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Utterance vectors of GCNet, MoMKE and HARDY-MER."""
    from mmfeat.steps import exchange

    with console.progress_bars() as progress:
        done = exchange.import_gcnet(
            labels, output, dataset=dataset, text=text, audio=audio, vision=vision, progress=progress
        )
    _show(done, as_json)


@exporting.command("mmsa", epilog="Example: mmfeat export mmsa mosi.h5 --output aligned_50.pkl")
def export_mmsa(
    path: Artefact,
    output: PickleOutput,
    unaligned: Unaligned = False,
    words: Words = 50,
    audio_rows: AudioRows = 500,
    vision_rows: VisionRows = 375,
) -> None:
    """A pickle that MMSA's loader reads: the first rows of each utterance, zeros behind."""
    from mmfeat.formats.padded_rows import Room
    from mmfeat.steps import exchange

    room = Room(words, audio_rows, vision_rows)
    with console.progress_bars() as progress:
        done = exchange.export_mmsa(path, output, unaligned=unaligned, room=room, progress=progress)
    _show_export(done)


@exporting.command("mult", epilog="Example: mmfeat export mult mosi.h5 --output mosi_data.pkl")
def export_mult(
    path: Artefact,
    output: PickleOutput,
    unaligned: Unaligned = False,
    words: Words = 50,
    audio_rows: AudioRows = 500,
    vision_rows: VisionRows = 500,
) -> None:
    """A pickle that MulT's loader reads: the last rows of each utterance, zeros in front. IEMOCAP: --words 20."""
    from mmfeat.formats.padded_rows import Room
    from mmfeat.steps import exchange

    room = Room(words, audio_rows, vision_rows)
    with console.progress_bars() as progress:
        done = exchange.export_mult(path, output, unaligned=unaligned, room=room, progress=progress)
    _show_export(done)


def _show(done: Extraction, as_json: bool) -> None:
    _note(done.failures, done.ledger)
    show_summary(done.summary, as_json)


def _show_export(done: Exported) -> None:
    _note(done.failures, done.ledger)
    typer.echo(f"{', '.join(f'{split} {count}' for split, count in done.utterances.items())} utterances in {done.path}")


def _note(failures: Sequence[Failure], ledger: Path) -> None:
    for failure in failures[:SHOWN]:
        console.note(f"{failure.id} ({failure.stage}): {failure.reason}")
    if failures:
        console.note(f"{len(failures)} row(s) in {ledger}")
