"""Upright, equally large pictures of a face from its landmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmfeat.types import ByteImage, FloatArray

if TYPE_CHECKING:
    from torch import Tensor

EYE_DISTANCE = 0.30  # share of the crop's width between the eyes
EYE_HEIGHT = 0.40  # share of the crop's height from its top edge to the eyes
NARROWEST = (
    0.22  # share of the box's height (0.32 from the front); eyes closer together than this belong to a turned head
)


def eye_similarity(landmarks: FloatArray, boxes: FloatArray) -> FloatArray:
    """The turn, scale and shift that bring a crop's pixels to the picture's.

    Both eyes come to fixed places in the crop. The eyes of a head turned aside are close together in the picture; there
    the scale is that of a face of the same box height seen from the front, and only the middle between the eyes stays.

    Parameters
    ----------
    landmarks : FloatArray, shape (T, 5, 2)
        px; the first two are the eyes.
    boxes : FloatArray, shape (T, 4)
        px.

    Returns
    -------
    FloatArray, shape (T, 2, 3)
        Matrix from places in the crop (shares of its side, from its upper left corner) to px in the picture, where the
        centre of the first pixel is (0, 0).
    """
    left, right = landmarks[:, 0].astype(np.float64), landmarks[:, 1].astype(np.float64)
    across = right - left
    distance = np.hypot(across[:, 0], across[:, 1])
    unit = np.where(distance[:, None] > 0, across / np.maximum(distance, 1e-9)[:, None], (1.0, 0.0))
    side = np.maximum(distance, NARROWEST * (boxes[:, 3] - boxes[:, 1])) / EYE_DISTANCE
    right_step, down_step = unit * side[:, None], np.stack((-unit[:, 1], unit[:, 0]), axis=1) * side[:, None]
    corner = (left + right) / 2 - right_step * 0.5 - down_step * EYE_HEIGHT
    return np.stack((right_step, down_step, corner), axis=2)


def cut_out(image: ByteImage, similarity: FloatArray, size: int) -> ByteImage:
    """One aligned crop, (size, size, 3).

    A face larger than the crop is first averaged down by a whole factor, so that fine detail does not fold into the
    result, then sampled bilinearly. What lies beyond the picture repeats its edge.

    Parameters
    ----------
    image : ByteImage, shape (H, W, 3)
    similarity : FloatArray, shape (2, 3)
        From `eye_similarity`.
    size : int
        px.
    """
    import torch

    corners = similarity @ np.array([[0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    factor = max(1, round(float(np.hypot(*similarity[:, 0])) / size))
    height, width = image.shape[:2]
    left, right = _inside(corners[0], width, factor)
    top, bottom = _inside(corners[1], height, factor)
    region = torch.from_numpy(_averaged(image[top:bottom, left:right], factor)).permute(2, 0, 1)[None]
    shares = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    matrix = torch.from_numpy(similarity)
    places = matrix[:, 0] * shares[None, :, None] + matrix[:, 1] * shares[:, None, None] + matrix[:, 2]
    # grid_sample counts from -1 at the outer edge of the first pixel to 1 at that of the last.
    extent = torch.tensor([region.shape[3] * factor, region.shape[2] * factor])
    grid = (places - torch.tensor([left, top]) + 0.5) / extent * 2 - 1
    return _sampled(region, grid[None].to(torch.float32))


def _sampled(region: Tensor, grid: Tensor) -> ByteImage:
    import torch

    crop = torch.nn.functional.grid_sample(region, grid, "bilinear", "border", align_corners=False)
    rounded: ByteImage = crop[0].add_(0.5).clamp_(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    return np.ascontiguousarray(rounded)  # a stack of crops keeps its layout, on which the speed of networks depends


def _averaged(region: ByteImage, factor: int) -> FloatArray:
    """Means of squares of ``factor`` px, float32; what is left over at the far edges is dropped."""
    height, width = (length // factor for length in region.shape[:2])
    if factor == 1 or not height or not width:
        return region.astype(np.float32)
    whole = region[: height * factor, : width * factor]
    rows = whole.reshape(height, factor, -1, 3).sum(axis=1, dtype=np.uint32)
    total = sum(rows[:, shift::factor] for shift in range(factor))
    means: FloatArray = np.asarray(total, dtype=np.float32) / np.float32(factor * factor)
    return means


def _inside(edges: FloatArray, length: int, factor: int) -> tuple[int, int]:
    """First and end pixel of the part of a picture that a crop needs, at least one."""
    margin = 2 * factor
    first = int(np.clip(np.floor(edges.min()) - margin, 0, length - 1))
    return first, int(np.clip(np.ceil(edges.max()) + margin, first + 1, length))
