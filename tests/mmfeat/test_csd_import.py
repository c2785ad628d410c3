"""Computational sequences to an artefact and back: real MOSI, and small corpora with every fault planted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from builders import description_of, rows_of, utterance_of

import mmfeat.cli.csd  # noqa: F401  registers the commands
from mmfeat import artifact, cli
from mmfeat.artifact import Artifact
from mmfeat.errors import ConfigError, FormatError, MmfeatError, SchemaError, UnknownName
from mmfeat.formats.csd import Csd, Rows, write
from mmfeat.steps.csd import ImportedCsd, import_csd
from mmfeat.steps.csd_export import export_csd
from mmfeat.types import AlignedUtterance, Utterance, Word

Import = Callable[..., ImportedCsd]


def sequence(
    path: Path, root: str, videos: Mapping[str, Rows], names: Sequence[str] = (), dataset: str = "made"
) -> Path:
    write(path, root, videos.items(), dimension_names=names, dataset=dataset, description="made")
    return path


def spoken(*tokens: str, start: float = 0.0, step: float = 0.5) -> Rows:
    edges = start + step * np.arange(len(tokens) + 1)
    return Rows(np.stack([edges[:-1], edges[1:]], axis=1), np.array([[token.encode()] for token in tokens]))


def labelled(*rows: tuple[float, float, float]) -> Rows:
    return Rows(np.array([row[:2] for row in rows]), np.array([row[2:] for row in rows]))


def frames(seconds: float, width: int = 2, shift: float = 0.1) -> Rows:
    """Frame k holds k in every column."""
    starts = np.arange(round(seconds / shift)) * shift
    values = np.repeat(np.arange(len(starts), dtype=np.float64)[:, None], width, axis=1)
    return Rows(np.stack([starts, starts + shift], axis=1), values)


@pytest.fixture
def corpus(tmp_path: Path) -> dict[str, Any]:
    """Two videos of 2 and 1 labelled segments, with words, voice for both and face for one."""
    return {
        "words": sequence(
            tmp_path / "words.csd", "words", {"a": spoken("Good", "sp", "day", "now"), "b": spoken("so", "what")}
        ),
        "labels": sequence(
            tmp_path / "labels.csd",
            "labels",
            {"a": labelled((0, 1, 1.5), (1, 2, -3)), "b": labelled((0, 1, 0))},
            ["label"],
        ),
        "features": {
            "COVAREP": sequence(tmp_path / "audio.csd", "COVAREP", {"a": frames(2.0), "b": frames(1.0)}),
            "FACET 4.2": sequence(tmp_path / "vision.csd", "FACET_4.2", {"a": frames(2.0, 3)}),
        },
    }


@pytest.fixture
def run(tmp_path: Path, corpus: dict[str, Any]) -> Import:
    """Import the corpus with some arguments changed."""
    return lambda **changes: import_csd(tmp_path / "out.h5", **(corpus | changes))


def reasons(done: ImportedCsd, name: str) -> list[str]:
    return [failure.reason for failure in done.failures if failure.id == name]


def words_of(path: Path, split: str = "all") -> dict[str, list[str]]:
    with Artifact(path) as made:
        return {utterance.id: [word.text for word in utterance.words] for utterance in made.utterances(split)}


def test_features_go_to_words_and_words_to_segments(run: Import) -> None:
    done = run()

    with Artifact(done.path) as made:
        first, second, other = made.utterance("a_0"), made.utterance("a_1"), made.utterance("b_0")
    assert [word.text for word in first.utterance.words] == ["good"]
    assert [(word.text, word.start, word.end) for word in second.utterance.words] == [
        ("day", 1.0, 1.5),
        ("now", 1.5, 2.0),
    ]
    assert (second.utterance.dialogue, second.utterance.turn, second.utterance.labels) == ("a", 1, {"sentiment": -3.0})
    np.testing.assert_allclose(second.features["audio"], [[12, 12], [17, 17]])
    np.testing.assert_allclose(second.features["vision"], [[12] * 3, [17] * 3])
    assert other.observed["audio"].all()
    assert not other.observed["vision"].any()
    assert not other.features["vision"].any()
    assert reasons(done, "b") == ["not in vision.csd; kept, not observed"]
    assert json.loads(done.ledger.read_text())["stage"] == "vision"


def test_the_artefact_says_what_it_was_made_of(run: Import) -> None:
    done = run()

    with Artifact(done.path) as made:
        assert made.dims == {"audio": 2, "vision": 3}
        assert (made.description.dataset, made.description.target) == ("csd", "sentiment")
        assert made.description.words_from["csd"] == "words.csd"
        source = made.description.extractors["vision"]
        assert (source["extractor"], list(source["sources"])) == ("facet_42", ["vision.csd"])
        assert made.names("audio") == ("covarep_000", "covarep_001")
    assert artifact.validate(done.path) == []
    assert done.path.with_suffix(".report.json").is_file()


def test_pauses_are_kept_on_request_and_no_text_is_observed_for_them(run: Import, tmp_path: Path) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("good 1 2\nsp 3 4\nday 5 6\nnow 7 8\nso 1 1\nwhat 2 2\n")

    done = run(keep_pauses=True, glove=vectors)

    with Artifact(done.path) as made:
        first = made.utterance("a_0")
    assert [word.text for word in first.utterance.words] == ["good", "sp"]
    assert first.observed["text"].tolist() == [True, False]
    assert first.features["text"].tolist() == [[1, 2], [0, 0]]
    assert first.observed["audio"].all()


def test_a_word_that_two_segments_share_is_in_both_and_ends_where_they_do(run: Import, tmp_path: Path) -> None:
    labels = sequence(tmp_path / "l.csd", "labels", {"a": labelled((0, 1.2, 1), (1.2, 2, 2))}, ["label"])

    done = run(labels=labels)

    with Artifact(done.path) as made:
        first, second = made.utterance("a_0"), made.utterance("a_1")
    assert [(word.text, word.end) for word in first.utterance.words] == [("good", 0.5), ("day", 1.2)]
    assert [(word.text, word.start) for word in second.utterance.words] == [("day", 1.2), ("now", 1.5)]
    np.testing.assert_array_equal(first.features["audio"][1], second.features["audio"][0])  # of the whole word
    assert first.features["audio"][1].tolist() == [12, 12]


def test_nothing_is_lost_without_a_row_of_the_ledger(run: Import, tmp_path: Path) -> None:
    done = run(
        words=sequence(tmp_path / "w.csd", "words", {"a": spoken("x", "y", "z", "late"), "unlabelled": spoken("u")}),
        labels=sequence(
            tmp_path / "l.csd",
            "labels",
            {"a": labelled((0.0, 1.5, 9.0), (5.0, 6.0, np.nan)), "silent": labelled((0, 1, 1))},
            ["label"],
        ),
        dataset="mosi",
    )

    assert words_of(done.path) == {"a_1": ["x", "y", "z"], "a_2": [""], "silent_1": [""]}
    assert reasons(done, "a") == ["1 of 4 words lie outside every labelled segment; left out"]
    assert reasons(done, "a_1") == ["label sentiment is 9; expected a number from -3 to 3; kept without it"]
    assert reasons(done, "a_2") == [
        "segment without words; kept with one empty word",
        "label sentiment is nan; expected a number from -3 to 3; kept without it",
    ]
    assert "labels without words: not in w.csd" in reasons(done, "silent")[0]
    assert reasons(done, "unlabelled") == ["video without labels; left out"]
    assert "video without labels; left out" in reasons(done, "b")
    with Artifact(done.path) as made:
        assert made.utterance("a_1").utterance.labels == {}
    assert "utterances 3, published 2199" in done.differences


def test_a_segment_without_length_is_kept_and_nothing_is_observed_for_it(run: Import, tmp_path: Path) -> None:
    done = run(labels=sequence(tmp_path / "l.csd", "labels", {"a": labelled((1, 1, 2), (-0.5, 1, 1))}, ["label"]))

    with Artifact(done.path) as made:
        point, early = made.utterance("a_0"), made.utterance("a_1")
    assert point.utterance.labels == {"sentiment": 2.0}
    assert not point.observed["audio"].any()
    assert (early.utterance.start, early.utterance.end) == (0.0, 1.0)
    assert "goes from 1 to 1 s; expected an end after the start; kept, nothing observed" in reasons(done, "a_0")
    assert reasons(done, "a_1") == ["starts at -0.5 s; expected 0 or later; taken as 0"]


def test_words_with_impossible_times_are_left_out_and_counted(run: Import, tmp_path: Path) -> None:
    words = spoken("a", "b", "c", "d")
    words.intervals[1] = np.nan
    words.intervals[2] = 1.5, 1.0

    done = run(words=sequence(tmp_path / "w.csd", "words", {"a": words, "b": spoken("so")}))

    assert words_of(done.path) == {"a_0": ["a"], "a_1": ["d"], "b_0": ["so"]}
    assert reasons(done, "a") == ["2 of 4 words have impossible times or last 1e-5 s or less; left out"]


def test_infinite_frames_stay_out_of_the_mean_and_are_counted(run: Import, tmp_path: Path) -> None:
    voice = frames(2.0)
    voice.features[10:15, 1] = -np.inf  # the whole word "day"
    voice.features[17] = np.nan

    done = run(features={"audio": sequence(tmp_path / "x.csd", "COVAREP", {"a": voice, "b": frames(1.0)})})

    with Artifact(done.path) as made:
        second = made.utterance("a_1")
    assert second.observed["audio"].tolist() == [False, True]
    np.testing.assert_allclose(second.features["audio"], [[0, 0], [17, 17]])  # of 15, 16, 18 and 19
    [reason] = reasons(done, "a")
    assert reason.startswith("6 of 20 rows of x.csd hold NaN or infinity in columns 0, 1, or a time")


def test_numbers_beyond_float32_are_not_written(run: Import, tmp_path: Path) -> None:
    voice = frames(2.0)
    voice.features[10:15] = 1e300

    done = run(features={"audio": sequence(tmp_path / "x.csd", "COVAREP", {"a": voice, "b": frames(1.0)})})

    with Artifact(done.path) as made:
        assert made.utterance("a_1").observed["audio"].tolist() == [False, True]
    assert "1 words have means beyond the range of float32" in reasons(done, "a")[0]


def test_a_video_of_another_width_is_kept_and_not_observed(run: Import, tmp_path: Path) -> None:
    videos = {"a": frames(2.0), "b": frames(1.0, 5), "c": frames(1.0)}

    done = run(features={"audio": sequence(tmp_path / "x.csd", "COVAREP", videos)})

    with Artifact(done.path) as made:
        assert not made.utterance("b_0").observed["audio"].any()
    assert reasons(done, "b") == ["5 columns where most videos of x.csd have 2; kept, not observed"]


def test_folds_divide_the_videos_and_those_in_none_are_in_the_ledger(run: Import, tmp_path: Path) -> None:
    folds = tmp_path / "folds.json"
    folds.write_text(json.dumps({"train": ["x"], "valid": ["y"], "test": ["a"]}))

    done = run(folds=folds)

    assert done.summary["splits"] == {"test": 2}
    assert "in no fold of folds.json; its 1 labelled segment(s) left out" in reasons(done, "b")[0]
    assert reasons(done, "x") == ["in folds.json, but without labels"]


def test_folds_of_another_corpus_are_one_clear_error(run: Import, tmp_path: Path) -> None:
    folds = tmp_path / "folds.json"
    folds.write_text(json.dumps({"train": ["x"], "valid": ["y"], "test": ["z"]}))

    with pytest.raises(FormatError, match="no labelled video is in a fold"):
        run(folds=folds)


def test_the_seven_labels_of_mosei_go_by_their_order_where_they_have_no_names(run: Import, tmp_path: Path) -> None:
    values = Rows(np.array([[0.0, 1.0]]), np.array([[-1.0, 0.5, 0, 1, 0, 0, 4.0]]))

    done = run(labels=sequence(tmp_path / "l.csd", "All Labels", {"a": values}, dataset="CMU-MOSEI"))

    with Artifact(done.path) as made:
        assert made.description.dataset == "mosei"
        assert made.utterance("a_0").utterance.labels == {
            "sentiment": -1, "happy": 0.5, "sad": 0, "anger": 1, "surprise": 0, "disgust": 0,
        }  # fmt: skip
    assert reasons(done, "a_0") == ["label fear is 4; expected a number from 0 to 3; kept without it"]


@pytest.mark.parametrize(
    "table",
    ["0,1,a,7,2.5\n1,2,a,8,-1\n", "\ufeffvideo_id,start,end,clip_id,text,label\na,0,1,7,hm,2.5\na,1,2,8,,-1\n"],
)
def test_labels_may_be_the_table_of_the_release_or_one_with_a_header(run: Import, tmp_path: Path, table: str) -> None:
    (tmp_path / "labels.csv").write_text(table, encoding="utf-8")

    done = run(labels=tmp_path / "labels.csv")

    with Artifact(done.path) as made:
        assert made.ids("all") == ("a_7", "a_8")
        assert made.utterance("a_7").utterance.labels == {"sentiment": 2.5}


def test_bad_rows_of_a_table_of_labels_are_in_the_ledger(run: Import, tmp_path: Path) -> None:
    rows = "0,1,a,7,2.5\n0,1,a,7,1\n,2,a,8,1\n1,2,a,9,high\n0,1,b,1,\nnan,1,b,2,1\n"
    (tmp_path / "labels.csv").write_text(rows)

    done = run(labels=tmp_path / "labels.csv")

    assert words_of(done.path).keys() == {"a_7", "a_9", "b_1"}
    assert reasons(done, "a_7") == ["duplicate id; the first segment counts; left out"]
    assert reasons(done, "a_9") == ["label sentiment is nan; expected a finite number; kept without it"]
    assert "expected finite times" in reasons(done, "b_2")[0]
    assert "line 3 ',2,a,8,1'; expected start,end,video_id" in reasons(done, "labels.csv")[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "columns start, end, video_id, clip_id, label; expected"),
        ("video_id,clip_id,text,label\na,1,hm,1\n", "columns video_id, clip_id, text, label; expected"),
        ("a;b;c\n1;2;3\n", "columns a;b;c; expected"),
    ],
)
def test_another_table_is_refused(run: Import, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "labels.csv").write_text(content)

    with pytest.raises(FormatError, match=message):
        run(labels=tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda c: {"words": c["labels"]}, FormatError, "holds numbers; expected a sequence of words"),
        (lambda c: {"labels": c["words"]}, FormatError, "no segment can be read"),
        (lambda c: {"features": {"audio": c["words"]}}, ConfigError, "'words', which is words; expected audio"),
        (lambda c: {"features": {"audio": c["features"]["FACET 4.2"]}}, ConfigError, "'FACET_4.2', which is vision"),
        (lambda c: {"features": {"mine": c["labels"]}}, ConfigError, "'mine'; expected text, audio, vision, or a"),
        (lambda c: {"features": {"words": c["words"]}}, ConfigError, "features 'words'; expected text, audio, vision"),
        (lambda c: {"features": dict.fromkeys(("audio", "COVAREP"), c["features"]["COVAREP"])}, ConfigError, "twice"),
        (lambda c: {"dataset": "mosii"}, UnknownName, "did you mean mosi"),
        (lambda c: {"words": Path("none.csd")}, FormatError, "no such file none.csd"),
        (lambda c: {"dataset": "mosi", "complete": True}, SchemaError, "utterances 3, published 2199"),
    ],
)  # fmt: skip
def test_a_file_in_the_wrong_place_is_one_clear_error(
    run: Import, corpus: dict[str, Any], change: Callable[[Any], dict[str, Any]], error: type[MmfeatError], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(**change(corpus))

    assert not (corpus["words"].parent / "out.h5").exists()


def test_a_features_file_without_numbers_is_refused(run: Import, tmp_path: Path) -> None:
    texts = sequence(tmp_path / "x.csd", "my own", {"a": spoken("x")})

    with pytest.raises(FormatError, match="no video has features .* of numbers"):
        run(features={"audio": texts})


def test_a_broken_video_of_the_words_or_the_labels_costs_no_other(run: Import, corpus: dict[str, Any]) -> None:
    with h5py.File(corpus["words"], "a") as file:
        del file["words/data/a/intervals"]
    with h5py.File(corpus["labels"], "a") as file:
        file["labels/data/b/features"].parent.pop("features")

    done = run()

    assert words_of(done.path) == {"a_0": [""], "a_1": [""]}
    assert "lacks features or intervals; expected both; get the file again; left out" in reasons(done, "b")[0]
    assert "kept with unknown words" in reasons(done, "a")[0]
    with Artifact(done.path) as made:
        assert made.utterance("a_0").features["audio"].tolist() == [[4.5, 4.5]]  # the mean over the segment


def test_texts_may_be_moved_against_their_times(run: Import) -> None:
    done = run(word_shift=1, keep_pauses=True)

    assert words_of(done.path) == {"a_0": ["sp", "day"], "a_1": ["now"], "b_0": ["what"]}
    assert "texts moved by 1 row against their times" in reasons(done, "words")[0]
    assert words_of(run(word_shift=-1).path) == {"a_0": ["good"], "a_1": ["day"], "b_0": ["so"]}
    assert words_of(run(word_shift=9).path) == {"a_0": [""], "a_1": [""], "b_0": [""]}


def test_the_same_files_give_the_same_bytes_with_any_number_of_threads(run: Import, tmp_path: Path) -> None:
    first = run(workers=1).path.read_bytes()

    assert run(workers=3).path.read_bytes() == first


def test_progress_is_told_video_by_video(run: Import) -> None:
    told: list[tuple[str, int, int]] = []

    run(progress=lambda stage, done, total: told.append((stage, done, total)))

    assert told == [("words", 1, 2), ("words", 2, 2), ("align", 1, 2), ("align", 2, 2)]


def rows_by_id(path: Path) -> dict[str, AlignedUtterance]:
    with Artifact(path) as made:
        return {one.id: made.utterance(one.id) for split in made.splits for one in made.utterances(split)}


def assert_same(first: AlignedUtterance, second: AlignedUtterance) -> None:
    assert [word.text for word in first.utterance.words] == [word.text for word in second.utterance.words]
    assert first.utterance.labels == second.utterance.labels
    for name, values in first.features.items():
        np.testing.assert_array_equal(second.features[name], values)
        np.testing.assert_array_equal(second.observed[name], first.observed[name])


@pytest.mark.parametrize("gzip", [0, 9])
def test_what_is_exported_is_imported_again_as_it_was(run: Import, tmp_path: Path, gzip: int) -> None:
    done = run(dataset="mosi", keep_pauses=True)
    written = export_csd(done.path, tmp_path / "out", gzip=gzip)

    again = import_csd(
        tmp_path / "again.h5",
        words=tmp_path / "out/words.csd",
        labels=tmp_path / "out/labels.csd",
        features={name: tmp_path / f"out/{name}.csd" for name in ("audio", "vision")},
        keep_pauses=True,
    )

    assert [path.name for path in written] == ["words.csd", "labels.csd", "audio.csd", "vision.csd"]
    before, after = rows_by_id(done.path), rows_by_id(again.path)
    assert before.keys() == after.keys() == {"a_1", "a_2", "b_1"}
    for name, one in before.items():
        assert_same(one, after[name])
        assert after[name].utterance.words == one.utterance.words
        assert (after[name].utterance.dialogue, after[name].utterance.turn) == (
            one.utterance.dialogue,
            one.utterance.turn,
        )


def test_exported_keys_are_those_of_the_sdk_and_rows_that_were_not_observed_are_absent(
    run: Import, tmp_path: Path
) -> None:
    export_csd(run(dataset="mosi").path, tmp_path / "out")

    with Csd(tmp_path / "out/audio.csd") as audio, Csd(tmp_path / "out/vision.csd") as vision:
        assert audio.videos == ("a[0]", "a[1]", "b[0]")  # the SDK counts from 0 where MOSI's ids count from 1
        assert vision.videos == ("a[0]", "a[1]")
        assert audio.stated_names(2) == ("covarep_000", "covarep_001")
        assert (audio.root, vision.root) == ("covarep", "facet_42")


def test_an_artefact_of_other_origin_goes_out_and_back(tiny_artifact: Path, tmp_path: Path) -> None:
    export_csd(tiny_artifact, tmp_path / "out")

    done = import_csd(
        tmp_path / "again.h5",
        words=tmp_path / "out/words.csd",
        labels=tmp_path / "out/labels.csd",
        features={name: tmp_path / f"out/{name}.csd" for name in ("text", "audio", "vision")},
    )

    before, after = rows_by_id(tiny_artifact), rows_by_id(done.path)
    for old, new in (("a", "d1_0"), ("b", "d1_1"), ("c", "c_0")):
        assert_same(before[old], after[new])


def exchanged(
    tmp_path: Path, utterances: Sequence[Utterance], rows: Callable[[Utterance], AlignedUtterance], **says: object
) -> Path:
    """Write an artefact, export it, and import it again."""
    path = tmp_path / "made.h5"
    artifact.write(path, description_of(**says), utterances, rows, lambda utterance: "")
    export_csd(path, tmp_path / "out")
    features = {name: tmp_path / f"out/{name}.csd" for name in ("text", "audio", "vision")}
    files = {"words": tmp_path / "out/words.csd", "labels": tmp_path / "out/labels.csd", "features": features}
    return import_csd(tmp_path / "again.h5", **files).path


def test_words_that_overlap_in_time_keep_their_own_rows(tmp_path: Path) -> None:
    said = (Word("one", 0.0, 1.0), Word("two", 0.5, 1.5), Word("three", 0.6, 1.4))

    again = exchanged(tmp_path, [utterance_of("u", said, labels={"sentiment": 1.0})], rows_of)

    assert_same(rows_of(utterance_of("u", said, labels={"sentiment": 1.0})), rows_by_id(again)["u_0"])


def test_rows_whose_times_are_unknown_keep_their_order(tmp_path: Path) -> None:
    said = tuple(Word(text, 0.0, 0.0) for text in ("so", "it", "goes"))
    utterance = utterance_of("u", said, labels={"sentiment": 1.0}, end=0.0)

    again = exchanged(tmp_path, [utterance], rows_of, clock="none")

    assert_same(rows_of(utterance), rows_by_id(again)["u_0"])


def test_frames_of_their_own_go_out_with_their_own_times(tmp_path: Path) -> None:
    utterance = utterance_of("u", (Word("so", 0.0, 1.0),), labels={"sentiment": 1.0}, end=1.0)

    def rows(one: Utterance) -> AlignedUtterance:
        aligned = rows_of(one)
        own = frames(1.0, 4)
        values, seen = own.features.astype(np.float32), np.arange(10) != 9
        return replace(
            aligned,
            features={**aligned.features, "audio": values * seen[:, None]},
            observed={**aligned.observed, "audio": seen},
            intervals={"audio": own.intervals},
        )

    again = exchanged(tmp_path, [utterance], rows, own_rows=("audio",))

    with Csd(tmp_path / "out/audio.csd") as audio:
        assert audio.rows("u[0]").features[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert rows_by_id(again)["u_0"].features["audio"].tolist() == [[4.0] * 4]


def test_unknown_labels_and_slashes_in_names_survive(tmp_path: Path) -> None:
    utterances = [
        utterance_of("x/1.wav", (Word("so", 0.0, 1.0),), labels={"sentiment": 1.0}),
        utterance_of("x/2.wav", (Word("it", 0.0, 1.0),), labels={}),
    ]

    again = exchanged(tmp_path, utterances, rows_of)

    labels = {name: one.utterance.labels for name, one in rows_by_id(again).items()}
    assert labels == {"x_1.wav_0": {"sentiment": 1.0}, "x_2.wav_0": {}}


@pytest.fixture(scope="module")
def mosi(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> ImportedCsd:
    """The real files, as they stand."""
    folder, source = tmp_path_factory.mktemp("mosi"), shared / "mosi"
    vectors = folder / "glove.mosi.300d.txt"
    vectors.symlink_to(source / "glove.mosi.300d.txt")
    return import_csd(
        folder / "mosi.h5",
        words=source / "CMU_MOSI_ModifiedTimestampedWords.csd",
        labels=source / "CMU_MOSI_Opinion_Labels.csd",
        glove=vectors,
        folds=source / "cmu_mosi_std_folds.json",
        complete=True,
    )


def published(shared: Path) -> dict[str, dict[str, str]]:
    import csv

    with (shared / "mosi/MOSI-label.csv").open(encoding="utf-8") as handle:
        return {f"{row['video_id']}_{row['clip_id']}": row for row in csv.DictReader(handle)}


def test_real_mosi_has_all_its_segments(mosi: ImportedCsd) -> None:
    assert mosi.summary["splits"] == {"train": 1284, "valid": 229, "test": 686}
    assert mosi.differences == ()
    assert mosi.summary["dims"] == {"text": 300}
    assert mosi.summary["observed"]["text"] > 0.95
    assert [failure.id for failure in mosi.failures if failure.reason.startswith("segment without words")] == [
        "2WGyTLYerpo_44"  # starts and ends at 127.213 s
    ]


def test_ids_splits_and_labels_of_real_mosi_are_the_published_ones(mosi: ImportedCsd, shared: Path) -> None:
    expected = published(shared)

    with Artifact(mosi.path) as made:
        found = {one.id: one for split in made.splits for one in made.utterances(split)}

    assert found.keys() == expected.keys()
    for name, one in found.items():
        assert one.split == expected[name]["mode"]
        assert one.labels["sentiment"] == pytest.approx(float(expected[name]["label"]), abs=0.051)


def test_words_of_real_mosi_are_right_once_they_are_moved_by_a_row(
    mosi: ImportedCsd, shared: Path, tmp_path: Path
) -> None:
    expected, source = published(shared), shared / "mosi"
    assert "in this file each text stands 1 row before its times" in mosi.failures[0].reason

    moved = import_csd(
        tmp_path / "moved.h5",
        words=source / "CMU_MOSI_ModifiedTimestampedWords.csd",
        labels=source / "CMU_MOSI_Opinion_Labels.csd",
        word_shift=1,
    )

    right = sum(said == expected[name]["text"].lower().split() for name, said in words_of(moved.path).items())
    as_it_stands = sum(
        said == expected[name]["text"].lower().split()
        for split in ("train", "valid", "test")
        for name, said in words_of(mosi.path, split).items()
    )
    assert (as_it_stands, right) == (0, 1906)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process; gives exit code, stdout, stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["mmfeat", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


def test_the_commands_import_and_export(
    command: Callable[..., tuple[int, str, str]], corpus: dict[str, Any], tmp_path: Path
) -> None:
    voice = corpus["features"]["COVAREP"]
    files = ("--words", corpus["words"], "--labels", corpus["labels"], "--features", f"COVAREP={voice}")

    code, out, err = command("import", "csd", *files, "--output", tmp_path / "c.h5", "--dataset", "mosi", "--json")
    exported, listed, _ = command("export", "csd", tmp_path / "c.h5", "--output", tmp_path / "out")

    assert (code, exported) == (0, 0)
    assert json.loads(out)["splits"] == {"all": 3}
    assert "count: utterances 3, published 2199" in err
    assert [Path(line).name for line in listed.split()] == ["words.csd", "labels.csd", "audio.csd"]


def test_the_command_fails_in_one_line(
    command: Callable[..., tuple[int, str, str]], corpus: dict[str, Any], tmp_path: Path
) -> None:
    files = ("--words", corpus["words"], "--labels", corpus["labels"], "--output", tmp_path / "c.h5")

    code, _, err = command("import", "csd", *files, "--features", "COVAREP")

    assert code == 1
    assert "error: --features 'COVAREP'; expected NAME=FILE" in err
    assert "Traceback" not in err
