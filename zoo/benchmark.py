"""Several models, several seeds, one dataset, the same masks: train what is not trained, answer, collect."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from mmfeat.errors import ConfigError
from mmfeat.missing import MaskFile
from mmfeat.types import Progress
from zoo import predictions
from zoo.checkpoint import read_card
from zoo.conditions import Group
from zoo.data import find_artefact, open_corpus
from zoo.data.corpus import sha256_of
from zoo.evaluate import GROUPS, evaluate, mask_file
from zoo.predictions import Predictions
from zoo.settings import settle
from zoo.train import Compute, Run, train

SEEDS = (1111, 1112, 1113, 1114, 1115)  # of MMSA


@dataclass(frozen=True)
class Variant:
    """One row of a benchmark: a model, perhaps with other settings."""

    name: str
    model: str
    config: str | None = None
    changes: tuple[str, ...] = ()
    base: str | None = None  # another variant, whose stages before the last it takes over


def parse_variant(text: str) -> Variant:
    """Read one ``--models``.

    ``MODEL``, or ``NAME=MODEL[:CONFIG][@BASE][,SECTION.KEY=VALUE ...]``: settings by name or file, the variant whose
    teacher it shares, single settings. ``no-csd=aumdf@aumdf,model.lambda_csd=0``. Semicolons stand for commas within a
    value.

    Raises
    ------
    mmfeat.errors.ConfigError
        If it reads otherwise.
    """
    head, *changes = text.split(",")
    name, equals, rest = head.partition("=")
    rest, _, base = (rest if equals else name).partition("@")
    model, _, config = rest.partition(":")
    name = name if equals else "-".join(part for part in (model, Path(config).stem) if part)
    if not name or not model or any("=" not in change for change in changes):
        raise ConfigError(f"model {text!r}; expected MODEL or NAME=MODEL[:CONFIG][@BASE][,SECTION.KEY=VALUE ...]")
    return Variant(name, model, config or None, tuple(change.replace(";", ",") for change in changes), base or None)


@dataclass(frozen=True)
class Bench:
    """What is compared on what."""

    variants: tuple[Variant, ...]
    dataset: str | Path
    seeds: tuple[int, ...] = SEEDS
    target: str | None = None
    split: str | None = None
    part: str = "test"
    groups: tuple[Group, ...] = GROUPS
    masks: Path | None = None
    root: Path = Run.root

    def run(self, variant: Variant, seed: int) -> Run:
        """The training of one variant."""
        base = self.base_of(variant)
        return Run(
            model=variant.model,
            dataset=self.dataset,
            target=self.target,
            split=self.split,
            seed=seed,
            config=variant.config,
            changes=variant.changes,
            name=self._folder(variant),
            base=None if base is None else self._folder(base),
            root=self.root,
        )

    def base_of(self, variant: Variant) -> Variant | None:
        """The variant whose stages another takes over."""
        return next((other for other in self.variants if other.name == variant.base), None)

    def _folder(self, variant: Variant) -> str:
        return Run(variant.name, self.dataset, self.target, self.split).folder("x").parent.name


def benchmark(
    bench: Bench, compute: Compute | None = None, jobs: int = 1, progress: Progress | None = None
) -> dict[str, dict[int, Predictions]]:
    """Train and answer. What is finished is not done again, so that a benchmark goes on where it stopped.

    Parameters
    ----------
    bench : Bench
    compute : Compute, optional
    jobs : int
        Trainings at a time, each in a process of its own.
    progress : Progress, optional

    Returns
    -------
    dict of model to dict of seed to Predictions
    """
    _check(bench)
    done = 0
    total = len(bench.variants) * len(bench.seeds)
    found: dict[tuple[str, int], Path] = {}
    # Those that others take their teacher from go first.
    waves = [[v for v in bench.variants if v.base is None], [v for v in bench.variants if v.base is not None]]
    with _workers(jobs) as pool:
        for wave in waves:
            for name, seed, path in _each(bench, wave, compute or Compute(), pool):
                found[name, seed] = path
                done += 1
                if progress:
                    progress("benchmark", done, total)
    return {
        variant.name: {seed: predictions.read(found[variant.name, seed]) for seed in bench.seeds}
        for variant in bench.variants
    }


def answer(bench: Bench, variant: Variant, seed: int, compute: Compute) -> tuple[str, int, Path]:
    """Train one variant with one seed and write its answers; returns where they are."""
    folder = train(bench.run(variant, seed), compute)
    return variant.name, seed, write_answers(folder, bench.part, bench.groups, bench.masks)


def write_answers(
    folder: Path,
    part: str = "test",
    groups: Sequence[Group] = GROUPS,
    masks: Path | None = None,
    dataset: str | Path | None = None,
) -> Path:
    """Answers of a checkpoint, beside it; taken from there if weights, data, masks and conditions are the same."""
    card = read_card(folder)
    artefact = find_artefact(dataset if dataset is not None else card.artefact)
    corpus = open_corpus(artefact, ",".join(card.task.targets), card.split)
    drawn = MaskFile(mask_file(corpus) if masks is None else masks).path
    named = [card.weights_sha256, *groups, sha256_of(drawn), corpus.sha256]
    path = folder / f"{part}-{hashlib.sha256('|'.join(named).encode()).hexdigest()[:16]}.npz"
    if not path.exists():
        evaluate(folder, artefact, part, drawn, groups).write(path)
    return path


@contextlib.contextmanager
def _workers(jobs: int) -> Iterator[ProcessPoolExecutor | None]:
    """Processes that start afresh, none for one job; what waits is dropped if anything goes wrong."""
    if jobs == 1:
        yield None
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _each(
    bench: Bench, variants: Sequence[Variant], compute: Compute, pool: ProcessPoolExecutor | None
) -> Iterator[tuple[str, int, Path]]:
    """Train and answer, each as it is done."""
    tasks = [(bench, variant, seed, compute) for seed in bench.seeds for variant in variants]
    if pool is None:
        yield from (answer(*task) for task in tasks)
    else:
        yield from (future.result() for future in as_completed([pool.submit(answer, *task) for task in tasks]))


def _check(bench: Bench) -> None:
    """Find every typing error, and what the data lack, before hours of work."""
    corpus = open_corpus(find_artefact(bench.dataset), bench.target, bench.split)
    corpus.require_parts("train", "valid", bench.part)
    if bench.masks is not None:
        MaskFile(bench.masks)
    names = [variant.name for variant in bench.variants]
    if len(set(names)) != len(names):
        raise ConfigError(f"models {', '.join(names)}; expected every name once; give NAME=MODEL")
    for variant in bench.variants:
        stages = settle(variant.model, variant.config, variant.changes).file.STAGES
        base = bench.base_of(variant)
        if variant.base is not None and (
            base is None or base.base is not None or base.model != variant.model or len(stages) == 1
        ):
            raise ConfigError(
                f"model {variant.name}: base {variant.base!r}; expected another one of these of the same model, which "
                "has several stages and trains them all itself; mend the part behind @"
            )


__all__ = ["SEEDS", "Bench", "Variant", "answer", "benchmark", "parse_variant", "write_answers"]
