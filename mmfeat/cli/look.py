"""Commands that look at what is there: artefacts, plug-ins, the installation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mmfeat.cli.app import app
from mmfeat.cli.options import AsJson, pair, show_summary, show_table
from mmfeat.errors import ConfigError


@app.command(epilog="Example: mmfeat info talk.h5 --json")
def info(path: Annotated[Path, typer.Argument(metavar="FILE", help="Artefact.")], as_json: AsJson = False) -> None:
    """Counts, widths and coverage of an artefact."""
    from mmfeat.artifact import Artifact

    with Artifact(path) as artifact:
        summary = artifact.summary()
        if as_json:
            summary["ids"] = {split: artifact.ids(split) for split in artifact.splits}
    show_summary(summary, as_json)


@app.command(epilog="Example: mmfeat validate talk.h5")
def validate(path: Annotated[Path, typer.Argument(metavar="FILE", help="Artefact.")], as_json: AsJson = False) -> None:
    """Check every rule of the schema; exit code 1 if one is broken."""
    from dataclasses import asdict

    from mmfeat import artifact, schema

    problems = artifact.validate(path)
    if as_json:
        typer.echo(json.dumps({"path": path.as_posix(), "problems": [asdict(problem) for problem in problems]}))
    else:
        typer.echo(schema.report(problems, str(path)) if problems else f"{path}: valid")
    raise typer.Exit(1 if problems else 0)


@app.command("list", epilog="Example: mmfeat list --json")
def list_plugins(as_json: AsJson = False) -> None:
    """Plug-ins: datasets, extractors, aligners, transcribers."""
    from mmfeat import doctor

    show_table(doctor.plugins(), as_json)


@app.command("doctor", epilog="Example: mmfeat doctor --glove glove.840B.300d.zip")
def check_up(
    glove: Annotated[Path | None, typer.Option(envvar="MMFEAT_GLOVE", help="GloVe vectors to look at.")] = None,
    as_json: AsJson = False,
) -> None:
    """What is installed, which weights and vectors are found, what is missing and how to get it."""
    from mmfeat import doctor

    rows = doctor.check(glove)
    show_table(rows, as_json)
    raise typer.Exit(1 if any(row["state"] == "broken" for row in rows) else 0)


@app.command(epilog="Example: mmfeat plot talk.h5 clip_007 --output clip_007.png")
def plot(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Artefact.")],
    utterance: Annotated[str, typer.Argument(help="Id of an utterance; 'mmfeat info --json' lists them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write.")],
    media: Annotated[Path | None, typer.Option(help="Folder of the clips, where they have moved.")] = None,
    feature: Annotated[list[str] | None, typer.Option(help="Audio feature to draw; may be repeated.")] = None,
) -> None:
    """Waveform, words, audio features, faces and the observed mask of one utterance, on one figure."""
    from dataclasses import replace

    from mmfeat import plots
    from mmfeat.artifact import Artifact

    with Artifact(path) as artifact:
        if artifact.description.clock == "none":
            raise ConfigError(
                f"{path}: its rows have no times, as imported; expected an artefact with times to draw; "
                "'mmfeat report' shows what it holds"
            )
        aligned = artifact.utterance(utterance)
        names = {modality: artifact.names(modality) for modality in artifact.dims}
    if media is not None:
        said = aligned.utterance
        moved = replace(said, media=media / said.media.name, sound=said.sound and media / said.sound.name)
        aligned = replace(aligned, utterance=moved)
    plots.plot_utterance(aligned, names, output, audio_features=feature)
    typer.echo(str(output))


@app.command("plot-frames", epilog="Example: mmfeat plot-frames talk.wav --start 2 --end 6 --output talk.png")
def plot_frames(
    clip: Annotated[Path, typer.Argument(help="Media file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write: .png, .svg or .pdf.")],
    extractor: Annotated[str, typer.Option(help="Name of an audio extractor; 'mmfeat list' shows them.")] = "covarep",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Setting of the extractor; may be repeated.")
    ] = None,
    start: Annotated[float | None, typer.Option(help="Draw from here on, in s; the whole file is analysed.")] = None,
    end: Annotated[float | None, typer.Option(help="Draw up to here, in s.")] = None,
) -> None:
    """What an audio extractor hears in one file, on one figure: spectrogram, pitch, voice quality, envelope."""
    from mmfeat import steps
    from mmfeat.plots.frames import plot_frames, require_picture_name, require_stretch

    require_picture_name(output)
    _require_audio(extractor)
    stretch = require_stretch(clip, start, end)
    made = steps.extract_one(clip, extractor, dict(pair(entry) for entry in settings or ()), None)
    plot_frames(made, clip, output, stretch)
    typer.echo(str(output))


def _require_audio(extractor: str) -> None:
    from mmfeat import registry

    modality = registry.module("mmfeat.extractors", extractor).MODALITY
    if modality != "audio":
        raise ConfigError(
            f"extractor {extractor!r} is of {modality}; expected one of audio; 'mmfeat list' shows which those are"
        )
