"""Answer for clips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmfeat import console
from mmfeat.cli.options import Aligner, AsJson, Realign, Settings, TranscriberName, settings_of
from zoo.cli.app import Device, Glove, Model, app

if TYPE_CHECKING:
    from zoo.predict import Answered


@app.command(epilog='Example: zoo predict demo talk.mp4 --transcript "what a lovely day" --plot talk.png')
def predict(
    checkpoint: Model,
    clips: Annotated[list[Path], typer.Argument(metavar="CLIP...", help="Media files, or folders of them.")],
    transcript: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT_OR_PATH",
            help="What is said: the text, a transcript file, a folder of them, or a CSV table id,text.",
        ),
    ] = None,
    glove: Glove = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="MODALITY", help="Leave out text, audio or vision altogether.")
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="A clip is one utterance: do not cut at pauses.")] = False,
    pause: Annotated[float, typer.Option(min=0.05, help="Silence that ends an utterance, s.")] = 0.4,
    aligner: Aligner = "pocketsphinx",
    transcriber: TranscriberName = None,
    realign: Realign = False,
    settings: Settings = None,
    plot: Annotated[
        Path | None, typer.Option(help="Picture of the recording, .png; of several, a folder for them.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file to write.")] = None,
    device: Device = "cpu",
    workers: Annotated[int, typer.Option(min=1, help="Processes that extract.")] = 1,
    cache: Annotated[Path | None, typer.Option(help="Folder of per-clip results, to go on after a stop.")] = None,
    as_json: AsJson = False,
) -> None:
    """What a speaker feels, per utterance: the answer, what it is based on, and what it were without each modality."""
    import mmfeat
    from mmfeat.errors import ConfigError
    from mmfeat.safe_write import replacing
    from zoo import predict as room
    from zoo.packing import find

    absent = [name for name in without or () if name not in mmfeat.MODALITIES]
    if absent:
        raise ConfigError(f"--without {absent[0]}; expected text, audio or vision; name one of them")
    chosen = settings_of(settings)
    if glove is not None:
        chosen.setdefault("glove", {})["path"] = glove
    handling = room.Handling(
        words=mmfeat.WordsPlan(aligner, transcriber, realign, required=False, settings=chosen),
        pauses=None if whole else mmfeat.Pauses(shortest=pause),
        settings=chosen,
        without=tuple(name for name in mmfeat.MODALITIES if name in (without or ())),
        workers=workers,
        cache=cache,
    )
    predictor = room.Predictor.open(find(checkpoint), device)
    with console.progress_bars() as progress:
        found = room.answer_clips(predictor, clips, _path_or_text(transcript), handling, progress)
    for failure in found.failures:
        console.note(f"{failure.id} ({failure.stage}): {failure.reason}")
    made = json.dumps(room.as_json(predictor.card, found), indent=1, ensure_ascii=False)
    if output is not None:
        with replacing(output) as beside:
            beside.write_text(made + "\n", encoding="utf-8")
    typer.echo(made if as_json else room.as_table(found.answers))
    if plot is not None:
        for path in _draw(found, plot):
            typer.echo(path.as_posix(), err=as_json)


def _path_or_text(transcript: str | None) -> Path | str | None:
    """What is said, or where it is written: a name of one word with an ending is meant to be a file."""
    if transcript is None:
        return None
    path = Path(transcript)
    try:
        there = path.exists()
    except (OSError, ValueError):  # longer than any name of a file
        there = False
    return path if there or (path.suffix and " " not in path.name) else transcript


def _draw(found: Answered, plot: Path) -> list[Path]:
    from zoo.predict import draw_recording

    recordings = dict.fromkeys(answer.recording for answer in found.answers)
    several = len(recordings) > 1
    made = []
    for name in recordings:
        path = plot / f"{Path(name).name}.png" if several else plot
        made.append(draw_recording([answer for answer in found.answers if answer.recording == name], path))
    return made
