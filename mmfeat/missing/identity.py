"""What a mask is called: a digest of everything that it depends on, in an encoding that any language can repeat."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from mmfeat.errors import SchemaError
from mmfeat.missing.streams import LONGEST
from mmfeat.types import MODALITIES, BoolArray, IntArray, ObservedRows

FORMAT = 1  # of the draw; raised when a protocol or the generator gives other masks


def encode_draw(dataset: str, protocol: str, parameters: Mapping[str, Any], seed: int, variant: int) -> bytes:
    """What is drawn, as JSON: keys sorted, no spaces, ASCII only, numbers as Python writes them (0.3, 1.0)."""
    record = {
        "dataset": dataset,
        "format": FORMAT,
        "parameters": parameters,
        "protocol": protocol,
        "seed": seed,
        "variant": variant,
    }
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def rows_digest(rows: ObservedRows) -> bytes:
    """What it is drawn for: sha256 of the ids, the row counts and the observed rows, in order.

    Numbers are 8 bytes, little end first. N; then per id the length of its UTF-8 bytes, and those; then for text,
    audio, vision the N row counts and the observed bits, the first row in the lowest bit of the first byte. A modality
    that is not in ``rows`` counts as N times no rows.

    Returns
    -------
    bytes
        32 of them.

    Raises
    ------
    SchemaError
        If ids repeat, or offsets and rows do not fit together.
    """
    check_rows(rows)
    digest = hashlib.sha256(_encode_ids(rows.ids))
    for modality in MODALITIES:
        if modality in rows.observed:
            digest.update(np.diff(rows.offsets[modality]).astype("<i8").tobytes())
            digest.update(packed(rows.observed[modality]).tobytes())
        else:
            digest.update(bytes(8 * len(rows.ids)))
    return digest.digest()


@functools.lru_cache(maxsize=4)  # splits of a corpus, each drawn for dozens of masks
def _encode_ids(ids: tuple[str, ...]) -> bytes:
    encoded = [name.encode() for name in ids]
    parts = [len(ids).to_bytes(8, "little"), *(len(name).to_bytes(8, "little") + name for name in encoded)]
    return b"".join(parts)


def mask_id(
    rows: ObservedRows, *, dataset: str, protocol: str, parameters: Mapping[str, Any], seed: int, variant: int = 0
) -> str:
    """Name of a mask: sha256 of `encode_draw`, a line feed, and `rows_digest`, as hexadecimal digits.

    ``parameters`` are the complete ones, as `Mask.parameters` holds them.
    """
    return join(encode_draw(dataset, protocol, parameters, seed, variant), rows_digest(rows))


def join(drawn: bytes, rows: bytes) -> str:
    """`mask_id` of parts that are encoded already."""
    return hashlib.sha256(drawn + b"\n" + rows).hexdigest()


def packed(values: BoolArray) -> Any:
    """Bits of a mask, (ceil(R / 8),) uint8, the first row in the lowest bit of the first byte."""
    return np.packbits(values, bitorder="little")


def check_rows(rows: ObservedRows) -> None:
    """Raise SchemaError if ids repeat, or offsets and rows do not fit together."""
    if len(set(rows.ids)) != len(rows.ids):
        twice = next(name for number, name in enumerate(rows.ids) if name in rows.ids[:number])
        raise SchemaError(f"utterance {twice!r} is there twice; expected every id once; mend the corpus")
    for modality, observed in rows.observed.items():
        problem = _misfit(rows.offsets[modality], observed, len(rows.ids))
        if problem:
            raise SchemaError(f"{modality}: {problem}; mend the corpus")


def _misfit(offsets: IntArray, observed: BoolArray, count: int) -> str | None:
    if offsets.shape != (count + 1,) or observed.ndim != 1 or observed.dtype != np.bool_:
        return (
            f"offsets {offsets.shape}, observed {observed.shape} {observed.dtype} for {count} utterances; "
            f"expected ({count + 1},) and one bool per row"
        )
    lengths = np.diff(offsets)
    if offsets[0] != 0 or offsets[-1] != len(observed) or (lengths < 0).any():
        return f"offsets from {offsets[0]} to {offsets[-1]}; expected them to rise from 0 to {len(observed)} rows"
    if lengths.max(initial=0) > LONGEST:
        return f"an utterance of {lengths.max()} rows; expected at most {LONGEST}"
    return None
