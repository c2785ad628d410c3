"""Planted corpora, and the best possible answers to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from mmfeat import artifact
from mmfeat.artifact import Artifact
from mmfeat.errors import ConfigError, OutputError
from mmfeat.missing import draw
from mmfeat.types import Modality
from zoo import planted
from zoo.errors import DataError

# Mean absolute error that the best predictor of ``linear`` has, as the task states it.
PUBLISHED = {"text+audio+vision": 0.324, "text": 0.377, "audio": 0.539, "vision": 0.694, "": 0.805}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Artifact]]:
    folder = tmp_path_factory.mktemp("planted")
    for kind in planted.KINDS:
        planted.make(folder / f"{kind}.h5", kind, 40, seed=3)
    opened = {kind: Artifact(folder / f"{kind}.h5") for kind in planted.KINDS}
    yield opened
    for corpus in opened.values():
        corpus.close()


def drawn(
    corpus: Artifact, samples: int, rng: np.random.Generator, fewest: int = 8, most: int = 20
) -> tuple[np.ndarray, dict, dict]:
    """Score, and count and sum of the words, without the words themselves."""
    laws, flipped = planted.read_laws(corpus)
    words, score = rng.integers(fewest, most + 1, samples).astype(float), rng.standard_normal(samples)
    sign = np.where(rng.random(samples) < flipped, -1.0, 1.0)
    values = {"score": score, "flipped score": score * sign, "flip": sign}
    sums = {
        name: words * law.strength * values[law.signal] + np.sqrt(words) * rng.standard_normal(samples)
        for name, law in laws.items()
    }
    return score, dict.fromkeys(laws, words), sums


def keeping(values: Mapping[Modality, np.ndarray], kept: str) -> dict[Modality, np.ndarray]:
    return {name: value if name in kept.split("+") else np.zeros_like(value) for name, value in values.items()}


@pytest.mark.parametrize("kind", planted.KINDS)
def test_a_planted_corpus_is_a_valid_artefact_with_three_splits(corpora: Mapping[str, Artifact], kind: str):
    corpus = corpora[kind]
    assert artifact.validate(corpus.path) == []
    assert {split: len(corpus.ids(split)) for split in corpus.splits} == {"train": 40, "valid": 200, "test": 2000}
    assert corpus.dims == {"text": 32, "audio": 24, "vision": 28}
    assert corpus.description.target == "score"


def test_utterances_have_8_to_20_words_dialogues_and_emotions(corpora: Mapping[str, Artifact]):
    utterances = list(corpora["linear"].utterances("test"))
    assert {len(one.words) for one in utterances} == set(range(8, 21))
    assert [one.turn for one in utterances[:12]] == [*range(10), 0, 1]
    assert len({one.dialogue for one in utterances}) == 200
    assert len({one.speaker for one in utterances[:10]}) == 2
    shares = np.bincount([int(one.labels["emotion"]) for one in utterances]) / 2000
    np.testing.assert_allclose(shares, 1 / 3, atol=0.04)
    assert all(one.labels["score"] < 0 for one in utterances if one.labels["emotion"] == 0)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, corpora: Mapping[str, Artifact]):
    planted.make(tmp_path / "again.h5", "linear", 40, seed=3)
    assert (tmp_path / "again.h5").read_bytes() == corpora["linear"].path.read_bytes()


def test_another_seed_changes_training_but_not_test(tmp_path: Path, corpora: Mapping[str, Artifact]):
    planted.make(tmp_path / "other.h5", "linear", 60, seed=4)
    with Artifact(tmp_path / "other.h5") as other:
        mine, theirs = (one.ragged("test") for one in (corpora["linear"], other))
        np.testing.assert_array_equal(mine.features["audio"], theirs.features["audio"])
        np.testing.assert_array_equal(mine.labels["score"], theirs.labels["score"])
        assert corpora["linear"].ragged("train").labels["score"][0] != other.ragged("train").labels["score"][0]


def test_a_larger_corpus_begins_with_the_smaller(tmp_path: Path, corpora: Mapping[str, Artifact]):
    planted.make(tmp_path / "larger.h5", "linear", 60, seed=3)
    with Artifact(tmp_path / "larger.h5") as larger:
        less, more = (one.ragged("train").features["text"] for one in (corpora["linear"], larger))
        np.testing.assert_array_equal(more[: len(less)], less)


@pytest.mark.parametrize("kind", planted.KINDS)
def test_words_follow_the_stated_law(corpora: Mapping[str, Artifact], kind: str):
    rows, (laws, _) = corpora[kind].ragged("test"), planted.read_laws(corpora[kind])
    owner = np.repeat(np.arange(2000), np.diff(rows.offsets))
    for name, law in laws.items():
        along = rows.features[name] @ law.direction
        across = rows.features[name] - along[:, None] * law.direction
        assert np.linalg.norm(law.direction) == pytest.approx(1)
        assert across.var() * len(law.direction) / (len(law.direction) - 1) == pytest.approx(1, abs=0.01)
        base = np.ones(2000) if law.signal == "flip" else rows.labels["score"]
        expected = law.strength * base[owner]
        slope = (along @ expected) / (expected @ expected)
        assert slope == pytest.approx(1 if law.signal == "score" else 1 - 2 * 0.3, abs=0.12)
        words = np.diff(rows.offsets)
        mean = np.add.reduceat(along, rows.offsets[:-1]) / words
        assert np.mean(mean**2 - 1 / words) == pytest.approx(np.mean((law.strength * base) ** 2), rel=0.08, abs=0.008)


def test_three_in_ten_texts_of_sarcasm_are_turned(corpora: Mapping[str, Artifact]):
    rows, (laws, _) = corpora["sarcasm"].ragged("test"), planted.read_laws(corpora["sarcasm"])
    sums = np.add.reduceat(rows.features["text"] @ laws["text"].direction, rows.offsets[:-1])
    clear = np.abs(rows.labels["score"]) > 1.2
    turned = (sums * rows.labels["score"])[clear] < 0
    assert turned.mean() == pytest.approx(0.3, abs=3 * np.sqrt(0.21 / clear.sum()))


def test_the_optimum_of_linear_has_the_published_errors(corpora: Mapping[str, Artifact], rng: np.random.Generator):
    laws, flipped = planted.read_laws(corpora["linear"])
    score, counts, sums = drawn(corpora["linear"], 20_000, rng)
    for kept, error in PUBLISHED.items():
        answers = planted.posterior_median(laws, flipped, keeping(counts, kept), keeping(sums, kept))
        errors = np.abs(answers - score)
        # Both figures are samples: ours of 20,000, the published one of a test set of a size that we were not told.
        assert errors.mean() == pytest.approx(error, abs=3 * errors.std() / np.sqrt(5000)), kept


def test_the_optimum_of_the_file_is_the_closed_form_for_any_mask(corpora: Mapping[str, Artifact]):
    corpus = corpora["linear"]
    observed, rows = corpus.observed("test"), corpus.ragged("test")
    kept = draw("frame_drop", observed, {"rate": 0.5}, dataset="planted-linear").kept
    answers, (laws, _) = planted.optimum(corpus, "test", kept), planted.read_laws(corpus)
    for number in (0, 7, 1999):
        span = slice(rows.offsets[number], rows.offsets[number + 1])
        mean, precision = 0.0, 1.0
        for name, law in laws.items():
            seen = rows.features[name][span][kept[name][span]]
            mean += law.strength * (seen @ law.direction).sum()
            precision += law.strength**2 * len(seen)
        assert answers[number] == pytest.approx(mean / precision)


@pytest.mark.parametrize("kept", ["text", "text+vision", "audio+vision", "text+audio+vision"])
def test_the_optimum_of_sarcasm_is_the_median_on_a_grid(
    corpora: Mapping[str, Artifact], rng: np.random.Generator, kept: str
):
    laws, flipped = planted.read_laws(corpora["sarcasm"])
    _, counts, sums = drawn(corpora["sarcasm"], 50, rng)
    counts, sums = keeping(counts, kept), keeping(sums, kept)
    grid = np.linspace(-6, 6, 6001)
    density = np.zeros((50, 6001))
    for sign, share in ((1, 1 - flipped), (-1, flipped)):
        likelihood = -(grid**2) / 2 + np.zeros((50, 1))
        for name, law in laws.items():  # log N(a; n mean, n), as far as it depends on score or sign
            mean = law.strength * {"score": grid, "flipped score": sign * grid, "flip": np.full(6001, sign)}[law.signal]
            likelihood += sums[name][:, None] * mean - counts[name][:, None] * mean**2 / 2
        density += share * np.exp(likelihood)
    below = density.cumsum(axis=1) / density.sum(axis=1, keepdims=True)
    expected = grid[(below < 0.5).sum(axis=1)]
    np.testing.assert_allclose(planted.posterior_median(laws, flipped, counts, sums), expected, atol=0.003)


def test_the_optimum_of_sarcasm_is_the_median_of_like_draws(corpora: Mapping[str, Artifact], rng: np.random.Generator):
    laws, flipped = planted.read_laws(corpora["sarcasm"])
    score, counts, sums = drawn(corpora["sarcasm"], 1_000_000, rng, 14, 14)
    target = {"text": 5.0, "audio": 1.0, "vision": -2.0}  # sums of an utterance of 14 words
    near = np.all([np.abs(sums[name] - value) < 0.8 for name, value in target.items()], axis=0)
    one = {name: np.array([value]) for name, value in target.items()}
    answer = planted.posterior_median(laws, flipped, {name: counts[name][:1] for name in laws}, one)
    assert near.sum() > 500
    assert answer[0] == pytest.approx(np.median(score[near]), abs=0.08)


def test_vision_helps_sarcasm_only_through_the_sign_of_the_text(corpora: Mapping[str, Artifact]):
    corpus = corpora["sarcasm"]
    observed, score = corpus.observed("test").observed, corpus.ragged("test").labels["score"]
    errors = {
        kept: np.abs(planted.optimum(corpus, "test", keeping(observed, kept)) - score).mean()
        for kept in ("text+audio+vision", "text+audio", "text+vision", "text", "vision", "")
    }
    assert errors["vision"] == errors[""]
    assert errors["text+vision"] < 0.93 * errors["text"]
    assert errors["text+audio+vision"] < 0.98 * errors["text+audio"]


@pytest.mark.parametrize("kind", planted.KINDS)
def test_no_scaling_or_shift_of_the_optimum_does_better(corpora: Mapping[str, Artifact], kind: str):
    corpus = corpora[kind]
    kept = draw("random_modality", corpus.observed("test"), {"rate": 0.3}, dataset="planted").kept
    answers, score = planted.optimum(corpus, "test", kept), corpus.ragged("test").labels["score"]
    best = np.abs(answers - score).mean()
    for scale, shift in ((0.85, 0), (1.15, 0), (1, 0.1), (1, -0.1)):
        assert np.abs(scale * answers + shift - score).mean() > best


def test_with_nothing_kept_the_answer_is_the_median_of_all(corpora: Mapping[str, Artifact]):
    for corpus in corpora.values():
        nothing = keeping(corpus.observed("valid").observed, "")
        np.testing.assert_array_equal(planted.optimum(corpus, "valid", nothing), 0)


@pytest.mark.parametrize(
    ("kind", "samples", "seed", "message"),
    [
        ("quadratic", 100, 0, "'quadratic'; expected one of linear, sarcasm"),
        ("linear", 9, 0, "samples 9; expected 10 or more"),
        ("linear", 10, -1, "seed -1; expected 0 or more"),
    ],
)
def test_a_corpus_that_cannot_be_made_is_refused(tmp_path: Path, kind: str, samples: int, seed: int, message: str):
    with pytest.raises(ConfigError, match=message):
        planted.make(tmp_path / "x.h5", kind, samples, seed)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        planted.make(tmp_path / "file" / "x.h5", "linear", 10)


def test_the_optimum_of_another_corpus_is_refused(tiny_artifact: Path):
    with Artifact(tiny_artifact) as corpus, pytest.raises(DataError, match="no planted corpus"):
        planted.optimum(corpus, "train", corpus.observed("train").observed)


def test_a_mask_of_another_split_is_refused(corpora: Mapping[str, Artifact]):
    corpus = corpora["linear"]
    with pytest.raises(DataError, match="expected one value for each of the .* rows of test"):
        planted.optimum(corpus, "test", corpus.observed("valid").observed)
    with pytest.raises(DataError, match="kept of text missing"):
        planted.optimum(corpus, "test", {})
