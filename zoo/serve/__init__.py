"""Answers over HTTP: a front process that listens, model workers that answer, a media worker that reads clips."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.serve.app import create_app
    from zoo.serve.running import run
    from zoo.serve.settings import Limits, Settings

__all__ = ["Limits", "Settings", "create_app", "run"]

_ROOMS = {"Limits": "settings", "Settings": "settings", "create_app": "app", "run": "running"}


def __getattr__(name: str) -> Any:
    # On first use: the workers import files of this room and have no need of FastAPI.
    if name in _ROOMS:
        return getattr(importlib.import_module(f"zoo.serve.{_ROOMS[name]}"), name)
    raise AttributeError(f"module 'zoo.serve' has no attribute {name!r}; it has {', '.join(__all__)}")
