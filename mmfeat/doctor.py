"""What is installed and found, what is missing, and how to get it."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from mmfeat import registry
from mmfeat.errors import MmfeatError

KINDS = {
    "datasets": "dataset",
    "extractors": "extractor",
    "forced_alignment": "aligner",
    "transcribers": "transcriber",
}
PACKAGES = (
    "torch",
    "torchvision",
    "facenet-pytorch",
    "av",
    "librosa",
    "gensim",
    "pocketsphinx",
    "h5py",
    "pandera",
    "dvc",
)
EXTRAS = {"faster-whisper": "asr"}


def plugins() -> list[dict[str, str]]:
    """List every plug-in by ``kind``, ``name`` and ``what`` it is, from the first line of its file."""
    rows = []
    for package, kind in KINDS.items():
        for name in registry.names(f"mmfeat.{package}"):
            module = registry.module(f"mmfeat.{package}", name)
            shown = f"{kind} ({module.MODALITY})" if kind == "extractor" else kind
            rows.append({"kind": shown, "name": name, "what": (module.__doc__ or "").strip().partition("\n")[0]})
    return rows


def check(glove: Path | None) -> list[dict[str, str]]:
    """Look at everything that a run may need: rows of ``what``, ``state`` (ok, missing, broken) and ``detail``."""
    rows = [_row("python", "ok", platform.python_version())]
    rows += [_package(name, "broken", f"pip install {name}") for name in PACKAGES]
    rows += [_package(name, "missing", f"optional: pip install 'mmfeat[{extra}]'") for name, extra in EXTRAS.items()]
    rows.append(_attempt("face detector", _face_detector, "broken"))
    rows.append(_attempt("forced aligner", lambda: _built("forced_alignment", "pocketsphinx", {}), "broken"))
    rows.append(_attempt("facenet weights", lambda: _built("extractors", "facenet", {}), "missing"))
    rows.append(
        _attempt("GloVe vectors", lambda: _built("extractors", "glove", {"path": glove} if glove else {}), "missing")
    )
    return rows


def _row(what: str, state: str, detail: str) -> dict[str, str]:
    return {"what": what, "state": state, "detail": detail}


def _package(name: str, absent: str, remedy: str) -> dict[str, str]:
    try:
        return _row(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        return _row(name, absent, remedy)


def _attempt(what: str, work: Callable[[], str], failed: str) -> dict[str, str]:
    try:
        return _row(what, "ok", work())
    except MmfeatError as error:
        return _row(what, failed, str(error))


def _built(package: str, name: str, settings: dict[str, Path]) -> str:
    built = registry.build(f"mmfeat.{package}", name, settings)
    sources = getattr(getattr(built, "source", None), "sources", {})
    return ", ".join(f"{key} (sha256 {value[:12]}...)" for key, value in sources.items()) or "ready"


def _face_detector() -> str:
    import torch
    import torchvision

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return f"torch {torch.__version__} on {device}, torchvision {torchvision.__version__} loads"
