"""The face track: found where it is, followed, cut out, and never invented."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmfeat.errors import ConfigError, ExtractionFailed, FormatError
from mmfeat.faces import FaceConfig, FaceTrack, load_track, picture_size, read_pictures, save_track, track_face
from mmfeat.faces.alignment import EYE_DISTANCE, EYE_HEIGHT, cut_out, eye_similarity
from mmfeat.faces.detection import Detections, FaceDetector, pyramid, strongest
from mmfeat.faces.tracking import interpolate, largest_face, link, main_face

MakeClip = Callable[..., Path]
PORTRAIT = (slice(0, 256), slice(100, 356))  # of scikit-image's astronaut: 256 x 256 px, the face about 87 x 110
FACE = (slice(55, 180), slice(75, 175))  # within the portrait
EVERY_FRAME = FaceConfig(crops_per_second=None)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[PORTRAIT])


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="module")
def talk(make_clip: MakeClip, portrait: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of the portrait, drifting to the right by 40 px/s."""
    path = tmp_path_factory.mktemp("faces") / "talk.mp4"
    return make_clip(path, 1.0, size=(256, 256), tone=None, picture=lambda t: np.roll(portrait, round(40 * t), axis=1))


def disturbed(portrait: np.ndarray, disturb: Callable[[np.ndarray], np.ndarray]) -> Callable[[float], np.ndarray]:
    """The portrait, but from 1 s to 2 s what ``disturb`` makes of it."""
    other = disturb(portrait.copy())
    return lambda time: other if 1 <= time < 2 else portrait


def covered(picture: np.ndarray) -> np.ndarray:
    picture[FACE] = 40
    return picture


def turned_away(picture: np.ndarray) -> np.ndarray:
    """The back of a head: the face's place filled with hair, taken from above the forehead."""
    hair = picture[25:45, 95:145]
    picture[FACE] = np.tile(hair, (7, 2, 1))[:125, :100]
    return picture


def absent(picture: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, picture.shape, dtype=np.uint8)


def small(picture: np.ndarray) -> np.ndarray:
    """The whole portrait on 28 px, so that the face is 12 px high."""
    from skimage.transform import resize

    result = np.full_like(picture, 90)
    result[100:128, 100:128] = (resize(picture, (28, 28), anti_aliasing=True) * 255).astype(np.uint8)
    return result


def found(boxes: np.ndarray, frames: list[int]) -> Detections:
    count = len(frames)
    return Detections(np.array(frames), np.asarray(boxes, float), np.ones(count), np.zeros((count, 5, 2)))


def square(x: float, y: float, side: float = 100.0) -> list[float]:
    return [x, y, x + side, y + side]


def test_detections_are_those_of_facenet_pytorch(detector: FaceDetector, portrait: np.ndarray):
    from facenet_pytorch import MTCNN

    images = np.stack([portrait, np.roll(portrait, 20, axis=0), portrait[:, ::-1]])
    boxes, probabilities, landmarks = MTCNN(keep_all=True).detect(images, landmarks=True)
    ours = detector(images, pyramid(256, 256, 256, 20.0001))
    np.testing.assert_array_equal(ours.frames, [0, 1, 2])
    np.testing.assert_allclose(ours.boxes, np.concatenate(list(boxes)).astype(float), atol=1e-3)
    np.testing.assert_allclose(ours.landmarks, np.concatenate(list(landmarks)).astype(float), atol=1e-3)
    np.testing.assert_allclose(ours.probabilities, np.concatenate(list(probabilities)).astype(float), atol=1e-5)


def test_the_pyramid_keeps_mtcnns_own_levels():
    whole = pyramid(1280, 1280, 720, 20.0)
    np.testing.assert_allclose(whole, 0.6 * 0.709 ** np.arange(len(whole)))
    shrunk_frame = pyramid(1280, 640, 360, 40.0)
    assert 12 / shrunk_frame[0] <= 40 < 12 / shrunk_frame[0] / 0.709
    np.testing.assert_allclose(shrunk_frame / 2, whole[4 : 4 + len(shrunk_frame)])
    assert len(pyramid(30, 30, 30, 40.0)) == 0


def test_a_frame_without_candidates_has_no_faces(detector: FaceDetector):
    grey = np.full((2, 120, 160, 3), 128, np.uint8)
    assert len(detector(grey, pyramid(160, 160, 120, 40)).frames) == 0
    assert len(detector(grey, np.zeros(0)).frames) == 0


@pytest.mark.parametrize("within_smaller", [False, True])
def test_suppression_is_the_greedy_one(rng: np.random.Generator, within_smaller: bool):
    corner = rng.uniform(0, 100, (80, 2))
    boxes = np.concatenate((corner, corner + rng.uniform(20, 60, (80, 2)), rng.uniform(size=(80, 1))), axis=1)
    frames = rng.integers(0, 3, 80)
    one = 1 if within_smaller else 0

    def overlap(a: np.ndarray, b: np.ndarray) -> float:
        shared = np.maximum(0, np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2]) + one).prod()
        areas = [(box[2:4] - box[:2] + one).prod() for box in (a, b)]
        return shared / (min(areas) if within_smaller else sum(areas) - shared)

    expected: list[int] = []
    for row in np.lexsort((-boxes[:, 4], frames)).tolist():
        if all(frames[k] != frames[row] or overlap(boxes[k], boxes[row]) <= 0.5 for k in expected):
            expected.append(row)
    assert strongest(boxes, frames, 0.5, within_smaller).tolist() == expected


def test_a_moving_face_is_one_face():
    detections = found([square(10 * frame, 0) for frame in range(5)], [0, 1, 2, 3, 4])
    faces = link(detections, np.arange(5) * 0.1, max_gap=0.3)
    assert [face.tolist() for face in faces] == [[0, 1, 2, 3, 4]]


def test_two_faces_stay_apart():
    boxes = [box for frame in range(4) for box in (square(5 * frame, 0), square(300 - 5 * frame, 0))]
    faces = link(found(boxes, [0, 0, 1, 1, 2, 2, 3, 3]), np.arange(4) * 0.1, max_gap=0.3)
    assert [face.tolist() for face in faces] == [[0, 2, 4, 6], [1, 3, 5, 7]]


def test_a_face_is_waited_for_during_the_gap_only():
    detections = found([square(0, 0)] * 4, [0, 1, 3, 9])
    faces = link(detections, np.arange(10) * 0.1, max_gap=0.3)
    assert [face.tolist() for face in faces] == [[0, 1, 2], [3]]


def test_successive_frames_of_a_slow_video_are_linked():
    faces = link(found([square(0, 0)] * 2, [0, 1]), np.array([0.0, 2.0]), max_gap=0.3)
    assert [face.tolist() for face in faces] == [[0, 1]]


def test_a_face_of_another_size_or_place_is_another():
    faces = link(found([square(0, 0), square(0, 0, 300), square(900, 0)], [0, 1, 1]), np.arange(2) * 0.1, 0.3)
    assert [face.tolist() for face in faces] == [[0], [1], [2]]


def test_the_speaker_is_largest_for_longest():
    boxes = [square(0, 0, 200), square(500, 0, 100), square(500, 0, 100), square(500, 0, 100)]
    detections = found(boxes, [0, 0, 1, 2])
    assert [part.tolist() for part in main_face(detections, [np.array([0]), np.array([1, 2, 3])], 0.5)] == [[1, 2, 3]]


def test_the_speaker_may_come_back_but_a_bystander_may_not_step_in():
    boxes = [square(0, 0), square(0, 0), square(300, 0, 30), square(300, 0, 30), square(50, 0), square(50, 0)]
    detections = found(boxes, [0, 1, 4, 5, 8, 9])
    faces = [np.array([0, 1]), np.array([2, 3]), np.array([4, 5])]
    assert [part.tolist() for part in main_face(detections, faces, 0.5)] == [[0, 1], [4, 5]]


def test_the_largest_face_may_change_person():
    boxes = [square(0, 0, 100), square(500, 0, 80), square(0, 0, 100), square(500, 0, 120)]
    detections = found(boxes, [0, 0, 1, 1])
    parts = largest_face(detections, [np.array([0, 2]), np.array([1, 3])])
    assert [part.tolist() for part in parts] == [[0], [3]]
    assert largest_face(found(np.zeros((0, 4)), []), []) == []


def test_values_between_detections_lie_on_straight_lines():
    values, observed = interpolate(
        np.array([[0.0], [10.0]]), np.array([0.0, 0.2]), [np.array([0, 1])], np.array([0.0, 0.05, 0.1, 0.2])
    )
    np.testing.assert_allclose(values[:, 0], [0, 2.5, 5, 10])
    assert observed.all()


def test_nothing_is_interpolated_from_one_part_to_the_next():
    times = np.arange(8) * 0.1
    parts = [np.array([0, 1]), np.array([2, 3])]
    values, observed = interpolate(np.ones((4, 1)), times[[0, 1, 5, 6]], parts, times)
    assert observed.tolist() == [True, True, False, False, False, True, True, False]
    assert not values[~observed].any()


def test_both_eyes_come_to_fixed_places_however_the_head_is_held():
    upright = np.array([[100.0, 100], [140, 100], [120, 120], [105, 140], [135, 140]])
    angle, scale = 0.5, 1.7
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = np.stack([upright, upright @ turn.T + [30, -20]])
    boxes = np.array([[80.0, 50, 160, 170], [0, 0, 136, 204]])
    for similarity, points in zip(eye_similarity(landmarks, boxes), landmarks, strict=True):
        for side, eye in ((-1, points[0]), (1, points[1])):
            place = similarity @ [0.5 + side * EYE_DISTANCE / 2, EYE_HEIGHT, 1]
            np.testing.assert_allclose(place, eye)


def test_a_turned_head_is_not_blown_up():
    eyes = np.array([[[100.0, 100], [104, 100], [0, 0], [0, 0], [0, 0]], [[100.0, 100]] * 2 + [[0, 0]] * 3])
    boxes = np.array([[60.0, 50, 150, 170]] * 2)
    sides = np.hypot(*eye_similarity(eyes, boxes)[:, :, 0].T)
    assert (sides > 0.7 * 120).all()


def test_a_crop_at_the_same_size_is_the_picture(rng: np.random.Generator):
    image = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    here = np.array([[32.0, 0, 9.5], [0, 32, 19.5]])  # the crop's corner is the corner of pixel (20, 10)
    np.testing.assert_array_equal(cut_out(image, here, 32), image[20:52, 10:42])


def test_a_crop_is_turned_with_the_face(rng: np.random.Generator):
    image = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    upside_down = np.array([[-32.0, 0, 41.5], [0, -32, 51.5]])
    np.testing.assert_array_equal(cut_out(image, upside_down, 32), image[20:52, 10:42][::-1, ::-1])


def test_fine_detail_is_averaged_not_folded():
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 200
    crop = cut_out(stripes, np.array([[128.0, 0, -0.5], [0, 128, -0.5]]), 32)
    np.testing.assert_allclose(crop, 100, atol=1)


def test_beyond_the_picture_its_edge_is_repeated():
    image = np.full((40, 40, 3), 7, np.uint8)
    assert (cut_out(image, np.array([[64.0, 0, 30], [0, 64, -100]]), 16) == 7).all()


def test_the_face_is_followed(talk: Path):
    track = track_face(talk, FaceConfig())
    assert track.observed.all()
    np.testing.assert_allclose(track.times, np.arange(10) / 10, atol=0.04)
    centres = (track.boxes[:, 0] + track.boxes[:, 2]) / 2
    np.testing.assert_allclose(centres - 40 * track.times, centres[0], atol=5)
    assert track.boxes.dtype == track.landmarks.dtype == np.float32
    inside = (track.landmarks >= track.boxes[:, None, :2]) & (track.landmarks <= track.boxes[:, None, 2:])
    assert inside.all()


def test_the_same_clip_gives_the_same_track(talk: Path):
    one, other = (track_face(talk, EVERY_FRAME) for _ in range(2))
    np.testing.assert_array_equal(one.boxes, other.boxes)
    np.testing.assert_array_equal(one.landmarks, other.landmarks)


def test_every_frame_can_be_tracked_with_detections_between(talk: Path):
    dense = track_face(talk, FaceConfig(crops_per_second=None, detections_per_second=None))
    sparse = track_face(talk, FaceConfig(crops_per_second=None, detections_per_second=5))
    assert len(dense.times) == len(sparse.times) == 25
    assert sparse.observed.all()
    np.testing.assert_allclose(sparse.boxes, dense.boxes, atol=6)


def test_a_stretch_of_a_clip_is_tracked(talk: Path):
    track = track_face(talk, EVERY_FRAME, start=0.4, end=0.8)
    np.testing.assert_allclose(track.times, np.arange(10, 20) / 25, atol=1e-3)
    assert track.observed.all()
    assert [len(rows) for rows, _ in track.crops(32)] == [10]


@pytest.mark.parametrize("disturb", [covered, turned_away, absent, small])
def test_where_there_is_no_face_none_is_invented(
    make_clip: MakeClip, tmp_path: Path, portrait: np.ndarray, disturb: Callable[[np.ndarray], np.ndarray]
):
    clip = make_clip(tmp_path / "clip.mp4", 3.0, size=(256, 256), tone=None, picture=disturbed(portrait, disturb))
    for config in (FaceConfig(), EVERY_FRAME, FaceConfig(crops_per_second=None, detections_per_second=5)):
        track = track_face(clip, config)
        away = (track.times >= 1 - 1e-3) & (track.times < 2 - 1e-3)
        assert not track.observed[away].any()
        assert not track.boxes[away].any()
        # Between the last detection and the gap nobody knows when the face went; one period is lost at most.
        period = 1 / config.detections_per_second + 0.04
        sure = (track.times < 1 - period) | (track.times > 2 + period)
        assert track.observed[sure].all()


def test_a_missed_blink_is_bridged(make_clip: MakeClip, tmp_path: Path, portrait: np.ndarray):
    hidden = covered(portrait.copy())
    clip = make_clip(
        tmp_path / "clip.mp4",
        1.0,
        size=(256, 256),
        tone=None,
        picture=lambda t: hidden if 0.4 <= t < 0.56 else portrait,
    )
    assert track_face(clip, FaceConfig()).observed.all()
    assert not track_face(clip, FaceConfig(max_gap=0.1)).observed.all()


def test_the_larger_of_two_faces_is_the_speaker(make_clip: MakeClip, tmp_path: Path, portrait: np.ndarray):
    from skimage.transform import resize

    scene = np.full((256, 448, 3), 90, np.uint8)
    scene[:, 192:] = portrait
    scene[40:220, 6:186] = (resize(portrait, (180, 180), anti_aliasing=True) * 255).astype(np.uint8)
    clip = make_clip(tmp_path / "two.mp4", 0.5, size=(448, 256), tone=None, picture=lambda t: scene)
    track = track_face(clip, FaceConfig())
    assert track.observed.all()
    assert (track.boxes[:, 0] > 192).all()


@pytest.fixture(scope="module")
def two(make_clip: MakeClip, portrait: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two people side by side, the right one nearer, and each of them alone; without loss."""
    near = np.ascontiguousarray(portrait[20:212, 30:222].repeat(4, axis=0).repeat(4, axis=1)[::3, ::3, ::-1])
    people = {"left": portrait, "right": near}
    people["both"] = np.concatenate((people["left"], people["right"]), axis=1)
    folder = tmp_path_factory.mktemp("two")
    return {
        name: make_clip(
            folder / f"{name}.mkv",
            0.4,
            size=picture.shape[1::-1],
            tone=None,
            codecs=("ffv1", None),
            pixel_format="bgr0",
            picture=lambda time, picture=picture: np.roll(picture, round(40 * time), axis=0),
        )
        for name, picture in people.items()
    }


@pytest.mark.parametrize("half", ["left", "right"])
def test_a_half_is_seen_as_if_it_were_the_whole_picture(two: dict[str, Path], half: str):
    alone = track_face(two[half], EVERY_FRAME)
    track = track_face(two["both"], EVERY_FRAME, half=half)
    assert track.observed.all()
    np.testing.assert_array_equal(track.boxes, alone.boxes)
    np.testing.assert_array_equal(track.landmarks, alone.landmarks)
    for (rows, crops), (expected_rows, expected) in zip(track.crops(48), alone.crops(48), strict=True):
        np.testing.assert_array_equal(rows, expected_rows)
        np.testing.assert_array_equal(crops, expected)


def test_a_half_is_shrunk_by_its_own_width_and_its_places_grow_back(two: dict[str, Path]):
    config = FaceConfig(crops_per_second=None, detection_width=128)
    shrunk = track_face(two["both"], config, half="right")
    np.testing.assert_allclose(shrunk.boxes, track_face(two["right"], config).boxes, atol=1)
    np.testing.assert_allclose(shrunk.boxes, track_face(two["both"], EVERY_FRAME, half="right").boxes, atol=8)


def test_without_a_half_the_nearer_of_the_two_is_followed(two: dict[str, Path]):
    track = track_face(two["both"], EVERY_FRAME)
    assert track.half is None
    assert (track.boxes[:, 0] > 256).all()


@pytest.mark.parametrize(("width", "side"), [(40, 20), (41, 20), (1, 1)])
def test_halves_are_equally_wide_and_meet_in_the_middle(make_clip: MakeClip, tmp_path: Path, width: int, side: int):
    ramp = np.tile(np.arange(width, dtype=np.uint8)[None, :, None], (16, 1, 3))
    options = {"codecs": ("png", None), "pixel_format": "rgb24", "tone": None}
    clip = make_clip(tmp_path / "ramp.mov", 0.04, size=(width, 16), picture=lambda t: ramp, **options)
    left, right = (next(iter(read_pictures(clip, half=half))).image[0, :, 0].tolist() for half in ("left", "right"))
    assert picture_size(clip, "left") == picture_size(clip, "right") == (side, 16)
    assert picture_size(clip) == (width, 16)
    assert (left, right) == (list(range(side)), list(range(width - side, width)))


def test_one_frame_is_enough(make_clip: MakeClip, tmp_path: Path, portrait: np.ndarray):
    clip = make_clip(tmp_path / "one.mp4", 0.04, size=(256, 256), tone=None, picture=lambda t: portrait)
    track = track_face(clip, FaceConfig())
    assert track.observed.tolist() == [True]


def test_a_frame_smaller_than_a_face_has_none(make_clip: MakeClip, tmp_path: Path):
    track = track_face(make_clip(tmp_path / "tiny.mp4", 0.2, size=(32, 16), tone=None), FaceConfig())
    assert len(track.times) == 2
    assert not track.observed.any()


def test_sound_alone_gives_an_empty_track(make_clip: MakeClip, tmp_path: Path):
    track = track_face(make_clip(tmp_path / "sound.wav", 0.5), FaceConfig())
    assert track.boxes.shape == (0, 4)
    assert track.landmarks.shape == (0, 5, 2)
    assert list(track.crops(32)) == []


def test_crops_show_the_eyes_at_their_places(talk: Path):
    track = track_face(talk, FaceConfig())
    rows, crops = next(track.crops(64))
    np.testing.assert_array_equal(rows, np.arange(10))
    assert crops.shape == (10, 64, 64, 3)
    # The drift is gone: what is left between crops is far less than between the frames.
    assert np.abs(crops[0].astype(float) - crops[-1]).mean() < 12


def test_only_observed_rows_are_cut_out(talk: Path):
    track = track_face(talk, EVERY_FRAME)
    seen = np.arange(25) % 3 > 0
    rows = np.concatenate([rows for rows, _ in replace(track, observed=seen).crops(16)])
    np.testing.assert_array_equal(rows, np.flatnonzero(seen))


def test_crops_of_another_file_are_refused(talk: Path, make_clip: MakeClip, tmp_path: Path):
    track = track_face(talk, FaceConfig())
    other = make_clip(tmp_path / "other.mp4", 1.0, size=(64, 64), fps=7, tone=None)
    with pytest.raises(ExtractionFailed, match="the file has changed: track it again"):
        list(replace(track, path=other).crops(16))


def test_a_file_that_became_shorter_is_refused(talk: Path, make_clip: MakeClip, tmp_path: Path):
    track = track_face(talk, FaceConfig())
    other = make_clip(tmp_path / "short.mp4", 0.5, size=(256, 256), tone=None)
    with pytest.raises(ExtractionFailed, match="has 5 frames; expected 10"):
        list(replace(track, path=other).crops(16))


def test_a_track_survives_the_disk(talk: Path, tmp_path: Path):
    track = track_face(talk, FaceConfig(max_gap=0.5), start=0.2, end=0.9, half="right")
    save_track(track, tmp_path / "track.npz")
    again = load_track(tmp_path / "track.npz", talk)
    assert (again.config, again.start, again.end, again.path) == (track.config, track.start, track.end, talk)
    assert again.half == "right"
    for name in ("times", "boxes", "landmarks", "observed"):
        np.testing.assert_array_equal(getattr(again, name), getattr(track, name))
        assert getattr(again, name).dtype == getattr(track, name).dtype


def test_a_track_that_says_nothing_of_halves_is_of_whole_pictures(talk: Path, tmp_path: Path):
    track = track_face(talk, FaceConfig())
    save_track(track, tmp_path / "track.npz")
    with np.load(tmp_path / "track.npz") as arrays:
        older = dict(arrays)
    settings = json.loads(str(older["settings"]))
    older["settings"] = np.array(json.dumps({key: settings[key] for key in settings if key != "half"}))
    np.savez(tmp_path / "older.npz", **older)
    again = load_track(tmp_path / "older.npz", talk)
    assert again.half is None
    np.testing.assert_array_equal(again.boxes, track.boxes)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 broken"])
def test_a_broken_track_file_is_reported(tmp_path: Path, content: bytes):
    (tmp_path / "track.npz").write_bytes(content)
    with pytest.raises(FormatError, match=r"track\.npz cannot be read .*; expected an npz with times, boxes"):
        load_track(tmp_path / "track.npz", tmp_path / "clip.mp4")


def test_all_wrong_settings_are_named_at_once():
    with pytest.raises(ConfigError, match=r"crops_per_second=0.*min_probability=2.*max_gap=-1") as caught:
        FaceConfig(crops_per_second=0, max_gap=-1, min_probability=2)
    assert "min_size" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.reference
def test_a_face_is_found_in_every_frame_of_grid(shared: Path):
    clips = sorted((shared / "grid").glob("*.mpg"))
    if not clips:
        pytest.skip("no GRID clips in ../shared")
    tracks: list[FaceTrack] = [track_face(clip, EVERY_FRAME) for clip in clips]
    assert {clip.name: float(track.observed.mean()) for clip, track in zip(clips, tracks, strict=True)} == {
        clip.name: 1.0 for clip in clips
    }
