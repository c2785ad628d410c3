"""Words and frames to the artefact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

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
from mmfeat.word_alignment import align_frames, frame_intervals


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
    split: str = "all",
    target: str = "",
    expected: Mapping[str, Sequence[int]] | None = None,
    clock: Literal["media", "none"] = "media",
    own_rows: Sequence[Modality] = (),
) -> Description:
    """Collect what the artefact says of itself; `Description` says what each means."""
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
        split=split,
        target=target,
        expected={name: list(span) for name, span in (expected or {}).items()},
        clock=clock,
        own_rows=tuple(own_rows) or _frames_stay(extractors, rule),
    )


def _frames_stay(extractors: Mapping[Modality, Described], rule: AlignmentRule) -> tuple[Modality, ...]:
    """Modalities that the rule leaves as frames; text is a row per word by its nature."""
    return tuple(name for name in extractors if name != "text") if rule == "none" else ()


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
    rule : {"overlap", "weighted", "none"}
        With ``none`` audio and vision keep their frames, with their own times and masks; the description says so.
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
        taken = {}
        for modality, store in frames.items():
            width = len(description.extractors[modality]["names"])
            own = modality in description.own_rows
            taken[modality] = _rows(utterance, modality, store.get(utterance.id), width, "none" if own else rule)
        done += 1
        if progress:
            progress("align", done, len(kept))
        return AlignedUtterance(
            utterance,
            features={modality: rows.features for modality, rows in taken.items()},
            observed={modality: rows.observed for modality, rows in taken.items()},
            intervals={modality: taken[modality].intervals for modality in description.own_rows},
        )

    artifact.write(path, description, kept, rows_of, _digest)
    return kept


class _Rows(NamedTuple):
    """Rows of one modality of one utterance."""

    features: FloatArray  # (R, D) float32
    observed: BoolArray  # (R,)
    intervals: FloatArray  # (R, 2) s


def _rows(utterance: Utterance, modality: Modality, frames: Frames | None, width: int, rule: AlignmentRule) -> _Rows:
    """One row per word, or with the rule ``none`` one per frame; where extraction failed none was observed."""
    words = np.array([(word.start, word.end) for word in utterance.words], dtype=np.float64).reshape(-1, 2)
    if frames is None:
        count = 0 if rule == "none" else len(words)
        return _Rows(np.zeros((count, width), dtype=np.float32), np.zeros(count, dtype=np.bool_), words[:count])
    values = frames.values.astype(np.float32, copy=False)
    if rule == "none":
        return _Rows(values, frames.observed, np.stack(frame_intervals(frames), axis=1))
    if modality == "text":  # a row per word already
        return _Rows(values, frames.observed, words)
    return _Rows(*align_frames(frames, utterance.words, rule), words)


def _digest(utterance: Utterance) -> str:
    return media_digest(utterance.media) if utterance.media.is_file() else ""
