"""The commands on real clips: what they write, what they print, how they fail."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmfeat import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process; gives exit code, stdout, stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["mmfeat", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def demo(root: Path) -> Path:
    return root / "pipelines" / "demo"


@pytest.fixture(scope="session")
def said(demo: Path) -> dict[str, dict[str, str]]:
    """Rows of the demo corpus's table that are ordinary talk, by id."""
    with (demo / "utterances.csv").open(encoding="utf-8") as handle:
        return {row["id"]: row for row in csv.DictReader(handle) if not row["note"]}


@pytest.fixture(scope="session")
def clip(demo: Path, said: dict[str, dict[str, str]]) -> tuple[Path, str]:
    """One talking clip and what it says."""
    row = next(iter(said.values()))
    return demo / row["media"], row["transcript"]


@pytest.fixture(scope="session")
def two_clips(tmp_path_factory: pytest.TempPathFactory, demo: Path, said: dict[str, dict[str, str]]) -> Path:
    """A folder of two talking clips with their transcripts beside them."""
    folder = tmp_path_factory.mktemp("two")
    for row in list(said.values())[:2]:
        media = demo / row["media"]
        (folder / media.name).write_bytes(media.read_bytes())
        (folder / f"{media.stem}.txt").write_text(row["transcript"])
    return folder


@pytest.fixture
def extracted(run: Run, two_clips: Path, demo: Path, tmp_path: Path) -> Path:
    output = tmp_path / "out.h5"
    code, _, err = run(
        "extract", two_clips, "--transcripts", two_clips, "--glove", demo / "glove.demo.txt", "--output", output
    )
    assert code == 0, err
    return output


def test_extract_makes_a_valid_artefact_with_every_modality(run: Run, extracted: Path):
    code, out, _ = run("info", extracted, "--json")
    summary = json.loads(out)
    assert code == 0
    assert summary["splits"] == {"all": 2}
    assert set(summary["dims"]) == {"text", "audio", "vision"}
    assert all(share > 0.9 for share in summary["observed"].values()), summary["observed"]
    assert run("validate", extracted)[:2] == (0, f"{extracted}: valid\n")


def test_extract_twice_gives_the_same_bytes_under_another_name(run: Run, extracted: Path, two_clips: Path, demo: Path):
    again = extracted.with_name("again.h5")
    vectors = demo / "glove.demo.txt"
    cache = extracted.with_name("other-cache")
    run("extract", two_clips, "--transcripts", two_clips, "--glove", vectors, "--cache", cache, "--output", again)
    assert again.read_bytes() == extracted.read_bytes()


@pytest.mark.slow
def test_two_workers_give_the_same_bytes_as_one(run: Run, extracted: Path, two_clips: Path, demo: Path):
    again = extracted.with_name("again.h5")
    arguments = ("--glove", demo / "glove.demo.txt", "--cache", extracted.with_name("c2"), "--workers", 2)
    code, _, err = run("extract", two_clips, "--transcripts", two_clips, *arguments, "--output", again)
    assert code == 0, err
    assert again.read_bytes() == extracted.read_bytes()


def test_a_second_run_computes_nothing(run: Run, extracted: Path, two_clips: Path, demo: Path):
    cache = extracted.with_name(".mmfeat-cache")
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}
    arguments = ("--transcripts", two_clips, "--glove", demo / "glove.demo.txt", "--output", extracted)
    assert run("extract", two_clips, *arguments)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()} == before


def test_one_bad_clip_goes_to_the_ledger_and_the_rest_goes_on(run: Run, two_clips: Path, demo: Path, tmp_path: Path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for path in two_clips.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "broken.mp4").write_text("this is not a film")
    arguments = ("--transcripts", folder, "--glove", demo / "glove.demo.txt", "--output", tmp_path / "x.h5", "--json")
    code, out, err = run("extract", folder, *arguments)
    assert code == 0, err
    assert json.loads(out)["splits"] == {"all": 2}
    rows = [json.loads(line) for line in (tmp_path / "x.ledger.jsonl").read_text().splitlines()]
    assert [(row["id"], row["stage"]) for row in rows] == [("broken", "media")]
    assert "broken" in err


def test_words_are_written_as_csv_textgrid_and_json(run: Run, clip: tuple[Path, str], tmp_path: Path):
    media, text = clip
    for suffix in ("csv", "TextGrid", "json"):
        code, _, err = run("words", media, "--transcript", text, "--output", tmp_path / f"w.{suffix}")
        assert code == 0, err
    with (tmp_path / "w.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == ["word", "start", "end", "score"]
    assert [row["word"] for row in rows] == text.split()
    assert all(0 <= float(row["start"]) < float(row["end"]) for row in rows)


@pytest.mark.parametrize("extractor", ["librosa33", "hog"])
def test_frames_of_one_extractor(run: Run, clip: tuple[Path, str], tmp_path: Path, extractor: str):
    code, _, err = run("frames", clip[0], "--extractor", extractor, "--output", tmp_path / "f.npz")
    assert code == 0, err
    with np.load(tmp_path / "f.npz", allow_pickle=False) as arrays:
        rows, columns = arrays["values"].shape
        assert rows > 5
        assert (arrays["names"].shape, arrays["times"].shape, arrays["observed"].shape) == (
            (columns,),
            (rows,),
            (rows,),
        )


def test_frames_of_the_text_extractor_need_a_transcript(run: Run, clip: tuple[Path, str], demo: Path, tmp_path: Path):
    vectors = ("--set", f"path={demo / 'glove.demo.txt'}")
    code, _, err = run("frames", clip[0], "--extractor", "glove", *vectors, "--output", tmp_path / "f.npz")
    assert (code, "expected --transcript" in err) == (1, True)
    given = ("--transcript", clip[1], *vectors)
    assert run("frames", clip[0], "--extractor", "glove", *given, "--output", tmp_path / "f.csv")[0] == 0
    assert len((tmp_path / "f.csv").read_text().splitlines()) == len(clip[1].split()) + 1


def test_a_picture_of_an_utterance(run: Run, extracted: Path, tmp_path: Path):
    ids = json.loads(run("info", extracted, "--json")[1])["ids"]["all"]
    code, _, err = run("plot", extracted, ids[0], "--output", tmp_path / "x.png")
    assert code == 0, err
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("extractor", ["covarep", "librosa33"])
def test_a_picture_of_the_frames_of_a_clip(run: Run, clip: tuple[Path, str], tmp_path: Path, extractor: str):
    output = tmp_path / "x.png"
    code, out, err = run("plot-frames", clip[0], "--extractor", extractor, "--output", output)
    assert (code, out) == (0, f"{output}\n"), err
    assert output.read_bytes().startswith(b"\x89PNG")
    assert 50_000 < output.stat().st_size < 2_000_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--output", "x.jpg"), "expected a name that ends in .png, .svg, .pdf"),
        (("--output", "x.png", "--extractor", "hog"), "extractor 'hog' is of vision; expected one of audio"),
        (("--output", "x.png", "--extractor", "glove"), "extractor 'glove' is of text; expected one of audio"),
        (("--output", "x.png", "--extractor", "covare"), "did you mean covarep?"),
        (("--output", "x.png", "--start", "2", "--end", "1"), "expected 0 <= start < end"),
        (("--output", "x.png", "--set", "mode"), "expected KEY=VALUE"),
    ],
)
def test_a_picture_of_frames_that_cannot_be_drawn_is_one_line(
    run: Run, clip: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple, message: str
):
    monkeypatch.chdir(tmp_path)
    code, _, err = run("plot-frames", clip[0], *arguments)
    assert (code, err.count("\n"), message in err) == (1, 1, True), err
    assert not list(tmp_path.iterdir())


def test_list_names_every_plugin(run: Run):
    rows = json.loads(run("list", "--json")[1])
    assert {"glove", "librosa33", "facenet", "hog", "folder", "pocketsphinx", "whisper"} <= {
        row["name"] for row in rows
    }


def test_doctor_says_what_is_missing_and_how_to_get_it(run: Run, demo: Path):
    code, out, _ = run("doctor", "--glove", demo / "glove.demo.txt", "--json")
    rows = {row["what"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["GloVe vectors"]["state"] == "ok"
    assert rows["forced aligner"]["state"] == "ok"
    missing = json.loads(run("doctor", "--json")[1])
    assert any(row["what"] == "GloVe vectors" and row["state"] == "missing" and row["detail"] for row in missing)


@pytest.mark.parametrize(
    "command", ["extract", "words", "frames", "info", "validate", "list", "doctor", "plot", "plot-frames"]
)
def test_every_command_has_an_example_in_its_help(run: Run, command: str):
    code, out, _ = run(command, "--help")
    assert (code, f"mmfeat {command}" in out) == (0, True)


def test_validate_shows_the_failures_and_exits_with_one(run: Run, tiny_artifact: Path):
    import h5py

    with h5py.File(tiny_artifact, "r+") as file:
        file["train/audio"][0, 0] = np.nan
    code, out, _ = run("validate", tiny_artifact)
    assert code == 1
    assert "1 rule(s) broken" in out
    assert "a: audio[0]" in out


def test_validate_shows_at_most_twenty_failures_and_the_count(run: Run, tmp_path: Path):
    import h5py
    from builders import description_of, rows_of, utterance_of, words_of

    from mmfeat import artifact

    path = tmp_path / "many.h5"
    utterances = [utterance_of(f"u{number}", words_of("x")) for number in range(30)]
    artifact.write(path, description_of(), utterances, rows_of, lambda utterance: "")
    with h5py.File(path, "r+") as file:
        file["all/text"][:] = np.inf
    out = run("validate", path)[1]
    assert "30 rule(s) broken" in out
    assert "... and 10 more" in out
    assert len(out.strip().splitlines()) == 22
