"""Word vectors: every kind of file, the cache that processes share, and which vector a word gets."""

from __future__ import annotations

import concurrent.futures
import gzip
import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from mmfeat import registry
from mmfeat.errors import ConfigError, FormatError, MissingDependency, OutputError
from mmfeat.extractors import glove
from mmfeat.extractors.glove import Config, Glove, build, keys_of
from mmfeat.types import FloatArray, Word

VECTORS: Mapping[str, tuple[float, ...]] = {
    "the": (0.5, -1.25, 3e-05),
    "day": (1.0, 2.0, -0.75),
    ". . .": (9.0, 9.0, 9.0),
    "naïve": (0.1, 0.2, 0.3),
}
ALL = sorted(VECTORS)

Write = Callable[..., Path]


def text_of(vectors: Mapping[str, tuple[float, ...]]) -> str:
    return "".join(f"{word} {' '.join(map(repr, vector))}\n" for word, vector in vectors.items())


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: str | bytes | None = None, name: str = "vectors.txt") -> Path:
        content = text_of(VECTORS) if content is None else content
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / name

    return write_file


def vectors_of(extractor: Glove, *texts: str) -> dict[str, FloatArray]:
    frames = extractor([Word(text, index, index + 0.5) for index, text in enumerate(texts)])
    return {text: frames.values[index] for index, text in enumerate(texts) if frames.observed[index]}


def assert_holds_all(extractor: Glove) -> None:
    found = vectors_of(extractor, *ALL)
    assert sorted(found) == ALL
    for word in ALL:
        np.testing.assert_array_equal(found[word], np.array(VECTORS[word], dtype=np.float32))


# --- kinds of files


def as_binary(line_end: bytes) -> bytes:
    rows = (
        word.encode() + b" " + np.array(row, "<f4").tobytes() + line_end
        for word, row in VECTORS.items()
        if " " not in word
    )
    return b"3 3\n" + b"".join(rows)


def zipped(path: Path, members: Mapping[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_glove_text_is_read_to_the_last_bit(write: Write):
    assert_holds_all(build(Config(write())))


def test_word2vec_text_with_its_header_is_read(write: Write):
    assert_holds_all(build(Config(write(f"4 3\n{text_of(VECTORS)}", "vectors.vec"))))


def test_trailing_spaces_tabs_and_windows_line_ends_do_no_harm(write: Write):
    text = text_of(VECTORS).replace("\n", " \r\n").replace("the ", "the\t") + "\r\n"
    assert_holds_all(build(Config(write(text))))


@pytest.mark.parametrize("line_end", [b"", b"\n"])
def test_word2vec_binary_is_read(write: Write, line_end: bytes):
    found = vectors_of(build(Config(write(as_binary(line_end), "vectors.bin"))), "the", "day", "naïve")
    np.testing.assert_array_equal(found["the"], np.array(VECTORS["the"], dtype=np.float32))
    assert len(found) == 3


def test_gzip_and_zip_are_read(write: Write, tmp_path: Path):
    assert_holds_all(build(Config(write(gzip.compress(text_of(VECTORS).encode()), "vectors.txt.gz"))))
    assert_holds_all(build(Config(zipped(tmp_path / "vectors.zip", {"vectors.txt": text_of(VECTORS)}))))


def test_dimension_picks_the_member_of_a_zip(tmp_path: Path):
    path = zipped(tmp_path / "g.zip", {"g.2d.txt": "the 1 2\n", "g.3d.txt": text_of(VECTORS)})
    assert_holds_all(build(Config(path, dimension=3)))
    assert len(build(Config(path, dimension=2)).names) == 2
    with pytest.raises(FormatError, match=r"holds g\.2d\.txt, g\.3d\.txt; expected one file of vectors; set dimension"):
        build(Config(path))


def test_files_written_by_gensim_give_the_same_vectors(tmp_path: Path, rng: np.random.Generator):
    from gensim.models import KeyedVectors

    vectors = KeyedVectors(7)
    vectors.add_vectors([f"w{row}" for row in range(50)], rng.normal(size=(50, 7)).astype(np.float32))
    vectors.save_word2vec_format(str(tmp_path / "a.bin"), binary=True)
    vectors.save_word2vec_format(str(tmp_path / "a.txt"), binary=False)
    vectors.save(str(tmp_path / "a.kv"))
    for path in (tmp_path / "a.bin", tmp_path / "a.txt", tmp_path / "a.kv"):
        found = vectors_of(build(Config(path, trust_pickle=True)), *vectors.index_to_key)
        np.testing.assert_array_equal(np.stack(list(found.values())), vectors.vectors)


def test_pickle_is_read_only_when_it_is_trusted(write: Write):
    path = write(b"\x80\x04N.", "vectors.kv")
    with pytest.raises(ConfigError, match=r"vectors\.kv is a pickle.*trust_pickle=true"):
        build(Config(path))
    with pytest.raises(FormatError, match="expected a KeyedVectors"):
        build(Config(path, trust_pickle=True))


def test_first_of_equal_words_wins(write: Write):
    found = vectors_of(build(Config(write("the 1 2\nday 3 4\nthe 5 6\n"))), "the", "day")
    np.testing.assert_array_equal(found["the"], [1, 2])
    np.testing.assert_array_equal(found["day"], [3, 4])


def test_large_file_keeps_every_row_in_its_place(write: Write, rng: np.random.Generator):
    rows = rng.normal(size=(30_000, 20)).round(5).astype(np.float32)
    path = write("".join(f"w{index} {' '.join(map(str, row))}\n" for index, row in enumerate(rows.tolist())))
    assert path.stat().st_size > 1 << 23  # more blocks than one
    found = vectors_of(build(Config(path)), "w0", "w17", "w12345", "w29999")
    for word, vector in found.items():
        np.testing.assert_array_equal(vector, rows[int(word[1:])])


# --- broken files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the 1 2 3\nday 1 2\nan 1 2 3\n", "line 2 is 'day 1 2', 3 fields; expected a word and 3 finite numbers"),
        ("the 1 2 3\nday 1 2 x\n", "line 2 is 'day 1 2 x'"),
        ("the 1 2 3\nday 1 2 nan\n", "line 2 is 'day 1 2 nan'"),
        ("the 1 2 3\nday 1 2 inf\n", "line 2"),
        ("the 1 2 3\na 1 2 3\nday 1 2 3 4\n", "line 3 is 'day 1 2 3 4', 5 fields"),
        ("the 1 2 3\nno 1 2\nday 1 2 3 4\na 1 2 3\n", "line 2 is 'no 1 2'"),
        ("the 1 2 3\n1 2 3\na 1 2 3\n", "line 2 is '1 2 3'"),
        ("2 3\nthe 1 2 3\nday 1 2\n", "line 3 is 'day 1 2'"),
        ("3 3\nthe 1 2 3\nday 1 2 3\n", "2 vectors; expected 3, as its first line says"),
        ("These are words\nand no numbers\n", "line 1 is 'These are words'"),
        ("word\n", "line 1 is 'word'; expected a word and its numbers"),
        ("", "line 1 is ''; expected a word and its numbers"),
        ("0 3\n", "holds no vectors"),
    ],
)
def test_broken_text_is_refused_with_the_line(write: Write, text: str, message: str):
    path = write(text)
    with pytest.raises(FormatError, match=message):
        build(Config(path))
    assert os.listdir(path.parent) == [path.name]  # and nothing is left behind


def test_wrong_dimension_is_refused_before_and_after_the_cache_is_made(write: Write):
    path = write()
    message = "vectors of 3 numbers; expected dimension 300; set dimension=3 or give another file"
    with pytest.raises(FormatError, match=message):
        build(Config(path, dimension=300))
    build(Config(path, dimension=3))
    with pytest.raises(FormatError, match=message):
        build(Config(path, dimension=300))


def test_broken_binary_and_archives_are_refused(write: Write, tmp_path: Path):
    with pytest.raises(FormatError, match="breaks off within a vector; expected 3 vectors of 3"):
        build(Config(write(as_binary(b"")[:-3], "a.bin")))
    with pytest.raises(FormatError, match="2 vectors; expected 3"):
        build(Config(write(as_binary(b"")[: -len("naïve".encode()) - 13], "b.bin")))
    with pytest.raises(FormatError, match="the vector of 'bad' is not finite"):
        build(Config(write(b"1 2\nbad " + np.array([np.nan, 1], "<f4").tobytes(), "c.bin")))
    with pytest.raises(FormatError, match="the archive is broken"):
        build(Config(write(gzip.compress(text_of(VECTORS).encode())[:-12], "a.txt.gz")))
    with pytest.raises(FormatError, match="the archive is broken"):
        build(Config(write(b"PK\x03\x04 cut short", "a.zip")))
    with pytest.raises(FormatError, match=r"holds no \.txt, \.vec or \.bin"):
        build(Config(zipped(tmp_path / "b.zip", {"README": "hi"})))


def test_missing_file_says_where_vectors_are_had(tmp_path: Path):
    for config in (Config(), Config(tmp_path / "none.txt")):
        with pytest.raises(
            MissingDependency, match=r"glove\.840B\.300d\.zip .*Stanford NLP GloVe page.*glove\.demo\.txt"
        ):
            build(config)
    with pytest.raises(FormatError, match="Is a directory; expected a file of word vectors"):
        build(Config(tmp_path))


# --- the cache


def caches(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.name != "vectors.txt")


def test_matrix_is_mapped_from_a_cache_beside_the_file(write: Write):
    path = write()
    build(Config(path))
    assert caches(path.parent) == ["vectors.txt.mmfeat-cache"]
    matrix = build(Config(path))._vectors.vectors
    assert isinstance(matrix, np.memmap)
    assert not matrix.flags.writeable
    assert Path(str(matrix.filename)) == path.parent / "vectors.txt.mmfeat-cache" / "matrix.npy"


def test_cache_is_used_without_reading_the_file_again(write: Write):
    path = write()
    build(Config(path))
    status = path.stat()
    path.write_bytes(b"x" * status.st_size)  # unreadable as vectors, but size and time say that nothing has changed
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert_holds_all(build(Config(path)))


def test_changed_file_makes_the_cache_anew(write: Write):
    path = write()
    build(Config(path))
    write("other 1 2\n")
    extractor = build(Config(path))
    assert list(vectors_of(extractor, "other", "the")) == ["other"]
    assert extractor.source.sources == {"vectors.txt": hashlib.sha256(b"other 1 2\n").hexdigest()}
    assert caches(path.parent) == ["vectors.txt.mmfeat-cache"]


def test_touched_file_keeps_the_cache(write: Write):
    path = write()
    build(Config(path))
    matrix = path.parent / "vectors.txt.mmfeat-cache" / "matrix.npy"
    before = matrix.stat().st_ino
    os.utime(path, ns=(0, 0))
    assert_holds_all(build(Config(path)))
    card = json.loads((matrix.parent / "card.json").read_text())
    assert (matrix.stat().st_ino, card["files"]["vectors.txt"]["mtime_ns"]) == (before, 0)


@pytest.mark.parametrize("victim", ["card.json", "words.txt", "matrix.npy"])
def test_damaged_cache_is_made_anew(write: Write, victim: str):
    path = write()
    build(Config(path))
    (path.parent / "vectors.txt.mmfeat-cache" / victim).write_bytes(b"\x93NUMPY?")
    assert_holds_all(build(Config(path)))


def test_cache_can_lie_in_a_folder_of_its_own(write: Write, tmp_path: Path):
    path = write()
    assert_holds_all(build(Config(path, cache=tmp_path / "deep" / "cache")))
    assert caches(tmp_path) == ["deep"]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs a folder where not even root may write")
def test_cache_goes_to_the_home_folder_when_there_is_no_place_beside(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with write().open("rb") as file:
        assert_holds_all(build(Config(Path(f"/proc/self/fd/{file.fileno()}"))))
    assert len(list((tmp_path / "home" / ".cache" / "mmfeat").rglob("matrix.npy"))) == 1


def test_cache_that_can_be_written_nowhere_is_an_output_error(write: Write, tmp_path: Path):
    with pytest.raises(OutputError, match="its cache cannot be written.*set cache to one"):
        build(Config(write(), cache=tmp_path / "vectors.txt" / "below a file"))


def _count_words(path: Path) -> int:
    return len(build(Config(path))._vectors)


@pytest.mark.slow
def test_two_processes_may_make_the_cache_at_once(write: Write):
    path = write("".join(f"w{index} {index} 1\n" for index in range(20_000)))
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=spawn) as pool:
        assert list(pool.map(_count_words, [path] * 2)) == [20_000] * 2
    assert caches(path.parent) == ["vectors.txt.mmfeat-cache"]


def test_what_a_killed_process_left_is_removed_after_a_day(write: Write):
    path = write()
    old, young = (path.parent / f".vectors.txt.mmfeat-cache.{name}.part" for name in ("old", "young"))
    for part in (old, young):
        part.mkdir()
    os.utime(old, (time.time() - 90_000,) * 2)
    build(Config(path))
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.slow
def test_reading_needs_no_memory_for_the_matrix(write: Write):
    row = " ".join(["-0.12345"] * 300)
    path = write("".join(f"w{index} {row}\n" for index in range(40_000)))  # 48 MB as float32
    code = (
        "import resource, sys; from pathlib import Path; import pandas, gensim.models; "
        "from mmfeat.extractors.glove import Config, build; "
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; build(Config(Path(sys.argv[1]))); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    unit = 1024 if sys.platform != "darwin" else 1
    assert int(done.stdout) * unit < 40e6


# --- look-up

KNOWN = frozenset(
    "the The day do n't not it 's I ca well known and or twenty five 2000 U.S. u.s.a NASA Paris he 'll re- ... "
    "<unk> <pad> unk naïve rock n roll o'clock".split()
)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("The", ["The"]),
        ("DAY", ["day"]),
        ("Day,", ["day"]),
        ("(day).", ["day"]),
        ("“day”", ["day"]),
        ("...", ["..."]),
        ("o’clock", ["o'clock"]),
        ("O’Clock!", ["o'clock"]),
        ("U.S.,", ["U.S."]),
        ("U.S.A.", ["u.s.a"]),
        ("paris", ["Paris"]),
        ("nasa's", ["NASA", "'s"]),
        ("don't", ["do", "n't"]),
        ("Don’t!", ["do", "n't"]),
        ("can't", ["ca", "n't"]),
        ("it's", ["it", "'s"]),
        ("I'm", ["I"]),
        ("he'll've", ["he", "'ll"]),
        ("well-known", ["well", "known"]),
        ("well–known", ["well", "known"]),
        ("and/or", ["and", "or"]),
        ("twenty-five-ish", ["twenty", "five"]),
        ("rock-n-roll", ["rock", "n", "roll"]),
        ("New day", ["day"]),
        ("2,000", ["2000"]),
        ("$2,000.", ["2000"]),
        ("ｎａïｖｅ", ["naïve"]),
        ("2,00", []),
        ("xyzzy", []),
        ("xyzzy's", []),
        ("won't", []),
        ("—", []),
        ("", []),
        ("<unk>", []),
        ("<pad>", []),
    ],
)
def test_look_up_policy(text: str, keys: list[str]):
    assert list(keys_of(text, KNOWN.__contains__)) == keys


def test_negation_is_never_lost():
    assert keys_of("didn't", frozenset({"did", "didnt"}).__contains__) == ("didnt",)
    assert keys_of("didn't", frozenset({"did", "not"}).__contains__) == ("did", "not")
    assert keys_of("won't", frozenset({"will", "not"}).__contains__) == ("will", "not")
    assert keys_of("didn't", frozenset({"did"}).__contains__) == ()


def test_numbers_fall_back_on_the_masks_of_other_vectors():
    assert keys_of("1,984", frozenset({"####"}).__contains__) == ("####",)
    assert keys_of("3.14", frozenset({"#.##"}).__contains__) == ("#.##",)
    assert keys_of("42", frozenset({"<number>"}).__contains__) == ("<number>",)


def test_numbers_without_a_vector_are_looked_up_as_they_are_said():
    words = frozenset("twenty twenty-five five nineteen eighty four third percent".split())
    assert keys_of("25", words.__contains__) == ("twenty", "five")
    assert keys_of("$1984,", words.__contains__) == ("nineteen", "eighty", "four")
    assert keys_of("3rd", words.__contains__) == ("third",)
    assert keys_of("26", words.__contains__) == ()
    assert keys_of("٣", words.__contains__) == ()


def test_every_word_gets_a_frame_of_its_span(write: Write):
    extractor = build(Config(write("do 1 2\nn't 3 6\nday 5 5\n")))
    frames = extractor([Word("Don't", 0.5, 1.0), Word("", 1.0, 1.5), Word("xyzzy", 1.5, 2.0), Word("day.", 2.0, 2.5)])
    np.testing.assert_array_equal(frames.values, np.array([[2, 4], [0, 0], [0, 0], [5, 5]], dtype=np.float32))
    assert frames.observed.tolist() == [True, False, False, True]
    np.testing.assert_array_equal(frames.times, [0.75, 1.25, 1.75, 2.25])
    np.testing.assert_array_equal(frames.intervals, [[0.5, 1.0], [1.0, 1.5], [1.5, 2.0], [2.0, 2.5]])
    assert (frames.names, frames.values.dtype, frames.frame_shift) == (("glove_000", "glove_001"), np.float32, None)


def test_no_words_give_no_frames(write: Write):
    frames = build(Config(write()))([])
    assert (frames.values.shape, frames.times.shape, frames.intervals.shape) == ((0, 3), (0,), (0, 2))


def test_provenance_names_the_file_but_not_the_place(write: Write):
    path = write()
    source = build(Config(path)).source
    assert source.sources == {"vectors.txt": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert json.loads(json.dumps(dict(source.config))) == {"path": "vectors.txt", "dimension": 3}
    assert (source.extractor, source.version) == ("glove", glove.VERSION)


def test_registry_builds_it_from_settings(write: Write):
    extractor = registry.build("mmfeat.extractors", "glove", {"path": str(write()), "dimension": "3"})
    assert (extractor.name, extractor.modality, len(extractor.names)) == ("glove", "text", 3)


@pytest.mark.reference
def test_real_vectors_of_mosi_cover_its_words(shared: Path, tmp_path: Path):
    path = shared / "mosi" / "glove.mosi.300d.txt"
    extractor = build(Config(path, dimension=300, cache=tmp_path))
    first = path.read_text().split("\n")[1000].split(" ")
    found = vectors_of(extractor, first[0], "movie", "didn't", "well-made", "xyzzy")
    assert sorted(found) == sorted([first[0], "movie", "didn't", "well-made"])
    np.testing.assert_array_equal(found[first[0]], np.array(first[1:], dtype=np.float32))
