"""CSV tables with a header. Every cell stays text: an id of digits keeps its zeros."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmfeat.errors import SchemaError


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Give the rows of a table one by one; a cell that a row leaves out is empty.

    Parameters
    ----------
    path : Path
        A CSV file in UTF-8, with or without a byte order mark.
    columns : sequence of str
        Those it must have; it may have others.

    Raises
    ------
    SchemaError
        If the file is missing or no CSV in UTF-8, lacks a column, has no rows, or a row has more cells than the header.
    """
    expected = f"expected a CSV file with columns {', '.join(columns)}"
    if not path.is_file():
        raise SchemaError(f"no table {path}; {expected}; put the corpus there")
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, restval="")
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise SchemaError(f"{path}: no column {', '.join(missing)}; {expected}; see docs/corpora.md")
            empty = True
            for row in reader:
                empty = False
                if None in row:  # where DictReader puts the cells beyond the header
                    raise SchemaError(
                        f"{path}: line {reader.line_num} has more cells than the header; expected as many; "
                        "quote the cells that hold commas"
                    )
                yield row
            if empty:
                raise SchemaError(f"{path}: no rows; {expected} and a row per item; see docs/corpora.md")
    except (UnicodeDecodeError, csv.Error) as error:
        raise SchemaError(f"{path}: {error}; expected a CSV file in UTF-8; save it as such") from None
