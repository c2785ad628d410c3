"""Whether what stands in the folder of a stage belongs to this run: gone on with, taken over, or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from mmfeat.errors import ConfigError
from zoo import checkpoint
from zoo.data import Corpus
from zoo.errors import CheckpointMismatch, DataError
from zoo.settings import Settings
from zoo.train import state
from zoo.train.loop import Plan


def identity(corpus: Corpus, settings: Settings, seed: int, processes: int, before: Path | None) -> str:
    """All that the result of a stage depends on, as JSON; ``before`` is the checkpoint of the stage before."""
    chosen = settings.record()
    del chosen["data"]["workers"]  # how batches are made, not which
    record = {
        "model": settings.name,
        "settings": chosen,
        "artefact": corpus.sha256,
        "split": corpus.split,
        "targets": list(corpus.task.targets),
        "seed": seed,
        "devices": processes,
        "before": checkpoint.read_card(before).weights_sha256 if before else "",
    }
    return json.dumps(record, sort_keys=True)


def clear(folder: Path) -> None:
    """Throw away what is there of a stage, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)


def is_finished(plan: Plan) -> bool:
    """Whether a stage is done.

    Raises
    ------
    mmfeat.errors.ConfigError
        If its folder holds another run, naming each setting that differs.
    CheckpointError
        If what is there is damaged.
    """
    progressed = state.read_progress(plan.folder)
    if progressed is None:
        return False
    if progressed.identity != plan.identity:
        then, now = json.loads(progressed.identity), json.loads(plan.identity)
        raise ConfigError(
            f"{plan.folder} holds a run with other {', '.join(_other(then, now))}; expected the same; choose another "
            "--name, or --restart to throw it away"
        )
    return progressed.finished and checkpoint.read_card(plan.folder).selection["finished"] is True


def require_finished(plan: Plan) -> None:
    """Refuse to go on without a stage that is not trained now.

    Raises
    ------
    DataError
        If it is not finished.
    mmfeat.errors.ConfigError, CheckpointError
        As `is_finished`.
    """
    if not is_finished(plan):
        raise _unfinished(plan)


def require_shared(plan: Plan, corpus: Corpus) -> None:
    """Refuse a stage of another run that is not finished, or learned from other data: it may have seen the test part.

    Raises
    ------
    DataError
        If it is not finished.
    CheckpointMismatch
        If it learned from other data.
    """
    progressed = state.read_progress(plan.folder)
    if progressed is None or not progressed.finished:
        raise _unfinished(plan)
    card = checkpoint.read_card(plan.folder)
    pairs = {
        "artefact": (card.artefact_sha256, corpus.sha256),
        "split": (card.split, corpus.split),
        "target": (", ".join(card.task.targets), ", ".join(corpus.task.targets)),
    }
    differing = [
        f"{name} ({_short(then)} there, {_short(now)} now)" for name, (then, now) in pairs.items() if then != now
    ]
    if differing:
        raise CheckpointMismatch(
            f"{plan.folder} learned from another {', '.join(differing)}; expected the same; train it on these data"
        )


def _unfinished(plan: Plan) -> DataError:
    name = plan.stage.name
    return DataError(
        f"{plan.folder}: stage {name} is not finished; expected it before those that follow; train it first"
    )


def _other(then: Any, now: Any, where: str = "") -> list[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        keys = sorted({*then, *now})
        return [
            text for key in keys for text in _other(then.get(key), now.get(key), f"{where}.{key}" if where else key)
        ]
    return [] if then == now else [f"{where} ({_short(then)} there, {_short(now)} now)"]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) < 40 else f"{text[:12]}..."
