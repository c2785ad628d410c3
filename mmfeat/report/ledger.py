"""The ledger on the page: how many rows each stage has, and the first of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mmfeat.errors import SchemaError
from mmfeat.report.blocks import Block, Details, Paragraph, Section, Table, Verdict, number, several
from mmfeat.types import Failure

SHOWN = 200  # rows on the page
OPEN = 10  # rows that are shown without being asked for
LONGEST = 600  # characters of a reason that are shown


@dataclass
class Ledger:
    """What is kept of a ledger: counts of all of it, and the first rows of each stage."""

    name: str
    rows: Counter[str] = field(default_factory=Counter)  # by stage
    ids: dict[str, set[str]] = field(default_factory=dict)  # by stage: the utterances it speaks of
    first: dict[str, list[Failure]] = field(default_factory=dict)
    strange: int = 0  # lines that are not rows of a ledger


def read_ledger(path: Path) -> Ledger:
    """Read a ledger; lines that are not its rows are counted, not refused.

    Raises
    ------
    SchemaError
        If the file cannot be read.
    """
    ledger = Ledger(path.name)
    for row in _rows(path):
        if row is None:
            ledger.strange += 1
            continue
        ledger.rows[row.stage] += 1
        ledger.ids.setdefault(row.stage, set()).add(row.id)
        kept = ledger.first.setdefault(row.stage, [])
        if len(kept) < SHOWN:
            kept.append(row)
    return ledger


def _rows(path: Path) -> Iterator[Failure | None]:
    try:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as handle:
            for line in handle:
                if line.strip():
                    yield _row(line)
    except OSError as error:
        raise SchemaError(
            f"cannot read the ledger {path}: {error.strerror}; expected JSON lines; name another with --ledger"
        ) from None


def _row(line: str) -> Failure | None:
    try:
        found = json.loads(line)
        return Failure(str(found["id"]), str(found["stage"]), str(found["reason"]))
    except (ValueError, KeyError, TypeError):
        return None


def ledger_section(ledger: Ledger | None, looked_for: str) -> Section:
    """The ledger, stage by stage.

    Parameters
    ----------
    ledger : Ledger or None
        None where there is none.
    looked_for : str
        Name of the file.
    """
    if ledger is None:
        text = f"There is no {looked_for} beside the artefact, so what failed on the way is not known here."
        return Section("ledger", "Ledger", [Paragraph(text)])
    total = ledger.rows.total()
    blocks: list[Block] = []
    remarks = []
    if ledger.strange:
        remarks = [f"{several(ledger.strange, 'line')} of {ledger.name} cannot be read as ledger rows."]
        blocks.append(Verdict(False, remarks[0]))
    if not total:
        blocks.append(Verdict(True, f"{ledger.name} has no rows: nothing failed and nothing was given up."))
        return Section("ledger", "Ledger", blocks, remarks)
    utterances = len(set().union(*ledger.ids.values()))
    blocks.append(Paragraph(f"{several(total, 'row')} about {several(utterances, 'id')}, from {ledger.name}."))
    blocks.append(_stages(ledger))
    shown = _fair_share(ledger)
    blocks += [_details(stage, rows, ledger.rows[stage]) for stage, rows in shown.items()]
    left = total - sum(map(len, shown.values()))
    if left:
        blocks.append(Paragraph(f"The other {several(left, 'row')} are in {ledger.name}."))
    remarks.append(f"The ledger has {several(total, 'row')} about {several(utterances, 'id')}.")
    return Section("ledger", "Ledger", blocks, remarks)


def _stages(ledger: Ledger) -> Table:
    rows = [(stage, number(count), number(len(ledger.ids[stage]))) for stage, count in ledger.rows.items()]
    return Table("Rows by stage", ("stage", "rows", "ids"), rows)


def _fair_share(ledger: Ledger) -> dict[str, list[Failure]]:
    """The rows that are shown, `SHOWN` in all: every stage has its first ones before any has more."""
    counted = dict.fromkeys(ledger.first, 0)
    left = SHOWN
    for rank in range(SHOWN):
        for stage, rows in ledger.first.items():
            if rank < len(rows) and left:
                counted[stage] += 1
                left -= 1
    return {stage: ledger.first[stage][:count] for stage, count in counted.items() if count}


def _details(stage: str, rows: list[Failure], total: int) -> Details:
    count = several(total, "row") if len(rows) == total else f"the first {number(len(rows))} of {several(total, 'row')}"
    table = Table(
        f"Ledger rows of stage {stage}", ("id", "reason"), [(row.id, _cut(row.reason)) for row in rows], left=2
    )
    return Details(f"{stage}: {count}", [table], open=total <= OPEN)


def _cut(reason: str) -> str:
    return reason if len(reason) <= LONGEST else f"{reason[: LONGEST - 1]}…"
