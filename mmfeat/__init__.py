"""Raw talking clips to validated, word-aligned text, audio and vision tensors.

>>> import mmfeat
>>> mmfeat.extract(["talk.mp4"], "talk.h5", transcripts="talk.txt")       # doctest: +SKIP
>>> with mmfeat.Artifact("talk.h5") as corpus:                            # doctest: +SKIP
...     corpus.padded("all").features["audio"].shape
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mmfeat import torchvision_fit
from mmfeat.errors import MmfeatError

if TYPE_CHECKING:
    from mmfeat.artifact import Artifact, Padded, Split, validate
    from mmfeat.steps import Choices, Extraction, Pauses, WordsPlan, extract
    from mmfeat.types import MODALITIES, AlignedUtterance, Frames, Utterance, Word

__all__ = [
    "MODALITIES",
    "AlignedUtterance",
    "Artifact",
    "Choices",
    "Extraction",
    "Frames",
    "MmfeatError",
    "Padded",
    "Pauses",
    "Split",
    "Utterance",
    "Word",
    "WordsPlan",
    "extract",
    "validate",
]

_ROOMS = {
    "mmfeat.artifact": ("Artifact", "Padded", "Split", "validate"),
    "mmfeat.steps": ("Choices", "Extraction", "Pauses", "WordsPlan", "extract"),
    "mmfeat.types": ("MODALITIES", "AlignedUtterance", "Frames", "Utterance", "Word"),
}

torchvision_fit.install()


def __getattr__(name: str) -> Any:
    # On first use: `mmfeat --help` should not wait for HDF5 and the decoders.
    for room, names in _ROOMS.items():
        if name in names:
            return getattr(importlib.import_module(room), name)
    raise AttributeError(f"module 'mmfeat' has no attribute {name!r}; it has {', '.join(__all__)}")
