"""What a valid artefact is: the names in the file, and the rules, all of which are checked before one report is made.

Layout of the HDF5 file, per split ``<split>/`` (N utterances, R words of all of them, D_m dimensions)::

    ids speaker dialogue media media_sha256 sound half   (N,)  text; '' where unknown
    turn (N,) int64   start end (N,) float64 s
    offsets (N + 1,) int64                    words of utterance i are rows offsets[i] : offsets[i + 1] of what follows
    words (R,) text   intervals (R, 2) float64 s   scores (R,) float32, scored (R,) bool
    observed (R, 3) bool                      columns text, audio, vision
    text | audio | vision (R, D_m) float32    only the modalities that were extracted
    own/<modality>/offsets (N + 1,) int64, observed (R_m,) bool, intervals (R_m, 2) float64 s
                                              of a modality whose rows are not the words; then it is (R_m, D_m), and
                                              its column of ``observed`` is False
    labels/<name> (N,) float64, labels_known/<name> (N,) bool
    parts/<named split> (N,) text             part of the utterance in another split; '' where that leaves it out

The rows are ragged rather than padded: a corpus reads in one contiguous block per modality, and one long recording does
not make every short utterance as long as itself. `Artifact.padded` gives (N, W, D) and the ``word_mask``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmfeat.errors import SchemaError
from mmfeat.types import MODALITIES, BoolArray, FloatArray, IntArray, Modality, Utterance, batched_rows

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 2
ATTRIBUTES = (
    "schema_version",
    "dataset",
    "code_version",
    "extractors",
    "classes",
    "words_from",
    "alignment_rule",
    "source",
    "split",
    "target",
    "expected",
    "clock",
    "own_rows",
)
TEXT_COLUMNS = ("ids", "speaker", "dialogue", "media", "media_sha256", "sound", "half")
SHOWN_FAILURES = 20
BLOCK = 65536  # rows read at once


@dataclass(frozen=True)
class Problem:
    """One broken rule."""

    id: str  # utterance, or split, or '' for the file
    field: str
    rule: str
    value: str

    def __str__(self) -> str:
        """Where, what was found, what was expected."""
        return f"{self.id or 'file'}: {self.field} = {self.value}; expected {self.rule}"


def report(problems: Sequence[Problem], what: str) -> str:
    """At most 20 problems and the count."""
    shown = [f"  {problem}" for problem in problems[:SHOWN_FAILURES]]
    more = [f"  ... and {len(problems) - SHOWN_FAILURES} more"] if len(problems) > SHOWN_FAILURES else []
    return "\n".join([f"{what}: {len(problems)} rule(s) broken", *shown, *more])


def require_valid_utterances(utterances: Sequence[Utterance], what: str) -> None:
    """Check a manifest before work is spent on it.

    Raises
    ------
    SchemaError
        With every failure, at most 20 shown.
    """
    problems = utterance_problems(_utterance_table(utterances))
    words = [(utterance.id, word.text, word.start, word.end) for utterance in utterances for word in utterance.words]
    problems += word_problems(_frame(words, ("id", "word", "start", "end")))
    if problems:
        raise SchemaError(report(problems, what))


def utterance_problems(table: pd.DataFrame) -> list[Problem]:
    """Check the utterances: columns ``id, split, start, end`` (s, NaN for an open end), ``turn``."""
    import pandera.pandas as pa

    column, check = pa.Column, pa.Check
    rules = pa.DataFrameSchema(
        {
            "id": column(str, [check.str_length(min_value=1, error="an id that is not empty")]),
            "split": column(str, [check.str_matches(r"^[\w.-]+$", error="a split name of letters, digits, _ . -")]),
            "start": column(float, [check.ge(0, error="a start of 0 s or later")]),
            "end": column(float, nullable=True),
            "turn": column(int, [check.ge(0, error="a turn of 0 or more")]),
        },
        checks=[
            check(lambda t: ~t["id"].duplicated(), error="id: an id that occurs once"),
            check(lambda t: ~(t["end"] <= t["start"]), error="end: an end after the start"),
        ],
    )
    return _broken_rules(rules, table)


def word_problems(table: pd.DataFrame) -> list[Problem]:
    """Check the words of all utterances: columns ``id, word, start, end`` (s), in order within an id."""
    import pandera.pandas as pa

    column, check = pa.Column, pa.Check
    rules = pa.DataFrameSchema(
        {
            "id": column(str),
            "word": column(str),
            "start": column(float, [check.ge(0, error="a start of 0 s or later")]),
            "end": column(float),
        },
        checks=[
            check(lambda t: t["end"] > t["start"], error="end: an end after the start"),
            check(_in_order, error="start: words in order of their start"),
        ],
    )
    return _broken_rules(rules, table)


def index_problems(table: pd.DataFrame, rows: int) -> list[Problem]:
    """Check where each utterance's words begin and end: columns ``id, first, last``, R rows in all."""
    import pandera.pandas as pa

    column, check = pa.Column, pa.Check
    rules = pa.DataFrameSchema(
        {
            "id": column(str),
            "first": column(int, [check.ge(0, error="0 or more")]),
            "last": column(int, [check.le(rows, error=f"at most the {rows} word rows")]),
        },
        checks=[check(lambda t: t["last"] >= t["first"], error="last: offsets that do not decrease")],
    )
    return _broken_rules(rules, table)


def array_problems(arrays: Mapping[str, Any], split: str, own_rows: Sequence[Modality] = ()) -> list[Problem]:
    """Check shapes and finiteness of one split; reads block by block, so that memory does not grow with the corpus."""
    count, rows = len(arrays["ids"]), int(arrays["offsets"][-1]) if len(arrays["offsets"]) else 0
    shapes: dict[str, tuple[int, ...]] = {
        "offsets": (count + 1,),
        "turn": (count,),
        "start": (count,),
        "end": (count,),
        "words": (rows,),
    }
    shapes |= {name: (count,) for name in TEXT_COLUMNS}
    shapes |= {"intervals": (rows, 2), "observed": (rows, len(MODALITIES)), "scores": (rows,), "scored": (rows,)}
    problems = []
    for name, shape in shapes.items():
        found = tuple(arrays[name].shape) if name in arrays else None
        if found != shape:
            problems.append(Problem(split, name, f"an array of shape {shape}", str(found or "missing")))
    for number, name in enumerate(MODALITIES):
        if name in arrays and "observed" in arrays and name not in own_rows:
            rows_of = _Rows(arrays["ids"], arrays["offsets"][:], arrays["observed"], number)
            problems += _feature_problems(arrays[name], split, name, rows_of)
    for name in ("intervals", "scores", "start", "end"):
        if name in arrays and not np.isfinite(arrays[name][:]).all():
            problems.append(Problem(split, name, "finite numbers", "NaN or infinity"))
    return problems + _column_problems(arrays, split, count)


def _column_problems(arrays: Mapping[str, Any], split: str, count: int) -> list[Problem]:
    """Labels and parts: one value per utterance."""
    problems = []
    for name in arrays.get("labels", ()):
        values, known = arrays["labels"][name], arrays.get("labels_known", {}).get(name)
        if values.shape != (count,) or known is None or known.shape != (count,):
            problems.append(
                Problem(split, f"labels/{name}", f"values and labels_known of shape {(count,)}", str(values.shape))
            )
        elif not np.isfinite(values[:]).all():
            problems.append(Problem(split, f"labels/{name}", "finite numbers", "NaN or infinity"))
    for name in arrays.get("parts", ()):
        if arrays["parts"][name].shape != (count,):
            found = str(arrays["parts"][name].shape)
            problems.append(Problem(split, f"parts/{name}", f"an array of shape {(count,)}", found))
    return problems


def own_row_problems(arrays: Mapping[str, Any], split: str, modality: Modality) -> list[Problem]:
    """Check one modality whose rows are not the words."""
    room = arrays.get("own", {}).get(modality, {})
    absent = [name for name in ("offsets", "observed", "intervals") if name not in room]
    if absent:
        return [Problem(split, f"own/{modality}/{name}", "this dataset", "missing") for name in absent]
    offsets, count = room["offsets"][:], len(arrays["ids"])
    if offsets.shape != (count + 1,) or offsets[0] != 0 or (np.diff(offsets) < 0).any():
        rule = f"{count + 1} numbers from 0 that do not decrease"
        return [Problem(split, f"own/{modality}/offsets", rule, str(offsets.shape))]
    rows, problems = int(offsets[-1]), []
    for name, shape in (("observed", (rows,)), ("intervals", (rows, 2))):
        if room[name].shape != shape:
            problems.append(
                Problem(split, f"own/{modality}/{name}", f"an array of shape {shape}", str(room[name].shape))
            )
    if problems:
        return problems
    intervals = room["intervals"][:]
    if not np.isfinite(intervals).all() or (intervals[:, 1] < intervals[:, 0]).any():
        rule = "finite times, start not after end"
        problems.append(Problem(split, f"own/{modality}/intervals", rule, "NaN, infinity, or an end before its start"))
    rows_of = _Rows(arrays["ids"], offsets, room["observed"])
    return problems + _feature_problems(arrays[modality], split, modality, rows_of)


@dataclass(frozen=True)
class _Rows:
    """Whose the rows of a modality are, and which were observed."""

    ids: Any
    offsets: IntArray
    mask: Any  # (R,), or (R, 3) and the column
    column: int | None = None

    def observed(self, span: slice) -> BoolArray:
        seen: BoolArray = self.mask[span] if self.column is None else self.mask[span, self.column]
        return seen

    def owner(self, row: int) -> str:
        number = int(np.searchsorted(self.offsets, row, side="right")) - 1
        return str(self.ids.asstr()[number] if hasattr(self.ids, "asstr") else self.ids[number])


def _feature_problems(features: Any, split: str, name: str, rows_of: _Rows) -> list[Problem]:
    """Finite everywhere, and zero wherever nothing was observed."""
    rows = int(rows_of.offsets[-1]) if len(rows_of.offsets) else 0
    if features.ndim != 2 or len(features) != rows:
        return [Problem(split, name, f"an array of shape ({rows}, D)", str(features.shape))]
    problems = []
    for span in batched_rows(rows, BLOCK):
        values = features[span]
        bad = ~np.isfinite(values).all(axis=1)
        filled = ~bad & (values != 0).any(axis=1) & ~rows_of.observed(span)
        for mask, rule in ((bad, "finite numbers"), (filled, "zeros where observed is False")):
            for row in np.flatnonzero(mask):
                place = span.start + int(row)
                problems.append(Problem(rows_of.owner(place), f"{name}[{place}]", rule, _excerpt(values[row])))
    return problems


def _excerpt(values: FloatArray) -> str:
    return np.array2string(values[:4], precision=3, separator=", ") + (" ..." if len(values) > 4 else "")


def _in_order(table: pd.DataFrame) -> Any:
    same = table["id"] == table["id"].shift()
    return ~(same & (table["start"] < table["start"].shift()))


def _utterance_table(utterances: Sequence[Utterance]) -> pd.DataFrame:
    rows = [(u.id, u.split, u.start, float("nan") if u.end is None else u.end, u.turn) for u in utterances]
    return _frame(rows, ("id", "split", "start", "end", "turn"))


def _frame(rows: Iterable[tuple[Any, ...]], columns: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    kinds = {"start": float, "end": float, "turn": int, "first": int, "last": int}
    table = pd.DataFrame(list(rows), columns=list(columns))
    for name in columns:
        table[name] = table[name].astype(kinds.get(name, "string"))
    return table


def _broken_rules(rules: Any, table: pd.DataFrame) -> list[Problem]:
    """Run a pandera schema to the end and name the utterance behind each failing row."""
    import pandera.errors

    try:
        rules.validate(table, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        problems = {}
        for case in errors.failure_cases.itertuples(index=False):
            known = isinstance(case.index, int | float | np.integer) and case.index == case.index
            row = int(case.index) if known else None
            owner = "" if row is None else str(table["id"].iloc[row])
            # A rule over the whole table names the column it is about; pandera reports it once per column of the row.
            field, rule = str(case.column), str(case.check)
            if case.schema_context == "DataFrameSchema" and ": " in rule:
                field, rule = rule.split(": ", 1)
            value = table[field].iloc[row] if row is not None and field in table else case.failure_case
            problems[row, field, rule] = Problem(owner, field, rule, str(value))
        return list(problems.values())
    return []
