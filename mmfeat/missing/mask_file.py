"""Masks on disk: one HDF5 file per corpus, bits packed, for any program that reads HDF5 (docs/masks.md)."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mmfeat.errors import SchemaError
from mmfeat.missing.drawing import Mask
from mmfeat.missing.identity import packed, rows_digest
from mmfeat.missing.protocols import Seen, row_counts
from mmfeat.safe_write import replacing
from mmfeat.types import MODALITIES, BoolArray, Modality, ObservedRows

FILE_VERSION = 1


@dataclass(frozen=True)
class Stored:
    """What a mask file says of one of its masks."""

    split: str
    key: str
    protocol: str
    parameters: Mapping[str, Any]
    seed: int
    variant: int
    mask_id: str
    utterances: int
    spared: int  # utterances that keep more than was asked, since nothing would have been left
    observed_rows: Mapping[Modality, int]
    kept_rows: Mapping[Modality, int]
    observed_utterances: Mapping[Modality, int]  # with at least one observed row
    kept_utterances: Mapping[Modality, int]  # with at least one kept row

    @property
    def dropped_rows(self) -> dict[Modality, float]:
        """Share of the observed rows that is dropped, per modality."""
        return {name: 1 - self.kept_rows[name] / max(count, 1) for name, count in self.observed_rows.items() if count}

    @property
    def dropped_modalities(self) -> float:
        """Share of the pairs (utterance, observed modality) that is dropped."""
        return 1 - sum(self.kept_utterances.values()) / max(sum(self.observed_utterances.values()), 1)


def write(path: Path, dataset: str, splits: Mapping[str, ObservedRows], masks: Iterable[tuple[str, Mask]]) -> None:
    """Write the masks of a corpus, one in memory at a time. The same masks give the same bytes.

    Parameters
    ----------
    path : Path
    dataset : str
    splits : mapping of split to ObservedRows
        What the masks were drawn for.
    masks : iterable of (split, Mask)
        May draw them as it goes.

    Raises
    ------
    OutputError
        If ``path`` cannot be written.
    """
    with replacing(path) as beside, h5py.File(beside, "w", libver=("v110", "v110")) as file:
        file.attrs["mask_file_version"] = FILE_VERSION
        file.attrs["dataset"] = dataset
        for name, rows in splits.items():
            _write_rows(file.create_group(name), rows)
        seen = {name: Seen(rows) for name, rows in splits.items()}
        for name, mask in masks:
            _write_mask(file[name]["masks"].create_group(mask.key), mask, seen[name])


def _write_rows(group: h5py.Group, rows: ObservedRows) -> None:
    group.attrs["rows_digest"] = rows_digest(rows).hex()
    group.create_dataset("ids", data=list(rows.ids), dtype=h5py.string_dtype(), shape=(len(rows.ids),))
    offsets = group.create_group("offsets")
    for modality in MODALITIES:
        if modality in rows.observed:
            offsets[modality] = rows.offsets[modality].astype(np.int64)
    group.create_group("masks")


def _write_mask(group: h5py.Group, mask: Mask, seen: Seen) -> None:
    group.attrs["mask_id"] = mask.mask_id
    group.attrs["protocol"] = mask.protocol
    group.attrs["parameters"] = json.dumps(mask.parameters, sort_keys=True)
    group.attrs["seed"] = mask.seed
    group.attrs["variant"] = mask.variant
    group.attrs["spared"] = int(mask.spared.sum())
    group["spared"] = packed(mask.spared)
    bits = group.create_group("kept")
    for modality, kept in mask.kept.items():
        data, before, after = packed(kept), seen.counts[modality], row_counts(kept, seen.rows.offsets[modality])
        dataset = bits.create_dataset(modality, data=data)
        dataset.attrs["rows"] = len(kept)
        dataset.attrs["sha256"] = hashlib.sha256(data.tobytes()).hexdigest()
        dataset.attrs["observed_rows"] = int(before.sum())
        dataset.attrs["kept_rows"] = int(after.sum())
        dataset.attrs["observed_utterances"] = int((before > 0).sum())
        dataset.attrs["kept_utterances"] = int((after > 0).sum())


class MaskFile:
    """Reads masks. The file is open only during a call, so it may be handed to worker processes as it is.

    Parameters
    ----------
    path : Path or str

    Raises
    ------
    SchemaError
        If the file is missing, damaged, or not a mask file of this version.

    Examples
    --------
    >>> masks = MaskFile("data/masks/mosi.h5")                                       # doctest: +SKIP
    >>> with Artifact("data/aligned/mosi.h5") as corpus:                             # doctest: +SKIP
    ...     kept = masks.kept("test", key("frame_drop", {"rate": 0.3}), corpus.observed("test"))
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._fitting: dict[str, ObservedRows] = {}  # checked already
        with self._open() as file:
            if file.attrs.get("mask_file_version") != FILE_VERSION:
                raise SchemaError(
                    f"{self.path}: mask file version {file.attrs.get('mask_file_version', 'none')}; expected "
                    f"{FILE_VERSION}; make one with 'mmfeat mask'"
                )
            self.dataset: str = file.attrs["dataset"]
            self.splits: tuple[str, ...] = tuple(file)

    @contextlib.contextmanager
    def _open(self) -> Iterator[h5py.File]:
        try:
            file = h5py.File(self.path, "r")
        except OSError as error:
            reason = "no such file" if not self.path.exists() else str(error).partition("\n")[0]
            raise SchemaError(
                f"cannot open {self.path}: {reason}; expected a mask file; make one with 'mmfeat mask'"
            ) from None
        with file:
            yield file

    def stored(self) -> list[Stored]:
        """All masks, by split and key, without reading their bits."""
        with self._open() as file:
            return [_stored(split, key, group) for split in self.splits for key, group in file[split]["masks"].items()]

    def kept(self, split: str, key: str, rows: ObservedRows) -> dict[Modality, BoolArray]:
        """Rows that a mask keeps.

        Parameters
        ----------
        split : str
        key : str
            As `key` makes it, or `stored` lists it.
        rows : ObservedRows
            The split as the artefact has it now; it is checked once per split and object.

        Returns
        -------
        dict of modality to BoolArray, shape (R_m,)

        Raises
        ------
        SchemaError
            If there is no such mask, its bits are damaged, or it was drawn for other ids, row counts or observed rows.
        """
        with self._open() as file:
            self._require_fit(file, split, rows)
            return {name: self._bits(bits) for name, bits in self._group(file, split, key)["kept"].items()}

    def spared(self, split: str, key: str) -> BoolArray:
        """Utterances (N,) that keep more than was asked of them, since nothing would have been left."""
        with self._open() as file:
            bits = self._group(file, split, key)["spared"][:]
            return np.unpackbits(bits, count=len(file[split]["ids"]), bitorder="little").view(np.bool_)

    def _group(self, file: h5py.File, split: str, key: str) -> h5py.Group:
        self._require_split(split)
        masks = file[split]["masks"]
        if key not in masks:
            near = [name for name in masks if name.partition(",")[0] == key.partition(",")[0]] or list(masks)
            shown = ", ".join(near[:10]) or "none at all"
            raise SchemaError(
                f"{self.path}: no mask {key!r} of split {split}; expected for instance {shown}; "
                "'mmfeat masks' lists them"
            )
        return masks[key]

    def _require_split(self, split: str) -> None:
        if split not in self.splits:
            raise SchemaError(f"{self.path}: no split {split!r}; expected one of {', '.join(self.splits)}; draw for it")

    def _require_fit(self, file: h5py.File, split: str, rows: ObservedRows) -> None:
        """Refuse rows that the masks of a split were not drawn for."""
        self._require_split(split)
        if self._fitting.get(split) is rows:
            return
        group = file[split]
        if group.attrs["rows_digest"] != rows_digest(rows).hex():
            raise SchemaError(
                f"{self.path}: split {split} was drawn for another corpus: {_difference(group, rows)}; expected the "
                "corpus that it was drawn for; draw again with 'mmfeat mask'"
            )
        self._fitting[split] = rows

    def _bits(self, dataset: h5py.Dataset) -> BoolArray:
        data = dataset[:]
        if hashlib.sha256(data.tobytes()).hexdigest() != dataset.attrs["sha256"]:
            raise SchemaError(
                f"{self.path}: the bits of {dataset.name} are damaged; expected those of its sha256; draw again with "
                "'mmfeat mask'"
            )
        return np.unpackbits(data, count=int(dataset.attrs["rows"]), bitorder="little").view(np.bool_)


def _stored(split: str, key: str, group: h5py.Group) -> Stored:
    def counts(name: str) -> dict[Modality, int]:
        return {
            modality: int(group["kept"][modality].attrs[name]) for modality in MODALITIES if modality in group["kept"]
        }

    attributes = group.attrs
    return Stored(
        split=split,
        key=key,
        protocol=attributes["protocol"],
        parameters=json.loads(attributes["parameters"]),
        seed=int(attributes["seed"]),
        variant=int(attributes["variant"]),
        mask_id=attributes["mask_id"],
        utterances=len(group.parent.parent["ids"]),
        spared=int(attributes["spared"]),
        observed_rows=counts("observed_rows"),
        kept_rows=counts("kept_rows"),
        observed_utterances=counts("observed_utterances"),
        kept_utterances=counts("kept_utterances"),
    )


def _difference(group: h5py.Group, rows: ObservedRows) -> str:
    """First thing in which rows differ from those of a split."""
    ids = tuple(group["ids"].asstr()[:])
    if ids != rows.ids:
        other = next((pair for pair in zip(ids, rows.ids, strict=False) if pair[0] != pair[1]), None)
        first = f"{other[0]!r} where {other[1]!r} stands now" if other else "some more or fewer at the end"
        return f"{len(ids)} ids, now {len(rows.ids)}, the first difference is {first}"
    for modality in MODALITIES:
        then = np.diff(group["offsets"][modality][:]) if modality in group["offsets"] else None
        now = np.diff(rows.offsets[modality]) if modality in rows.observed else None
        if then is None or now is None:
            if (then is None) != (now is None):
                return f"{modality} is only in one of them"
        elif not np.array_equal(then, now):
            number = int(np.flatnonzero(then != now)[0])
            return f"{ids[number]!r} had {then[number]} rows of {modality}, now {now[number]}"
    return "other rows are observed"
