"""A raw corpus to a manifest of utterances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmfeat import registry
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
