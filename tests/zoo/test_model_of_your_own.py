"""The model file that docs/zoo.md shows trains and answers as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from zoo_corpora import write_corpus

import zoo.models
from zoo.evaluate import evaluate
from zoo.train import Run, train


def test_the_model_file_in_the_docs_trains_and_answers(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    snippets = re.findall(r"```python\n(.*?)```", (root / "docs" / "zoo.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "mean_of_words.py").write_text(snippets[-1], encoding="utf-8")
    monkeypatch.setattr(zoo.models, "__path__", [*zoo.models.__path__, str(tmp_path)])
    small = write_corpus(tmp_path / "small.h5")
    folder = train(Run("mean_of_words", small, changes=("train.epochs=2",), root=tmp_path), log=False)
    answers = evaluate(folder, groups=("combination",)).answers
    assert len(answers) == 7
    assert all(np.isfinite(values).all() for values in answers.values())
