"""Ranges of the features on the page, dimension by dimension."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress

from mmfeat.report.blocks import (
    Block,
    Cell,
    Details,
    Heading,
    Paragraph,
    Section,
    Table,
    Verdict,
    listed,
    number,
    quantity,
    several,
    share,
)
from mmfeat.report.charts import outline
from mmfeat.report.features import HIGH, LOW, MEDIAN, SAMPLE, Ranges
from mmfeat.types import BoolArray, Modality

MOSTLY = 0.95  # share of zeros from which a dimension is pointed out
OPEN = 40  # dimensions that are shown without being asked for
HEAD = ("dimension", "least", "1 %", "median", "99 %", "most", "mean", "sd", "zeros", "1 % to 99 %")


def features_section(measured: Mapping[Modality, Ranges | None]) -> Section:
    """Ranges of all modalities.

    Parameters
    ----------
    measured : mapping of modality to Ranges or None
        None where nothing was observed.
    """
    blocks: list[Block] = [
        Paragraph(
            "Over observed rows only. Least, most, mean, standard deviation (sd) and zeros are of all of them; the "
            f"quantiles and the small histograms are of at most {number(SAMPLE)} rows drawn at random, the same ones "
            "every time."
        )
    ]
    remarks: list[str] = []
    for name, ranges in measured.items():
        blocks.append(Heading(f"Features of {name}", f"features-{name}"))
        if ranges is None:
            blocks.append(Paragraph("Nothing was observed, so there is nothing to measure."))
            continue
        blocks += _of_modality(name, ranges, remarks)
    if not measured:
        blocks = [Paragraph("This artefact has no features.")]
    return Section("features", "Feature ranges", blocks, remarks)


def _of_modality(name: Modality, ranges: Ranges, remarks: list[str]) -> list[Block]:
    width = len(ranges.names)
    size = f"{several(ranges.rows, 'observed row')}, {several(width, 'dimension')}."
    of_all = "all of them" if ranges.sampled == ranges.rows else f"{number(ranges.sampled)} of them"
    blocks: list[Block] = [Paragraph(f"{size} Quantiles are of {of_all}.")]
    flagged: list[str] = []
    for what, mask in (
        ("constant", ranges.constant),
        (f"zero in {MOSTLY:.0%} of the rows or more".replace("%", " %"), _mostly_zero(ranges)),
        ("not finite in some rows", ranges.not_finite > 0),
    ):
        if mask.any():
            count = f"{several(int(mask.sum()), 'dimension')} {what}"
            named = listed(compress(ranges.names, mask), 12)
            blocks.append(Verdict(False, f"{count}: {named}."))
            flagged.append(count)
    if flagged:
        remarks.append(f"{name.capitalize()}: {', '.join(flagged)}.")
    remarked = [_remark(ranges, row) for row in range(width)]
    last = ("remark",) if any(remarked) else ()
    rows = [(*_row(ranges, row), *([remark] if last else [])) for row, remark in enumerate(remarked)]
    table = Table(f"Ranges of {name}", (*HEAD, *last), rows)
    return [*blocks, table if width <= OPEN else Details(f"All {number(width)} dimensions of {name}", [table])]


def _mostly_zero(ranges: Ranges) -> BoolArray:
    mostly: BoolArray = (ranges.zeros >= MOSTLY) & ~ranges.constant
    return mostly


def _remark(ranges: Ranges, row: int) -> str:
    said = []
    if ranges.constant[row]:
        said.append("constant")
    elif ranges.zeros[row] >= MOSTLY:
        said.append("mostly zero")
    if ranges.not_finite[row]:
        said.append(f"{several(int(ranges.not_finite[row]), 'row')} not finite")
    return ", ".join(said)


def _row(ranges: Ranges, row: int) -> tuple[Cell, ...]:
    low, median, high = ranges.quantiles[[LOW, MEDIAN, HIGH], row]
    values = (ranges.lowest[row], low, median, high, ranges.highest[row], ranges.mean[row], ranges.deviation[row])
    zeros = share(round(ranges.zeros[row] * ranges.rows), ranges.rows)
    said = [quantity(value) for value in values]
    return (ranges.names[row], *said, zeros, outline(ranges.histogram[row]))
