"""Commands for the CMU-MultimodalSDK's computational sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmfeat import console
from mmfeat.cli.app import exporting, importing
from mmfeat.cli.options import AsJson, show_summary
from mmfeat.errors import ConfigError


@importing.command(
    "csd",
    epilog="Example: mmfeat import csd --words CMU_MOSI_TimestampedWords.csd --labels CMU_MOSI_Opinion_Labels.csd "
    "--features COVAREP=CMU_MOSI_COVAREP.csd --glove glove.840B.300d.zip --folds cmu_mosi_std_folds.py -o mosi.h5",
)
def import_csd(
    words: Annotated[Path, typer.Option(help="Computational sequence of words.")],
    labels: Annotated[Path, typer.Option(help="Labelled segments: .csd, or .csv with video_id, start, end, label.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="HDF5 file to write.")],
    features: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FILE", help="Published name (COVAREP, FACET_4.2) or modality; may be repeated."),
    ] = None,
    glove: Annotated[
        Path | None, typer.Option(envvar="MMFEAT_GLOVE", help="GloVe vectors: .txt, .zip, .gz or word2vec .bin.")
    ] = None,
    folds: Annotated[
        Path | None,
        typer.Option(help="Official split: .json, the SDK's .py, or MMSA's label.csv; default: all in one."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Whose counts and label ranges hold; default: what the labels say.")
    ] = None,
    keep_pauses: Annotated[bool, typer.Option("--keep-pauses", help="Keep the token sp.")] = False,
    word_shift: Annotated[
        int, typer.Option(help="Give each text the times of so many rows before: 1 for the displaced words of MOSI.")
    ] = 0,
    complete: Annotated[bool, typer.Option("--complete", help="Fail where published counts are not met.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Threads.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Words, labels and features of the CMU SDK to an artefact: features to words, words to labelled segments."""
    from mmfeat.steps.csd import import_csd as run

    with console.progress_bars() as progress:
        done = run(
            output,
            words=words,
            labels=labels,
            features=dict(_named_file(entry) for entry in features or ()),
            glove=glove,
            folds=folds,
            dataset=dataset,
            keep_pauses=keep_pauses,
            word_shift=word_shift,
            complete=complete,
            workers=workers,
            progress=progress,
        )
    for failure in done.failures[:10]:
        console.note(f"{failure.id} ({failure.stage}): {failure.reason}")
    if done.failures:
        console.note(f"{len(done.failures)} row(s) in {done.ledger}")
    for difference in done.differences:
        console.note(f"count: {difference}")
    show_summary(done.summary, as_json)


@exporting.command("csd", epilog="Example: mmfeat export csd mosi.h5 --output mosi_csd")
def export_csd(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Artefact.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for words.csd, labels.csd, audio.csd ...")],
    gzip: Annotated[int, typer.Option(min=0, max=9, help="Level of compression; 0 reads fastest.")] = 0,
) -> None:
    """Write an artefact as computational sequences with keys <video>[<i>], which the SDK reads."""
    from mmfeat.steps.csd_export import export_csd as run

    with console.progress_bars() as progress:
        written = run(path, output, gzip=gzip, progress=progress)
    typer.echo("\n".join(map(str, written)))


def _named_file(entry: str) -> tuple[str, Path]:
    name, equals, path = entry.partition("=")
    if not equals or not name or not path:
        raise ConfigError(f"--features {entry!r}; expected NAME=FILE; for instance COVAREP=CMU_MOSI_COVAREP.csd")
    return name, Path(path)
