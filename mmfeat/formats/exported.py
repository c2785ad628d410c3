"""What every file of padded arrays is made from: the utterances of an artefact that find a place in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mmfeat.artifact import Artifact
from mmfeat.errors import SchemaError
from mmfeat.formats.padded_rows import Room, padded
from mmfeat.formats.pickle_writing import Streamed
from mmfeat.types import MODALITIES, Failure, IntArray, Modality, Progress, Utterance

SPLITS = ("train", "valid", "test")  # what the loaders of these files ask for
STAGE = "export"  # in the ledger


@dataclass(frozen=True)
class Chosen:
    """Utterances of one split that have the labels that a file needs."""

    utterances: Sequence[Utterance]
    positions: IntArray  # (N,) in the split of the artefact

    def label(self, name: str) -> list[float]:
        """Value of one label of each utterance, all of which have it."""
        return [utterance.labels[name] for utterance in self.utterances]

    def have(self, name: str) -> bool:
        """Whether every utterance has that label."""
        return all(name in utterance.labels for utterance in self.utterances)


def choose(artifact: Artifact, labels: Sequence[str], unaligned: bool) -> tuple[dict[str, Chosen], list[Failure]]:
    """Take the utterances of train, valid and test that have all of ``labels``.

    Parameters
    ----------
    artifact : Artifact
    labels : sequence of str
    unaligned : bool
        False: the file has one row per word in every modality.

    Returns
    -------
    chosen : dict of str to Chosen
    failures : list of Failure
        What was left out, and modalities that are not there.

    Raises
    ------
    SchemaError
        If a split would be empty, or ``unaligned`` is False and a modality has rows that are not words.
    """
    own = artifact.description.own_rows
    if own and not unaligned:
        raise SchemaError(
            f"{artifact.path}: {' and '.join(own)} has rows that are not words; expected an aligned artefact; "
            "add --unaligned"
        )
    chosen, failures = {}, []
    for split in SPLITS:
        members = list(artifact.utterances(split)) if split in artifact.splits else []
        kept = [n for n, utterance in enumerate(members) if all(name in utterance.labels for name in labels)]
        if not kept:
            raise SchemaError(
                f"{artifact.path}: no utterance of {split!r} with the label {', '.join(labels)}; expected some in each "
                f"of {', '.join(SPLITS)}, which the loaders of such files ask for; the artefact has "
                f"{', '.join(artifact.splits)}"
            )
        chosen[split] = Chosen([members[n] for n in kept], np.array(kept, dtype=np.int64))
        failures += [
            Failure(members[n].id, STAGE, f"no label {', '.join(labels)}; left out")
            for n in sorted(set(range(len(members))) - set(kept))
        ]
    for split in set(artifact.splits) - set(SPLITS):
        count = len(artifact.ids(split))
        failures.append(Failure(split, STAGE, f"{count} utterances are in no split of such a file; left out"))
    failures += [
        Failure(artifact.description.dataset, STAGE, f"no {name} in the artefact; one column of zeros was written")
        for name in MODALITIES
        if name not in artifact.dims
    ]
    return chosen, failures


def places(artifact: Artifact, room: Room) -> dict[Modality, int]:
    """How many rows of each modality the file has place for."""
    return {name: room.of(name, own=name in artifact.description.own_rows) for name in MODALITIES}


def arrays(
    artifact: Artifact,
    chosen: Mapping[str, Chosen],
    place: Mapping[Modality, int],
    side: Literal["front", "behind"],
    progress: Progress | None,
) -> dict[str, dict[str, Streamed]]:
    """Features of each split by modality, padded, to be written as they are read."""
    done, total = 0, len(MODALITIES) * sum(len(some.utterances) for some in chosen.values())

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(STAGE, done, total)

    return {
        split: {
            name: padded(artifact, split, some.positions, name, place[name], side, advance=advance) for name in place
        }
        for split, some in chosen.items()
    }


def cut(artifact: Artifact, chosen: Mapping[str, Chosen], place: Mapping[Modality, int], kept: str) -> list[Failure]:
    """Name each utterance that is longer than the place for it; ``kept`` is first or last."""
    failures = []
    for split, some in chosen.items():
        offsets = artifact.observed(split).offsets
        for name in artifact.dims:
            lengths = np.diff(offsets[name])[some.positions]
            failures += [
                Failure(one.id, STAGE, f"{length} rows of {name}; the {kept} {place[name]} were written")
                for one, length in zip(some.utterances, lengths.tolist(), strict=True)
                if length > place[name]
            ]
    return failures
