"""Words and frames to the artefact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmfeat import artifact
from mmfeat.artifact import Description, describe_extractor
from mmfeat.clip_cache import media_digest
from mmfeat.errors import SchemaError
from mmfeat.types import (
    AlignedUtterance,
    AlignmentRule,
    BoolArray,
    FloatArray,
    Frames,
    Modality,
    Progress,
    Provenance,
    Utterance,
)
from mmfeat.word_alignment import align_frames


class FrameSource(Protocol):
    """Frames by utterance id: the cache, or the store of a corpus."""

    def get(self, utterance_id: str) -> Frames | None:
        """Frames of one utterance; None where its extraction failed."""
        ...


class Described(Protocol):
    """What an artefact keeps of an extractor: a built one has it, and so has a store of its frames."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the D dimensions."""

    @property
    def frame_shift(self) -> float | None:
        """Seconds between frames."""

    @property
    def source(self) -> Provenance:
        """What made the frames."""


def describe(
    dataset: str,
    extractors: Mapping[Modality, Described],
    *,
    rule: AlignmentRule,
    words_from: Mapping[str, Any],
    classes: Mapping[str, Sequence[str]],
    source: Mapping[str, str],
) -> Description:
    """Collect what the artefact says of itself."""
    return Description(
        dataset=dataset,
        code_version=version("mmfeat"),
        extractors={
            modality: describe_extractor(extractor.source, extractor.names, extractor.frame_shift)
            for modality, extractor in extractors.items()
        },
        classes={name: list(values) for name, values in classes.items()},
        words_from=words_from,
        alignment_rule=rule,
        source=source,
    )


def align(
    utterances: Sequence[Utterance],
    frames: Mapping[Modality, FrameSource],
    description: Description,
    path: Path,
    *,
    rule: AlignmentRule = "overlap",
    progress: Progress | None = None,
) -> list[Utterance]:
    """Write the artefact of utterances that have words; the others are in the ledger already.

    Parameters
    ----------
    utterances : sequence of Utterance
    frames : mapping of modality to FrameSource
    description : Description
    path : Path
    rule : {"overlap", "weighted"}
    progress : Progress, optional

    Returns
    -------
    list of Utterance
        Those in the artefact.

    Raises
    ------
    SchemaError
        If no utterance has words.
    """
    kept = [utterance for utterance in utterances if utterance.words]
    if not kept:
        raise SchemaError("no utterance has words; expected at least one; read the ledger for the reasons")
    done = 0

    def rows_of(utterance: Utterance) -> AlignedUtterance:
        nonlocal done
        features, observed = {}, {}
        for modality, store in frames.items():
            width = len(description.extractors[modality]["names"])
            features[modality], observed[modality] = _rows(utterance, modality, store.get(utterance.id), width, rule)
        done += 1
        if progress:
            progress("align", done, len(kept))
        return AlignedUtterance(utterance, features, observed)

    artifact.write(path, description, kept, rows_of, _digest)
    return kept


def _rows(
    utterance: Utterance, modality: Modality, frames: Frames | None, width: int, rule: AlignmentRule
) -> tuple[FloatArray, BoolArray]:
    """One row per word (W, D) and whether it was observed (W,)."""
    count = len(utterance.words)
    if frames is None:
        return np.zeros((count, width), dtype=np.float32), np.zeros(count, dtype=np.bool_)
    if modality == "text":  # a row per word already
        return frames.values.astype(np.float32, copy=False), frames.observed
    return align_frames(frames, utterance.words, rule)


def _digest(utterance: Utterance) -> str:
    return media_digest(utterance.media) if utterance.media.is_file() else ""
