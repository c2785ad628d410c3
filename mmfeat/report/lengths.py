"""How long utterances are: in words, in seconds, in rows of a modality's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmfeat.artifact import Description
from mmfeat.report.blocks import Block, Cell, Chart, Charts, Paragraph, Section, Table, number, quantity
from mmfeat.report.charts import bars, length_bins
from mmfeat.report.survey import SplitSurvey, Survey
from mmfeat.types import FloatArray, IntArray

Lengths = tuple[str, str, bool, list[FloatArray | IntArray]]  # name, unit, whole numbers, values of each split


def lengths_section(found: Survey, description: Description) -> Section:
    """Histograms of the lengths, and their figures per split."""
    kinds: list[Lengths] = [("Words", "words", True, [split.words for split in found.splits])]
    blocks: list[Block] = []
    if description.clock == "none":
        blocks.append(Paragraph("This artefact has no clock: its rows are in order, their times are not known."))
    else:
        kinds.append(("Seconds", "s", False, [split.seconds for split in found.splits]))
    for name in description.own_rows:
        kinds.append((f"Rows of {name}", "rows", True, [split.rows[name] for split in found.splits]))
    charts = [_chart(*kind) for kind in kinds]
    blocks += [Charts(charts), _figures(found.splits, kinds)]
    return Section("lengths", "Lengths", blocks)


def _chart(name: str, unit: str, whole: bool, values: Sequence[FloatArray | IntArray]) -> Chart:
    together = np.concatenate(values).astype(np.float64)
    bins = length_bins(together, whole=whole)
    drawn = bars([(name, bins.count(together).tolist())], bins.ticks, bins.say(unit), _axis(unit), "utterances")
    return Chart(f"{name} per utterance", drawn)


def _axis(unit: str) -> str:
    return {"s": "length (s)", "words": "words in the utterance", "rows": "rows in the utterance"}[unit]


def _figures(splits: Sequence[SplitSurvey], kinds: Sequence[Lengths]) -> Table:
    rows: list[Sequence[Cell]] = []
    for name, unit, _, values in kinds:
        groups: dict[str, Any] = dict(zip([split.name for split in splits], values, strict=True))
        if len(groups) > 1:
            groups["together"] = np.concatenate(values)
        rows += [(name, split, *_figures_of(one), _total(one, unit)) for split, one in groups.items() if len(one)]
    head = ("length", "split", "least", "median", "mean", "95 %", "most", "in all")
    return Table("Lengths of utterances", head, rows, left=2)


def _figures_of(values: FloatArray | IntArray) -> list[str]:
    least, median, high, most = np.quantile(values, (0, 0.5, 0.95, 1))
    return [quantity(value) for value in (least, median, values.mean(), high, most)]


def _total(values: FloatArray | IntArray, unit: str) -> str:
    return hours(float(values.sum())) if unit == "s" else number(int(values.sum()))


def hours(seconds: float) -> str:
    """A duration in its natural unit."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
