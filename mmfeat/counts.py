"""How many of what a corpus holds, in the words that papers use: to be laid beside the published counts.

Names of counts: ``utterances``, ``dialogues``, ``speakers``; ``train`` and ``train dialogues`` for each split;
``emotion4`` (utterances whose label is known), ``emotion4=sad`` for each class of a label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mmfeat.types import Utterance


def count(utterances: Iterable[Utterance], classes: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Count a corpus.

    Parameters
    ----------
    utterances : iterable of Utterance
    classes : mapping of str to sequence of str
        Class label -> names of its values.

    Returns
    -------
    dict of str to int
    """
    counts: Counter[str] = Counter()
    dialogues: set[tuple[str, str]] = set()
    speakers: set[str] = set()
    for utterance in utterances:
        counts.update(("utterances", utterance.split))
        if utterance.dialogue is not None:
            dialogues.add((utterance.split, utterance.dialogue))
        if utterance.speaker is not None:
            speakers.add(utterance.speaker)
        for label, value in utterance.labels.items():
            counts[label] += 1
            if label in classes:
                counts[f"{label}={classes[label][int(value)]}"] += 1
    counts.update(f"{split} dialogues" for split, _ in dialogues)
    counts["dialogues"] = len({name for _, name in dialogues})
    counts["speakers"] = len(speakers)
    return dict(counts)


def differences(counts: Mapping[str, int], expected: Mapping[str, tuple[int, int]]) -> list[str]:
    """Say which counts lie outside the published ones.

    Parameters
    ----------
    counts : mapping of str to int
        As `count` gives them.
    expected : mapping of str to (int, int)
        Lowest and highest published count.

    Returns
    -------
    list of str
        One line per difference; empty where all agree.
    """
    lines = []
    for name, (low, high) in expected.items():
        found = counts.get(name, 0)
        if not low <= found <= high:
            lines.append(f"{name} {found}, published {low if low == high else f'{low} to {high}'}")
    return lines
