"""Which of the faces found is the speaker's, and where it is between detections: arithmetic on arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmfeat.faces.detection import Detections
from mmfeat.types import BoolArray, FloatArray, IntArray, Seconds

LINK = 0.3  # overlap or nearness from which two boxes may be the same face
SIZE_CHANGE = 2.0  # between two detections of one face, at most
_TOLERANCE = 1e-6  # s


def link(detections: Detections, times: FloatArray, max_gap: Seconds) -> list[IntArray]:
    """Join detections of one face over time.

    A face is joined to the one that it overlaps or lies nearest to, the closest pairs first. A face that was missed is
    waited for during ``max_gap``.

    Parameters
    ----------
    detections : Detections
        N faces in T frames.
    times : FloatArray, shape (T,)
        s, of the frames.
    max_gap : float
        s.

    Returns
    -------
    list of IntArray
        Rows of ``detections``, in time order, for each face.
    """
    faces: list[list[int]] = []
    bounds = np.searchsorted(detections.frames, np.arange(len(times) + 1))
    for frame, (first, end) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
        open_faces = [face for face in faces if _may_continue(detections.frames[face[-1]], frame, times, max_gap)]
        free = set(range(first, end))
        near = _nearness(detections.boxes[[face[-1] for face in open_faces]], detections.boxes[first:end])
        taken: set[int] = set()
        for flat in np.argsort(-near, axis=None, kind="stable").tolist():
            face, row = flat // near.shape[1], first + flat % near.shape[1]
            if near[face, row - first] < LINK:
                break
            if face not in taken and row in free:
                open_faces[face].append(row)
                taken.add(face)
                free.discard(row)
        faces.extend([row] for row in sorted(free))
    return [np.array(face) for face in faces]


def main_face(detections: Detections, faces: Sequence[IntArray], min_size: float) -> list[IntArray]:
    """Choose the speaker: the face that is largest for longest.

    A face weighs as much as its size summed over its detections. The heaviest is taken, and then, in falling weight,
    others that share no time with those taken (the speaker after a cut, or after being covered) and are at least
    ``min_size`` times as large as the first: a bystander does not step in while the speaker is away.

    Parameters
    ----------
    detections : Detections
    faces : sequence of IntArray
        Rows of ``detections``, from `link`.
    min_size : float
        Share of the median size of the heaviest face.

    Returns
    -------
    list of IntArray
        The chosen ones, in time order.
    """
    sizes = _sizes(detections.boxes)
    ranked = sorted(faces, key=lambda face: -float(sizes[face].sum()))
    chosen: list[IntArray] = []
    for face in ranked:
        first, last = detections.frames[face[0]], detections.frames[face[-1]]
        apart = all(last < detections.frames[other[0]] or first > detections.frames[other[-1]] for other in chosen)
        if apart and (not chosen or np.median(sizes[face]) >= min_size * np.median(sizes[chosen[0]])):
            chosen.append(face)
    return sorted(chosen, key=lambda face: int(detections.frames[face[0]]))


def largest_face(detections: Detections, faces: Sequence[IntArray]) -> list[IntArray]:
    """Choose the largest face of every frame, whoever it is; a stretch of one person is one array of rows."""
    owner = np.full(len(detections.frames), -1)
    for number, face in enumerate(faces):
        owner[face] = number
    known = np.flatnonzero(owner >= 0)
    # Sorted by frame, then by size: the last row of each frame is its largest face.
    order = known[np.lexsort((_sizes(detections.boxes[known]), detections.frames[known]))]
    best = order[np.append(np.diff(detections.frames[order]) > 0, True)[: len(order)]]
    return [part for part in np.split(best, np.flatnonzero(np.diff(owner[best])) + 1) if len(part)]


def interpolate(
    values: FloatArray, times: FloatArray, parts: Sequence[IntArray], at: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Values between detections, along straight lines within each part and never from one part to the next.

    Nothing is held beyond the first and the last detection of a part.

    Parameters
    ----------
    values : FloatArray, shape (N, K)
    times : FloatArray, shape (N,)
        s, of the rows of ``values``.
    parts : sequence of IntArray
        Rows that belong together, in time order; parts in time order.
    at : FloatArray, shape (T,)
        s, rising.

    Returns
    -------
    values : FloatArray, shape (T, K)
        Zeros where there is nothing.
    observed : BoolArray, shape (T,)
    """
    result = np.zeros((len(at), values.shape[1]))
    observed = np.zeros(len(at), dtype=bool)
    for rows in parts:
        known = times[rows]
        inside = np.flatnonzero((at >= known[0] - _TOLERANCE) & (at <= known[-1] + _TOLERANCE))
        for column in range(values.shape[1]):
            result[inside, column] = np.interp(at[inside], known, values[rows, column])
        observed[inside] = True
    return result, observed


def _may_continue(last: int, frame: int, times: FloatArray, max_gap: Seconds) -> bool:
    """Between successive frames no time counts: a slow video has no frames there that could show otherwise."""
    return last == frame - 1 or bool(times[frame] - times[last] <= max_gap + _TOLERANCE)


def _sizes(boxes: FloatArray) -> FloatArray:
    """Side of the square of equal area, px, (N,)."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    sides: FloatArray = np.sqrt(np.maximum(0, width) * np.maximum(0, height))
    return sides


def _nearness(earlier: FloatArray, later: FloatArray) -> FloatArray:
    """How likely two boxes are one face, (A, B) up to 1: overlap (IoU), or closeness of centres in face sizes."""
    before, after = earlier[:, None], later[None]
    overlap = np.maximum(0, np.minimum(before[..., 2:], after[..., 2:]) - np.maximum(before[..., :2], after[..., :2]))
    shared = overlap.prod(axis=-1)
    size_before, size_after = _sizes(earlier)[:, None], _sizes(later)[None]
    union = np.maximum(size_before**2 + size_after**2 - shared, 1e-9)
    centres = (before[..., :2] + before[..., 2:] - after[..., :2] - after[..., 2:]) / 2
    distance = np.hypot(centres[..., 0], centres[..., 1]) / np.maximum((size_before + size_after) / 2, 1e-9)
    alike = np.maximum(size_before, size_after) <= SIZE_CHANGE * np.minimum(size_before, size_after)
    near: FloatArray = np.where(alike, np.maximum(shared / union, 1 - distance), 0.0)
    return near
