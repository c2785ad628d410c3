"""The house itself: public surface, layers, nothing heavy on import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mmfeat


def test_every_public_name_is_there_and_documented():
    for name in mmfeat.__all__:
        assert getattr(mmfeat, name) is not None
        assert name == "MODALITIES" or getattr(mmfeat, name).__doc__


def test_layers_of_the_house_hold(root: Path):
    done = subprocess.run([Path(sys.executable).parent / "lint-imports"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_asking_for_help_imports_nothing_heavy():
    code = (
        "import sys; from typer.testing import CliRunner; from mmfeat.cli import app; "
        "assert CliRunner().invoke(app, ['extract', '--help']).exit_code == 0; "
        "heavy = ('torch', 'librosa', 'gensim', 'pandas', 'h5py', 'matplotlib'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
