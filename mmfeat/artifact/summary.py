"""Counts that a person or a machine wants first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from mmfeat.types import MODALITIES

if TYPE_CHECKING:
    from mmfeat.artifact.reading import Artifact


def summarise(artifact: Artifact) -> dict[str, Any]:
    """Count what an artefact holds.

    Parameters
    ----------
    artifact : Artifact

    Returns
    -------
    dict
        ``splits`` {name: utterances}, ``dims`` {modality: D}, ``words`` (rows), ``rows`` {modality: R_m},
        ``observed`` {modality: share of its rows}, ``duration`` (s of speech), ``out_of_vocabulary`` {count, share,
        words: {word: count}, the 20 most frequent}, ``labels`` {name: {known, mean, lowest, highest} or {known,
        classes: {name: count}}}, ``other_splits`` {name: {part: utterances}}, and the extractors.
    """
    seen, rows = dict.fromkeys(MODALITIES, 0), dict.fromkeys(MODALITIES, 0)
    words, duration = 0, 0.0
    unknown: Counter[str] = Counter()
    for split in artifact.splits:
        group, observed = artifact.group(split), artifact.observed(split).observed
        for name, mask in observed.items():
            seen[name] += int(mask.sum())
            rows[name] += len(mask)
        words += len(group["words"])
        duration += float((group["end"][:] - group["start"][:]).sum())
        if "text" in artifact.dims and "text" not in artifact.description.own_rows:
            texts = group["words"].asstr()[:]
            unknown.update(word for word, known in zip(texts, observed["text"], strict=True) if word and not known)
    missed = sum(unknown.values())
    return {
        "path": artifact.path.as_posix(),
        "dataset": artifact.description.dataset,
        "splits": {split: len(artifact.group(split)["ids"]) for split in artifact.splits},
        "dims": artifact.dims,
        "words": words,
        "rows": {name: rows[name] for name in artifact.dims},
        "observed": {name: seen[name] / max(rows[name], 1) for name in artifact.dims},
        "duration": duration,
        "out_of_vocabulary": {
            "count": missed,
            "share": missed / max(words, 1),
            "words": dict(sorted(unknown.items(), key=lambda item: (-item[1], item[0]))[:20]),
        },
        "labels": {name: _label_summary(artifact, name) for name in _names(artifact, "labels")},
        "other_splits": {name: _parts_summary(artifact, name) for name in _names(artifact, "parts")},
        "extractors": {name: entry["extractor"] for name, entry in artifact.description.extractors.items()},
    }


def _names(artifact: Artifact, room: str) -> list[str]:
    return sorted({name for split in artifact.splits for name in artifact.group(split).get(room, {})})


def _parts_summary(artifact: Artifact, name: str) -> dict[str, int]:
    parts: Counter[str] = Counter()
    for split in artifact.splits:
        if name in artifact.group(split).get("parts", {}):
            parts.update(artifact.group(split)["parts"][name].asstr()[:].tolist())
    return {part: count for part, count in sorted(parts.items()) if part}


def _label_summary(artifact: Artifact, name: str) -> dict[str, Any]:
    groups = [artifact.group(split) for split in artifact.splits if name in artifact.group(split).get("labels", {})]
    values = np.concatenate([group["labels"][name][:][group["labels_known"][name][:]] for group in groups])
    if name in artifact.description.classes:
        names = artifact.description.classes[name]
        counts = np.bincount(values.astype(np.int64), minlength=len(names))
        return {"known": len(values), "classes": {key: int(n) for key, n in zip(names, counts, strict=True)}}
    if not len(values):
        return {"known": 0}
    return {
        "known": len(values),
        "mean": float(values.mean()),
        "lowest": float(values.min()),
        "highest": float(values.max()),
    }
