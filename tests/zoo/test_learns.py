"""AUMDF learns: on a planted corpus it comes close to the best answer that anybody could give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmfeat import missing
from mmfeat.artifact import Artifact
from zoo import planted
from zoo.conditions import CONDITIONS, score_predictions
from zoo.data import open_corpus
from zoo.evaluate import evaluate, mask_file
from zoo.train import Run, train

SETTINGS = (
    "model.hidden=32",
    "model.width=32",
    "train.batch_size=64",
    "train.learning_rate=0.002",
    "train.decay=cosine",
    "train.patience=0",
    "train.epochs=6,10",
)
RATES = ("frame_drop 0.1", "frame_drop 0.3", "frame_drop 0.5", "frame_drop 0.7")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_student_comes_within_a_fifth_of_the_best_possible_error_in_every_condition(tmp_path: Path) -> None:
    path = tmp_path / "linear.h5"
    planted.make(path, "linear", 2000)
    found = evaluate(train(Run("aumdf", path, changes=SETTINGS, root=tmp_path), log=False))
    scores = score_predictions(found)
    masks = missing.MaskFile(mask_file(open_corpus(path)))
    tested = [c for c in CONDITIONS if c.group == "combination" or c.name in RATES]
    ratios = {}
    with Artifact(path) as corpus:
        rows = corpus.observed("test")
        for condition in tested:
            best = planted.optimum(corpus, "test", masks.kept("test", condition.key, rows))
            least = np.abs(best - found.targets[:, 0]).mean()
            ratios[condition.name] = scores[condition.name].metrics["MAE"] / least
    assert len(ratios) == 11
    assert max(ratios.values()) < 1.20, ratios
    assert min(ratios.values()) > 0.97, ratios  # nobody beats the optimum: that would be a leak
