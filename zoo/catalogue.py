"""What checkpoints there are, and the model card that goes with one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.checkpoint import CARD, Card, read_card
from zoo.errors import CheckpointError


def checkpoints(root: Path) -> list[dict[str, Any]]:
    """Checkpoints under a folder, by path; one that cannot be read says so and does not hide the others."""
    found = []
    for path in sorted(root.rglob(CARD)):
        entry: dict[str, Any] = {"folder": path.parent.as_posix()}
        try:
            card = read_card(path.parent)
        except CheckpointError as error:
            found.append({**entry, "metric": "", "value": 0.0, "epoch": 0, "state": f"  cannot be read: {error}"})
            continue
        state = "" if card.selection["finished"] else "  not finished"
        chosen = {key: card.selection[key] for key in ("metric", "value", "epoch")}
        found.append({**entry, **chosen, "model": card.model, "stage": card.stage, "seed": card.seed, "state": state})
    return found


def markdown_card(card: Card) -> str:
    """Make a model card: everything that a reader needs to know before the weights are used."""
    sections = (
        ("Model", _model(card)),
        ("Data", _data(card)),
        ("Chosen", _chosen(card)),
        ("Settings", {**card.config, **_flat(card.settings)}),
    )
    lines = [f"# {card.model} ({card.stage}) on {card.dataset}", ""]
    for title, table in sections:
        lines += [f"## {title}", "", "| | |", "|---|---|"]
        lines += [f"| {name} | {_text(value)} |" for name, value in table.items()]
        lines.append("")
    lines += [
        "Scores of the validation part chose this checkpoint and are therefore a little kind. Weights inherit the",
        "terms of the data that they were trained on. Faces, voices and words of people went into them: no use for",
        "judging a single person.",
        "",
    ]
    return "\n".join(lines)


def _model(card: Card) -> Mapping[str, Any]:
    task = card.task
    return {
        "predicts": f"{', '.join(task.targets)} ({task.kind})",
        "classes": ", ".join(task.classes) or "none",
        "sees": "words of an utterance" if card.level == "words" else "utterances of a dialogue",
        "features": ", ".join(f"{name} {width}" for name, width in card.inputs.dims.items()),
        "weights, sha256": card.weights_sha256,
        "learned from, sha256": card.teacher or "no other model",
        "code": f"mmfeat {card.code_version}",
    }


def _data(card: Card) -> Mapping[str, Any]:
    extractors = {
        modality: f"{entry['extractor']} {entry['version']}"
        for modality, entry in card.features.items()
        if isinstance(entry, Mapping)
    }
    return {
        "dataset": card.dataset,
        "licence of the data": card.licence or "not stated by the artefact",
        "split": card.split,
        "utterances": ", ".join(f"{part} {count}" for part, count in card.utterances.items()),
        "artefact, sha256": card.artefact_sha256,
        "features' fingerprint": card.fingerprint,
        **extractors,
    }


def _chosen(card: Card) -> Mapping[str, Any]:
    selection = card.selection
    return {
        "by": f"{selection['metric']} on validation, {len(card.mask_ids) or 'no'} missing-data masks",
        "epoch": f"{selection['epoch']} of {selection['epochs']}{'' if selection['finished'] else ', not finished'}",
        "seed": card.seed,
        **{f"validation {name}": value for name, value in card.validation.items()},
    }


def _flat(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{section}.{key}": value for section, table in settings.items() for key, value in table.items()}


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
