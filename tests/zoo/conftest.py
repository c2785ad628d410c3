"""The model that comes with the package, installed once for all tests that only ask it."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.packing import find
from zoo.predict import Predictor


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is installed."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def demo(home: Path) -> Path:
    """Its folder."""
    return find("demo", home)


@pytest.fixture(scope="session")
def predictor(demo: Path) -> Predictor:
    return Predictor.open(demo)
