"""Counts beside the published ones, and what the splits share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from mmfeat.artifact import Description
from mmfeat.report.blocks import (
    Beside,
    Block,
    Details,
    Heading,
    Paragraph,
    Section,
    Table,
    Verdict,
    listed,
    number,
    several,
)
from mmfeat.report.survey import Survey

USUAL = ("train", "valid", "test")


@dataclass
class Part:
    """One part of a split: who and what is in it."""

    utterances: int = 0
    speakers: set[str] = field(default_factory=set)
    dialogues: set[str] = field(default_factory=set)

    def add(self, speaker: str | None, dialogue: str | None) -> None:
        """Take one utterance."""
        self.utterances += 1
        self.speakers |= {speaker} if speaker is not None else set()
        self.dialogues |= {dialogue} if dialogue is not None else set()


def counts_section(found: Survey, expected: Mapping[str, Sequence[int]]) -> Section:
    """Counts of the corpus beside the published ones.

    Parameters
    ----------
    found : Survey
    expected : mapping of str to (int, int)
        Lowest and highest published count, by the names of `counts.count`.
    """
    rows, wrong = [], []
    for name in _in_order(expected, found):
        low, high = expected[name]
        count = found.counts.get(name, 0)
        agrees = low <= count <= high
        published = number(low) if low == high else f"{number(low)} to {number(high)}"
        gap = count - high if count > high else count - low
        rows.append((name, number(count), published, "✓ agrees" if agrees else f"✗ {gap:+,}".replace("-", "−")))
        if not agrees:
            wrong.append(f"{name}: {number(count)} instead of {published}")
    counted = [(name, found.counts[name]) for name in _in_order(found.counts, found)]
    rest = [(name, number(count)) for name, count in counted if name not in expected]
    blocks: list[Block] = []
    if expected:
        good = f"All {several(len(expected), 'published count')} are met."
        bad = f"{number(len(wrong))} of {several(len(expected), 'published count')} are not met. {'; '.join(wrong)}."
        blocks.append(Verdict(not wrong, bad if wrong else good))
        blocks.append(Table("Counts beside the published ones", ("count", "here", "published", "verdict"), rows))
    else:
        blocks.append(Paragraph("No published counts are known for this corpus, so these stand alone."))
    title = "Counts that are not published" if expected else "Counts"
    table = Table(title, ("count", "here"), rest)
    if rest:
        blocks.append(Details(f"{title}: {len(rest)}", [table]) if expected else table)
    remarks = [f"Not as published: {listed(wrong)}."] if wrong else []
    return Section("counts", "Counts", blocks, remarks)


def _in_order(names: Iterable[str], found: Survey) -> list[str]:
    """The corpus, then its splits, then its labels."""
    first = ["utterances", "dialogues", "speakers"]
    for split in found.splits:
        first += [split.name, f"{split.name} dialogues"]
    return sorted(names, key=lambda name: (first.index(name) if name in first else len(first), name))


def splits_section(found: Survey, description: Description) -> Section:
    """What the parts of each split hold, and which speakers and dialogues they share."""
    standard = {split.name: Part() for split in found.splits}
    named: dict[str, dict[str, Part]] = {}
    left_out: dict[str, int] = {}
    for split in found.splits:
        for speaker, dialogue, parts in zip(split.speakers, split.dialogues, split.parts, strict=True):
            standard[split.name].add(speaker, dialogue)
            for name, part in parts.items():
                named.setdefault(name, {}).setdefault(part, Part()).add(speaker, dialogue)
    total = found.counts.get("utterances", 0)
    for name, members in named.items():
        left_out[name] = total - sum(part.utterances for part in members.values())
    blocks: list[Block] = [_parts_table(f"Parts of the split “{description.split}”", {description.split: standard})]
    remarks: list[str] = []
    overlaps = []
    for what in ("speakers", "dialogues"):
        shared = list(_shared({name: getattr(part, what) for name, part in standard.items()}))
        overlaps.append(_overlap(what, standard, shared))
        remarks += [f"{both} share {several(len(names), what[:-1])}." for both, names in shared]
    blocks.append(Beside(overlaps))
    if named:
        ordered = {name: named[name] for name in sorted(named)}
        blocks.append(Heading("Other splits of the same corpus", "other-splits"))
        blocks.append(_parts_table("Parts of the other splits", ordered, left_out))
        blocks.append(_overlaps_table(ordered))
    return Section("splits", "Splits", blocks, remarks)


def _parts_table(
    caption: str, splits: Mapping[str, Mapping[str, Part]], left_out: Mapping[str, int] | None = None
) -> Table:
    rows = []
    for name, parts in splits.items():
        for part in _usual_first(parts):
            one = parts[part]
            rows.append((name, part, number(one.utterances), number(len(one.dialogues)), number(len(one.speakers))))
        if left_out and left_out[name]:
            rows.append((name, "in no part", number(left_out[name]), "", ""))
    return Table(caption, ("split", "part", "utterances", "dialogues", "speakers"), rows, left=2)


def _usual_first(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (USUAL.index(name) if name in USUAL else len(USUAL), name))


def _shared(members: Mapping[str, set[str]]) -> Iterator[tuple[str, list[str]]]:
    """Pairs of parts that share members: both in words, and the shared ones."""
    for one, other in combinations(_usual_first(members), 2):
        both = sorted(members[one] & members[other])
        if both:
            yield f"{one} and {other}", both


def _overlap(what: str, parts: Mapping[str, Part], shared: Sequence[tuple[str, list[str]]]) -> list[Block]:
    """A matrix of what the parts of one split share, and what it means."""
    members = {name: getattr(part, what) for name, part in parts.items()}
    blocks: list[Block] = [Heading(f"Shared {what}", f"shared-{what}")]
    if not any(members.values()):
        return [*blocks, Paragraph(f"No utterance says its {what[:-1]}, so what the parts share cannot be known.")]
    if len(parts) == 1:
        return [*blocks, Paragraph(f"There is one part only, with {several(len(*members.values()), what[:-1])}.")]
    for both, names in shared:
        blocks.append(Verdict(False, f"{both} share {several(len(names), what[:-1])}: {listed(names)}."))
    if not shared:
        blocks.append(Verdict(True, f"No {what[:-1]} is in more than one part."))
    rows = [(one, *(number(len(members[one] & members[other])) for other in members)) for one in members]
    caption = f"{what.capitalize()} that two parts share; on the diagonal, all of one part"
    return [*blocks, Table(caption, ("", *members), rows)]


def _overlaps_table(splits: Mapping[str, Mapping[str, Part]]) -> Table:
    rows = []
    for name, parts in splits.items():
        said = []
        for what in ("speakers", "dialogues"):
            pairs = _shared({part: getattr(one, what) for part, one in parts.items()})
            said.append("; ".join(f"{both}: {number(len(names))}" for both, names in pairs) or "none")
        rows.append((name, *said))
    return Table("What the parts of the other splits share", ("split", "speakers", "dialogues"), rows, left=3)
