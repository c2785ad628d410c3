"""From a checkpoint to an answer: for feature rows, and for clips."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.predict.answer import Answer, Value
    from zoo.predict.clips import Answered, Handling, answer_clips, choices_of
    from zoo.predict.features import Features
    from zoo.predict.plot import changes, draw_recording
    from zoo.predict.predictor import Predictor
    from zoo.predict.table import as_json, as_table

__all__ = [
    "Answer",
    "Answered",
    "Features",
    "Handling",
    "Predictor",
    "Value",
    "answer_clips",
    "as_json",
    "as_table",
    "changes",
    "choices_of",
    "draw_recording",
]

_ROOMS = {
    "answer": ("Answer", "Value"),
    "clips": ("Answered", "Handling", "answer_clips", "choices_of"),
    "features": ("Features",),
    "plot": ("changes", "draw_recording"),
    "predictor": ("Predictor",),
    "table": ("as_json", "as_table"),
}


def __getattr__(name: str) -> Any:
    # On first use: the service's front needs `Features` alone, and no torch.
    for room, names in _ROOMS.items():
        if name in names:
            return getattr(importlib.import_module(f"zoo.predict.{room}"), name)
    raise AttributeError(f"module 'zoo.predict' has no attribute {name!r}; it has {', '.join(__all__)}")
