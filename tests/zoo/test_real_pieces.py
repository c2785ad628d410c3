"""What the benchmarks make of the public pieces of MOSI, beside the figures that were measured on them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mmfeat import artifact
from mmfeat.artifact import Artifact, Split

pytestmark = pytest.mark.reference


def benchmark(root: Path, name: str) -> ModuleType:
    """A module of tests/benchmarks, which is not on the path of the tests."""
    spec = importlib.util.spec_from_file_location(name, root / "tests" / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pieces(root: Path) -> ModuleType:
    return benchmark(root, "real_pieces")


def beside(rows: Split, *modalities: str) -> np.ndarray:
    return np.concatenate([rows.features[name] for name in modalities], axis=1)


def means(rows: Split, modality: str) -> np.ndarray:
    return np.add.reduceat(rows.features[modality], rows.offsets[:-1]) / np.diff(rows.offsets)[:, None]


@pytest.fixture
def polarity(pieces: ModuleType, shared: Path, tmp_path: Path) -> Artifact:
    pieces.utterances_2199(shared / "mosi", tmp_path / "2199.h5")
    return Artifact(tmp_path / "2199.h5")


def test_2199_vectors_become_an_artefact_divided_by_video(polarity: Artifact):
    assert artifact.validate(polarity.path) == []
    assert polarity.dims == {"text": 100, "audio": 73, "vision": 100}
    videos = {split: {one.dialogue for one in polarity.utterances(split)} for split in polarity.splits}
    assert {split: len(names) for split, names in videos.items()} == {"train": 53, "valid": 9, "test": 31}
    assert len(set.union(*videos.values())) == 93
    assert sum(len(polarity.ids(split)) for split in ("train", "valid")) == 1447


def test_linear_models_on_2199_vectors_score_what_was_measured(polarity: Artifact):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, valid, test = (polarity.ragged(split) for split in ("train", "valid", "test"))
    known = np.concatenate([one.labels["polarity"] for one in (train, valid)])
    truth = test.labels["polarity"]
    assert np.mean(truth == np.bincount(known.astype(int)).argmax()) == pytest.approx(0.379, abs=0.001)
    for modalities, accuracy in ((("text",), 0.757), (("text", "audio", "vision"), 0.767)):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
        model.fit(np.concatenate([beside(one, *modalities) for one in (train, valid)]), known)
        assert model.score(beside(test, *modalities), truth) == pytest.approx(accuracy, abs=0.015)


def test_ridge_on_mean_words_scores_what_was_measured_leaving_one_video_out(
    pieces: ModuleType, shared: Path, tmp_path: Path
):
    from sklearn.linear_model import Ridge

    pieces.valid_words(shared / "mosi", tmp_path / "words.h5")
    assert artifact.validate(tmp_path / "words.h5") == []
    with Artifact(tmp_path / "words.h5") as corpus:
        splits = [corpus.ragged(split) for split in corpus.splits]
        parts = [one.parts for split in corpus.splits for one in corpus.utterances(split)]
    words, score = (
        np.concatenate(values)
        for values in zip(*((means(one, "text"), one.labels["sentiment"]) for one in splits), strict=True)
    )
    errors: dict[str, list[float]] = {"ridge": [], "constant": []}
    for fold in parts[0]:
        here = np.array([part[fold] for part in parts])
        assert set(here) == {"train", "valid", "test"}
        test, rest = here == "test", here != "test"
        answer = Ridge(alpha=3.0).fit(words[rest], score[rest]).predict(words[test])
        errors["ridge"] += np.abs(answer - score[test]).tolist()
        errors["constant"] += np.abs(np.median(score[rest]) - score[test]).tolist()
    assert len(parts[0]) == 10
    assert len(errors["ridge"]) == 229
    assert np.mean(errors["ridge"]) == pytest.approx(1.24, abs=0.02)
    assert np.mean(errors["constant"]) == pytest.approx(1.50, abs=0.01)


def test_words_of_mosi_become_an_artefact_on_the_official_split(pieces: ModuleType, shared: Path, tmp_path: Path):
    pieces.mosi_text(shared / "mosi", tmp_path / "mosi.h5")
    with Artifact(tmp_path / "mosi.h5") as corpus:
        assert corpus.dims == {"text": 300}
        assert {split: len(corpus.ids(split)) for split in corpus.splits} == {"train": 1284, "valid": 229, "test": 686}
        observed = np.concatenate([corpus.observed(split).observed["text"] for split in corpus.splits])
        assert observed.mean() > 0.94  # the words as spelled; our look-up finds clitics and compounds too
        median = np.median(corpus.ragged("train").labels["sentiment"])
        assert np.abs(corpus.ragged("test").labels["sentiment"] - median).mean() == pytest.approx(1.456, abs=0.001)


def test_a_made_corpus_of_the_size_of_mosei_is_valid_in_small(root: Path, tmp_path: Path):
    benchmark(root, "mosei_size").mosei_size(tmp_path / "size.h5", utterances=300)
    assert artifact.validate(tmp_path / "size.h5") == []
    with Artifact(tmp_path / "size.h5") as corpus:
        assert corpus.dims == {"text": 300, "audio": 74, "vision": 512}
        lengths = np.diff(corpus.ragged("train").offsets)
    assert len(lengths) == 300
    assert lengths.max() <= 50
    assert lengths.mean() == pytest.approx(20, abs=2)
