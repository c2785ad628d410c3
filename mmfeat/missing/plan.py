"""Which masks to draw for a corpus: entries of a plan, and the single jobs that they stand for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmfeat.errors import ConfigError
from mmfeat.missing.drawing import Mask, draw, key
from mmfeat.missing.protocols import COMBINATIONS
from mmfeat.types import ObservedRows, Progress

KEYS = ("protocol", "parameters", "each", "seeds", "variants", "splits")


@dataclass(frozen=True)
class Entry:
    """One protocol over some values, seeds, variants and splits."""

    protocol: str
    parameters: Mapping[str, Any] = field(default_factory=dict)  # the same for all its masks
    each: Mapping[str, Sequence[Any]] = field(default_factory=dict)  # one mask per value, or per combination of values
    seeds: tuple[int, ...] = (0,)
    variants: int = 1  # independent draws per seed
    splits: tuple[str, ...] = ()  # none: all that the corpus has


@dataclass(frozen=True)
class Job:
    """One mask to draw."""

    split: str
    protocol: str
    parameters: Mapping[str, Any]
    seed: int
    variant: int


def _tenths(first: int, last: int) -> tuple[float, ...]:
    return tuple(number / 10 for number in range(first, last + 1))


DEFAULT: tuple[Entry, ...] = (  # what every evaluation of the zoo runs over
    Entry("natural"),
    Entry("frame_drop", each={"rate": _tenths(0, 9)}),
    Entry("modality_combination", each={"kept": COMBINATIONS}),
    Entry("random_modality", each={"rate": _tenths(0, 7)}),
    Entry("burst", parameters={"mean_length": 5.0}, each={"rate": _tenths(1, 9)}),
)


def parse(entries: Any) -> tuple[Entry, ...]:
    """Entries from a section of YAML.

    Parameters
    ----------
    entries : list of mappings
        Keys as the fields of `Entry`.

    Raises
    ------
    ConfigError
        If an entry has an unknown key, no protocol, or a value of the wrong type.
    """
    if not isinstance(entries, list) or not entries:
        raise ConfigError(f"mask plan {entries!r}; expected a list of entries; docs/masks.md has the default one")
    return tuple(_entry(entry, number) for number, entry in enumerate(entries, 1))


def jobs(plan: Sequence[Entry], splits: Sequence[str]) -> list[Job]:
    """Every mask of a plan for a corpus with these splits, each once, in the order of the plan.

    Raises
    ------
    ConfigError
        If an entry names a split that is not there or a bad parameter, or two entries ask for the same mask.
    """
    found: dict[tuple[str, str], Job] = {}
    for entry in plan:
        strange = [name for name in entry.splits if name not in splits]
        if strange:
            raise ConfigError(
                f"{entry.protocol}: split {', '.join(strange)}; expected some of {', '.join(splits)}; name others"
            )
        for job in _jobs_of(entry, entry.splits or splits):
            name = key(job.protocol, job.parameters, job.seed, job.variant)
            if (job.split, name) in found:
                raise ConfigError(f"mask {name} of split {job.split} twice; expected each once; mend the plan")
            found[job.split, name] = job
    return list(found.values())


def draw_all(
    plan: Sequence[Entry], splits: Mapping[str, ObservedRows], dataset: str, progress: Progress | None = None
) -> Iterator[tuple[str, Mask]]:
    """Draw every mask of a plan as it is asked for, with its split: what `write` takes.

    Raises
    ------
    ConfigError
        As `jobs`, at once.
    """
    todo = jobs(plan, tuple(splits))

    def drawn() -> Iterator[tuple[str, Mask]]:
        for done, job in enumerate(todo, 1):
            yield job.split, draw(job.protocol, splits[job.split], job.parameters, job.seed, dataset, job.variant)
            if progress:
                progress("mask", done, len(todo))

    return drawn()


def _jobs_of(entry: Entry, splits: Sequence[str]) -> list[Job]:
    values = itertools.product(*entry.each.values())
    settings = [{**entry.parameters, **dict(zip(entry.each, chosen, strict=True))} for chosen in values]
    every = itertools.product(splits, settings, entry.seeds, range(entry.variants))
    return [Job(split, entry.protocol, parameters, seed, variant) for split, parameters, seed, variant in every]


def _entry(given: Any, number: int) -> Entry:
    if not isinstance(given, Mapping) or not isinstance(given.get("protocol"), str):
        raise ConfigError(f"mask plan, entry {number}: {given!r}; expected a mapping with a protocol; name one")
    each, parameters = given.get("each", {}), given.get("parameters", {})
    seeds, splits = given.get("seeds", [0]), given.get("splits", [])
    variants = given.get("variants", 1)
    problems = [f"unknown key {name!r}" for name in given if name not in KEYS]
    if not isinstance(parameters, Mapping):
        problems.append(f"parameters {parameters!r} are no mapping")
    elif not isinstance(each, Mapping) or not all(isinstance(values, list) and values for values in each.values()):
        problems.append(f"each {each!r} does not map parameters to lists of values")
    else:
        problems += [f"{name} under parameters and under each" for name in each if name in parameters]
    if not isinstance(seeds, list) or not seeds:
        problems.append(f"seeds {seeds!r} are no list")
    if not isinstance(splits, list):
        problems.append(f"splits {splits!r} are no list")
    if not isinstance(variants, int) or isinstance(variants, bool) or variants < 1:
        problems.append(f"variants {variants!r} is no whole number above 0")
    if problems:
        what = f"mask plan, entry {number} ({given['protocol']})"
        raise ConfigError(f"{what}: {'; '.join(problems)}; expected {', '.join(KEYS)}; docs/masks.md has an example")
    return Entry(given["protocol"], parameters, each, tuple(seeds), variants, tuple(splits))
