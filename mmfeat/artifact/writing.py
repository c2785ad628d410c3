"""Writing an artefact, one utterance in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from mmfeat.artifact.own_rows import OwnRowsWriter
from mmfeat.errors import SchemaError
from mmfeat.safe_write import replacing
from mmfeat.schema import SCHEMA_VERSION
from mmfeat.types import MODALITIES, AlignedUtterance, Modality, Provenance, Utterance


@dataclass(frozen=True)
class Description:
    """What an artefact says of itself."""

    dataset: str
    code_version: str
    extractors: Mapping[Modality, Mapping[str, Any]]  # provenance, dimension names, frame shift
    classes: Mapping[str, Sequence[str]]  # class label -> names of its values
    words_from: Mapping[str, Any]  # how the word times came about
    alignment_rule: str
    source: Mapping[str, str]  # citation, licence, homepage; empty for loose clips
    split: str = "all"  # name of the split by which the file is divided
    target: str = ""  # label that models learn unless told otherwise
    expected: Mapping[str, Sequence[int]] = field(default_factory=dict)  # published counts, lowest and highest
    clock: Literal["media", "none"] = "media"  # none: rows are in order, their times unknown and written as 0
    own_rows: Sequence[Modality] = ()  # modalities whose rows are not the words


def describe_extractor(source: Provenance, names: Sequence[str], frame_shift: float | None) -> dict[str, Any]:
    """Entry of one modality in `Description.extractors`."""
    return {**asdict(source), "names": list(names), "frame_shift": frame_shift}


def write(
    path: Path,
    description: Description,
    utterances: Sequence[Utterance],
    rows_of: Callable[[Utterance], AlignedUtterance],
    digest_of: Callable[[Utterance], str],
) -> None:
    """Write an artefact, one utterance in memory at a time.

    Parameters
    ----------
    path : Path
    description : Description
    utterances : sequence of Utterance
        With their words; the order within a split is kept.
    rows_of : callable
        Gives the rows of one utterance when its turn has come.
    digest_of : callable
        sha256 of the media of an utterance, '' where there is none.

    Raises
    ------
    OutputError
        If ``path`` cannot be written.
    SchemaError
        If a label or a named split has a name that HDF5 cannot hold.
    """
    _require_names(utterances)
    splits: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        splits.setdefault(utterance.split, []).append(utterance)
    with replacing(path) as beside, h5py.File(beside, "w", libver=("v110", "v110")) as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        for key, value in asdict(description).items():
            file.attrs[key] = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for name, members in splits.items():
            _write_split(file.create_group(name), description, members, rows_of, digest_of)


def _require_names(utterances: Sequence[Utterance]) -> None:
    """A slash in a name would make groups within groups."""
    for kind in ("labels", "parts"):
        wrong = sorted(
            {name for utterance in utterances for name in getattr(utterance, kind) if "/" in name or not name}
        )
        if wrong:
            raise SchemaError(f"{kind} {wrong[0]!r}; expected a name without a slash, not empty; rename it")


def _write_split(
    group: h5py.Group,
    description: Description,
    utterances: Sequence[Utterance],
    rows_of: Callable[[Utterance], AlignedUtterance],
    digest_of: Callable[[Utterance], str],
) -> None:
    text = h5py.string_dtype()
    columns = {
        "ids": [utterance.id for utterance in utterances],
        "speaker": [utterance.speaker or "" for utterance in utterances],
        "dialogue": [utterance.dialogue or "" for utterance in utterances],
        "media": [utterance.media.as_posix() for utterance in utterances],
        "media_sha256": [digest_of(utterance) for utterance in utterances],
        "sound": [utterance.sound.as_posix() if utterance.sound else "" for utterance in utterances],
        "half": [utterance.half or "" for utterance in utterances],
    }
    for name, values in columns.items():
        group.create_dataset(name, data=values, dtype=text)
    words = [word for utterance in utterances for word in utterance.words]
    group["turn"] = np.array([utterance.turn for utterance in utterances], dtype=np.int64)
    group["start"] = np.array([utterance.start for utterance in utterances], dtype=np.float64)
    group["end"] = np.array([_end(utterance) for utterance in utterances], dtype=np.float64)
    offsets = np.cumsum([0, *(len(utterance.words) for utterance in utterances)], dtype=np.int64)
    group["offsets"] = offsets
    group.create_dataset("words", data=[word.text for word in words], dtype=text, shape=(len(words),))
    group["intervals"] = np.array([(word.start, word.end) for word in words], dtype=np.float64).reshape(-1, 2)
    group["scores"] = np.array([word.score or 0.0 for word in words], dtype=np.float32)
    group["scored"] = np.array([word.score is not None for word in words], dtype=np.bool_)
    _write_labels(group, utterances)
    _write_parts(group, utterances)
    _write_rows(group, description, utterances, rows_of)


def _write_rows(
    group: h5py.Group,
    description: Description,
    utterances: Sequence[Utterance],
    rows_of: Callable[[Utterance], AlignedUtterance],
) -> None:
    """Write the features, utterance by utterance."""
    offsets = group["offsets"][:]
    observed = group.create_dataset("observed", (int(offsets[-1]), len(MODALITIES)), np.bool_)
    widths = {name: len(entry["names"]) for name, entry in description.extractors.items()}
    features = {
        name: group.create_dataset(name, (int(offsets[-1]), width), np.float32)
        for name, width in widths.items()
        if name not in description.own_rows
    }
    own = {name: OwnRowsWriter(group, name, widths[name]) for name in description.own_rows}
    for first, last, utterance in zip(offsets[:-1], offsets[1:], utterances, strict=True):
        if not own and last == first:
            continue
        aligned = rows_of(utterance)
        for name, writer in own.items():
            writer.append(aligned.features[name], aligned.observed[name], aligned.intervals[name])
        if last > first:
            for name, dataset in features.items():
                dataset[first:last] = aligned.features[name]
            absent = np.zeros(last - first, dtype=np.bool_)
            seen = {name: aligned.observed[name] for name in features}
            observed[first:last] = np.stack([seen.get(name, absent) for name in MODALITIES], axis=1)
    for writer in own.values():
        writer.close()


def _write_labels(group: h5py.Group, utterances: Sequence[Utterance]) -> None:
    names = sorted({name for utterance in utterances for name in utterance.labels})
    if not names:
        return
    # Made by name: a group that HDF5 makes on the way to a dataset would hold the time of day.
    labels, labels_known = group.create_group("labels"), group.create_group("labels_known")
    for name in names:
        known = np.array([name in utterance.labels for utterance in utterances], dtype=np.bool_)
        labels[name] = np.array([utterance.labels.get(name, 0.0) for utterance in utterances], dtype=np.float64)
        labels_known[name] = known


def _write_parts(group: h5py.Group, utterances: Sequence[Utterance]) -> None:
    names = sorted({name for utterance in utterances for name in utterance.parts})
    if names:
        parts = group.create_group("parts")
        for name in names:
            values = [utterance.parts.get(name, "") for utterance in utterances]
            parts.create_dataset(name, data=values, dtype=h5py.string_dtype())


def _end(utterance: Utterance) -> float:
    """End of an utterance: stated, else that of its last word."""
    if utterance.end is not None:
        return utterance.end
    return max((word.end for word in utterance.words), default=utterance.start)
