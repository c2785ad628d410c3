"""How labels are distributed over the splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
    counted_bar,
    number,
    quantity,
)
from mmfeat.report.charts import bars, value_bins
from mmfeat.report.survey import Survey
from mmfeat.types import FloatArray

FEW = 12  # different values of a number up to which each is counted
PANELS = 8  # splits drawn below one another


@dataclass(frozen=True)
class Label:
    """One label: its known values in each split."""

    name: str
    values: Mapping[str, FloatArray]  # by split, each (n,)
    sizes: Mapping[str, int]  # utterances of each split

    @property
    def all(self) -> FloatArray:
        """Known values of the whole corpus."""
        return np.concatenate(list(self.values.values()))


def labels_section(found: Survey, description: Description) -> Section:
    """Each label: classes and few values are counted, other numbers drawn as histograms."""
    labels = list(_labels(found))
    if not labels:
        return Section("labels", "Labels", [Paragraph("This corpus has no labels.")])
    blocks: list[Block] = []
    remarks = []
    if description.target:
        blocks.append(Paragraph(f"What models learn unless told otherwise: {description.target}."))
    labels.sort(key=lambda label: (label.name != description.target, label.name))
    for place, label in enumerate(labels, start=1):
        blocks.append(Heading(f"Label {label.name}", f"label-{place}"))
        classes = description.classes.get(label.name)
        blocks += _classes(label, classes) if classes else _numbers(label)
        remarks += [
            f"No utterance of {split} has a known {label.name}." for split, one in label.values.items() if not len(one)
        ]
    return Section("labels", "Labels", blocks, remarks)


def _labels(found: Survey) -> Iterator[Label]:
    names = sorted({name for split in found.splits for labels in split.labels for name in labels})
    sizes = {split.name: len(split) for split in found.splits}
    for name in names:
        values = {
            split.name: np.array([labels[name] for labels in split.labels if name in labels], dtype=np.float64)
            for split in found.splits
        }
        yield Label(name, values, sizes)


def _classes(label: Label, classes: Sequence[str]) -> list[Block]:
    return [_counted(label, [(name, float(value)) for value, name in enumerate(classes)])]


def _counted(label: Label, values: Sequence[tuple[str, float]]) -> Table:
    """How often each value occurs in each split."""
    rows = []
    for name, value in values:
        cells = [counted_bar(int((one == value).sum()), len(one)) for one in label.values.values()]
        rows.append([name, *cells])
    unknown = [number(label.sizes[split] - len(one)) for split, one in label.values.items()]
    rows.append(["not known", *unknown])
    return Table(f"Values of {label.name}, and their share of the known ones", (label.name, *label.values), rows)


def _numbers(label: Label) -> list[Block]:
    different = np.unique(label.all)
    if len(different) <= FEW:
        return [_counted(label, [(quantity(value), float(value)) for value in different]), _figures(label)]
    bins = value_bins(label.all)
    panels = [(split, (bins.count(one) / max(len(one), 1)).tolist()) for split, one in label.values.items()]
    said, ticks = bins.say(""), bins.ticks
    drawn = bars(panels[:PANELS], ticks, said, label.name, "share of known", percent=True)
    rest = f"the first {PANELS} of {len(panels)} splits" if len(panels) > PANELS else ""
    return [Charts([Chart(f"{label.name} by split", drawn, rest)]), _figures(label)]


def _figures(label: Label) -> Table:
    rows = []
    for split, one in label.values.items():
        if len(one):
            least, median, most = np.quantile(one, (0, 0.5, 1))
            said = [quantity(value) for value in (least, median, most, one.mean(), one.std())]
        else:
            said = ["–"] * 5
        rows.append((split, number(len(one)), number(label.sizes[split] - len(one)), *said))
    head = ("split", "known", "not known", "least", "median", "most", "mean", "sd")
    return Table(f"Figures of {label.name}", head, rows)
