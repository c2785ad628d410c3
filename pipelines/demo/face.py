"""Faces of the demo corpus: the painted portrait bent into speakers and expressions.

Positions are pixels of scikit-image's ``astronaut`` picture until the very end. Each frame is one thin-plate-spline
warp from where the face's control points should be to where they are in the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.demo.portrait import SIZE, Array, Image, Looks, paint, wall

FRAME_RATE = 10
_STAGE = (135.0, 10.0, 180.0)  # left, top and edge of what the video shows of the picture
_NODE_STEP = 2  # px between the points where the warp is computed; between them it is interpolated
_MID_X, _MID_Y = 224.0, 125.0  # middle of the face
_NECK = np.array([225.0, 186.0])  # the head turns about this
_DARK_MOUTH = np.array([46.0, 16.0, 18.0])
_CARD, _CARD_LINES = (214, 208, 190), (150, 160, 190)  # RGB
_LIP_LINE = np.array([0.72, 0.38, 0.36])  # of the brightness there

# Control points by part of the face; left is the left of the picture.
_POINTS: dict[str, list[tuple[float, float]]] = {
    "left_brow": [(190, 90), (198, 88.5), (206, 90), (213, 92)],  # outer to inner
    "right_brow": [(263, 96.5), (255, 92.5), (246, 92), (238, 93.5)],
    "left_eye": [(192, 100.5), (203, 97), (214, 103), (203, 104.5)],  # outer, top, inner, bottom
    "right_eye": [(260, 104), (247, 99), (236, 105), (248, 106.5)],
    "nose": [(225, 108), (223, 127), (210, 128), (236, 129), (224, 133)],
    "corners": [(203, 139.5), (245, 141)],
    "upper_lip": [(213, 140), (223, 140), (234, 141)],
    "upper_edge": [(213, 143.5), (223, 144.2), (234, 143.5)],
    "lower_edge": [(212, 148), (223, 150), (234, 148)],
    "lower_lip": [(213, 153), (223, 155.5), (235, 153)],
    "folds": [(197, 136), (251, 138)],
    "cheeks": [(198, 121), (252, 122)],
    "chin": [(223, 164), (223, 177), (203, 172), (245, 172)],
    "jaw": [(183, 140), (189, 160), (267, 140), (258, 160)],
    "temples": [(183, 92), (183, 118), (268, 95), (270, 118)],
    "hair": [(154, 70), (157, 100), (176, 121), (195, 28), (230, 16), (265, 25), (290, 55), (301, 87), (288, 118)],
    "fringe": [(200, 79), (225, 79), (250, 85)],
    "neck": [(187, 178), (255, 182)],
    "body": [(135, 172), (135, 200), (170, 200), (225, 200), (280, 200), (315, 200), (315, 190)],
}
_PART = np.concatenate([[name] * len(points) for name, points in _POINTS.items()])
_REST = np.array([point for points in _POINTS.values() for point in points], float)


@dataclass(frozen=True)
class Acting:
    """Expression of one clip, frame by frame; every array is (T,)."""

    valence: Array  # -1 mouth down .. 1 smile
    anger: Array  # 0..1 brows together and down
    sorrow: Array  # 0..1 inner brows up, lids low
    opening: Array  # 0 mouth closed .. 1 wide open
    blink: Array  # 0 open .. 1 closed
    sway: Array  # (T, 3) px right, px down, radians
    turn: Array  # px that the middle of the face moves to the side


def draw(looks: Looks, acting: Acting, rng: np.random.Generator) -> Iterator[Image]:
    """Draw the frames of one clip, each ``(SIZE, SIZE, 3)``."""
    picture, alpha = paint(looks)
    layers = np.dstack([picture, alpha * 255])
    behind = wall(looks, rng)
    for t in range(len(acting.valence)):
        places = _pose(_express(_shape(looks), acting, t), acting, t)
        head = _warp(layers, places)
        cover = head[..., 3:] / 255
        frame = head[..., :3] * cover + behind * (1 - cover)
        frame = _open_mouth(frame, places)
        if looks.glasses:
            frame = _glasses(frame, places)
        frame = frame[:, ::-1] if looks.mirrored else frame
        yield np.ascontiguousarray(np.clip(frame * looks.light, 0, 255), np.uint8)


def cover_with_card(frame: Image, share: float) -> Image:
    """Hide the face behind a sheet of card; ``share`` 0..1 says how far it has risen from below."""
    top = round(SIZE * (1.0 - 0.92 * share))
    edge = SIZE // 8
    covered = frame.copy()
    covered[top:, edge : SIZE - edge] = _CARD
    covered[top + 6 :: 12, edge + 8 : SIZE - edge - 8] = _CARD_LINES
    return covered


def _shape(looks: Looks) -> Array:
    """Control points of a speaker's face at rest."""
    points = _REST.copy()
    x, y = points[:, 0].copy(), points[:, 1].copy()
    head = ~np.isin(_PART, ["body", "neck"])
    low = np.clip((y - _MID_Y) / 40, 0, 1)
    points[head, 0] = (_MID_X + (x - _MID_X) * looks.width * (1 + (looks.jaw - 1) * low))[head]
    points[head, 1] = (175 + (y - 175) * looks.length)[head]  # the chin stays: the collar is fixed
    hair = _PART == "hair"
    points[hair] = _NECK + (points[hair] - _NECK) * looks.hair
    side = np.sign(x - _MID_X)
    eyes = np.isin(_PART, ["left_eye", "right_eye", "left_brow", "right_brow"])
    points[eyes, 0] += (side * looks.eyes_apart)[eyes]
    points[np.isin(_PART, ["left_brow", "right_brow"]), 1] -= looks.brows
    nose = np.flatnonzero(_PART == "nose")[1:]
    points[nose, 1] += looks.nose
    mouth = np.isin(_PART, ["corners", "upper_lip", "upper_edge", "lower_edge", "lower_lip"])
    points[mouth, 0] = _MID_X + (points[mouth, 0] - _MID_X) * looks.mouth
    points[mouth, 1] += 0.6 * looks.nose
    return points


def _express(points: Array, acting: Acting, t: int) -> Array:
    """Bend the face at rest, which smiles as the portrait does, into the expression of frame ``t``."""
    points = points.copy()
    valence, anger, sorrow = acting.valence[t], acting.anger[t], acting.sorrow[t]
    _bend_mouth(points, float(valence), float(acting.opening[t]))
    smile = max(float(valence), 0.0)
    points[_PART == "cheeks", 1] += 2.5 - 4.0 * smile
    points[_PART == "folds"] += np.array([[2.5, 3.0], [-2.5, 3.0]]) * (1 - smile)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        brow = np.flatnonzero(_PART == f"{side}_brow")
        inner = np.array([0.0, 0.3, 0.75, 1.0])
        points[brow, 1] += anger * (-1.0 + 5.5 * inner) + sorrow * (2.5 - 7.0 * inner) - 2.0 * smile
        points[brow, 0] += sign * anger * 3.5 * inner
        eye = np.flatnonzero(_PART == f"{side}_eye")
        shut = max(float(acting.blink[t]), 0.35 * float(sorrow), 0.25 * float(anger), 0.2 * smile)
        height = points[eye[3], 1] - points[eye[1], 1]
        points[eye[1], 1] += 0.7 * height * shut - 1.2 * max(0.0, 1 - 2 * shut) * smile
        points[eye[3], 1] -= 1.5 * smile
        points[eye[0], 1] += 1.2 * sorrow
    return points


def _bend_mouth(points: Array, valence: float, opening: float) -> None:
    """Set lips and chin, in place, for a valence -1..1 and an opening 0..1."""
    corners = np.flatnonzero(_PART == "corners")
    less_smile = (1 - valence) / 2  # 0 as in the portrait .. 1 corners down
    points[corners[0]] += np.array([5.0, 10.5]) * less_smile
    points[corners[1]] += np.array([-5.0, 10.5]) * less_smile
    upper = _PART == "upper_edge"
    bow = np.array([1.0, 0.0, 1.0])
    drop = 5.5 * opening
    gap = 0.6 + 2.0 * max(valence, 0.0)  # a smile shows some teeth even when nothing is said
    lip_line = points[upper, 1] + 2.2 + less_smile * (1.5 * bow + 0.3)
    shift = lip_line - points[upper, 1]
    points[upper, 1] = lip_line - 0.25 * drop
    points[_PART == "upper_lip", 1] += 0.8 * shift - 0.25 * drop
    lower = _PART == "lower_edge"
    thickness = points[_PART == "lower_lip", 1] - points[lower, 1]
    points[lower, 1] = lip_line + gap + drop * np.array([0.8, 1.0, 0.8]) + 1.5 * max(valence, 0.0) * (1 - bow)
    points[_PART == "lower_lip", 1] = points[lower, 1] + thickness
    narrow = 1 - 0.12 * opening
    for name in ("corners", "upper_lip", "upper_edge", "lower_edge", "lower_lip"):
        part = name == _PART
        points[part, 0] = _MID_X + (points[part, 0] - _MID_X) * narrow
    points[_PART == "chin", 1] += np.array([0.8, 0.7, 0.5, 0.5]) * drop


def _pose(points: Array, acting: Acting, t: int) -> Array:
    """Turn and move the head; the body stays."""
    depth = {"nose": 1.0, "hair": -0.3, "temples": 0.1, "jaw": 0.1, "fringe": 0.5}
    weight = np.array([0.0 if part in ("body", "neck") else depth.get(part, 0.7) for part in _PART])
    points = points + np.column_stack([acting.turn[t] * weight, np.zeros(len(points))])
    right, down, angle = acting.sway[t]
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = _NECK + (points - _NECK) @ rotation + np.array([right, down])
    share = np.array([{"body": 0.0, "neck": 0.4}.get(part, 1.0) for part in _PART])[:, None]
    return np.asarray(points + (moved - points) * share)


def _warp(layers: Array, places: Array) -> Array:
    """Bend the picture so that its control points come to ``places``; (SIZE, SIZE, channels)."""
    from scipy.interpolate import RBFInterpolator
    from scipy.ndimage import map_coordinates

    spline = RBFInterpolator(places, _REST - places, kernel="thin_plate_spline", smoothing=0.2)
    left, top, edge = _STAGE
    nodes = np.arange(0, SIZE + _NODE_STEP, _NODE_STEP) * edge / SIZE
    grid = np.stack(np.meshgrid(nodes + left, nodes + top), axis=-1)
    offsets = spline(grid.reshape(-1, 2)).reshape(grid.shape)
    spread = _interpolation(len(nodes))
    source = np.einsum("in,nmc,jm->cij", spread, grid + offsets, spread, optimize=True)
    bent = [map_coordinates(layers[..., c], source[::-1], order=1, mode="nearest") for c in range(layers.shape[2])]
    return np.stack(bent, axis=-1)


def _interpolation(nodes: int) -> Array:
    """(SIZE, nodes) matrix that takes values at the nodes to values at every pixel."""
    position = np.arange(SIZE) / _NODE_STEP
    return np.asarray(np.maximum(0, 1 - np.abs(position[:, None] - np.arange(nodes))))


def _to_video(points: Array) -> Array:
    """Picture pixels to video pixels."""
    left, top, edge = _STAGE
    return np.asarray((points - np.array([left, top])) * SIZE / edge)


def _open_mouth(frame: Array, places: Array) -> Array:
    """Darken what lies between the upper teeth and the lower lip."""
    upper = _to_video(places[_PART == "upper_edge"])
    lower = _to_video(places[_PART == "lower_edge"])
    corners = _to_video(places[_PART == "corners"])
    across = np.arange(SIZE)
    outline = [np.vstack([corners[:1], edge, corners[1:]]) for edge in (upper, lower)]
    roof, floor = (_curve(across, edge) for edge in outline)
    rows = np.arange(SIZE)[:, None]
    teeth = np.minimum(3.0, 0.55 * (floor - roof))
    dark = np.clip(rows - roof - teeth + 0.5, 0, 1) * np.clip(floor - rows + 0.3, 0, 1)
    inside = np.clip(across - corners[0, 0], 0, 2) / 2 * np.clip(corners[1, 0] - across, 0, 2) / 2
    room = np.clip((floor - roof - 1.5) / 2, 0, 1)  # a closed mouth has no inside
    cover = (0.85 * dark * inside * room)[..., None]
    frame = frame * (1 - cover) + _DARK_MOUTH * cover
    middle = (roof + floor) / 2
    line = np.clip(1.5 - np.abs(rows - middle), 0, 1) * inside * (1 - room)  # lips that touch show no teeth
    cover = (0.8 * line)[..., None]
    return np.asarray(frame * (1 - cover) + frame.mean(axis=2, keepdims=True) * _LIP_LINE * cover)


def _curve(across: npt.NDArray[np.int64], edge: Array) -> Array:
    """Height of a lip line above each column: a parabola through its points."""
    order = np.argsort(edge[:, 0])
    return np.asarray(np.polyval(np.polyfit(edge[order, 0], edge[order, 1], 2), across))


def _glasses(frame: Array, places: Array) -> Array:
    """Draw thin dark rims round the eyes and a bridge between them."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    rims = np.zeros((SIZE, SIZE))
    centres = []
    for side in ("left", "right"):
        centre = _to_video(places[_PART == f"{side}_eye"]).mean(axis=0) + np.array([0, 1.0])
        distance = np.hypot((columns - centre[0]) / 1.2, rows - centre[1])
        rims = np.maximum(rims, np.clip(1.5 - np.abs(distance - 12), 0, 1))
        centres.append(centre)
    between = (columns > centres[0][0] + 13) & (columns < centres[1][0] - 13)
    level = np.interp(columns, [centres[0][0], centres[1][0]], [centres[0][1] - 3, centres[1][1] - 3])
    rims = np.maximum(rims, between * np.clip(1.4 - np.abs(rows - level), 0, 1))
    return np.asarray(frame * (1 - 0.8 * rims[..., None]) + 35 * 0.8 * rims[..., None])
