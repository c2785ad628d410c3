"""Failures of one stage between two stages. Never an empty file, of which DVC would warn each time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mmfeat.safe_write import replacing
from mmfeat.types import Failure


def write(corpus: str, stage: str, failures: Sequence[Failure]) -> None:
    """Keep the failures of one stage."""
    with replacing(path(corpus, stage)) as beside:
        beside.write_text(json.dumps({"failures": [asdict(failure) for failure in failures]}, indent=1) + "\n")


def read(corpus: str, stage: str) -> list[Failure]:
    """Failures of one stage, as `write` kept them."""
    return [Failure(**row) for row in json.loads(path(corpus, stage).read_text())["failures"]]


def path(corpus: str, stage: str) -> Path:
    """Where they are kept."""
    return Path(f"data/ledgers/{corpus}/{stage}.json")
