"""Commands that turn clips into words, frames and artefacts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmfeat import console
from mmfeat.cli.app import app
from mmfeat.cli.options import (
    Aligner,
    AsJson,
    Realign,
    Settings,
    TranscriberName,
    one_of,
    pair,
    settings_of,
    show_summary,
)
from mmfeat.errors import ConfigError

if TYPE_CHECKING:
    from mmfeat.steps import Pauses


@app.command(epilog="Example: mmfeat extract clips/ --transcripts clips/ --glove glove.840B.300d.zip --output talk.h5")
def extract(
    clips: Annotated[list[Path], typer.Argument(metavar="CLIP...", help="Media files, or folders of them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="HDF5 file to write.")],
    transcripts: Annotated[
        Path | None,
        typer.Option(help="Folder of <clip name>.txt, .TextGrid, .srt ...; one such file; or a CSV table id,text."),
    ] = None,
    text: Annotated[str, typer.Option(help="Text extractor, or none.")] = "glove",
    audio: Annotated[str, typer.Option(help="Audio extractor, or none.")] = "librosa33",
    vision: Annotated[str, typer.Option(help="Vision extractor, or none.")] = "hog",
    glove: Annotated[
        Path | None, typer.Option(envvar="MMFEAT_GLOVE", help="GloVe vectors: .txt, .zip, .gz or word2vec .bin.")
    ] = None,
    aligner: Aligner = "pocketsphinx",
    transcriber: TranscriberName = None,
    realign: Realign = False,
    on_failure: Annotated[
        str, typer.Option(help="Words that cannot be aligned: unknown, or spread evenly (trusts the transcript).")
    ] = "unknown",
    rule: Annotated[
        str,
        typer.Option(help="Frames to words: overlap (plain mean), weighted (by overlap), none (frames stay frames)."),
    ] = "overlap",
    cut: Annotated[bool, typer.Option("--cut", help="Cut long recordings into utterances at pauses.")] = False,
    pause: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Shortest pause that ends an utterance, 0.4 by default; with --cut."),
    ] = None,
    longest: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Longest utterance, 20 by default; with --cut.")
    ] = None,
    settings: Settings = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    max_failed: Annotated[float, typer.Option(min=0, max=1, help="Share of clips that may fail.")] = 0.5,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of per-clip results; default .mmfeat-cache beside the output.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Clips to one artefact: words with times, features, one row per word. Run it again to go on after a stop."""
    from mmfeat import steps

    chosen = settings_of(settings)
    if glove is not None:
        chosen.setdefault("glove", {})["path"] = glove
    plan = steps.WordsPlan(
        aligner=aligner,
        transcriber=transcriber,
        realign=realign,
        on_failure=one_of("--on-failure", on_failure, ("unknown", "spread")),
        settings=chosen,
    )
    choices = steps.Choices(
        text=_extractor(text),
        audio=_extractor(audio),
        vision=_extractor(vision),
        words=plan,
        rule=one_of("--rule", rule, ("overlap", "weighted", "none")),
        settings=chosen,
    )
    _warn_of("transcribers", transcriber)
    _warn_of("extractors", choices.vision)
    with console.progress_bars() as progress:
        done = steps.extract(
            clips,
            output,
            transcripts=transcripts,
            choices=choices,
            pauses=_pauses(cut, {"shortest": pause, "longest": longest}),
            workers=workers,
            max_failed=max_failed,
            cache=cache,
            progress=progress,
        )
    for failure in done.failures[:10]:
        console.note(f"{failure.id} ({failure.stage}): {failure.reason}")
    if done.failures:
        console.note(f"{len(done.failures)} row(s) in {done.ledger}")
    show_summary(done.summary, as_json)


@app.command(epilog='Example: mmfeat words talk.mp4 --transcript "hello there" --output talk.TextGrid')
def words(
    clip: Annotated[Path, typer.Argument(help="Media file.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help=".csv (word,start,end,score in s), .TextGrid or .json.")
    ],
    transcript: Annotated[
        str | None, typer.Option(metavar="TEXT_OR_FILE", help="What is said: the text, or a file.")
    ] = None,
    aligner: Aligner = "pocketsphinx",
    transcriber: TranscriberName = None,
    realign: Realign = False,
    settings: Settings = None,
) -> None:
    """Words of one clip with their times."""
    from mmfeat import steps
    from mmfeat.formats.transcripts import write_words

    plan = steps.WordsPlan(aligner=aligner, transcriber=transcriber, realign=realign, settings=settings_of(settings))
    _warn_of("transcribers", transcriber)
    placed = steps.words_of(clip, transcript, plan)
    write_words(placed, output)
    typer.echo(f"{len(placed)} words in {output}")


@app.command(epilog="Example: mmfeat frames talk.mp4 --extractor librosa33 --set hop_length=256 --output talk.npz")
def frames(
    clip: Annotated[Path, typer.Argument(help="Media file.")],
    extractor: Annotated[str, typer.Option(help="Name of an extractor; 'mmfeat list' shows them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help=".npz (names, times, values, observed) or .csv.")],
    transcript: Annotated[
        str | None, typer.Option(metavar="TEXT_OR_FILE", help="For extractors that read words.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Setting of the extractor; faces.KEY for the face track."),
    ] = None,
) -> None:
    """Run one extractor on one file."""
    from mmfeat import steps
    from mmfeat.frame_store import write_csv, write_npz

    writers = {".npz": write_npz, ".csv": write_csv}
    if output.suffix not in writers:
        raise ConfigError(f"--output {output} ends in {output.suffix!r}; expected .npz or .csv; rename it")
    _warn_of("extractors", extractor)
    made = steps.extract_one(clip, extractor, dict(pair(entry) for entry in settings or ()), transcript)
    writers[output.suffix](made, output)
    rows, columns = made.values.shape
    share = f"{made.observed.mean():.0%} observed" if rows else f"nothing of that modality in {clip}"
    typer.echo(f"{rows} frames of {columns} dimensions, {share}, in {output}")


def _pauses(cut: bool, settings: Mapping[str, float | None]) -> Pauses | None:
    """Which pauses end an utterance; None where recordings are not cut."""
    from mmfeat import registry, steps

    given = {name: value for name, value in settings.items() if value is not None}
    if given and not cut:
        raise ConfigError("--pause and --longest say how recordings are cut; expected --cut beside them; add it")
    chosen: Pauses = registry.configure(steps.Pauses, given, owner="--cut")
    return chosen if cut else None


def _extractor(name: str) -> str | None:
    return None if name == "none" else name


def _warn_of(kind: str, name: str | None) -> None:
    """Say what a plug-in says of itself, where it has something to say."""
    from mmfeat import registry

    if name is not None:
        config = registry.module(f"mmfeat.{kind}", name).Config
        if getattr(config, "note", None):
            console.note(config.note)
