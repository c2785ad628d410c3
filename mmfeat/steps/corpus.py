"""A raw corpus to a manifest of utterances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mmfeat import counts, registry
from mmfeat.errors import SchemaError
from mmfeat.schema import require_valid_utterances
from mmfeat.types import Dataset, Failure, Utterance


def prepare(name: str, adapter: str, settings: Mapping[str, Any]) -> tuple[Dataset, list[Utterance], list[Failure]]:
    """Read a raw corpus.

    Parameters
    ----------
    name : str
        The corpus, for messages.
    adapter : str
        Plug-in of ``mmfeat.datasets``.
    settings : mapping
        Its settings, ``root`` above all.

    Raises
    ------
    SchemaError
        If an utterance breaks a rule; all failures in one report.
    """
    dataset: Dataset = registry.build("mmfeat.datasets", adapter, settings)
    utterances, failures = dataset.utterances()
    require_valid_utterances(utterances, f"corpus {name}")
    return dataset, utterances, failures


def about(dataset: Dataset) -> dict[str, Any]:
    """What a corpus says of itself, as `describe` takes it."""
    return {
        "classes": {name: list(values) for name, values in dataset.classes.items()},
        "source": asdict(dataset.source),
        "split": dataset.split,
        "target": dataset.target or "",
        "expected": {name: list(span) for name, span in dataset.expected.items()},
    }


def require_published_counts(name: str, dataset: Dataset, utterances: Sequence[Utterance], ledger: object) -> None:
    """Stop where a corpus is not as large as was published: a release is easily half unpacked.

    Parameters
    ----------
    name : str
    dataset : Dataset
    utterances : sequence of Utterance
    ledger : object
        Where the missing ones are listed, for the message.

    Raises
    ------
    SchemaError
        With every count that differs.
    """
    wrong = counts.differences(counts.count(utterances, dataset.classes), dataset.expected)
    if wrong:
        raise SchemaError(
            f"corpus {name}: {'; '.join(wrong)}; expected the whole release; {ledger} names what is missing; "
            f"to build part of it all the same, set corpora.{name}.complete to false in params.yaml"
        )
