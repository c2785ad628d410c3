"""Everything that users feed by mistake: one clear line, exit code 1, no traceback."""

from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

MMFEAT = str(Path(sys.executable).parent / "mmfeat")


def mmfeat(*arguments: object, cwd: Path | None = None) -> tuple[int, str]:
    """Run the installed command; gives exit code and stderr, which never holds a traceback."""
    done = subprocess.run([MMFEAT, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def demo(root: Path) -> Path:
    return root / "pipelines" / "demo"


@pytest.fixture(scope="module")
def film(demo: Path) -> Path:
    return sorted((demo / "clips").iterdir())[0]


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """One second of a faint hum."""
    return write_wav(tmp_path / "hum.wav", 0.01 * np.sin(np.arange(16000) * 0.05))


def write_wav(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def make_broken(kind: str, folder: Path, film: Path) -> Path:
    path = folder / f"{kind}.mp4"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("hello, I am a text file")
    elif kind == "truncated":
        data = film.read_bytes()
        path.write_bytes(data[: len(data) // 3])
    elif kind == "silent":
        path = write_wav(folder / "silent.wav", np.zeros(0))
    return path


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "truncated", "silent"])
def test_a_broken_clip_is_named_with_what_is_wrong(kind: str, tmp_path: Path, film: Path, demo: Path):
    path = make_broken(kind, tmp_path, film)
    arguments = ("--transcript", "hello there", "--output", tmp_path / "w.csv")
    code, err = mmfeat("words", path, *arguments)
    assert (code, path.name in err, "expected" in err) == (1, True, True), err
    given = ("--glove", demo / "glove.demo.txt", "--transcriber", "pocketsphinx")
    code, err = mmfeat("extract", path, *given, "--output", tmp_path / "x.h5")
    assert (code, path.name in err) == (1, True), err
    assert not (tmp_path / "x.h5").exists()


@pytest.mark.parametrize(
    ("transcript", "message"),
    [
        (" ".join(["extraordinary circumstances"] * 40), "expected"),
        ("", "no words"),
        ("привет как дела", "привет"),
    ],
)
def test_a_transcript_that_cannot_fit_is_reported(transcript: str, message: str, film: Path, tmp_path: Path):
    code, err = mmfeat("words", film, "--transcript", transcript, "--output", tmp_path / "w.csv")
    assert (code, message in err) == (1, True), err
    assert not (tmp_path / "w.csv").exists()


def test_no_transcript_names_both_ways_out(film: Path, demo: Path, tmp_path: Path):
    code, err = mmfeat("extract", film, "--glove", demo / "glove.demo.txt", "--output", tmp_path / "x.h5")
    assert code == 1
    assert "--transcriber whisper" in err
    assert "--transcriber pocketsphinx" in err


def test_a_textgrid_with_overlapping_words_is_refused(film: Path, tmp_path: Path):
    tier = ['"IntervalTier"', '"words"', "0", "2", "2", "0", "1.2", '"so"', "0.8", "2", '"what"']
    grid = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", "2", "<exists>", "1", *tier]
    (tmp_path / "o.TextGrid").write_text("\n".join(grid))
    code, err = mmfeat("words", film, "--transcript", tmp_path / "o.TextGrid", "--output", tmp_path / "w.csv")
    assert (code, "overlap" in err, "what" in err) == (1, True, True), err


@pytest.mark.parametrize("line", ["bad 0.1 0.2", "bad 0.1 x 0.3"])
def test_a_broken_line_of_the_vectors_is_named(line: str, film: Path, tmp_path: Path):
    (tmp_path / "v.txt").write_text(f"good 0.1 0.2 0.3\n{line}\n")
    arguments = ("--transcriber", "pocketsphinx", "--output", tmp_path / "x.h5")
    code, err = mmfeat("extract", film, "--glove", tmp_path / "v.txt", *arguments)
    assert (code, "line 2" in err) == (1, True), err


def test_vectors_of_another_dimension_than_asked_for_are_refused(film: Path, demo: Path, tmp_path: Path):
    arguments = ("--set", "glove.dimension=300", "--transcriber", "pocketsphinx", "--output", tmp_path / "x.h5")
    code, err = mmfeat("extract", film, "--glove", demo / "glove.demo.txt", *arguments)
    assert (code, "300" in err) == (1, True), err


def test_vectors_that_are_not_there_say_where_to_get_them(film: Path, tmp_path: Path):
    arguments = ("--transcriber", "pocketsphinx", "--output", tmp_path / "x.h5")
    code, err = mmfeat("extract", film, *arguments)
    assert (code, "glove" in err.lower(), "expected" in err) == (1, True, True), err


def test_an_output_that_cannot_be_written_is_found_before_the_work(film: Path, demo: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    arguments = ("--glove", demo / "glove.demo.txt", "--transcriber", "pocketsphinx")
    code, err = mmfeat("extract", film, *arguments, "--output", tmp_path / "file" / "x.h5")
    assert (code, "cannot write" in err) == (1, True), err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "hgo.cells=3"), "expected PLUGIN.KEY=VALUE"),
        (("--set", "librosa33.hop=abc"), "librosa33"),
        (("--vision", "hgo"), "did you mean hog"),
        (("--aligner", "mfa"), "pocketsphinx"),
        (("--rule", "median"), "overlap or weighted"),
        (("--audio", "hog"), "expected one for audio"),
    ],
)
def test_a_misspelt_choice_is_answered_with_the_valid_ones(
    arguments: tuple[str, ...], message: str, film: Path, demo: Path, tmp_path: Path
):
    given = ("--glove", demo / "glove.demo.txt", "--transcriber", "pocketsphinx", "--output", tmp_path / "x.h5")
    code, err = mmfeat("extract", film, *given, *arguments)
    assert (code, message in err) == (1, True), err


def test_a_clip_of_one_frame_gives_an_artefact(film: Path, demo: Path, tmp_path: Path, make_clip):
    clip = make_clip(tmp_path / "one.mp4", seconds=0.1, fps=10, tone=None)
    code, err = mmfeat("extract", clip, "--glove", demo / "glove.demo.txt", "--output", tmp_path / "x.h5")
    assert code == 0, err
    assert mmfeat("validate", tmp_path / "x.h5")[0] == 0


def test_a_playlist_is_not_followed(film: Path, tmp_path: Path) -> None:
    playlist = tmp_path / "list.m3u8"
    lines = ("#EXTM3U", "#EXT-X-TARGETDURATION:10", "#EXTINF:3,", str(film), "#EXT-X-ENDLIST", "")
    playlist.write_text("\n".join(lines), encoding="utf-8")
    code, said = mmfeat("frames", playlist, "--extractor", "librosa33", "-o", tmp_path / "a.npz")
    assert code == 1
    assert "expected a sound or video file" in said
