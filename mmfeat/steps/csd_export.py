"""An artefact to computational sequences that the CMU SDK reads and `import_csd` takes back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmfeat.artifact import Artifact
from mmfeat.folds import PARTS
from mmfeat.formats import csd
from mmfeat.formats.csd import Rows
from mmfeat.safe_write import replacing
from mmfeat.steps.csd_labels import FIRST_SEGMENT
from mmfeat.types import FloatArray, Modality, Progress, Utterance


@dataclass(frozen=True)
class _Exported:
    """One utterance and its key in every file."""

    key: str
    video: str
    utterance: Utterance
    split: str
    number: int  # in the split


def export_csd(
    path: Path | str, folder: Path | str, *, gzip: int = 0, progress: Progress | None = None
) -> tuple[Path, ...]:
    """Write an artefact as ``words.csd``, ``labels.csd``, a ``.csd`` per modality, and ``folds.json``.

    Keys are ``<video>[<i>]``, as the SDK leaves them after aligning to labels, with i counted from 0. A word that a
    modality was not observed for has no row in that modality's file, as after alignment by the SDK. An unknown label is
    NaN. Rows whose times are unknown are given one second each, in order. The folds are written where every video is in
    one of train, valid and test.

    Parameters
    ----------
    path : Path or str
        The artefact.
    folder : Path or str
        Made if need be; files of these names are replaced.
    gzip : int
        Level 1 to 9; 0 leaves the numbers unpacked.
    progress : Progress, optional

    Returns
    -------
    tuple of Path
        What was written.

    Raises
    ------
    SchemaError, OutputError
        If the artefact cannot be read, or the folder cannot be written.
    """
    folder = Path(folder)
    with Artifact(path) as artifact:
        exported = _keys(artifact)
        names = sorted({name for one in exported for name in one.utterance.labels})
        sequences: dict[str, tuple[Iterator[tuple[str, Rows]], Sequence[str]]] = {
            "words": (((one.key, _words(artifact, one)) for one in exported if one.utterance.words), ("word",)),
            "labels": (((one.key, _labels(artifact, one, names)) for one in exported), names),
        }
        sequences |= {name: (_rows(artifact, exported, name), artifact.names(name)) for name in artifact.dims}
        written = []
        for done, (name, (videos, dimensions)) in enumerate(sequences.items(), start=1):
            written.append(folder / f"{name}.csd")
            csd.write(
                written[-1],
                _root(artifact, name),
                videos,
                dimension_names=dimensions,
                dataset=artifact.description.dataset,
                description=f"{name} by mmfeat {artifact.description.code_version}, aligned to labelled segments",
                gzip=gzip,
            )
            if progress:
                progress("export", done, len(sequences))
    return (*written, *_write_folds(exported, folder / "folds.json"))


def _root(artifact: Artifact, name: str) -> str:
    """Name of a sequence: what made it, so that an import knows what it gets."""
    made_by = next((entry["extractor"] for key, entry in artifact.description.extractors.items() if key == name), name)
    return str(made_by).replace("/", "_")


def _keys(artifact: Artifact) -> list[_Exported]:
    """A key for each utterance: its video and its number there, from its id where all ids have one."""
    found = [
        (split, number, utterance)
        for split in artifact.splits
        for number, utterance in enumerate(artifact.utterances(split))
    ]
    first = FIRST_SEGMENT.get(artifact.description.dataset, 0)
    stated = [_stated_number(utterance) for _, _, utterance in found]
    numbered = [number - first for number in stated if number is not None and number >= first]
    next_number: dict[str, int] = {}
    exported = []
    for place, (split, number, utterance) in enumerate(found):
        video = (utterance.dialogue or utterance.id).replace("/", "_")  # a slash would be a group in HDF5
        counted = next_number[video] = next_number.get(video, -1) + 1
        segment = numbered[place] if len(numbered) == len(found) else counted
        exported.append(_Exported(f"{video}[{segment}]", video, utterance, split, number))
    return exported


def _stated_number(utterance: Utterance) -> int | None:
    match = re.fullmatch(rf"{re.escape(utterance.dialogue or '')}_(\d+)", utterance.id)
    return int(match[1]) if match and utterance.dialogue else None


def _words(artifact: Artifact, one: _Exported) -> Rows:
    texts = np.array([[word.text.encode()] for word in one.utterance.words], dtype=np.bytes_)
    return Rows(_word_times(artifact, one), texts)


def _word_times(artifact: Artifact, one: _Exported) -> FloatArray:
    words = one.utterance.words
    if artifact.description.clock == "none":
        return _seconds_each(len(words))
    return np.array([(word.start, word.end) for word in words], dtype=np.float64).reshape(-1, 2)


def _labels(artifact: Artifact, one: _Exported, names: Sequence[str]) -> Rows:
    values = np.array([[one.utterance.labels.get(name, np.nan) for name in names]], dtype=np.float64)
    span = (one.utterance.start, one.utterance.end)
    if artifact.description.clock == "none":
        span = 0.0, float(max(len(one.utterance.words), 1))
    return Rows(np.array([span], dtype=np.float64), values)


def _rows(artifact: Artifact, exported: Sequence[_Exported], modality: Modality) -> Iterator[tuple[str, Rows]]:
    """Observed rows of one modality, utterance by utterance."""
    own = modality in artifact.description.own_rows
    tables = {split: artifact.observed(split) for split in artifact.splits}
    for one in exported:
        group, table = artifact.group(one.split), tables[one.split]
        span = slice(*table.offsets[modality][one.number : one.number + 2].tolist())
        seen = table.observed[modality][span]
        if not seen.any():
            continue
        if not own:
            times = _word_times(artifact, one)
        elif artifact.description.clock == "none":
            times = _seconds_each(len(seen))
        else:
            times = group["own"][modality]["intervals"][span]
        yield one.key, Rows(times[seen], group[modality][span][seen])


def _seconds_each(count: int) -> FloatArray:
    start = np.arange(count, dtype=np.float64)
    return np.stack([start, start + 1], axis=1)


def _write_folds(exported: Sequence[_Exported], path: Path) -> tuple[Path, ...]:
    videos: dict[str, set[str]] = {}
    for one in exported:
        videos.setdefault(one.split, set()).add(one.video)
    if set(videos) != set(PARTS) or sum(map(len, videos.values())) != len(set().union(*videos.values())):
        return ()
    with replacing(path) as beside:
        lists = {part: sorted(videos[part]) for part in PARTS}
        beside.write_text(json.dumps(lists, indent=1) + "\n", encoding="utf-8")
    return (path,)
