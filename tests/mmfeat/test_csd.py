"""Computational sequences: every kind of file there is, broken ones, and alignment by the SDK's rule."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfeat.errors import FormatError, SchemaError
from mmfeat.formats.csd import Csd, Rows, texts_of, write
from mmfeat.formats.csd_chunks import read_array
from mmfeat.formats.csd_names import SEQUENCES, clean_name, known_as
from mmfeat.steps.csd_alignment import align, align_files

# Key of the SDK's tables and name of the file, as the field has them, with the older spellings -> name, kind.
PUBLISHED = {
    "words": ("words", "words"),
    "CMU_MOSI_TimestampedWords": ("words", "words"),
    "CMU_MOSI_ModifiedTimestampedWords": ("words", "words"),
    "CMU_MOSEI_TimestampedWords.csd": ("words", "words"),
    "POM_TimestampedWords": ("words", "words"),
    "IEMOCAP_LEFT_TimestampedWords": ("words", "words"),
    "IEMOCAP_RIGHT_TimestampedWords": ("words", "words"),
    "phonemes": ("phones", "phones"),
    "phones": ("phones", "phones"),
    "CMU_MOSI_TimestampedPhones": ("phones", "phones"),
    "POM_TimestampedPhones": ("phones", "phones"),
    "glove_vectors": ("glove_vectors", "text"),
    "CMU_MOSI_TimestampedWordVectors": ("glove_vectors", "text"),
    "CMU_MOSI_TimestampedWordVectors_1.1": ("glove_vectors", "text"),
    "CMU_MOSEI_TimestampedWordVectors": ("glove_vectors", "text"),
    "POM_TimestampedWordVectors": ("glove_vectors", "text"),
    "glove_vectors_with_sp": ("glove_vectors_with_sp", "text"),
    "CMU_MOSEI_TimestampedGloveVectors_with_SP": ("glove_vectors_with_sp", "text"),
    "FACET_4.1": ("facet_41", "vision"),
    "FACET 4.1": ("facet_41", "vision"),
    "CMU_MOSI_Visual_Facet_41": ("facet_41", "vision"),
    "CMU_MOSI_VisualFacet_4.1": ("facet_41", "vision"),
    "FACET_4.2": ("facet_42", "vision"),
    "FACET 4.2": ("facet_42", "vision"),
    "CMU_MOSI_Visual_Facet_42": ("facet_42", "vision"),
    "CMU_MOSEI_VisualFacet42": ("facet_42", "vision"),
    "POM_Facet_42": ("facet_42", "vision"),
    "OpenFace_1": ("openface_1", "vision"),
    "CMU_MOSI_Visual_OpenFace_1": ("openface_1", "vision"),
    "OpenFace_2": ("openface_2", "vision"),
    "OpenFace_2.0": ("openface_2", "vision"),
    "CMU_MOSI_Visual_OpenFace_2": ("openface_2", "vision"),
    "CMU_MOSEI_VisualOpenFace2": ("openface_2", "vision"),
    "POM_OpenFace2": ("openface_2", "vision"),
    "IEMOCAP_OpenFace_Leftside": ("openface_left", "vision"),
    "IEMOCAP_OpenFace_Rightside": ("openface_right", "vision"),
    "OpenSmile-emobase2010": ("opensmile_emobase2010", "audio"),
    "CMU_MOSI_OpenSmile_EB10": ("opensmile_emobase2010", "audio"),
    "OpenSMILE": ("opensmile_is09", "audio"),
    "CMU_MOSI_openSMILE_IS09": ("opensmile_is09", "audio"),
    "IEMOCAP_openSMILE_IS09": ("opensmile_is09", "audio"),
    "COVAREP": ("covarep", "audio"),
    "CMU_MOSI_COVAREP": ("covarep", "audio"),
    "CMU_MOSEI_COVAREP": ("covarep", "audio"),
    "POM_COVAREP": ("covarep", "audio"),
    "Opinion Segment Labels": ("labels", "labels"),
    "CMU_MOSI_Opinion_Labels": ("labels", "labels"),
    "All Labels": ("labels", "labels"),
    "CMU_MOSEI_Labels": ("labels", "labels"),
    "CMU_MOSEI_LabelsSentiment": ("labels", "labels"),
    "CMU_MOSEI_LabelsEmotions": ("labels", "labels"),
    "POM_Labels": ("labels", "labels"),
    "IEMOCAP_LEFT_EmotionLabels": ("labels", "labels"),
    "IEMOCAP_RIGHT_EmotionLabels": ("labels", "labels"),
    "b'CMU_MOSI_COVAREP'": ("covarep", "audio"),
}


@pytest.fixture
def rows(rng: np.random.Generator) -> Rows:
    """Ten frames of 0.1 s with three columns."""
    starts = np.arange(10) / 10
    return Rows(np.stack([starts, starts + 0.1], axis=1), rng.normal(size=(10, 3)))


def make(path: Path, videos: Mapping[str, Rows], root: str = "COVAREP", gzip: int = 0) -> Path:
    write(path, root, videos.items(), dimension_names=("a", "b", "c"), dataset="made", description="made", gzip=gzip)
    return path


def edited(path: Path, edit: Callable[[h5py.File], object]) -> Path:
    with h5py.File(path, "a") as file:
        edit(file)
    return path


@pytest.mark.parametrize("spelling", PUBLISHED)
def test_every_published_name_and_its_older_spellings_are_known(spelling: str) -> None:
    found = known_as(spelling)

    assert found is not None
    assert (found.name, found.kind) == PUBLISHED[spelling]


@pytest.mark.parametrize("name", ["", "cmu", "my_features", "train", "facets of life", "labelled"])
def test_a_name_that_was_never_published_is_not_guessed(name: str) -> None:
    assert known_as(name) is None


@pytest.mark.parametrize("name", SEQUENCES)
def test_canonical_names_stand_for_themselves(name: str) -> None:
    found = known_as(name)

    assert found is not None
    assert found.name == name


def test_names_lose_the_bytes_mark_of_old_versions() -> None:
    assert [clean_name(name) for name in ("b'x'", 'b"x"', "'x'", "x", "b'x")] == ["x", "x", "x", "x", "b'x"]


def test_what_is_written_is_read_again(tmp_path: Path, rows: Rows) -> None:
    for gzip in (0, 9):
        with Csd(make(tmp_path / "x.csd", {"v2": rows, "v1": rows}, gzip=gzip)) as csd:
            again = csd.rows("v2")

            assert csd.root == "COVAREP"
            assert csd.published == known_as("COVAREP")
            assert csd.videos == ("v1", "v2")
            assert csd.dimension_names(3) == ("a", "b", "c")
            assert csd.dimension_names(2) == ("covarep_000", "covarep_001")
            np.testing.assert_array_equal(again.features, rows.features)
            np.testing.assert_array_equal(again.intervals, rows.intervals)


def test_written_files_have_every_field_that_the_sdk_asks_for_as_json(tmp_path: Path, rows: Rows) -> None:
    with h5py.File(make(tmp_path / "x.csd", {"v": rows})) as file:
        metadata = {name: json.loads(values.asstr()[0]) for name, values in file["COVAREP/metadata"].items()}

    assert metadata["root name"] == "COVAREP"
    assert metadata["md5"] is None
    assert set(metadata) >= {
        "alignment compatible",
        "computational sequence description",
        "computational sequence version",
        "contact",
        "creator",
        "dataset bib citation",
        "dataset name",
        "dataset version",
        "dimension names",
        "featureset bib citation",
        "uuid",
    }


@pytest.mark.parametrize("gzip", [0, 4])
def test_the_same_sequence_gives_the_same_bytes(tmp_path: Path, rows: Rows, gzip: int) -> None:
    first = make(tmp_path / "a.csd", {"v": rows}, gzip=gzip).read_bytes()

    assert make(tmp_path / "b.csd", {"v": rows}, gzip=gzip).read_bytes() == first


def test_plain_text_metadata_of_the_first_generation_is_read(shared: Path) -> None:
    with Csd(shared / "mosi/CMU_MOSI_ModifiedTimestampedWords.csd") as csd:
        assert csd.root == "CMU_MOSI_ModifiedTimestampedWords"
        assert csd.metadata["root name"] == "CMU_MOSI_ModifiedTimestampedWords"
        assert csd.metadata["creator"] == "asdfasdfasdf"
        assert len(csd.videos) == 93
        assert texts_of(csd.rows("03bSnISJMiM"), "")[:3] == ["oh", "sp", "this"]


def test_json_metadata_is_read(shared: Path) -> None:
    with Csd(shared / "mosi/CMU_MOSI_Opinion_Labels.csd") as csd:
        labels = csd.rows("03bSnISJMiM")

        assert csd.metadata["dataset name"] == "CMU-MOSI"
        assert csd.stated_names(1) == ("sentiment score",)
        assert labels.intervals.dtype == np.float64
        assert labels.features[0, 0] == pytest.approx(2.4)


def test_a_root_that_kept_the_bytes_mark_gets_its_clean_name(tmp_path: Path, rows: Rows) -> None:
    with Csd(make(tmp_path / "x.csd", {"v": rows}, root="b'CMU_MOSI_COVAREP'")) as csd:
        assert csd.root == "CMU_MOSI_COVAREP"
        assert csd.rows("v").features.shape == (10, 3)


def test_a_file_without_metadata_is_read(tmp_path: Path, rows: Rows) -> None:
    path = edited(make(tmp_path / "x.csd", {"v": rows}), lambda file: file.pop("COVAREP/metadata"))

    with Csd(path) as csd:
        assert csd.metadata == {}
        assert csd.dimension_names(3) == ("covarep_000", "covarep_001", "covarep_002")


def test_the_field_name_that_a_missing_comma_made_is_understood(tmp_path: Path, rows: Rows) -> None:
    def rename(file: h5py.File) -> None:
        file["COVAREP/metadata"].move("dimension names", "dimension namescomputational sequence version")

    with Csd(edited(make(tmp_path / "x.csd", {"v": rows}), rename)) as csd:
        assert csd.dimension_names(3) == ("a", "b", "c")


@pytest.mark.parametrize(
    "packing",
    [
        {},
        {"compression": "gzip", "compression_opts": 9},
        {"compression": "gzip", "shuffle": True},
        {"compression": "gzip", "fletcher32": True},
        {"compression": "lzf"},
        {"compression": "gzip", "chunks": (7, 2)},
        {"chunks": (4, 5)},
    ],
)
@pytest.mark.parametrize("kind", ["f4", "f8", ">f8", "f2", "i4", "S5"])
def test_any_packing_and_type_is_read_as_h5py_reads_it(
    tmp_path: Path, rng: np.random.Generator, packing: dict[str, object], kind: str
) -> None:
    values = (rng.normal(size=(50, 5)) * 100).astype(kind)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        dataset = file.create_dataset("x", data=values, **packing)
        found = read_array(dataset)

        np.testing.assert_array_equal(found, dataset[()])
        assert found.dtype == values.dtype


def test_chunks_that_were_never_written_are_read_as_h5py_reads_them(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        dataset = file.create_dataset("x", (100, 3), "f8", chunks=(10, 3), compression="gzip", fillvalue=5.0)
        dataset[20:30] = 1.0

        np.testing.assert_array_equal(read_array(dataset), dataset[()])


def test_empty_arrays_and_arrays_of_text_of_any_length_are_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        empty = file.create_dataset("empty", (0, 3), "f8", chunks=(4, 3), maxshape=(None, 3), compression="gzip")
        texts = file.create_dataset("texts", data=["a", "long"], dtype=h5py.string_dtype(), chunks=(1,))

        assert read_array(empty).shape == (0, 3)
        assert read_array(texts).tolist() == [b"a", b"long"]


def test_words_are_texts_in_lower_case_whatever_their_type() -> None:
    spans = np.zeros((2, 2))

    for tokens in (np.array([[b"Oh"], [b"caf\xc3\xa9 "]]), np.array([["Oh"], ["CAFÉ"]], dtype=object)):
        assert texts_of(Rows(spans, tokens), "") == ["oh", "café"]


def test_numbers_where_words_are_wanted_are_refused(rows: Rows) -> None:
    with pytest.raises(FormatError, match=r"x.csd: features \(10, 3\) float64; expected one text per row"):
        texts_of(rows, "x.csd")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csd", tmp_path):
        with pytest.raises(FormatError, match="no such file .*; expected a computational sequence"):
            Csd(path)


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csd").write_text("video_id,label\n")

    with pytest.raises(FormatError, match="it is no HDF5 file; expected a computational sequence"):
        Csd(tmp_path / "x.csd")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, rows: Rows, share: float) -> None:
    whole = make(tmp_path / "x.csd", {"v": rows}).read_bytes()
    (tmp_path / "x.csd").write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(FormatError, match="it is cut short; .*get the whole file again"):
        Csd(tmp_path / "x.csd")


def test_two_roots_are_refused_by_name(tmp_path: Path, rows: Rows) -> None:
    path = edited(make(tmp_path / "x.csd", {"v": rows}), lambda file: file.create_group("FACET"))

    with pytest.raises(FormatError, match="2 groups at the root: 'COVAREP', 'FACET'; expected exactly one"):
        Csd(path)


def test_no_root_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.csd", "w") as file:
        file["numbers"] = [1, 2]

    with pytest.raises(FormatError, match="0 groups at the root; expected exactly one"):
        Csd(tmp_path / "x.csd")


def test_a_root_without_data_and_one_without_videos_are_refused(tmp_path: Path, rows: Rows) -> None:
    path = edited(make(tmp_path / "x.csd", {}), lambda file: None)
    with pytest.raises(FormatError, match="no videos in 'COVAREP'"):
        Csd(path)

    with pytest.raises(FormatError, match="no group 'data' in 'COVAREP'"):
        Csd(edited(path, lambda file: file["COVAREP"].pop("data")))


def test_a_link_that_leads_nowhere_is_no_root(tmp_path: Path, rows: Rows) -> None:
    path = edited(make(tmp_path / "x.csd", {"v": rows}), lambda f: f.__setitem__("lost", h5py.SoftLink("/nowhere")))

    with Csd(path) as csd:
        assert csd.videos == ("v",)


def _shorter(file: h5py.File) -> None:
    del file["COVAREP/data/v/intervals"]
    file["COVAREP/data/v/intervals"] = np.zeros((9, 2))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_shorter, r"features \(10, 3\) and intervals \(9, 2\) float64; expected"),
        (lambda file: file.pop("COVAREP/data/v/features"), "lacks features or intervals"),
        (lambda file: file["COVAREP/data"].move("v", "w"), "'v' is not in the file"),
    ],
)
def test_a_broken_video_is_one_clear_error(
    tmp_path: Path, rows: Rows, edit: Callable[[h5py.File], object], message: str
) -> None:
    path = edited(make(tmp_path / "x.csd", {"v": rows, "z": rows}), edit)

    with Csd(path) as csd:
        with pytest.raises(FormatError, match=message):
            csd.rows("v")
        assert csd.rows("z").features.shape == (10, 3)


def test_a_damaged_chunk_is_one_clear_error(tmp_path: Path, rng: np.random.Generator) -> None:
    path = make(tmp_path / "x.csd", {"v": Rows(np.zeros((500, 2)), rng.normal(size=(500, 3)))}, gzip=9)
    with h5py.File(path) as file:
        place = file["COVAREP/data/v/features"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place : place + 200] = bytes(200)
    path.write_bytes(content)

    with Csd(path) as csd, pytest.raises(FormatError, match="video 'v' cannot be read"):
        csd.rows("v")


def sdk_rows(reference: np.ndarray, intervals: np.ndarray, features: np.ndarray) -> dict[int, np.ndarray]:
    """The SDK's rule, a reference row at a time, from its description: overlap over 1e-5 s, plain mean."""
    found = {}
    for number, (start, end) in enumerate(reference):
        if end - start < 1e-5:
            continue
        inside = []
        for row, (first, last) in enumerate(intervals):
            if min(end, last) - max(start, first) > 1e-5:
                inside.append(features[row])
        if inside:
            found[number] = np.mean(inside, axis=0)
    return found


spans = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 90)), max_size=25
)  # hundredths of a second: start, length; many edges coincide, some rows have no length


@settings(max_examples=150, deadline=None)
@given(reference=spans, frames=spans, seed=st.integers(0, 9))
def test_rows_are_those_of_a_plain_loop_over_words_and_frames(
    reference: list[tuple[int, int]], frames: list[tuple[int, int]], seed: int
) -> None:
    words, intervals = (
        np.array([(start / 100, (start + length) / 100) for start, length in rows]).reshape(-1, 2)
        for rows in (reference, frames)
    )
    features = np.random.default_rng(seed).normal(size=(len(intervals), 4)) * 10.0**seed
    expected = sdk_rows(words, intervals, features)

    found = align(Rows(words, np.zeros((len(words), 1))), Rows(intervals, features))

    assert found.numbers.tolist() == list(expected)
    for row, values in zip(found.features, expected.values(), strict=True):
        np.testing.assert_allclose(row, values, rtol=1e-12, atol=1e-12 * 10.0**seed)


def test_rows_are_those_that_the_sdk_itself_returned_and_no_video_is_lost(shared: Path) -> None:
    folder, expected = shared / "sdk", np.load(shared / "sdk/expected.npz")
    files = {name: folder / f"{name}.csd" for name in ("audio", "vision")}

    videos = list(align_files(folder / "words.csd", files))

    assert [video.video for video in videos] == ["Vj1wYRQjB-o", "cM3Yna7AavY", "lXPQBPVc5Cw"]
    for name in files:
        found = {
            f"{video.video}[{number}]": row
            for video in videos
            if name in video.rows
            for number, row in zip(video.rows[name].numbers, video.rows[name].features, strict=True)
        }
        keys = expected[f"{name}_keys"].tolist()
        extra = {key for key in found if key not in keys}
        assert all(key.startswith("cM3Yna7AavY[") for key in extra)  # the SDK drops it, as it lacks vision
        assert len(extra) == (220 if name == "audio" else 0)
        np.testing.assert_allclose(np.stack([found[key] for key in keys]), expected[name], atol=1e-6)
    assert [(failure.id, failure.stage) for video in videos for failure in video.failures] == [
        ("cM3Yna7AavY", "vision")
    ]


def test_pauses_are_left_out_on_request_and_the_others_keep_their_numbers(shared: Path) -> None:
    folder = shared / "sdk"
    with Csd(folder / "words.csd") as csd:
        texts = texts_of(csd.rows("Vj1wYRQjB-o"), "")

    with_pauses, without = (
        next(iter(align_files(folder / "words.csd", {"audio": folder / "audio.csd"}, pauses=pauses))).rows["audio"]
        for pauses in (True, False)
    )

    spoken = [number for number in with_pauses.numbers if texts[number] != "sp"]
    assert 0 < len(spoken) < len(with_pauses.numbers)
    assert without.numbers.tolist() == spoken
    np.testing.assert_array_equal(without.features, with_pauses.features[np.isin(with_pauses.numbers, spoken)])


def test_a_collapse_function_gets_clipped_intervals_and_features_in_order() -> None:
    intervals = np.array([[1.0, 2.0], [0.0, 1.0], [2.0, 3.0]])  # not in order of time
    sequence = Rows(intervals, np.array([[2.0], [1.0], [3.0]]))
    seen = []

    def weighted(spans: np.ndarray, features: np.ndarray) -> np.ndarray:
        seen.append((spans.tolist(), features[:, 0].tolist()))
        return np.average(features, axis=0, weights=spans[:, 1] - spans[:, 0])

    found = align(Rows(np.array([[0.5, 2.0], [9.0, 9.5]]), np.zeros((2, 1))), sequence, collapse=weighted)

    assert seen == [([[1.0, 2.0], [0.5, 1.0]], [2.0, 1.0])]
    assert found.numbers.tolist() == [0]
    assert found.features[0] == pytest.approx([5 / 3])


@pytest.mark.parametrize("shape", [(3,), (1, 3)])
def test_a_collapse_function_may_change_the_width_and_give_one_row(rows: Rows, shape: tuple[int, ...]) -> None:
    found = align(rows, rows, collapse=lambda spans, features: np.ones(shape) * len(features))

    assert found.features.tolist() == [[1.0, 1.0, 1.0]] * 10


@pytest.mark.parametrize(
    "collapse",
    [
        lambda spans, features: features.T,
        lambda spans, features: np.full(2, np.nan),
        lambda spans, features: np.ones(1 + int(spans[0, 0] * 10) % 2),
    ],
)
def test_a_collapse_function_that_gives_something_else_is_refused(
    rows: Rows, collapse: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> None:
    with pytest.raises(SchemaError, match="the collapse function gave an array of shape"):
        align(rows, rows, collapse=collapse)


@pytest.mark.parametrize("spoilt", [-np.inf, np.inf, np.nan])
def test_a_frame_that_is_not_finite_does_not_spoil_its_word(rows: Rows, spoilt: float) -> None:
    rows.features[3, 1] = spoilt
    word = Rows(np.array([[0.2, 0.5], [0.3, 0.4]]), np.zeros((2, 1)))

    found = align(word, rows)

    assert found.numbers.tolist() == [0]  # nothing is known of a word of that frame alone
    np.testing.assert_allclose(found.features[0], (rows.features[2] + rows.features[4]) / 2)


def test_times_that_are_not_finite_leave_their_row_out(rows: Rows) -> None:
    rows.intervals[4] = np.nan

    assert align(rows, rows).numbers.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_a_bad_video_is_a_row_of_the_ledger_and_the_others_go_on(tmp_path: Path, rows: Rows) -> None:
    words = Rows(rows.intervals, np.array([[b"w"]] * 10))
    spoilt = Rows(rows.intervals, np.where(np.eye(10, 3) == 1, -np.inf, rows.features))
    make(tmp_path / "words.csd", {name: words for name in "abcd"}, root="words")
    edited(make(tmp_path / "x.csd", {"a": rows, "b": spoilt, "v": rows}), lambda f: f["COVAREP/data"].move("v", "c"))
    edited(tmp_path / "x.csd", lambda file: file.pop("COVAREP/data/c/intervals"))

    videos = {video.video: video for video in align_files(tmp_path / "words.csd", {"audio": tmp_path / "x.csd"})}

    assert {name: len(video.rows["audio"].numbers) for name, video in videos.items() if video.rows} == {"a": 10, "b": 7}
    reasons = {name: [failure.reason for failure in video.failures] for name, video in videos.items()}
    assert reasons["a"] == []
    assert "3 of 10 rows of x.csd hold NaN or infinity in columns 0, 1, 2" in reasons["b"][0]
    assert "lacks features or intervals" in reasons["c"][0]
    assert "not in x.csd; kept, not observed" in reasons["d"][0]


def test_the_rows_do_not_depend_on_the_number_of_threads(shared: Path) -> None:
    folder = shared / "sdk"
    one, three = (
        list(align_files(folder / "words.csd", {"audio": folder / "audio.csd"}, workers=workers)) for workers in (1, 3)
    )

    for left, right in zip(one, three, strict=True):
        assert left.video == right.video
        np.testing.assert_array_equal(left.rows["audio"].features, right.rows["audio"].features)


def test_only_a_few_videos_are_read_ahead(tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    words = Rows(rows.intervals, np.array([[b"w"]] * 10))
    names = [f"v{number:02d}" for number in range(40)]
    make(tmp_path / "words.csd", dict.fromkeys(names, words), root="words")
    make(tmp_path / "x.csd", dict.fromkeys(names, rows))
    read: list[str] = []
    original = Csd.rows
    monkeypatch.setattr(Csd, "rows", lambda self, video: (read.append(video), original(self, video))[1])

    videos = align_files(tmp_path / "words.csd", {"audio": tmp_path / "x.csd"}, workers=2)
    next(videos)
    seen = set(read)
    videos.close()

    assert 1 <= len(seen) <= 4
