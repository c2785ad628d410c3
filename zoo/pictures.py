"""Pictures of one checkpoint: its representations under missing modalities, and a dialogue as it answers it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from zoo import predictions
from zoo.benchmark import write_answers
from zoo.conditions import COMBINATIONS, named
from zoo.emotion_change import emotions, timeline
from zoo.errors import DataError
from zoo.evaluate import represent
from zoo.predictions import Predictions
from zoo.results.dialogue import draw_dialogue
from zoo.results.embedding import draw_embedding

FEW = ("l,a,v", "l", "a")  # combinations that a dialogue is drawn under


def embedding(
    checkpoint: Path,
    output: Path,
    conditions: Sequence[str] = COMBINATIONS,
    part: str = "test",
    masks: Path | None = None,
) -> Path:
    """Draw t-SNE of the representations, coloured by emotion (AUMDF's figure 7); a panel per condition.

    Raises
    ------
    DataError
        If there is no such condition, or the task is yes-or-no labels.
    """
    wanted = [named(name) for name in conditions]
    labels, names = emotions(predictions.read(write_answers(checkpoint, part, masks=masks)))
    found = represent(checkpoint, [condition.key for condition in wanted], part=part, masks=masks)
    return draw_embedding({condition.name: found[condition.key] for condition in wanted}, labels, names, output)


def dialogue(
    checkpoint: Path,
    output: Path,
    name: str | None = None,
    conditions: Sequence[str] = FEW,
    part: str = "test",
    masks: Path | None = None,
) -> Path:
    """Draw the emotions of a dialogue (default: the longest one), true and predicted, changes marked.

    Raises
    ------
    DataError
        If there is no such dialogue or condition, or the task is yes-or-no labels.
    """
    found = predictions.read(write_answers(checkpoint, part, masks=masks))
    chosen = name or _longest(found)
    wanted = [named(condition) for condition in conditions]
    timelines = {condition.name: timeline(found, chosen, condition.key) for condition in wanted}
    return draw_dialogue(timelines, f"{checkpoint.as_posix()}: {chosen}", output)


def can_show(found: Predictions) -> tuple[bool, bool]:
    """Say whether there is an embedding, and a dialogue, to draw."""
    one_at_a_time = found.task.kind != "binary"
    return one_at_a_time, one_at_a_time and any(found.dialogues)


def _longest(found: Predictions) -> str:
    counts = Counter(name for name in found.dialogues if name)
    if not counts:
        raise DataError("no utterance names its dialogue; expected dialogues to draw one; give the corpus's table them")
    return counts.most_common(1)[0][0]
