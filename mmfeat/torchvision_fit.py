"""Make ``import torchvision`` work beside a CPU build of torch.

The torchvision wheel of the package index is linked against CUDA. Beside a CPU-only torch its compiled operators do not
load, and its Python half then fails while it registers the shapes of operators that nobody declared
(``operator torchvision::nms does not exist``). That takes facenet-pytorch, torchmetrics and lightning down with it.

`install` puts a finder on ``sys.meta_path`` that waits for the first import of torchvision. If the compiled operators
load, nothing is changed. If they do not, it declares ``nms`` and ``qnms`` and gives ``nms`` a CPU kernel, the one
operator that face detection needs; every other compiled operator keeps failing loudly when called.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

# Kept for the life of the process: a torch.library.Library takes its operators with it when it is collected.
_DECLARED: list[Any] = []


def non_maximum_suppression(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Keep the best box of every overlapping group.

    Parameters
    ----------
    boxes : Tensor, shape (N, 4)
        Corners x1, y1, x2, y2.
    scores : Tensor, shape (N,)
    iou_threshold : float
        A box that overlaps a better one by more than this is dropped.

    Returns
    -------
    Tensor of int64
        Indices kept, best score first: what ``torchvision.ops.nms`` documents.
    """
    import torch

    corners = boxes.detach().to(torch.float64).numpy()
    x1, y1, x2, y2 = corners.T
    areas = (x2 - x1) * (y2 - y1)
    order = torch.argsort(scores.detach(), descending=True, stable=True).numpy()
    keep: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        keep.append(int(best))
        width = (x2[rest].clip(max=x2[best]) - x1[rest].clip(min=x1[best])).clip(min=0)
        height = (y2[rest].clip(max=y2[best]) - y1[rest].clip(min=y1[best])).clip(min=0)
        shared = width * height
        order = rest[shared <= iou_threshold * (areas[best] + areas[rest] - shared)]
    return torch.tensor(keep, dtype=torch.int64)


def _operators_load(torchvision_folder: Path) -> bool:
    import torch

    libraries = [
        path for pattern in ("_C.so", "_C.*.so", "_C*.pyd", "_C*.dylib") for path in torchvision_folder.glob(pattern)
    ]
    for library in libraries:
        try:
            torch.ops.load_library(str(library))
        except OSError:
            return False
    return bool(libraries)


def _declare_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", non_maximum_suppression, "CPU")
    _DECLARED.append(library)


class _Loader(importlib.abc.Loader):
    """Runs torchvision's own loader between the two halves of the repair."""

    def __init__(self, original: importlib.abc.Loader, folder: Path, finder: _Finder) -> None:
        self._original = original
        self._folder = folder
        self._finder = finder

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._original.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        fits = _operators_load(self._folder)
        if not fits:
            _declare_operators()
        self._original.exec_module(module)
        if not fits:
            # torchvision.ops asks this before it calls nms; our kernel answers the call.
            sys.modules["torchvision.extension"]._has_ops = lambda: True  # type: ignore[attr-defined]


class _Finder(importlib.abc.MetaPathFinder):
    """Finds torchvision and wraps its loader, until it is imported: a library may ask without importing it."""

    def __init__(self) -> None:
        self._asking = False

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "torchvision" or self._asking:
            return None
        self._asking = True  # the others, in their order
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._asking = False
        if spec is not None and spec.loader is not None and spec.origin is not None:
            spec.loader = _Loader(spec.loader, Path(spec.origin).parent, self)
        return spec


def install() -> None:
    """Wait for the first import of torchvision; imports nothing by itself and may be called twice."""
    if "torchvision" not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
