"""MTCNN (Zhang et al., IEEE Signal Processing Letters 23, 2016) on batches of frames, with facenet-pytorch's weights.

The three networks, the box arithmetic and the suppression are facenet-pytorch's own. What differs is how the pictures
for the networks are made: facenet-pytorch averages pixels anew for every pyramid level and, one at a time, for every
candidate box; here one table of running sums per frame gives each of these averages from four look-ups. The results are
the same up to rounding, at about a third of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmfeat.types import ByteImage, FloatArray, IntArray

if TYPE_CHECKING:
    from torch import Tensor

LEVEL = 0.709  # between pyramid levels; with the next three: the defaults of facenet-pytorch 2.5.3, models/mtcnn.py
FINEST_FACE = 20.0  # px in the frame as filmed, what MTCNN's first pyramid level looks for
THRESHOLDS = (0.6, 0.7, 0.7)  # probabilities that each of the three networks asks for
OVERLAPS = (0.5, 0.7, 0.7, 0.7)  # within a level, over levels, after the second and after the third network
CELL = 12  # px, what one output of the first network sees
CANDIDATES = 128  # crops through the second or third network at once


@dataclass(frozen=True)
class Detections:
    """The faces found in T frames, N in all, in frame order."""

    frames: IntArray  # (N,) which frame, ascending
    boxes: FloatArray  # (N, 4) px: left, top, right, bottom
    probabilities: FloatArray  # (N,)
    landmarks: FloatArray  # (N, 5, 2) px x, y: the eye left in the picture, the other eye, nose, mouth corners


class FaceDetector:
    """MTCNN on the CPU, so that a track does not depend on the machine's GPU."""

    def __init__(self) -> None:
        from facenet_pytorch.models.mtcnn import ONet, PNet, RNet

        self._proposal, self._refinement, self._output = PNet().eval(), RNet().eval(), ONet().eval()
        self._table: Tensor | None = None

    def __call__(self, images: ByteImage, scales: FloatArray) -> Detections:
        """Find all faces.

        Parameters
        ----------
        images : ByteImage, shape (T, H, W, 3)
            RGB.
        scales : FloatArray, shape (L,)
            Of the pyramid, see `pyramid`; none: nothing is found.

        Returns
        -------
        Detections
            In pixels of ``images``; boxes may reach beyond the picture.
        """
        import torch
        from facenet_pytorch.models.utils import detect_face as arithmetic

        with torch.inference_mode():
            sums = self._running_sums(images)
            boxes, frames = self._propose(sums, scales)
            crops, boxes, frames = _candidate_crops(sums, boxes, frames, 24)
            shifts, scores = _in_batches(self._refinement, crops)
            good = scores[:, 1] > THRESHOLDS[1]
            boxes = torch.cat((boxes[good, :4], scores[good, 1:]), dim=1)
            frames, shifts = frames[good], shifts[good]
            kept = torch.from_numpy(strongest(boxes.numpy(), frames.numpy(), OVERLAPS[2]))
            boxes, frames = arithmetic.rerec(arithmetic.bbreg(boxes[kept], shifts[kept])), frames[kept]
            crops, boxes, frames = _candidate_crops(sums, boxes, frames, 48)
            shifts, points, scores = _in_batches(self._output, crops)
            good = scores[:, 1] > THRESHOLDS[2]
            boxes = torch.cat((boxes[good, :4], scores[good, 1:]), dim=1)
            frames, landmarks = frames[good], _landmarks(boxes, points[good])
            boxes = arithmetic.bbreg(boxes, shifts[good])
            rows = strongest(boxes.numpy(), frames.numpy(), OVERLAPS[3], within_smaller=True)
            found = boxes.numpy()[rows]
            return Detections(frames.numpy()[rows], found[:, :4], found[:, 4], landmarks.numpy()[rows])

    def _running_sums(self, images: ByteImage) -> Tensor:
        """Sums over all pixels above and left, (T, H + 1, W + 1, 3) int32; differences survive a wrap around."""
        import torch

        frames, height, width, _ = images.shape
        shape = (height + 1, width + 1, 3)
        # Fresh memory for every batch would cost more than the sums themselves.
        if self._table is None or self._table.shape[1:] != shape or len(self._table) < frames:
            self._table = torch.zeros(frames, *shape, dtype=torch.int32)
        table = self._table[:frames]
        for image, sums in zip(torch.from_numpy(images), table.numpy(), strict=True):
            along_rows = torch.cumsum(image, dim=1, dtype=torch.int32).numpy()
            for row in range(height):
                np.add(sums[row, 1:], along_rows[row], out=sums[row + 1, 1:])
        return table

    def _propose(self, sums: Tensor, scales: FloatArray) -> tuple[Tensor, Tensor]:
        """Square candidate boxes (N, 5) and the frame of each, from the first network at every scale."""
        import torch
        from facenet_pytorch.models.utils import detect_face as arithmetic

        height, width = sums.shape[1] - 1, sums.shape[2] - 1
        boxes, frames = [torch.zeros(0, 9)], [torch.zeros(0, dtype=torch.int64)]
        for scale in scales.tolist():
            level = _shrunk(sums, int(height * scale + 1), int(width * scale + 1))
            shifts, scores = self._proposal(level)
            found, image = arithmetic.generateBoundingBox(shifts, scores[:, 1], scale, THRESHOLDS[0])
            kept = strongest(found.numpy(), image.numpy(), OVERLAPS[0])
            boxes.append(found[kept])
            frames.append(image[kept])
        box, frame = torch.cat(boxes), torch.cat(frames)
        best = torch.from_numpy(strongest(box.numpy(), frame.numpy(), OVERLAPS[1]))
        box, frame = box[best], frame[best]
        corners = box[:, :4]
        spans = (corners[:, 2:] - corners[:, :2]).repeat(1, 2)
        return arithmetic.rerec(torch.cat((corners + box[:, 5:9] * spans, box[:, 4:5]), dim=1)), frame


def pyramid(shown_width: int, width: int, height: int, min_face_size: float) -> FloatArray:
    """Scales to look at: those of MTCNN on the frame as filmed, without the ones for smaller faces.

    A scale of ``0.6 * 0.709**j`` of the frame as filmed, at whatever size the frame comes, shows the networks nearly
    the same pixels, so that the boxes do not change with the size or with ``min_face_size``.

    Parameters
    ----------
    shown_width : int
        px, of the frame as filmed.
    width, height : int
        px, of the frame as given to the detector.
    min_face_size : float
        px in the given frame: the finest level looks for faces of this size or slightly smaller.

    Returns
    -------
    FloatArray, shape (L,)
        Falling; none where the frame is smaller than the smallest face.
    """
    finest = FINEST_FACE * width / shown_width
    skipped = max(0, int(np.floor(np.log(min_face_size / finest) / -np.log(LEVEL))))
    scales = CELL / finest * LEVEL ** np.arange(skipped, skipped + 64)
    return scales[min(width, height) * scales >= CELL]


def strongest(boxes: FloatArray, frames: IntArray, limit: float, within_smaller: bool = False) -> IntArray:
    """Drop every box that overlaps a better one of its frame too much (non-maximum suppression), all frames at once.

    Parameters
    ----------
    boxes : FloatArray, shape (N, >= 5)
        px: left, top, right, bottom; then the score.
    frames : IntArray, shape (N,)
    limit : float
        Largest allowed overlap: the shared area over that of the union.
    within_smaller : bool
        Over that of the smaller box instead, pixels counted at both ends, as MTCNN's last step does.

    Returns
    -------
    IntArray
        Rows to keep, by frame, then by falling score.
    """
    order = np.lexsort((-boxes[:, 4], frames))
    first = np.searchsorted(frames[order], frames[order])
    _, row = np.unique(frames[order], return_inverse=True)
    rank = np.arange(len(order)) - first
    # One line per frame, best box first; places left over are boxes without area that are not alive.
    shape = (int(row.max(initial=-1)) + 1, int(rank.max(initial=-1)) + 1)
    corners, alive = np.zeros((4, *shape), boxes.dtype), np.zeros(shape, dtype=bool)
    corners[:, row, rank], alive[row, rank] = boxes[order, :4].T, True
    left, top, right, bottom = corners
    end = 1 if within_smaller else 0
    area = (right - left + end) * (bottom - top + end)
    for best in range(shape[1] - 1):
        one, rest = slice(best, best + 1), slice(best + 1, None)
        width = np.minimum(right[:, one], right[:, rest]) - np.maximum(left[:, one], left[:, rest]) + end
        height = np.minimum(bottom[:, one], bottom[:, rest]) - np.maximum(top[:, one], top[:, rest]) + end
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        if within_smaller:
            whole = np.minimum(area[:, one], area[:, rest])
        else:
            whole = area[:, one] + area[:, rest] - shared
        alive[:, rest] &= ~(alive[:, one] & (shared > limit * whole))
    kept: IntArray = order[alive[row, rank]]
    return kept


def _edges(length: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """First and end pixel of each cell when ``length`` pixels are shared out, as torch's ``area`` resampling does."""
    import torch

    index = torch.arange(cells)
    return index * length // cells, -(-(index + 1) * length // cells)


def _shrunk(sums: Tensor, height: int, width: int) -> Tensor:
    """Whole frames averaged down to (T, 3, height, width), in the networks' range."""
    import torch

    top, bottom = _edges(torch.tensor(sums.shape[1] - 1), height)
    left, right = _edges(torch.tensor(sums.shape[2] - 1), width)
    rows = sums.index_select(1, bottom) - sums.index_select(1, top)
    totals = rows.index_select(2, right) - rows.index_select(2, left)
    area = (bottom - top)[:, None] * (right - left)
    return _normalised(totals, area[None])


def _candidate_crops(sums: Tensor, boxes: Tensor, frames: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """The part of each box inside its frame averaged down to (N, 3, size, size); boxes wholly outside are left out."""
    import torch
    from facenet_pytorch.models.utils import detect_face as arithmetic

    padded = arithmetic.pad(boxes, sums.shape[2] - 1, sums.shape[1] - 1)
    y, end_y, x, end_x = (torch.from_numpy(edge.astype(np.int64)) for edge in padded)
    inside = (end_y > y - 1) & (end_x > x - 1)
    boxes, frames = boxes[inside], frames[inside]
    y, end_y, x, end_x = ((edge[inside])[:, None] for edge in (y - 1, end_y, x - 1, end_x))
    top, bottom = (y + edge for edge in _edges(end_y - y, size))
    left, right = (x + edge for edge in _edges(end_x - x, size))
    flat = sums.view(-1, 3)
    above, below = (((frames[:, None] * sums.shape[1] + edge) * sums.shape[2])[:, :, None] for edge in (top, bottom))
    left, right = left[:, None], right[:, None]
    totals = flat[below + right] - flat[above + right] - flat[below + left] + flat[above + left]
    area = (bottom - top)[:, :, None] * (right - left)
    return _normalised(totals, area), boxes, frames


def _normalised(totals: Tensor, area: Tensor) -> Tensor:
    """Sums over cells (N, h, w, 3) to means in the networks' range, (N, 3, h, w)."""
    return ((totals / area[..., None] - 127.5) * 0.0078125).permute(0, 3, 1, 2)


def _in_batches(network: object, crops: Tensor) -> tuple[Tensor, ...]:
    """Run a network over crops in parts of bounded size."""
    import torch

    assert callable(network)
    if not len(crops):  # the networks cannot take none, but what they give for one says the shapes
        return tuple(part[:0] for part in network(crops.new_zeros(1, *crops.shape[1:])))
    parts = [network(part) for part in torch.split(crops, CANDIDATES)]
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))


def _landmarks(boxes: Tensor, points: Tensor) -> Tensor:
    """Landmarks as shares of their box, x first, then y, (N, 10), to pixels (N, 5, 2)."""
    import torch

    origin, span = boxes[:, None, :2], boxes[:, None, 2:4] - boxes[:, None, :2] + 1
    return torch.stack((points[:, :5], points[:, 5:]), dim=2) * span + origin - 1
