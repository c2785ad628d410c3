"""Files appear whole or not at all."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mmfeat.errors import OutputError
from mmfeat.safe_write import replacing, require_writable


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    (tmp_path / "x.txt").write_text("old")

    def fail() -> None:
        with replacing(tmp_path / "x.txt") as beside:
            beside.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x.txt", "old")]


def test_what_a_killed_run_left_is_cleared_away_and_a_running_one_is_not(tmp_path: Path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = socket.gethostname()
    dead, alive = (tmp_path / f".x.{host}-{process}.part.txt" for process in (ended.pid, os.getppid()))
    for path in (dead, alive):
        path.write_text("part")
    with replacing(tmp_path / "x.txt") as beside:
        beside.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"x.txt", alive.name}


def test_a_place_that_is_a_folder_is_refused(tmp_path: Path):
    with pytest.raises(OutputError, match="expected a writable folder"):
        require_writable(tmp_path)


def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path: Path):
    require_writable(tmp_path / "new" / "x.h5")
    assert list((tmp_path / "new").iterdir()) == []
