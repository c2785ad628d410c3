"""OpenFace's CSV files: what is read, what counts as observed, what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from mmfeat import registry
from mmfeat.clip_cache import ClipCache
from mmfeat.errors import ConfigError, ExtractionFailed, MissingDependency
from mmfeat.extractors import openface
from mmfeat.extractors.openface import GROUPS, Config
from mmfeat.faces import FaceConfig, FaceTrack
from mmfeat.steps.features import ExtractorChoice, extract_frames
from mmfeat.types import Frames, Half, Utterance, Word
from mmfeat.word_alignment import align_frames

ABOUT = ("frame", "face_id", "timestamp", "confidence", "success")
EVERYTHING = tuple(name for group in GROUPS.values() for name in group)
SMALL = ("pose", "presences")  # groups of most tests below
COLUMNS = (*GROUPS["pose"], *GROUPS["presences"])


def row_of(number: int, *, face: int = 0, confidence: float = 0.98, success: int = 1, width: int = 24) -> list[object]:
    """A row at 25 frames per second, all features the frame's number over 100, presences 0 and 1."""
    cells: list[object] = [number, face, f"{(number - 1) / 25:.3f}", confidence, success]
    return [*cells, *(f"{number / 100:.3f}" for _ in range(min(width, 6))), *(number % 2 for _ in range(width - 6))]


def write(path: Path, rows: Sequence[Sequence[object]], columns: Sequence[str] = (*ABOUT, *COLUMNS)) -> Path:
    """As OpenFace 2 does: a blank after every comma, a line end after every row."""
    path.parent.mkdir(exist_ok=True)
    lines = [", ".join(map(str, cells)) for cells in (columns, *rows)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def seen(media: str = "clip.mp4", start: float = 0.0, end: float | None = None, half: Half | None = None) -> FaceTrack:
    """A stretch of a clip; openface looks at nothing else of a track."""
    none = np.zeros(0, dtype=np.float32)
    return FaceTrack(
        Path("clips") / media,
        np.zeros(0),
        none.reshape(0, 4),
        none.reshape(0, 5, 2),
        np.zeros(0, dtype=bool),
        FaceConfig(),
        start,
        end,
        half,
    )


def frames_of(folder: Path, signal: FaceTrack | None = None, **settings: object) -> Frames:
    config = Config(folder, **{"columns": SMALL, **settings})  # type: ignore[arg-type]
    return openface.build(config)(signal or seen())


def test_a_file_of_openface_2_gives_a_frame_per_row(tmp_path: Path):
    write(tmp_path / "clip.csv", [row_of(number) for number in range(1, 5)])
    frames = frames_of(tmp_path)
    np.testing.assert_allclose(frames.times, [0.0, 0.04, 0.08, 0.12])
    np.testing.assert_allclose(frames.values[:, 0], [0.01, 0.02, 0.03, 0.04])
    assert frames.values.dtype == np.float32
    assert frames.observed.all()
    assert frames.names == (*GROUPS["pose"], *GROUPS["presences"])


def test_all_groups_are_the_709_columns_of_openface_2(tmp_path: Path):
    assert len(set(EVERYTHING)) == len(EVERYTHING) == 709
    shuffled = list(reversed(EVERYTHING))  # found by name, not by place
    cells = [f"{EVERYTHING.index(name) % 2}" for name in shuffled]
    write(tmp_path / "clip.csv", [[1, 0, 0.0, 0.9, 1, *cells]], (*ABOUT, *shuffled))
    frames = frames_of(tmp_path, columns=("all",))
    assert frames.names == EVERYTHING
    np.testing.assert_array_equal(frames.values[0], np.arange(709) % 2)


def test_by_default_there_are_gaze_pose_and_action_units(tmp_path: Path):
    write(tmp_path / "clip.csv", [[1, 0, 0.0, 0.9, 1, *[0] * 709]], (*ABOUT, *EVERYTHING))
    built = registry.build("mmfeat.extractors", "openface", {"folder": str(tmp_path)})
    assert len(built.names) == 49
    assert not {"x_0", "eye_lmk_x_0", "p_0"} & set(built.names)


def test_groups_may_be_chosen_as_text_and_come_in_the_order_of_the_file(tmp_path: Path):
    write(tmp_path / "clip.csv", [row_of(1)])
    built = registry.build("mmfeat.extractors", "openface", {"folder": tmp_path, "columns": "presences,pose"})
    assert built.names == COLUMNS
    assert built.source.config == {"columns": ["pose", "presences"], "min_confidence": 0.0}


def test_the_stretch_is_half_open_and_rounding_does_not_move_it(tmp_path: Path):
    thirds = [[1, 0, f"{number / 30:.3f}", 0.9, 1, *[0] * 24] for number in range(30)]
    write(tmp_path / "clip.csv", thirds)
    parts = [frames_of(tmp_path, seen(start=start, end=start + 1 / 3)) for start in (0.0, 1 / 3, 2 / 3)]
    assert [len(part.times) for part in parts] == [10, 10, 10]
    assert parts[1].times[0] == pytest.approx(0.333)


def test_rows_without_success_or_confidence_are_not_observed(tmp_path: Path):
    rows = [row_of(1), row_of(2, success=0), row_of(3, confidence=0.5), row_of(4)]
    write(tmp_path / "clip.csv", rows)
    frames = frames_of(tmp_path, min_confidence=0.7)
    assert frames.observed.tolist() == [True, False, False, True]
    assert not frames.values[1:3].any()


@pytest.mark.parametrize("cell", ["nan", "-nan", "-nan(ind)", "inf", "-inf", "-1.#IND", "1.#INF", "1e300", ""])
def test_a_row_with_a_cell_that_is_no_finite_number_is_not_observed(tmp_path: Path, cell: str):
    broken = row_of(2)
    broken[7] = cell
    write(tmp_path / "clip.csv", [row_of(1), broken, row_of(3)])
    frames = frames_of(tmp_path)
    assert frames.observed.tolist() == [True, False, True]
    assert not frames.values[1].any()


def test_of_several_faces_the_surest_over_the_utterance_is_kept_and_named(tmp_path: Path):
    rows = [row_of(1, face=0, confidence=0.99)]
    for number in range(2, 6):
        rows += [row_of(number, face=0, success=0), row_of(number, face=7, confidence=0.8)]
    write(tmp_path / "clip.csv", rows)
    frames = frames_of(tmp_path)
    np.testing.assert_allclose(frames.times, [0.04, 0.08, 0.12, 0.16])
    assert frames.observed.all()
    assert frames.source.config["face_id"] == 7
    assert "face_id" in frames_of(tmp_path, seen(end=0.04)).source.config
    assert frames_of(tmp_path, seen(end=0.04)).source.config["face_id"] == 0


def test_a_face_that_was_away_lends_its_last_frame_to_no_word(tmp_path: Path):
    present = [row_of(number) for number in (1, 2, 3, 101, 102, 103)]  # 0 to 0.08 s and 4 to 4.08 s
    write(tmp_path / "clip.csv", present)
    words = [Word("here", 0.0, 0.1), Word("away", 1.0, 1.5), Word("back", 4.0, 4.1)]
    _, observed = align_frames(frames_of(tmp_path), words)
    assert observed.tolist() == [True, False, True]


def test_files_of_openface_1_are_read(tmp_path: Path):
    older = ("frame", "timestamp", "confidence", "success", *GROUPS["gaze"][:-1], "gaze_2_z", *GROUPS["pose"])
    write(tmp_path / "clip.csv", [[1, 0.0, 0.93, 1, 1, 2, 3, 4, 5, 6, *[0] * 6]], older)
    frames = frames_of(tmp_path, columns=("gaze", "pose"))
    assert frames.values[0, :6].tolist() == [1, 2, 3, 4, 5, 6]
    assert "face_id" not in frames.source.config


def test_an_empty_stretch_gives_no_frames(tmp_path: Path):
    write(tmp_path / "clip.csv", [row_of(1), row_of(2)])
    assert frames_of(tmp_path, seen(start=5.0, end=5.0)).values.shape == (0, 24)
    assert frames_of(tmp_path, seen(start=0.01, end=0.02)).values.shape == (0, 24)


def test_each_half_of_a_picture_of_two_has_a_file_of_its_own(tmp_path: Path):
    write(tmp_path / "clip.left.csv", [row_of(1)])
    assert len(frames_of(tmp_path, seen(half="left")).times) == 1
    with pytest.raises(ExtractionFailed, match=r"no file .*clip\.right\.csv"):
        frames_of(tmp_path, seen(half="right"))


def test_the_provenance_names_the_file_by_content_and_no_folder(tmp_path: Path):
    path = write(tmp_path / "clip.csv", [row_of(1)])
    source = frames_of(tmp_path).source
    assert source.sources == {"clip.csv": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert str(tmp_path) not in str(source)


def test_a_file_that_changes_is_read_again(tmp_path: Path):
    write(tmp_path / "clip.csv", [row_of(1), row_of(2)])
    extractor = openface.build(Config(tmp_path, SMALL))
    before = len(extractor(seen()).times)
    write(tmp_path / "clip.csv", [row_of(1), row_of(2), row_of(3)])
    assert (before, len(extractor(seen()).times)) == (2, 3)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path):
    path = write(tmp_path / "clip.csv", [row_of(1), row_of(2)])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(frames_of(tmp_path).times) == 2


def cut_in_a_row(text: str) -> str:
    return text[:-30]


def cut_in_the_last_cell(text: str) -> str:
    return text[:-1]


def without_rows(text: str) -> str:
    return text.partition("\n")[0] + "\n"


def without_anything(text: str) -> str:
    return ""


def with_a_word(text: str) -> str:
    return text.replace("0.020", "fast")


def with_semicolons(text: str) -> str:
    return text.replace(",", ";")


def of_pictures(text: str) -> str:
    return text.replace("frame, face_id, timestamp", "face, x, y")


def without_pose(text: str) -> str:
    return text.replace("pose_", "place_")


def without_order(text: str) -> str:
    return text.replace("0.040", "0.000")


def through_a_spreadsheet(text: str) -> str:
    return text.replace(", 1\n", ", 100\n")


def without_a_time(text: str) -> str:
    return text.replace("0.040", "nan")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut_in_a_row, "cut off in its last one.*run OpenFace on the clip again"),
        (cut_in_the_last_cell, "cut off in its last one"),
        (without_rows, "has no rows"),
        (without_anything, "lacks 27 of 27 columns"),
        (with_a_word, "cannot be read .*fast.*expected a number in every cell"),
        (with_semicolons, "lacks 27 of 27 columns .*separated by commas"),
        (of_pictures, r"lacks 1 of 27 columns \(timestamp\).*FaceLandmarkImg knows no times"),
        (without_pose, r"lacks 6 of 27 columns \(pose_Tx, .*or choose others with columns="),
        (without_order, "0.000 s comes after one that is not earlier"),
        (through_a_spreadsheet, "AU45_c is 100; expected 0 or 1; a spreadsheet"),
        (without_a_time, "a timestamp or face_id is no number"),
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, damage: Callable[[str], str], message: str):
    path = write(tmp_path / "clip.csv", [row_of(number) for number in range(1, 4)])
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ExtractionFailed, match=message):
        frames_of(tmp_path)


def test_a_file_that_ends_before_the_utterance_is_an_error(tmp_path: Path):
    write(tmp_path / "clip.csv", [row_of(1), row_of(2)])
    with pytest.raises(ExtractionFailed, match=r"ends at 0.040 s; expected frames from 7.000 s on"):
        frames_of(tmp_path, seen(start=7.0, end=9.0))


@pytest.mark.parametrize("settings", [{"columns": ()}, {"min_confidence": 1.5}, {"min_confidence": float("nan")}])
def test_settings_out_of_range_are_refused(tmp_path: Path, settings: dict[str, object]):
    with pytest.raises(ConfigError, match="openface: columns=.*expected one or more of all, gaze"):
        Config(tmp_path, **settings)  # type: ignore[arg-type]


def test_a_folder_without_files_says_how_to_make_them(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(MissingDependency, match="finds no CSV files in .*run OpenFace's FeatureExtraction -f"):
            openface.build(Config(folder))


def test_one_clip_without_a_file_is_a_row_of_the_ledger(make_clip: Callable[..., Path], tmp_path: Path):
    clips = [make_clip(tmp_path / f"{name}.mp4", 0.2, size=(64, 64), tone=None) for name in ("a", "b")]
    write(tmp_path / "csv" / "b.csv", [row_of(number) for number in range(1, 6)])
    choice = ExtractorChoice("openface", {"folder": tmp_path / "csv", "columns": "pose,presences"})
    utterances = [Utterance(clip.stem, clip) for clip in clips]
    done, failures = extract_frames(utterances, choice, choice.build(), ClipCache(tmp_path / "cache"))
    assert [(failure.id, failure.stage) for failure in failures] == [("a", "openface")]
    assert "no file" in failures[0].reason
    frames = done.get("b")
    assert frames is not None
    assert frames.observed.tolist() == [True] * 5
