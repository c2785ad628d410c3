"""The portrait behind every face of the demo corpus: cut out, coloured for a speaker, and set before a wall.

It is scikit-image's ``astronaut`` picture, made by NASA and in the public domain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

SIZE = 160  # px, edge of the square video

# Outlines in the portrait, px.
_SKIN = [(187, 72), (200, 81), (225, 80), (250, 86), (266, 92), (269, 100), (271, 126), (281, 128), (276, 137),
         (268, 138), (262, 158), (256, 170), (254, 184), (225, 189), (192, 184), (187, 176), (186, 154), (181, 133),
         (172, 124), (171, 118), (180, 116), (183, 90)]  # fmt: skip
_BEARD = [(184, 136), (197, 140), (202, 137), (212, 135), (224, 137), (236, 136), (248, 138), (252, 142), (266, 138),
          (262, 157), (247, 172), (224, 179), (202, 173), (188, 159)]  # fmt: skip
_MOUTH = [(202, 139), (213, 139), (223, 139), (235, 140), (246, 140.5), (235, 154), (223, 157), (212, 154)]


@dataclass(frozen=True)
class Looks:
    """What a speaker looks like. Factors are 1.0 for the portrait itself; colours are RGB 0..255."""

    width: float = 1.0
    length: float = 1.0
    jaw: float = 1.0  # width of the lower face
    eyes_apart: float = 0.0  # px
    nose: float = 0.0  # px that the nose is longer
    brows: float = 0.0  # px that the brows are higher
    mouth: float = 1.0  # width of the mouth
    hair: float = 1.0  # volume of the hair
    hair_colour: tuple[int, int, int] = (150, 120, 70)
    skin: tuple[float, float, float] = (1.0, 1.0, 1.0)  # gain per channel, little: a tan, a pallor
    shirt: tuple[int, int, int] = (40, 40, 45)
    wall: tuple[int, int, int] = (200, 195, 190)
    light: float = 1.0
    beard: float = 0.0  # 0 none .. 1 dark
    glasses: bool = False
    mirrored: bool = False


def paint(looks: Looks) -> tuple[Array, Array]:
    """Colour the portrait for one speaker; returns RGB and the cut-out's alpha 0..1, both of picture size."""
    from scipy.ndimage import gaussian_filter
    from skimage import data, morphology, segmentation

    picture = data.astronaut().astype(float)
    grey = picture.mean(axis=2)
    saturation = np.ptp(picture, axis=2) / np.maximum(picture.max(axis=2), 1)
    pale = gaussian_filter(((saturation < 0.13) & (grey > 145)).astype(float), 0.7) > 0.5
    outside = np.zeros(pale.shape, bool)
    for seed in ((5, 160), (5, 310), (140, 150), (130, 300)):
        if pale[seed]:
            outside |= segmentation.flood(pale, seed)
    solid = morphology.closing(~outside, morphology.disk(2))
    alpha = gaussian_filter(morphology.erosion(solid, morphology.disk(1)).astype(float), 0.9)

    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]]
    skin_area = _soft_polygon(_SKIN)
    torso = np.clip((rows - 146) / 3, 0, 1) * (1 - skin_area)
    hair_area = np.clip((150 - rows) / 4, 0, 1) * (1 - skin_area)
    hair = np.array(looks.hair_colour, float) * (grey / 118)[..., None] ** 0.75
    painted = picture * np.array(looks.skin)
    painted = painted + (hair - painted) * hair_area[..., None]
    cloth = np.array(looks.shirt, float) + 0.35 * (grey[..., None] - 30)
    painted = painted + (cloth - painted) * torso[..., None]
    if looks.beard:
        stubble = _soft_polygon(_BEARD, 3.0) * (1 - _soft_polygon(_MOUTH)) * looks.beard
        grain = np.random.default_rng(0).normal(1.0, 0.25, grey.shape)[..., None]
        dark = (np.array(looks.hair_colour, float) * 0.4 + painted * 0.25) * gaussian_filter(grain, (0.6, 0.6, 0))
        painted = painted + (dark - painted) * stubble[..., None]
    return np.clip(painted, 0, 255), alpha


def _soft_polygon(corners: Sequence[tuple[float, float]], blur: float = 1.5) -> Array:
    """Mask 0..1 of picture size, soft at the edge."""
    from scipy.ndimage import gaussian_filter
    from skimage.draw import polygon2mask

    inside = polygon2mask((512, 512), np.array(corners)[:, ::-1])
    return np.asarray(gaussian_filter(inside.astype(float), blur))


def wall(looks: Looks, rng: np.random.Generator) -> Array:
    """Background: a colour, uneven light and a piece of furniture."""
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE
    angle, phase = rng.uniform(0, 2 * np.pi, 2)
    slope = 0.12 * (np.cos(angle) * (columns - 0.5) + np.sin(angle) * (rows - 0.5))
    lit = np.array(looks.wall, float) * (1 + slope + 0.03 * np.sin(5 * columns + phase))[..., None]
    left = 0.02 + 0.07 * rng.random()
    shelf = (columns > left) & (columns < left + 0.12) & (rows > 0.45)
    return np.asarray(np.where(shelf[..., None], lit * 0.72, lit))


def empty_room(looks: Looks, rng: np.random.Generator) -> Image:
    """Give the background of a speaker without the speaker."""
    return np.asarray(np.clip(wall(looks, rng) * looks.light, 0, 255), np.uint8)
