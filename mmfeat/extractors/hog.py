"""Histograms of oriented gradients of the aligned face (Dalal and Triggs, CVPR 2005), by scikit-image; no weights.

The face is turned grey, and each of its square cells describes how strongly its edges run in each direction, normalised
over overlapping blocks of cells.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import product

import numpy as np

from mmfeat.errors import ConfigError
from mmfeat.faces import FaceTrack
from mmfeat.types import ByteImage, FloatArray, Frames, Modality, Provenance

MODALITY: Modality = "vision"
VERSION = "1"


@dataclass(frozen=True)
class Config:
    """What the histograms are made of; 3 x 3 blocks of 2 x 2 cells with 8 directions are 288 dimensions."""

    size: int = 64  # px, side of the aligned face
    cell: int = 16  # px
    block: int = 2  # cells
    orientations: int = 8


class HogExtractor:
    """Describe the speaker's face in every frame of its track."""

    name = "hog"
    modality = MODALITY
    frame_shift = None  # frames are as far apart as those of the video

    def __init__(self, config: Config) -> None:
        cells = config.size // config.cell if config.cell > 0 else 0
        if config.orientations < 1 or not 1 <= config.block <= cells or config.size % config.cell:
            raise ConfigError(
                f"hog: size={config.size}, cell={config.cell}, block={config.block}, "
                f"orientations={config.orientations}; "
                "expected a size of whole cells, a block of 1 to that many, 1 or more orientations; change the settings"
            )
        self._config = config
        blocks, inner = range(cells - config.block + 1), range(config.block)
        directions = [f"{180 * index / config.orientations:g}" for index in range(config.orientations)]
        self.names = tuple(
            f"block{row}{column}_cell{r}{c}_{direction}deg"
            for row, column, r, c, direction in product(blocks, blocks, inner, inner, directions)
        )
        self.source = Provenance(self.name, VERSION, asdict(config))

    def __call__(self, signal: FaceTrack) -> Frames:
        """Frames of one clip.

        Parameters
        ----------
        signal : FaceTrack

        Returns
        -------
        Frames
            One for every row of the track; zeros with ``observed`` False where there is no face.
        """
        return signal.described(self._config.size, self._describe_all, self.names, self.source)

    def _describe_all(self, crops: ByteImage) -> FloatArray:
        grey = crops @ np.array([0.299, 0.587, 0.114])  # luma of ITU-R BT.601
        return np.stack([self._describe(face) for face in grey])

    def _describe(self, face: np.ndarray) -> np.ndarray:
        from skimage.feature import hog

        described: np.ndarray = hog(
            face,
            orientations=self._config.orientations,
            pixels_per_cell=(self._config.cell, self._config.cell),
            cells_per_block=(self._config.block, self._config.block),
            block_norm="L2-Hys",
        )
        return described


def build(config: Config) -> HogExtractor:
    """Make the extractor.

    Raises
    ------
    ConfigError
        If the cells do not fill the face.
    """
    return HogExtractor(config)
