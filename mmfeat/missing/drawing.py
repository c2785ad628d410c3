"""One draw of one protocol."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmfeat import registry
from mmfeat.errors import ConfigError
from mmfeat.missing.identity import encode_draw, join, rows_digest
from mmfeat.missing.protocols import PROTOCOLS, Missing, Seen
from mmfeat.missing.streams import Streams
from mmfeat.types import MODALITIES, BoolArray, Modality, ObservedRows


@dataclass(frozen=True)
class Mask:
    """What is kept of N utterances under one protocol."""

    dataset: str
    protocol: str
    parameters: Mapping[str, Any]  # all of them, the defaults too
    seed: int
    variant: int
    mask_id: str
    kept: Mapping[Modality, BoolArray]  # each (R_m,); observed and not dropped
    spared: BoolArray  # (N,) True where an utterance keeps more than was asked, since nothing would have been left

    @property
    def key(self) -> str:
        """Its name within a split, as `key` makes it."""
        return key(self.protocol, self.parameters, self.seed, self.variant)


def draw(
    protocol: str,
    rows: ObservedRows,
    parameters: Mapping[str, Any] | None = None,
    seed: int = 0,
    dataset: str = "",
    variant: int = 0,
) -> Mask:
    """Draw one mask. The same arguments give the same mask on any machine.

    Parameters
    ----------
    protocol : str
        A name of `PROTOCOLS`.
    rows : ObservedRows
        A split, or any part of one: apart from ``random_modality``, which counts over the split, an utterance gets the
        same rows whatever stands beside it.
    parameters : mapping, optional
        Of the protocol, for instance ``{"rate": 0.3}``.
    seed : int
        0 or more.
    dataset : str
        Name of the corpus; part of `Mask.mask_id` and of the draw.
    variant : int
        Further independent draws of the same seed, for instance one per epoch of training.

    Returns
    -------
    Mask

    Raises
    ------
    ConfigError
        If there is no such protocol, or a parameter is unknown, missing or out of range.
    SchemaError
        If ids repeat, or offsets and rows do not fit together.
    """
    chosen, complete = settle(protocol, parameters)
    _require_counts(seed, variant)
    drawn = encode_draw(dataset, protocol, complete, seed, variant)
    seen, name = Seen(rows), join(drawn, rows_digest(rows))
    drop = chosen.drop(seen, Streams(hashlib.sha256(drawn).digest(), rows.ids))
    kept: dict[Modality, BoolArray] = {}
    for modality in MODALITIES:
        if modality in rows.observed:
            observed = rows.observed[modality]
            kept[modality] = observed & ~drop.rows[modality] if modality in drop.rows else observed.copy()
    spared = np.zeros(len(rows.ids), dtype=np.bool_) if drop.spared is None else drop.spared
    return Mask(dataset, protocol, complete, seed, variant, name, kept, spared)


def key(protocol: str, parameters: Mapping[str, Any] | None = None, seed: int = 0, variant: int = 0) -> str:
    """Readable name of a mask within a split: ``frame_drop,rate=0.3,seed=0,variant=0``.

    Parameters in the order of the protocol, those at their default left out; several values joined by ``|``.

    Raises
    ------
    ConfigError
        As `draw`.
    """
    chosen, complete = settle(protocol, parameters)
    _require_counts(seed, variant)
    changed = [
        f"{field.name}={_text(complete[field.name])}"
        for field in dataclasses.fields(chosen)  # type: ignore[arg-type]  # every protocol is a dataclass
        if getattr(chosen, field.name) != field.default
    ]
    return ",".join([protocol, *changed, f"seed={seed}", f"variant={variant}"])


def settle(protocol: str, parameters: Mapping[str, Any] | None) -> tuple[Missing, dict[str, Any]]:
    """Build a protocol; also all its parameters, as JSON has them."""
    if protocol not in PROTOCOLS:
        near = difflib.get_close_matches(protocol, PROTOCOLS, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else "docs/masks.md describes them"
        raise ConfigError(f"missing-data protocol {protocol!r}; expected one of {', '.join(PROTOCOLS)}; {hint}")
    chosen: Missing = registry.configure(PROTOCOLS[protocol], parameters or {}, owner=protocol)
    values = dataclasses.asdict(chosen)  # type: ignore[call-overload]  # every protocol is a dataclass
    return chosen, {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _require_counts(seed: int, variant: int) -> None:
    for what, value in (("seed", seed), ("variant", variant)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ConfigError(f"{what} {value!r}; expected a whole number, 0 or more; give another")


def _text(value: Any) -> str:
    return "|".join(map(str, value)) if isinstance(value, list) else str(value)
