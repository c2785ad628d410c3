"""The command line: every command parses, calls the library, and shows what came back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mmfeat import console
from mmfeat.errors import ConfigError

app = typer.Typer(
    name="mmfeat",
    help="Raw talking clips to validated, word-aligned text, audio and vision tensors.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PLUGIN.KEY=VALUE", help="Setting of a plug-in; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Realign = Annotated[bool, typer.Option(help="Align again where the transcript brought times.")]
Aligner = Annotated[str, typer.Option(help="Forced aligner for plain transcripts.")]
TranscriberName = Annotated[
    str | None,
    typer.Option(
        "--transcriber", help="For clips without transcript: whisper (extra 'asr') or pocketsphinx (built in, rough)."
    ),
]


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
        str, typer.Option(help="Frames to words: overlap (plain mean) or weighted (by overlap).")
    ] = "overlap",
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

    chosen = _settings(settings)
    if glove is not None:
        chosen.setdefault("glove", {})["path"] = glove
    plan = steps.WordsPlan(
        aligner=aligner,
        transcriber=transcriber,
        realign=realign,
        on_failure=_one_of("--on-failure", on_failure, ("unknown", "spread")),
        settings=chosen,
    )
    choices = steps.Choices(
        text=_extractor(text),
        audio=_extractor(audio),
        vision=_extractor(vision),
        words=plan,
        rule=_one_of("--rule", rule, ("overlap", "weighted")),
        settings=chosen,
    )
    _warn_of(transcriber)
    with console.progress_bars() as progress:
        done = steps.extract(
            clips,
            output,
            transcripts=transcripts,
            choices=choices,
            workers=workers,
            max_failed=max_failed,
            cache=cache,
            progress=progress,
        )
    for failure in done.failures[:10]:
        console.note(f"{failure.id} ({failure.stage}): {failure.reason}")
    if done.failures:
        console.note(f"{len(done.failures)} row(s) in {done.ledger}")
    _show(done.summary, as_json)


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

    plan = steps.WordsPlan(aligner=aligner, transcriber=transcriber, realign=realign, settings=_settings(settings))
    _warn_of(transcriber)
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
    made = steps.extract_one(clip, extractor, dict(_pair(entry) for entry in settings or ()), transcript)
    writers[output.suffix](made, output)
    rows, columns = made.values.shape
    share = f"{made.observed.mean():.0%} observed" if rows else f"nothing of that modality in {clip}"
    typer.echo(f"{rows} frames of {columns} dimensions, {share}, in {output}")


@app.command(epilog="Example: mmfeat info talk.h5 --json")
def info(path: Annotated[Path, typer.Argument(metavar="FILE", help="Artefact.")], as_json: AsJson = False) -> None:
    """Counts, widths and coverage of an artefact."""
    from mmfeat.artifact import Artifact

    with Artifact(path) as artifact:
        summary = artifact.summary()
        if as_json:
            summary["ids"] = {split: artifact.ids(split) for split in artifact.splits}
    _show(summary, as_json)


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

    _table(doctor.plugins(), as_json)


@app.command("doctor", epilog="Example: mmfeat doctor --glove glove.840B.300d.zip")
def check_up(
    glove: Annotated[Path | None, typer.Option(envvar="MMFEAT_GLOVE", help="GloVe vectors to look at.")] = None,
    as_json: AsJson = False,
) -> None:
    """What is installed, which weights and vectors are found, what is missing and how to get it."""
    from mmfeat import doctor

    rows = doctor.check(glove)
    _table(rows, as_json)
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
        aligned = artifact.utterance(utterance)
        names = {modality: artifact.names(modality) for modality in artifact.dims}
    if media is not None:
        moved = replace(aligned.utterance, media=media / aligned.utterance.media.name)
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
    made = steps.extract_one(clip, extractor, dict(_pair(entry) for entry in settings or ()), None)
    plot_frames(made, clip, output, stretch)
    typer.echo(str(output))


def main() -> None:
    """Run the command line."""
    console.run(app)


def _extractor(name: str) -> str | None:
    return None if name == "none" else name


def _require_audio(extractor: str) -> None:
    from mmfeat import registry

    modality = registry.module("mmfeat.extractors", extractor).MODALITY
    if modality != "audio":
        raise ConfigError(
            f"extractor {extractor!r} is of {modality}; expected one of audio; 'mmfeat list' shows which those are"
        )


def _warn_of(transcriber: str | None) -> None:
    """Say what a transcriber says of itself, where it has something to say."""
    from mmfeat import registry

    if transcriber is not None:
        config = registry.module("mmfeat.transcribers", transcriber).Config
        if getattr(config, "note", None):
            console.note(config.note)


def _one_of(option: str, value: str, allowed: Sequence[str]) -> Any:
    if value not in allowed:
        raise ConfigError(f"{option} {value!r}; expected {' or '.join(allowed)}")
    return value


def _pair(entry: str) -> tuple[str, str]:
    key, equals, value = entry.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {entry!r}; expected KEY=VALUE; for instance --set hop_length=256")
    return key, value


def _settings(entries: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """``plugin.key=value`` entries by plug-in; an unknown plug-in is a typing error."""
    from mmfeat import registry

    # Aligners and transcribers go by their role: pocketsphinx is both.
    known = {*registry.names("mmfeat.extractors"), "faces", "aligner", "transcriber"}
    settings: dict[str, dict[str, Any]] = {}
    for entry in entries or ():
        key, value = _pair(entry)
        plugin, dot, name = key.partition(".")
        if not dot or plugin not in known:
            raise ConfigError(
                f"--set {entry!r}; expected PLUGIN.KEY=VALUE with PLUGIN one of {', '.join(sorted(known))}; "
                "for instance --set transcriber.model=small.en"
            )
        settings.setdefault(plugin, {})[name] = value
    return settings


def _show(summary: Any, as_json: bool) -> None:
    """Print a summary, for a person or a machine."""
    if as_json:
        typer.echo(json.dumps(summary, ensure_ascii=False))
        return
    oov, observed, dims = summary["out_of_vocabulary"], summary["observed"], summary["dims"]
    lines = [
        f"{summary['path']}  ({summary['dataset']}, {summary['duration']:.1f} s of speech)",
        "utterances  " + ", ".join(f"{split} {count}" for split, count in summary["splits"].items()),
        f"word rows   {summary['words']}",
        *(
            f"{name:<12}{width:>4} dimensions, {observed[name]:6.1%} of rows observed ({summary['extractors'][name]})"
            for name, width in dims.items()
        ),
    ]
    if "text" in dims:
        worst = ", ".join(f"{word} {count}" for word, count in list(oov["words"].items())[:8])
        lines.append(
            f"unknown     {oov['count']} words ({oov['share']:.1%}) not in the vectors{': ' + worst if worst else ''}"
        )
    for name, entry in summary["labels"].items():
        shown = entry.get("classes") or {
            key: round(entry[key], 2) for key in ("lowest", "mean", "highest") if key in entry
        }
        lines.append(f"label       {name}: {entry['known']} known, " + ", ".join(f"{k} {v}" for k, v in shown.items()))
    typer.echo("\n".join(lines))


def _table(rows: Sequence[dict[str, str]], as_json: bool) -> None:
    """Print rows of text in aligned columns, or as JSON."""
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    widths = {key: max(len(key), *(len(row[key]) for row in rows)) for key in rows[0]}
    typer.echo("\n".join("  ".join(row[key].ljust(width) for key, width in widths.items()).rstrip() for row in rows))


if __name__ == "__main__":
    main()
