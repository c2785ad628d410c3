"""The repair of ``import torchvision`` beside a CPU build of torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from mmfeat import torchvision_fit


def suppressed_by_brute_force(boxes, scores, threshold):
    """Best first; a box goes if it overlaps one that stayed by more than the threshold."""
    kept = []
    for index in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if all(intersection_over_union(boxes[index], boxes[other]) <= threshold for other in kept):
            kept.append(index)
    return kept


def intersection_over_union(a, b):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


@pytest.mark.parametrize("seed", range(20))
def test_nms_equals_brute_force_on_random_boxes(seed):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 60, size=(80, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 30, size=(80, 2))], axis=1)
    scores = rng.choice([0.2, 0.5, 0.7, 0.9], 80) if seed % 2 else rng.random(80)  # ties too
    threshold = rng.choice([0.3, 0.5, 0.7])
    kept = torchvision_fit.non_maximum_suppression(torch.tensor(boxes), torch.tensor(scores), float(threshold))
    assert kept.dtype == torch.int64
    assert kept.tolist() == suppressed_by_brute_force(boxes.tolist(), scores.tolist(), threshold)


def test_nms_of_no_boxes_is_empty():
    kept = torchvision_fit.non_maximum_suppression(torch.zeros(0, 4), torch.zeros(0), 0.5)
    assert kept.shape == (0,)
    assert kept.dtype == torch.int64


def test_nms_keeps_boxes_that_touch_or_have_no_area():
    boxes = torch.tensor([[0.0, 0, 10, 10], [10, 0, 20, 10], [5, 5, 5, 5]])
    assert torchvision_fit.non_maximum_suppression(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5).tolist() == [0, 1, 2]


def test_a_folder_without_compiled_operators_does_not_fit(tmp_path):
    assert not torchvision_fit._operators_load(tmp_path)


def test_a_library_that_does_not_load_does_not_fit(tmp_path):
    (tmp_path / "_C.so").write_bytes(b"not a shared library")
    assert not torchvision_fit._operators_load(tmp_path)


def test_a_library_that_loads_fits(tmp_path):
    import _ctypes

    library = getattr(_ctypes, "__file__", None)
    if library is None or not library.endswith(".so"):
        pytest.skip("this Python has no shared library of its own to try with")
    (tmp_path / "_C.so").symlink_to(library)
    assert torchvision_fit._operators_load(tmp_path)


def test_installing_twice_leaves_one_finder_and_none_once_torchvision_is_there(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [f for f in sys.meta_path if not isinstance(f, torchvision_fit._Finder)])
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    torchvision_fit.install()
    torchvision_fit.install()
    assert sum(isinstance(finder, torchvision_fit._Finder) for finder in sys.meta_path) == 1
    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, torchvision_fit._Finder)]
    monkeypatch.setitem(sys.modules, "torchvision", sys)
    torchvision_fit.install()
    assert not any(isinstance(finder, torchvision_fit._Finder) for finder in sys.meta_path)


FRESH = """
import importlib.util
import sys
import mmfeat
from mmfeat import torchvision_fit
torchvision_fit.install()
assert not {"torch", "torchvision"} & set(sys.modules), "mmfeat imported torch"
assert importlib.util.find_spec("torchvision")  # as many libraries ask before they import, or never do
import torch, torchvision
from torchvision.transforms.functional import to_tensor
from facenet_pytorch import MTCNN, InceptionResnetV1
boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60]])
scores = torch.tensor([0.6, 0.9, 0.3])
assert torchvision.ops.nms(boxes, scores, 0.5).tolist() == [1, 2]
assert torchvision.ops.batched_nms(boxes, scores, torch.tensor([0, 1, 0]), 0.5).tolist() == [1, 0, 2]
torchvision_fit.install()
assert not any(isinstance(finder, torchvision_fit._Finder) for finder in sys.meta_path)
if torchvision_fit._DECLARED:  # a compiled operator that was not mended still says so when it is called
    try:
        torchvision.ops.roi_pool(torch.zeros(1, 1, 4, 4), torch.zeros(1, 5), 2)
    except (AttributeError, RuntimeError):
        pass
    else:
        raise AssertionError("an operator that does not exist answered")
"""


@pytest.mark.slow
def test_torchvision_and_facenet_work_in_a_fresh_process():
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


FITTING = """
import sys
from mmfeat import torchvision_fit
torchvision_fit._operators_load = lambda folder: True
import mmfeat
try:
    import torchvision
except RuntimeError as error:  # what the bare wheel does beside a CPU build of torch: nothing was mended
    assert "torchvision::nms" in str(error)
assert not torchvision_fit._DECLARED
"""


@pytest.mark.slow
def test_nothing_is_changed_where_the_operators_load():
    done = subprocess.run([sys.executable, "-c", FITTING], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
