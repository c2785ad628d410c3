"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from builders import description_of, rows_of, utterance_of, words_of

from mmfeat import artifact
from mmfeat.types import Utterance

ROOT = Path(__file__).resolve().parents[1]

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: its threads spin on busy cores
if "PYTEST_XDIST_WORKER" in os.environ:
    # Before numba is imported: two workers that fill its cache at once leave half a function there, and then crash.
    os.environ["NUMBA_CACHE_DIR"] = str(ROOT / ".numba_cache" / os.environ["PYTEST_XDIST_WORKER"])


@pytest.fixture(scope="session")
def root() -> Path:
    """Root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real recordings beside the repository; the test skips where they are absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the recordings of ../shared are not on this machine")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def tiny_corpus() -> list[Utterance]:
    """Three utterances of two splits, of 2, 1 and 3 words."""
    train = {"split": "train", "dialogue": "d1"}
    return [
        utterance_of("a", words_of("good", "day"), **train, speaker="s1", labels={"sentiment": 1.5, "emotion": 0}),
        utterance_of("b", words_of("no"), **train, speaker="s2", turn=1, labels={"sentiment": -2.0}),
        utterance_of("c", words_of("so", "", "what"), split="test", labels={"sentiment": 0.0, "emotion": 1}),
    ]


@pytest.fixture
def tiny_artifact(tmp_path: Path, tiny_corpus: list[Utterance]) -> Path:
    path = tmp_path / "tiny.h5"
    artifact.write(path, description_of(), tiny_corpus, rows_of, lambda utterance: "0" * 64)
    return path
