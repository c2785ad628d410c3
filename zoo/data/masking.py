"""Which rows are kept: drawn for an epoch, or read from the mask file that everybody shares."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmfeat import missing
from mmfeat.types import MODALITIES, BoolArray, Modality, ObservedRows
from zoo.data.corpus import Corpus, Part, ragged_rows
from zoo.types import Missing

Kept = dict[Modality, BoolArray]  # (R_m,) per modality


def draw_for(distribution: Missing, rows: ObservedRows, dataset: str, seed: int, variant: int) -> tuple[Kept, str]:
    """Draw the declared missing distribution once, for a training epoch or a validation.

    ``mixed`` takes rows from one half of the utterances and modalities from the other, ``both`` takes both from
    every one; as `mmfeat.missing` promises, something always stays.

    Returns
    -------
    dict of modality to BoolArray, shape (R_m,)
        What is kept.
    str
        What the draw is called: the ids of its masks, joined by ``+``; empty where nothing is dropped.
    """
    rate, kept = {"rate": distribution.rates}, {"kept": distribution.combinations}
    protocols: dict[str, dict[str, dict[str, Any]]] = {
        "complete": {},
        "frame_only": {"frame_drop": rate},
        "modality_only": {"modality_combination": kept},
        "mixed": {"mixed": rate | kept},
        "both": {"frame_drop": rate, "modality_combination": kept},
    }
    draws = [
        missing.draw(name, rows, parameters, seed, dataset, variant)
        for name, parameters in protocols[distribution.kind].items()
    ]
    every: Kept = {name: rows.observed[name].copy() for name in MODALITIES}
    for drawn in draws:
        for name, values in drawn.kept.items():
            every[name] &= values
    return every, "+".join(drawn.mask_id for drawn in draws)


def kept_from(masks: missing.MaskFile, key: str, corpus: Corpus, part: Part) -> tuple[Kept, BoolArray]:
    """Read one mask of a part from a mask file.

    Returns
    -------
    dict of modality to BoolArray, shape (R_m,)
        What is kept.
    BoolArray, shape (N,)
        Spared utterances: they keep more than was asked, since nothing would have been left.

    Raises
    ------
    mmfeat.errors.SchemaError
        If the file has no such mask, or was drawn for another corpus.
    """
    kept: dict[Modality, list[BoolArray]] = {name: [] for name in MODALITIES}
    spared = []
    for group, numbers in part.pieces:
        rows = corpus.observed[group]
        whole = masks.kept(group, key, rows)
        for name in MODALITIES:
            kept[name].append(whole[name][ragged_rows(rows.offsets[name], numbers)])
        spared.append(masks.spared(group, key)[numbers])
    return {name: np.concatenate(values) for name, values in kept.items()}, np.concatenate(spared)
