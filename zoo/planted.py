"""Planted corpora: made artefacts whose best possible answer is known, so that a model can be held against it.

Every word of modality m is ``s_m * signal_m * u_m + N(0, I)``, u_m a unit vector. The label ``score`` is y ~ N(0, 1):

==========  =========================  ========  ========================
kind        text                       audio     vision
==========  =========================  ========  ========================
linear      y                          y         y
sarcasm     f y, f = -1 in 3 of 10     y         f alone, nothing of y
==========  =========================  ========  ========================

An utterance has 8 to 20 words; s is 0.5, 0.3 and 0.15 in both kinds. In ``sarcasm`` the sign of the text can only be
told from what stands beside it. Ten utterances of two speakers in turn make a dialogue, but each is drawn for itself:
its neighbours say nothing about it. The class label ``emotion`` is y cut into equal thirds. The test utterances of a
kind are the same for every seed and size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mmfeat.artifact import Artifact, Description, describe_extractor, write
from mmfeat.errors import ConfigError
from mmfeat.types import (
    MODALITIES,
    AlignedUtterance,
    BoolArray,
    FloatArray,
    IntArray,
    Modality,
    Provenance,
    Utterance,
    Word,
)
from zoo.errors import DataError

Signal = Literal["score", "flipped score", "flip"]

_DIMS: Mapping[Modality, int] = {"text": 32, "audio": 24, "vision": 28}
_STRENGTHS: Mapping[Modality, float] = {"text": 0.5, "audio": 0.3, "vision": 0.15}  # s_m, in units of the noise
KINDS: Mapping[str, Mapping[Modality, Signal]] = {
    "linear": {"text": "score", "audio": "score", "vision": "score"},
    "sarcasm": {"text": "flipped score", "audio": "score", "vision": "flip"},
}
TEST_SAMPLES = 2000

_EXTRACTOR = "planted"
_FLIPPED = 0.3  # P(f = -1)
_WORDS = (8, 20)  # fewest and most, all equally likely
_THIRD = 0.430727  # y of the standard normal below which two thirds lie
_EMOTIONS = ("negative", "neutral", "positive")
_TURNS = 10  # utterances of a dialogue
_DIRECTIONS_SEED, _TEST_SEED = 20_240_501, 20_240_502
_HALVINGS = 60  # of the interval that holds the median: to the last digit of a float64


@dataclass(frozen=True)
class Law:
    """How the words of one modality come about."""

    signal: Signal
    strength: float  # s_m
    direction: FloatArray  # (D_m,) u_m


def make(path: Path, kind: str, samples: int, seed: int = 0) -> None:
    """Write a planted corpus.

    Parameters
    ----------
    path : Path
    kind : str
        ``linear`` or ``sarcasm``.
    samples : int
        Utterances of the training split, at least 10. A quarter as many, but at least 200, are ``valid``; ``test`` has
        2,000. A larger corpus of the same seed begins with the smaller one.
    seed : int
        Of training and validation.

    Raises
    ------
    ConfigError
        If there is no such kind, ``samples`` is below 10, or ``seed`` is negative.
    OutputError
        If ``path`` cannot be written.
    """
    if kind not in KINDS:
        raise ConfigError(f"planted corpus {kind!r}; expected one of {', '.join(KINDS)}; give another kind")
    if samples < 10:
        raise ConfigError(f"samples {samples}; expected 10 or more; give a larger number")
    if seed < 0:
        raise ConfigError(f"seed {seed}; expected 0 or more; give another")
    laws = _laws(kind)
    sizes = {"train": samples, "valid": max(200, samples // 4), "test": TEST_SAMPLES}
    drawn = {
        one.utterance.id: one
        for part, (split, size) in enumerate(sizes.items())
        for one in (_draw((_TEST_SEED if split == "test" else seed, part, number), split) for number in range(size))
    }
    utterances = [one.utterance for one in drawn.values()]
    write(path, _describe(kind, laws), utterances, lambda utterance: drawn[utterance.id].rows(laws), lambda _: "")


def optimum(corpus: Artifact, split: str, kept: Mapping[Modality, BoolArray]) -> FloatArray:
    """Best possible answers: the posterior median of the score, which no predictor can beat in mean absolute error.

    Parameters
    ----------
    corpus : Artifact
        Written by `make`.
    split : str
    kept : mapping of Modality to BoolArray
        Which rows of the split may be seen, each (R,), as ``mmfeat.missing.Mask.kept``.

    Returns
    -------
    FloatArray, shape (N,)

    Raises
    ------
    DataError
        If the corpus is not a planted one, or ``kept`` is not of this split.
    SchemaError
        If there is no such split.
    """
    laws, flipped = read_laws(corpus)
    counts: dict[Modality, FloatArray] = {}
    sums: dict[Modality, FloatArray] = {}
    for name, law in laws.items():
        offsets, features = corpus.observed(split).offsets[name], corpus.group(split)[name]
        if name not in kept or kept[name].shape != (len(features),):
            shape = kept[name].shape if name in kept else "missing"
            raise DataError(
                f"{corpus.path}: kept of {name} {shape}; expected one value for each of the {len(features)} rows of "
                f"{split}; draw the mask for this split"
            )
        seen = kept[name].astype(np.float64)
        counts[name], sums[name] = _totals(seen, offsets), _totals(seen * (features[:] @ law.direction), offsets)
    return posterior_median(laws, flipped, counts, sums)


def read_laws(corpus: Artifact) -> tuple[dict[Modality, Law], float]:
    """Read how a planted corpus was made: the law of each modality, and the probability that f is -1.

    Raises
    ------
    DataError
        If the corpus is not a planted one.
    """
    configs = {name: corpus.description.extractors.get(name, {}) for name in MODALITIES}
    if any(config.get("extractor") != _EXTRACTOR for config in configs.values()):
        raise DataError(f"{corpus.path}: no planted corpus; expected one that zoo.planted made; give another")
    settings = {name: entry["config"] for name, entry in configs.items()}
    laws = {
        name: Law(config["signal"], config["strength"], np.array(config["direction"]))
        for name, config in settings.items()
    }
    return laws, float(settings["text"]["flipped"])


def posterior_median(
    laws: Mapping[Modality, Law],
    flipped: float,
    counts: Mapping[Modality, FloatArray],
    sums: Mapping[Modality, FloatArray],
) -> FloatArray:
    """Median of y given the kept words, of which a count and a sum tell all.

    Given f, y is normal: precision ``1 + sum_m n_m s_m^2`` over the modalities that carry y, mean ``sum_m s_m a_m`` (of
    a flipped one ``f s_m a_m``) over the precision. So y is a mixture of two normals of one width, weighted by the
    posterior of f; its median has no closed form and is found by halving. Without a flip it is the mean.

    Parameters
    ----------
    laws : mapping of Modality to Law
    flipped : float
        P(f = -1), in [0, 1).
    counts : mapping of Modality to FloatArray
        n_m, kept words, each (N,).
    sums : mapping of Modality to FloatArray
        a_m, the sum over the kept words of their component along u_m, each (N,).

    Returns
    -------
    FloatArray, shape (N,)
    """
    from scipy.special import expit, ndtr

    plain, turned, told = (_weighted(laws, sums, signal) for signal in ("score", "flipped score", "flip"))
    precision = 1 + sum(counts[name] * law.strength**2 for name, law in laws.items() if law.signal != "flip")
    upright, reversed_ = (plain + turned) / precision, (plain - turned) / precision  # means for f = 1 and f = -1
    if flipped == 0:
        return upright
    prior = np.log((1 - flipped) / flipped)
    share = expit(prior + 2 * told + precision * (upright**2 - reversed_**2) / 2)  # P(f = 1 | words)
    low, high, narrow = np.minimum(upright, reversed_), np.maximum(upright, reversed_), np.sqrt(precision)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = share * ndtr((middle - upright) * narrow) + (1 - share) * ndtr((middle - reversed_) * narrow) < 0.5
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    median: FloatArray = (low + high) / 2
    return median


def _totals(values: FloatArray, offsets: IntArray) -> FloatArray:
    """Sum of the rows of each utterance."""
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return np.bincount(owner, values, len(offsets) - 1).astype(np.float64)


def _weighted(laws: Mapping[Modality, Law], sums: Mapping[Modality, FloatArray], signal: str) -> FloatArray:
    """Sum of s_m a_m over the modalities of one signal."""
    total: FloatArray = np.zeros_like(sums["text"])
    for name, law in laws.items():
        if law.signal == signal:
            total = total + law.strength * sums[name]
    return total


@dataclass(frozen=True)
class _Drawn:
    """One utterance and the sign of its text; its noise is drawn only when its rows are written."""

    utterance: Utterance
    sign: int  # f
    key: tuple[int, ...]

    def rows(self, laws: Mapping[Modality, Law]) -> AlignedUtterance:
        """Draw the words."""
        noise, count = np.random.default_rng([*self.key, 1]), len(self.utterance.words)
        score = self.utterance.labels["score"]
        values = {"score": score, "flipped score": score * self.sign, "flip": float(self.sign)}
        features = {
            name: noise.standard_normal((count, len(law.direction))) + law.strength * values[law.signal] * law.direction
            for name, law in laws.items()
        }
        return AlignedUtterance(self.utterance, features, {name: np.ones(count, dtype=np.bool_) for name in laws})


def _draw(key: tuple[int, int, int], split: str) -> _Drawn:
    """Draw length, score and sign; all kinds draw alike, only ``sarcasm`` looks at the sign."""
    rng, number = np.random.default_rng([*key, 0]), key[-1]
    count, score, sign = int(rng.integers(*_WORDS, endpoint=True)), rng.standard_normal(), rng.random()
    dialogue, turn = f"{split}_{number // _TURNS:05d}", number % _TURNS
    utterance = Utterance(
        id=f"{dialogue}_{turn}",
        media=Path("planted") / f"{dialogue}_{turn}",
        split=split,
        speaker=f"{dialogue}_{'ab'[turn % 2]}",
        dialogue=dialogue,
        turn=turn,
        words=tuple(Word(f"word{place}", 0.0, 0.0) for place in range(count)),
        labels={"score": score, "emotion": int(np.digitize(score, (-_THIRD, _THIRD)))},
    )
    return _Drawn(utterance, -1 if sign < _FLIPPED else 1, key)


def _laws(kind: str) -> dict[Modality, Law]:
    rng, laws = np.random.default_rng(_DIRECTIONS_SEED), {}
    for name in MODALITIES:
        direction = rng.standard_normal(_DIMS[name])
        laws[name] = Law(KINDS[kind][name], _STRENGTHS[name], direction / np.linalg.norm(direction))
    return laws


def _describe(kind: str, laws: Mapping[Modality, Law]) -> Description:
    """Describe the corpus; `optimum` reads the laws from here."""
    flipped = 0.0 if all(law.signal == "score" for law in laws.values()) else _FLIPPED
    extractors = {}
    for name, law in laws.items():
        config: dict[str, Any] = {"signal": law.signal, "strength": law.strength, "direction": law.direction.tolist()}
        made = Provenance(_EXTRACTOR, "1", config | {"flipped": flipped})
        extractors[name] = describe_extractor(made, [f"planted_{name}_{n}" for n in range(_DIMS[name])], None)
    return Description(
        dataset=f"planted-{kind}",
        code_version=version("mmfeat"),
        extractors=extractors,
        classes={"emotion": list(_EMOTIONS)},
        words_from={"planted": kind},
        alignment_rule="planted",
        source={"citation": "made by zoo.planted", "licence": "none needed", "homepage": ""},
        split="planted",
        target="score",
        clock="none",
    )
