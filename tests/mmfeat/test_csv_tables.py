"""CSV tables: every cell stays text, and a broken table names its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmfeat.csv_tables import read_rows
from mmfeat.errors import SchemaError


def test_ids_of_digits_keep_their_zeros_and_a_cell_left_out_is_empty(tmp_path: Path):
    (tmp_path / "t.csv").write_bytes('\ufeffid,text\r\n0010,"a, b"\r\n\r\n11\r\n'.encode())
    rows = list(read_rows(tmp_path / "t.csv", ("id",)))
    assert rows == [{"id": "0010", "text": "a, b"}, {"id": "11", "text": ""}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no column id, mode"),
        (b"id,mode\n", "no rows; expected a CSV file with columns id, mode"),
        (b"id,media\na,b\n", "no column mode"),
        (b"id,mode\na,b\nc,d,e\n", "line 3 has more cells than the header"),
        (b"id,mode\n\xff,b\n", "expected a CSV file in UTF-8"),
    ],
)
def test_a_broken_table_says_what_is_wrong(tmp_path: Path, content: bytes, message: str):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(SchemaError, match=message):
        list(read_rows(tmp_path / "t.csv", ("id", "mode")))


def test_an_absent_table_says_where_it_goes(tmp_path: Path):
    with pytest.raises(SchemaError, match="put the corpus there"):
        list(read_rows(tmp_path / "t.csv", ("id",)))
