"""The protocols: each a name, its parameters, its unit and what it guarantees. docs/masks.md says it with examples.

A rate is always a share of what was naturally observed, so that on a complete corpus it is the published protocol and
elsewhere nothing is dropped that was not there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any, ClassVar, Protocol

import numpy as np

from mmfeat.errors import ConfigError
from mmfeat.missing.streams import Streams, below, choose, fraction, rounded, words
from mmfeat.types import MODALITIES, BoolArray, IntArray, Modality, ObservedRows

COMBINATIONS: tuple[str, ...] = tuple(
    "+".join(chosen) for size in (1, 2, 3) for chosen in combinations(MODALITIES, size)
)
HIGHEST_RANDOM_MODALITY = 0.7  # GCNet's list ends there, and means its 2/3: one of three stays


@dataclass(frozen=True)
class Seen:
    """What was observed of N utterances, counted once for all that draw from it."""

    rows: ObservedRows

    @cached_property
    def counts(self) -> dict[Modality, IntArray]:
        """Observed rows of each utterance, (N,) per modality."""
        found: dict[Modality, IntArray] = {}
        for modality in MODALITIES:
            if modality in self.rows.observed:
                found[modality] = row_counts(self.rows.observed[modality], self.rows.offsets[modality])
        return found

    @cached_property
    def present(self) -> BoolArray:
        """Whether anything was observed, (N, 3)."""
        absent = np.zeros(len(self.rows.ids), dtype=np.int64)
        return np.stack([self.counts.get(modality, absent) for modality in MODALITIES], axis=1) > 0


@dataclass(frozen=True)
class Drop:
    """What a protocol takes away."""

    rows: Mapping[Modality, BoolArray] = field(default_factory=dict)  # (R_m,); a modality that is not there loses none
    spared: BoolArray | None = None  # (N,) utterances that keep more than was asked, since nothing would be left


class Missing(Protocol):
    """A protocol with its parameters chosen; its first docstring line is what listings say of it."""

    unit: ClassVar[str]  # what is dropped as a whole

    def drop(self, seen: Seen, streams: Streams) -> Drop:
        """Draw."""
        ...


@dataclass(frozen=True)
class Natural:
    """The corpus's own absence and nothing else: kept is observed."""

    unit: ClassVar[str] = "row"

    def drop(self, seen: Seen, streams: Streams) -> Drop:
        """Nothing."""
        return Drop()


@dataclass(frozen=True)
class FrameDrop:
    """Single rows at random: AUMDF's RPRM (its section 3.3), independently per modality.

    Of the n observed rows of an utterance and modality exactly round(rate * n) are dropped, halves to the even number,
    but never the last one; every set of rows is as likely as any other. Several rates: each utterance draws one of
    them, the same for its modalities.
    """

    rate: float | tuple[float, ...]  # 0 <= rate < 1
    modalities: tuple[Modality, ...] = MODALITIES  # the others lose nothing
    unit: ClassVar[str] = "row"

    def __post_init__(self) -> None:
        """Check, and bring to the one form that is stored."""
        _settle_rates(self, "frame_drop")

    def drop(self, seen: Seen, streams: Streams) -> Drop:
        """Draw."""

        def place(modality: Modality, sizes: IntArray, counts: IntArray) -> BoolArray:
            return choose(streams.states(f"{modality}/rows"), sizes, counts)

        return _drop_rows(self, seen, streams, place)


@dataclass(frozen=True)
class Burst:
    """Contiguous stretches, as a face turned away or a noisy passage, independently per modality.

    An utterance loses exactly as many rows as under `FrameDrop` at the same rate, but in
    max(1, round(count / mean_length)) stretches, or as many as have a kept row between them. The observed rows count as
    a ring, so that each is as likely to be lost as any other: a stretch that meets the end goes on at the beginning.
    Every arrangement of so many stretches on the ring is as likely as any other.
    """

    rate: float | tuple[float, ...]  # 0 <= rate < 1
    mean_length: float = 5.0  # rows, >= 1
    modalities: tuple[Modality, ...] = MODALITIES  # the others lose nothing
    unit: ClassVar[str] = "stretch of rows"

    def __post_init__(self) -> None:
        """Check, and bring to the one form that is stored."""
        _settle_rates(self, "burst")
        if not (math.isfinite(self.mean_length) and self.mean_length >= 1):
            raise ConfigError(f"burst: mean_length {self.mean_length}; expected at least 1 row; give another")

    def drop(self, seen: Seen, streams: Streams) -> Drop:
        """Draw."""
        length = fraction(self.mean_length)

        def place(modality: Modality, sizes: IntArray, counts: IntArray) -> BoolArray:
            wanted = np.maximum(rounded(counts, length.denominator, length.numerator), 1)
            return _stretches(streams, modality, sizes, counts, np.minimum(wanted, sizes - counts) * (counts > 0))

        return _drop_rows(self, seen, streams, place)


@dataclass(frozen=True)
class ModalityCombination:
    """Whole modalities: one of the seven combinations stays, in every utterance alike.

    An utterance that was observed in none of them stays as it is and is counted as spared. Several combinations: each
    utterance draws one of them.
    """

    kept: tuple[str, ...]  # "text", "text+audio" ...
    unit: ClassVar[str] = "modality, every utterance"

    def __post_init__(self) -> None:
        """Check, and bring to the one form that is stored."""
        ordered = tuple("+".join(_in_order(entry.split("+"))) for entry in self.kept)
        unknown = [given for given, entry in zip(self.kept, ordered, strict=True) if entry not in COMBINATIONS]
        if unknown or not ordered:
            shown = ", ".join(unknown) or "none"
            raise ConfigError(
                f"modality_combination: kept {shown!r}; expected one or more of {', '.join(COMBINATIONS)}"
            )
        object.__setattr__(self, "kept", ordered)

    def drop(self, seen: Seen, streams: Streams) -> Drop:
        """Draw."""
        table = np.array([[modality in entry.split("+") for modality in MODALITIES] for entry in self.kept])
        limits = np.full(len(seen.rows.ids), len(self.kept), dtype=np.int64)
        stays = table[below(streams.states("combination"), limits)]  # (N, 3)
        observed = seen.present.any(axis=1)
        spared = observed & ~(seen.present & stays).any(axis=1)
        return Drop(_of_modalities(seen, ~stays & ~spared[:, None]), spared)


@dataclass(frozen=True)
class Mixed:
    """Single rows of one half of the utterances, whole modalities of the other: what `zoo` trains under.

    Each utterance draws, evenly, whether it loses rows as under `FrameDrop` or modalities as under
    `ModalityCombination`; so every utterance looks like one of those that these two are tested with.
    """

    rate: float | tuple[float, ...]  # 0 <= rate < 1
    kept: tuple[str, ...] = COMBINATIONS
    unit: ClassVar[str] = "row, or modality"

    def __post_init__(self) -> None:
        """Check, and bring to the one form that is stored."""
        object.__setattr__(self, "rate", FrameDrop(self.rate).rate)
        object.__setattr__(self, "kept", ModalityCombination(self.kept).kept)

    def drop(self, seen: Seen, streams: Streams) -> Drop:
        """Draw."""
        rows = FrameDrop(self.rate).drop(seen, streams)
        whole = ModalityCombination(self.kept).drop(seen, streams)
        utterances = (
            below(streams.states("kind"), np.full(len(seen.rows.ids), 2, dtype=np.int64)) == 1
        )  # lose modalities
        dropped: dict[Modality, BoolArray] = {}
        for modality in seen.counts:
            modalities = np.repeat(utterances, np.diff(seen.rows.offsets[modality]))
            dropped[modality] = np.where(modalities, whole.rows[modality], rows.rows[modality])
        assert rows.spared is not None
        assert whole.spared is not None
        return Drop(dropped, np.where(utterances, whole.spared, rows.spared))


@dataclass(frozen=True)
class RandomModality:
    """Whole modalities of single utterances at random, as in GCNet: one that was observed stays in each.

    Of the S pairs (utterance, observed modality) of the split, which are 3 N where nothing is absent, exactly
    round(rate * S) are dropped, halves to the even number, or as many as leave one to each utterance. Which one is sure
    to stay is drawn first, evenly; then every set of the others is as likely as any other.
    """

    rate: float  # 0 to 0.7; three modalities of which one stays end at 2/3
    unit: ClassVar[str] = "modality of an utterance"

    def __post_init__(self) -> None:
        """Check."""
        if not 0 <= self.rate <= HIGHEST_RANDOM_MODALITY:
            raise ConfigError(
                f"random_modality: rate {self.rate}; expected 0 to {HIGHEST_RANDOM_MODALITY}, where one of three "
                "modalities is left everywhere (2/3); give another rate"
            )

    def drop(self, seen: Seen, streams: Streams) -> Drop:
        """Draw."""
        present = seen.present
        stays = below(streams.states("stays"), present.sum(axis=1))  # (N,) which of those that are present
        sure = present & (np.cumsum(present, axis=1) - 1 == stays[:, None])
        open_ = np.flatnonzero(present & ~sure)
        keys = words(streams.states("drops")[:, None], np.arange(len(MODALITIES), dtype=np.uint64))
        # Equal keys: the utterance that comes first in the split, then text before audio before vision.
        order = np.argsort(keys.ravel()[open_], kind="stable")
        share = fraction(self.rate)
        asked = int(rounded(present.sum(), share.numerator, share.denominator))
        dropped = np.zeros(present.size, dtype=np.bool_)
        dropped[open_[order[:asked]]] = True
        return Drop(_of_modalities(seen, dropped.reshape(present.shape)))


PROTOCOLS: dict[str, type[Missing]] = {
    "natural": Natural,
    "frame_drop": FrameDrop,
    "burst": Burst,
    "modality_combination": ModalityCombination,
    "random_modality": RandomModality,
    "mixed": Mixed,
}


def row_counts(values: BoolArray, offsets: IntArray) -> IntArray:
    """True rows of each utterance, (N,)."""
    found: IntArray = np.diff(np.searchsorted(np.flatnonzero(values), offsets))
    return found


def _settle_rates(protocol: FrameDrop | Burst, name: str) -> None:
    rates = protocol.rate if isinstance(protocol.rate, tuple) else (protocol.rate,)
    wrong = [rate for rate in rates if not 0 <= rate < 1]
    if wrong or not rates:
        shown = ", ".join(map(str, wrong)) or "none"
        raise ConfigError(
            f"{name}: rate {shown}; expected at least 0 and less than 1, since one row always stays; give another rate"
        )
    modalities = _in_order(protocol.modalities)
    if not modalities:
        raise ConfigError(
            f"{name}: no modalities; expected one or more of {', '.join(MODALITIES)}; name what is to lose rows"
        )
    object.__setattr__(protocol, "rate", rates if len(rates) > 1 else rates[0])
    object.__setattr__(protocol, "modalities", modalities)


def _in_order(names: Any) -> tuple[Any, ...]:
    """Names of modalities, each once, as everywhere; what is none comes behind."""
    return *(name for name in MODALITIES if name in names), *(name for name in names if name not in MODALITIES)


Place = Callable[[Modality, IntArray, IntArray], BoolArray]  # modality, observed rows (N,), how many to drop (N,)


def _drop_rows(protocol: FrameDrop | Burst, seen: Seen, streams: Streams, place: Place) -> Drop:
    """Drop a share of the observed rows of each utterance and modality, where ``place`` says."""
    rates = protocol.rate if isinstance(protocol.rate, tuple) else (protocol.rate,)
    shares = [fraction(rate) for rate in rates]
    number = below(streams.states("rate"), np.full(len(seen.rows.ids), len(rates), dtype=np.int64))  # (N,)
    numerator = np.array([share.numerator for share in shares])[number]
    denominator = np.array([share.denominator for share in shares])[number]
    spared = np.zeros(len(seen.rows.ids), dtype=np.bool_)
    dropped: dict[Modality, BoolArray] = {}
    for modality, sizes in seen.counts.items():
        if modality in protocol.modalities:
            asked, most = rounded(sizes, numerator, denominator), np.maximum(sizes - 1, 0)
            spared |= asked > most
            rows = np.zeros(len(seen.rows.observed[modality]), dtype=np.bool_)
            rows[seen.rows.observed[modality]] = place(modality, sizes, np.minimum(asked, most))
            dropped[modality] = rows
    return Drop(dropped, spared)


def _stretches(streams: Streams, purpose: str, sizes: IntArray, counts: IntArray, stretches: IntArray) -> BoolArray:
    """Drop ``counts`` of ``sizes`` rows in so many ``stretches``, all arrangements on a ring of the rows alike.

    On a line the first and the last row would be dropped far less often than the others. The dropped rows are cut into
    stretches, the kept ones into the gaps behind them, both at random places, and the ring is turned at random.
    """
    inner = np.maximum(stretches - 1, 0)
    cuts = choose(streams.states(f"{purpose}/lengths"), np.maximum(counts - 1, 0), inner)
    places = np.where(counts > 0, sizes - counts - 1, 0)
    taken = np.flatnonzero(choose(streams.states(f"{purpose}/gaps"), places, inner))
    first = np.repeat(np.cumsum(stretches) - stretches, stretches) == np.arange(stretches.sum())
    before = np.zeros(len(first), dtype=np.int64)  # kept rows before each stretch
    before[~first] = taken - np.repeat(np.cumsum(places) - places, inner) + 1
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)  # among the dropped, from 0
    opens = np.ones(len(number), dtype=np.bool_)
    opens[number > 0] = cuts
    turn = np.repeat(below(streams.states(f"{purpose}/turn"), sizes), counts)
    place = (number + before[np.cumsum(opens) - 1] + turn) % np.repeat(sizes, counts)
    dropped = np.zeros(sizes.sum(), dtype=np.bool_)
    dropped[np.repeat(np.cumsum(sizes) - sizes, counts) + place] = True
    return dropped


def _of_modalities(seen: Seen, dropped: BoolArray) -> dict[Modality, BoolArray]:
    """Rows (R_m,) of whole modalities (N, 3)."""
    return {
        modality: np.repeat(dropped[:, MODALITIES.index(modality)], np.diff(seen.rows.offsets[modality]))
        for modality in seen.counts
    }
