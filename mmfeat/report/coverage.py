"""Coverage: what was observed, in how many utterances, where in them, and which words nobody knew."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from mmfeat.artifact import Description
from mmfeat.report.blocks import (
    Block,
    Chart,
    Charts,
    Heading,
    Paragraph,
    Section,
    Table,
    Verdict,
    counted_bar,
    number,
    several,
    share,
    share_bar,
)
from mmfeat.report.charts import bars, lines
from mmfeat.report.survey import TENTHS, SplitSurvey, Survey
from mmfeat.types import MODALITIES, BoolArray, IntArray, Modality

UNKNOWN_SHOWN = 60  # of the words that the vectors do not know
# Bars of the histograms over utterances: none and all stand apart, since they mean something of their own.
NONE, FIRST_TENTH, ALL = 0, 2, 13
SHARES = ["no row", "", *(f"{low} to {low + 10} % of rows, not all" for low in range(0, 100, 10)), "", "every row"]
SHARE_TICKS = [(NONE + 0.5, "none"), *((FIRST_TENTH + n, f"{10 * n}") for n in range(0, 11, 2)), (ALL + 0.5, "all")]


def coverage_section(found: Survey, description: Description) -> Section:
    """Shares of rows, combinations of modalities, histograms over utterances and along them, unknown words."""
    absent = [name for name in MODALITIES if name not in found.modalities]
    blocks: list[Block] = []
    remarks = [f"{name.capitalize()} is not in this artefact." for name in absent]
    if absent:
        blocks.append(Paragraph(" ".join(remarks)))
    for name in found.modalities:
        if not any(split.seen[name].any() for split in found.splits):
            remarks.append(f"{name.capitalize()} was not observed in a single row.")
            blocks.append(Verdict(False, remarks[-1]))
    blocks.append(_shares(found, description))
    blocks += _combinations(found)
    blocks += _histograms(found)
    blocks += _unknown_words(found, description)
    return Section("coverage", "Coverage", blocks, remarks)


def _shares(found: Survey, description: Description) -> Table:
    rows: list[list[str]] = []
    for name in found.modalities:
        kind = f"{name}, rows of its own" if name in description.own_rows else f"{name}, a row per word"
        whole = sum(int(split.rows[name].sum()) for split in found.splits)
        seen = sum(int(split.seen[name].sum()) for split in found.splits)
        cells = [share_bar(int(split.seen[name].sum()), int(split.rows[name].sum()), name) for split in found.splits]
        rows.append([kind, number(whole), share_bar(seen, whole, name), *(cells if len(cells) > 1 else [])])
    names = [split.name for split in found.splits]
    head = ("modality", "rows", "all observed", *(names if len(names) > 1 else []))
    return Table("Share of rows that were observed", head, rows)


def _has(split: SplitSurvey, name: Modality) -> BoolArray:
    """Whether each utterance has an observed row of a modality, (N,)."""
    if name not in split.seen:
        return np.zeros(len(split), dtype=np.bool_)
    has: BoolArray = split.seen[name] > 0
    return has


def _combinations(found: Survey) -> list[Block]:
    counts = [_count_combinations(split) for split in found.splits]
    total = sum(len(split) for split in found.splits)
    rows = []
    for code, present in enumerate(product((True, False), repeat=len(MODALITIES))):
        name = " + ".join(key for key, there in zip(MODALITIES, present, strict=True) if there) or "nothing at all"
        per_split = [number(int(count[code])) for count in counts]
        marks = ["●" if there else "○" for there in present]
        rows.append([name, *marks, counted_bar(int(sum(count[code] for count in counts)), total), *per_split])
    splits = [split.name for split in found.splits]
    head = ("observed somewhere in the utterance", *MODALITIES, "utterances", *splits)
    return [
        Heading("Which modalities are there", "combinations"),
        Table("Utterances by the modalities of which at least one row was observed", head, rows),
    ]


def _count_combinations(split: SplitSurvey) -> IntArray:
    """Utterances of each combination, (8,), from all to nothing as `itertools.product` of True and False runs."""
    code = np.zeros(len(split), dtype=np.int64)
    for name in MODALITIES:
        code = 2 * code + ~_has(split, name)
    counts: IntArray = np.bincount(code, minlength=2 ** len(MODALITIES))
    return counts


def _histograms(found: Survey) -> list[Block]:
    charts, tracks = [], []
    for name in found.modalities:
        rows = np.concatenate([split.rows[name] for split in found.splits])
        seen = np.concatenate([split.seen[name] for split in found.splits])
        if not rows.any():
            continue
        counts = _by_share(rows, seen)
        bare = int((rows == 0).sum())
        note = f"{several(bare, 'utterance')} without rows left out" if bare else ""
        drawn = bars(
            [(name, counts.tolist())],
            SHARE_TICKS,
            SHARES,
            "rows of the utterance observed (%)",
            "utterances",
            colour=name,
        )
        charts.append(Chart(f"{name.capitalize()} coverage of utterances", drawn, note))
        along = np.sum([split.along[name] for split in found.splits], axis=0)
        tracks.append((name, along[1] / np.maximum(along[0], 1)))
    if not tracks:
        return [Paragraph("There are no rows, so there is no coverage to draw.")]
    ticks = [(float(tenth), f"{10 * tenth}") for tenth in range(0, TENTHS + 1, 2)]
    drawn = lines(tracks, ticks, "place in the utterance (% of its rows)", "rows observed")
    charts.append(Chart("Coverage along the utterance", drawn, "0 is the beginning, 100 the end"))
    return [Heading("Coverage of single utterances", "utterance-coverage"), Charts(charts)]


def _by_share(rows: IntArray, seen: IntArray) -> IntArray:
    """Utterances by the share of their rows that was observed, (14,): none, a gap, ten tenths, a gap, all."""
    rows, seen = rows[rows > 0], seen[rows > 0]
    tenths = FIRST_TENTH + np.minimum(10 * seen // rows, 9)
    places = np.where(seen == 0, NONE, np.where(seen == rows, ALL, tenths))
    counts: IntArray = np.bincount(places, minlength=len(SHARES))
    return counts


def _unknown_words(found: Survey, description: Description) -> list[Block]:
    if "text" not in found.modalities:
        return []
    blocks: list[Block] = [Heading("Out-of-vocabulary words", "unknown-words")]
    if "text" in description.own_rows:
        return [*blocks, Paragraph("The rows of text are not words here, so no word can be said to be unknown.")]
    words = sum(int(split.words.sum()) for split in found.splits) - found.blank
    blocks.append(Paragraph(_vocabulary(found, words)))
    if found.unknown:
        first = sorted(found.unknown.items(), key=lambda item: (-item[1], item[0]))[:UNKNOWN_SHOWN]
        rows = [(word, number(count), share(count, words)) for word, count in first]
        caption = "Words that the text features do not know"
        if len(found.unknown) > len(rows):
            caption += f", the {len(rows)} most frequent"
        blocks.append(Table(caption, ("word", "times", "of all words"), rows))
    return blocks


def _vocabulary(found: Survey, words: int) -> str:
    missed = found.unknown.total()
    said = f"{several(missed, 'word')} of {number(words)} ({share(missed, words)}) have no text features"
    said += f", {number(len(found.unknown))} different ones." if missed else "."
    if found.blank:
        said += f" Besides, the words of {several(found.blank, 'stretch', 'stretches')} of time are not known."
    return said


def complete(splits: Sequence[SplitSurvey]) -> int:
    """Utterances that have an observed row of every modality."""
    return sum(int(np.logical_and.reduce([_has(split, name) for name in MODALITIES]).sum()) for split in splits)
