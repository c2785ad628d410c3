"""Answer for a part of a corpus, and show what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.app import Checkpoint, Masks, OtherDataset, Part, app


@app.command(
    epilog="Example: zoo evaluate data/checkpoints/demo/aumdf-small/seed-1111/student --output data/results/demo"
)
def evaluate(
    checkpoint: Checkpoint,
    dataset: OtherDataset = None,
    part: Part = "test",
    masks: Masks = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for tables and pictures; default: beside the card.")
    ] = None,
) -> None:
    """Scores in all seven combinations of modalities and at drop rates 0 to 0.9, beside the constant answer."""
    from zoo import predictions
    from zoo.benchmark import write_answers
    from zoo.checkpoint import read_card
    from zoo.results import summary_text, write

    card = read_card(checkpoint)
    runs = {card.model: {card.seed: predictions.read(write_answers(checkpoint, part, masks=masks, dataset=dataset))}}
    typer.echo(summary_text(card.dataset, runs))
    for path in write(output or checkpoint / part, card.dataset, runs):
        typer.echo(path.as_posix())


@app.command("draw-dialogue", epilog="Example: zoo draw-dialogue CHECKPOINT --dialogue Ses05F_impro01 -o dialogue.png")
def dialogue(
    checkpoint: Checkpoint,
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write, .png.")],
    dialogue: Annotated[str | None, typer.Option(help="Default: the longest one.")] = None,
    conditions: Annotated[
        list[str] | None, typer.Option("--condition", help="As in the tables, such as l or 'frame_drop 0.5'.")
    ] = None,
    part: Part = "test",
    masks: Masks = None,
) -> None:
    """A dialogue's emotions, true and predicted, with the changes marked."""
    from zoo import pictures

    chosen = conditions or pictures.FEW
    typer.echo(pictures.dialogue(checkpoint, output, dialogue, chosen, part, masks).as_posix())


@app.command("draw-embedding", epilog="Example: zoo draw-embedding CHECKPOINT -o embedding.png")
def embedding(
    checkpoint: Checkpoint,
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write, .png.")],
    conditions: Annotated[
        list[str] | None, typer.Option("--condition", help="As in the tables; default: the seven combinations.")
    ] = None,
    part: Part = "test",
    masks: Masks = None,
) -> None:
    """t-SNE of the representations under missing modalities, coloured by emotion."""
    from zoo import pictures
    from zoo.conditions import COMBINATIONS

    typer.echo(pictures.embedding(checkpoint, output, conditions or COMBINATIONS, part, masks).as_posix())
