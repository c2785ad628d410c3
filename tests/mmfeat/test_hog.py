"""The HOG descriptor of the aligned face."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmfeat import registry
from mmfeat.errors import ConfigError
from mmfeat.extractors import hog
from mmfeat.faces import FaceConfig, FaceTrack


def track_of(path: Path, observed: list[bool]) -> FaceTrack:
    count = len(observed)
    landmarks = np.zeros((count, 5, 2), np.float32)
    landmarks[:, 0], landmarks[:, 1] = (64 * 0.35 - 0.5, 64 * 0.4 - 0.5), (64 * 0.65 - 0.5, 64 * 0.4 - 0.5)
    boxes = np.tile(np.array([4, 0, 60, 64], np.float32), (count, 1))
    times = np.arange(count) / 10
    return FaceTrack(path, times, boxes, landmarks, np.array(observed), FaceConfig())


def striped(horizontal: bool) -> np.ndarray:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[np.arange(64) // 8 % 2 == 1] = 200
    return stripes if horizontal else stripes.transpose(1, 0, 2).copy()


@pytest.mark.parametrize(("horizontal", "direction"), [(True, "90deg"), (False, "0deg")])
def test_stripes_fall_into_the_bins_of_their_direction(
    make_clip: Callable[..., Path], tmp_path: Path, horizontal: bool, direction: str
):
    picture = striped(horizontal)
    clip = make_clip(tmp_path / "clip.mp4", 0.2, size=(64, 64), fps=10, tone=None, picture=lambda t: picture)
    frames = hog.build(hog.Config())(track_of(clip, [True, True]))
    share = {}
    for name, value in zip(frames.names, frames.values[0], strict=True):
        share[name.rpartition("_")[2]] = share.get(name.rpartition("_")[2], 0) + float(value)
    assert max(share, key=lambda key: share[key]) == direction
    assert share[direction] > 0.8 * sum(share.values())


def test_rows_without_a_face_are_zeros_and_not_observed(make_clip: Callable[..., Path], tmp_path: Path):
    clip = make_clip(tmp_path / "clip.mp4", 0.3, size=(64, 64), fps=10, tone=None, picture=lambda t: striped(True))
    frames = hog.build(hog.Config())(track_of(clip, [True, False, True]))
    assert frames.observed.tolist() == [True, False, True]
    assert frames.values.any(axis=1).tolist() == [True, False, True]
    assert frames.source.config["faces"]["crops_per_second"] == 10.0


def test_dimensions_follow_the_settings():
    assert len(hog.build(hog.Config()).names) == 3 * 3 * 2 * 2 * 8
    assert len(hog.build(hog.Config(size=48, cell=8, block=3, orientations=9)).names) == 4 * 4 * 3 * 3 * 9
    assert hog.build(hog.Config()).names[:2] == ("block00_cell00_0deg", "block00_cell00_22.5deg")


def test_the_names_are_those_of_scikit_images_order():
    from skimage.feature import hog as reference

    image = np.zeros((64, 64))
    image[40:, 56:] = 1  # edges only in the last column of cells, from the third row on
    described = reference(image, 8, (16, 16), (2, 2), block_norm="L2-Hys")
    strong = {
        name.partition("_")[0] for name, value in zip(hog.build(hog.Config()).names, described, strict=True) if value
    }
    assert strong == {"block12", "block22"}


@pytest.mark.parametrize("settings", [{"cell": 10}, {"cell": 0}, {"block": 5}, {"orientations": 0}])
def test_settings_that_do_not_fit_are_refused(settings: dict[str, int]):
    with pytest.raises(ConfigError, match="expected a size of whole cells"):
        registry.build("mmfeat.extractors", "hog", settings)
