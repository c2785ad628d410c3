"""A benchmark: the same with any number of processes, checked before it trains, gone on with where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zoo_corpora import TINY, write_corpus

from mmfeat.errors import ConfigError, MmfeatError
from zoo import benchmark as room
from zoo.benchmark import Bench, Variant, benchmark, parse_variant
from zoo.checkpoint import read_card
from zoo.errors import DataError
from zoo.predictions import Predictions
from zoo.train import Run

SMALL = (*TINY["aumdf"], "train.epochs=1")
VARIANTS = (
    Variant("no-csd", "aumdf", changes=(*SMALL, "model.lambda_csd=0"), base="full"),
    Variant("full", "aumdf", changes=SMALL),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("benchmark") / "small.h5")


@pytest.fixture(scope="module")
def alone(path: Path) -> tuple[Bench, dict[str, dict[int, Predictions]]]:
    bench = Bench(VARIANTS, path, seeds=(1, 2), groups=("natural", "combination"), root=path.parent / "alone")
    told: list[tuple[str, int, int]] = []
    found = benchmark(bench, progress=lambda *values: told.append(values))
    assert told == [("benchmark", number, 4) for number in (1, 2, 3, 4)]
    return bench, found


def test_every_variant_answers_with_every_seed(alone: tuple[Bench, dict[str, dict[int, Predictions]]]) -> None:
    _, found = alone
    assert list(found) == ["no-csd", "full"]
    assert all(list(runs) == [1, 2] for runs in found.values())
    tables = [
        values
        for runs in found.values()
        for one in runs.values()
        for values in [one.answers["natural,seed=0,variant=0"]]
    ]
    assert len({values.tobytes() for values in tables}) == 4


def test_a_variant_shares_the_teacher_of_its_base_and_seed(
    path: Path, alone: tuple[Bench, dict[str, dict[int, Predictions]]]
) -> None:
    root = alone[0].root / "small"
    for seed in (1, 2):
        full, bare = (read_card(root / name / f"seed-{seed}" / "student") for name in ("full", "no-csd"))
        teacher = read_card(root / "full" / f"seed-{seed}" / "teacher")
        assert bare.teacher == full.teacher == teacher.weights_sha256
        assert bare.weights_sha256 != full.weights_sha256
        assert not (root / "no-csd" / f"seed-{seed}" / "teacher").exists()


@pytest.mark.slow
def test_two_processes_give_the_same(path: Path, alone: tuple[Bench, dict[str, dict[int, Predictions]]]) -> None:
    bench, found = alone
    together = benchmark(Bench(VARIANTS, path, bench.seeds, groups=bench.groups, root=path.parent / "both"), jobs=2)
    assert list(together) == list(found)
    for name, runs in found.items():
        assert list(together[name]) == list(runs)
        for seed, one in runs.items():
            other = together[name][seed]
            assert one.answers.keys() == other.answers.keys()
            assert all(np.array_equal(values, other.answers[key]) for key, values in one.answers.items())


def test_it_goes_on_where_it_stopped(
    path: Path,
    alone: tuple[Bench, dict[str, dict[int, Predictions]]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    bench, found = alone
    evaluated: list[Path] = []
    evaluate = room.evaluate

    def spy(folder: Path, *rest: Any) -> Predictions:
        evaluated.append(folder)
        return evaluate(folder, *rest)

    monkeypatch.setattr(room, "evaluate", spy)
    again = benchmark(bench)
    assert evaluated == []
    assert again["full"][1].ids == found["full"][1].ids
    lost = bench.root / "small" / "full" / "seed-2" / "student"
    for file in lost.glob("*.npz"):
        file.unlink()
    benchmark(bench)
    assert evaluated == [lost]


@pytest.mark.parametrize(
    ("text", "variant"),
    [
        ("momke", Variant("momke", "momke")),
        ("mine=aumdf:aumdf-paper", Variant("mine", "aumdf", "aumdf-paper")),
        (
            "no-csd=aumdf@aumdf,model.lambda_csd=0,train.epochs=2;3",
            Variant("no-csd", "aumdf", None, ("model.lambda_csd=0", "train.epochs=2,3"), "aumdf"),
        ),
    ],
)
def test_a_row_is_read(text: str, variant: Variant) -> None:
    assert parse_variant(text) == variant


@pytest.mark.parametrize("text", ["", "=aumdf", "a=", "aumdf,epochs", "aumdf,"])
def test_a_row_that_reads_otherwise_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected MODEL or NAME=MODEL"):
        parse_variant(text)


@pytest.mark.parametrize(
    ("variants", "options", "message"),
    [
        ((Variant("a", "aumdf"), Variant("b", "aumfd")), {}, "did you mean aumdf"),
        ((Variant("a", "aumdf", changes=("train.epoch=3",)),), {}, "did you mean 'epochs'"),
        ((Variant("a", "aumdf", changes=("missing.rates=2",)),), {}, "rate 2"),
        ((Variant("a", "aumdf", "nowhere"),), {}, "expected a YAML file"),
        ((Variant("a", "aumdf"), Variant("a", "momke")), {}, "expected every name once"),
        ((Variant("a", "aumdf", base="b"),), {}, "base 'b'; expected another one of these"),
        ((Variant("a", "aumdf", base="b"), Variant("b", "momke")), {}, "of the same model"),
        ((Variant("a", "aumdf", base="a"),), {}, "trains them all itself"),
        ((Variant("a", "aumdf"),), {"part": "dev"}, "no dev"),
        ((Variant("a", "aumdf"),), {"target": "sentimen"}, "did you mean 'sentiment'"),
        ((Variant("a", "aumdf"),), {"masks": Path("nowhere.h5")}, "nowhere.h5: no such file"),
    ],
)
def test_mistakes_are_found_before_anything_is_trained(
    path: Path, tmp_path: Path, variants: tuple[Variant, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(MmfeatError, match=message):
        benchmark(Bench(variants, path, root=tmp_path / "ck", **options))
    assert not (tmp_path / "ck").exists()


def test_a_dataset_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no dataset 'mosl'"):
        benchmark(Bench((Variant("a", "aumdf"),), "mosl", root=tmp_path))


def test_a_variant_named_as_its_model_is_the_run_of_zoo_train(path: Path) -> None:
    bench = Bench((parse_variant("momke"),), path, target="emotion", split="other")
    mine = bench.run(bench.variants[0], 3)
    assert mine.folder("small") == Run("momke", path, "emotion", "other", seed=3).folder("small")
