"""The page about a corpus: what it counts and flags, that it is sane for odd corpora, and that it stays offline."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import DIMS, description_of, rows_of, utterance_of, words_of
from hypothesis import example, given
from hypothesis import strategies as st

import mmfeat.cli.report  # noqa: F401  registers the command
from mmfeat import artifact, cli, report
from mmfeat.errors import OutputError, SchemaError
from mmfeat.report.blocks import share
from mmfeat.report.charts import Bins, length_bins, value_bins
from mmfeat.report.features import QUANTILES, SAMPLE, measure
from mmfeat.types import AlignedUtterance, Utterance

VOID = {"meta", "br", "img", "link", "input", "hr"}
EVIL = "<script>alert(1)<b> & \"more\" 'x'"


@dataclass
class Page(HTMLParser):
    """What a browser would make of a page: its tags, its words, its tables by caption."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    unbalanced: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self._rows: list[list[str]] = []
        self._caption = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self._rows, self._caption = [], ""
        if tag == "tr":
            self._rows.append([])
        if tag in ("th", "td"):
            self._rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.text += " " if tag in ("text", "title") else ""
        if not self._open or self._open.pop() != tag:
            self.unbalanced.append(tag)
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        if "caption" in self._open:
            self._caption += data
        if "th" in self._open or "td" in self._open:
            self._rows[-1][-1] += data

    def row(self, caption: str, first: str) -> list[str]:
        """Cells of one row of a table, without the first."""
        return next(row[1:] for row in self.tables[caption] if row[0] == first)

    def attributes(self, name: str) -> list[str]:
        """Values of an attribute, wherever it stands."""
        return [attributes[name] or "" for _, attributes in self.tags if name in attributes]


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    page.unbalanced += page._open
    return page


Write = Callable[..., Page]


@pytest.fixture
def page_of(tmp_path: Path) -> Write:
    """``page_of(utterances, rows_of=..., **description)`` writes an artefact and its page, and reads the page."""

    def call(
        utterances: list[Utterance], rows: Callable[[Utterance], AlignedUtterance] = rows_of, **about: object
    ) -> Page:
        artifact.write(tmp_path / "made.h5", description_of(**about), utterances, rows, lambda utterance: "")
        report.write(tmp_path / "made.h5", tmp_path / "made.html")
        return read(tmp_path / "made.html")

    return call


def test_counts_stand_beside_the_published_ones(page_of: Write, tiny_corpus):
    page = page_of(tiny_corpus, expected={"utterances": [3, 3], "train": [4, 5], "emotion=cross": [0, 1]})
    table = "Counts beside the published ones"
    assert page.row(table, "utterances") == ["3", "3", "✓ agrees"]
    assert page.row(table, "train") == ["2", "4 to 5", "✗ −2"]
    assert page.row(table, "emotion=cross") == ["1", "0 to 1", "✓ agrees"]
    assert page.row("Counts that are not published", "train dialogues") == ["1"]
    assert "1 of 3 published counts are not met. train: 2 instead of 4 to 5." in page.text


def test_met_counts_are_said_to_be_met(page_of: Write, tiny_corpus):
    page = page_of(tiny_corpus, expected={"utterances": [3, 3], "test": [1, 1]})
    assert "All 2 published counts are met." in page.text
    assert "Not as published" not in page.text


def test_whatever_a_text_holds_it_stays_text(page_of: Write, tmp_path: Path):
    words = words_of(EVIL, "b", "c")
    said = utterance_of(EVIL, words, speaker=EVIL, dialogue=EVIL, labels={EVIL: 1.0, "emotion": 0.0})
    ledger = tmp_path / "made.ledger.jsonl"
    ledger.write_text(json.dumps({"id": EVIL, "stage": EVIL, "reason": EVIL}) + "\n", encoding="utf-8")

    def rows(utterance: Utterance) -> AlignedUtterance:
        made = rows_of(utterance)
        made.observed["text"][:] = False
        return made

    page = page_of(
        [replace(said, parts={EVIL: "train"})],
        rows,
        dataset=EVIL,
        classes={"emotion": [EVIL]},
        source={"homepage": EVIL, "citation": "javascript:alert(1)"},
        words_from={EVIL: EVIL},
    )
    assert {tag for tag, _ in page.tags} & {"script", "iframe", "link", "object"} == set()
    assert page.text.count(EVIL) > 10
    assert not page.unbalanced
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not any(href.startswith("javascript") for href in page.attributes("href"))


def test_a_page_asks_for_nothing_from_outside(page_of: Write, tiny_corpus):
    page = page_of(tiny_corpus, source={"homepage": "https://example.org/corpus"})
    policy = [attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert all(source.startswith("data:") for source in page.attributes("src"))
    assert [href for href in page.attributes("href") if not href.startswith("#")] == ["https://example.org/corpus"]


def test_every_link_within_the_page_leads_somewhere(page_of: Write, tiny_corpus):
    page = page_of([replace(one, labels={"東京": 1.0, "名": 2.0, "counts": 0.5}) for one in tiny_corpus])
    anchors = page.attributes("id")
    assert len(anchors) == len(set(anchors))
    assert {href[1:] for href in page.attributes("href") if href.startswith("#")} <= set(anchors)


def test_the_same_artefact_gives_the_same_bytes_wherever_it_lies(tiny_artifact: Path, tmp_path: Path):
    other = tmp_path / "elsewhere" / tiny_artifact.name
    other.parent.mkdir()
    shutil.copy(tiny_artifact, other)
    for path in (tiny_artifact, other):
        report.write(path, path.with_suffix(".html"))
    assert other.with_suffix(".html").read_bytes() == tiny_artifact.with_suffix(".html").read_bytes()


def test_shared_speakers_are_named_and_counted(page_of: Write):
    corpus = [
        utterance_of(f"u{number}", words_of("a"), split=split, speaker=speaker, dialogue=f"d{number}")
        for number, (split, speaker) in enumerate([("train", "ann"), ("train", "bob"), ("test", "bob"), ("test", "cy")])
    ]
    page = page_of(corpus)
    assert "train and test share 1 speaker: bob." in page.text
    assert "No dialogue is in more than one part." in page.text
    table = "Speakers that two parts share; on the diagonal, all of one part"
    assert page.tables[table][1:] == [["train", "2", "1"], ["test", "1", "2"]]


def test_unknown_speakers_are_not_said_to_be_apart(page_of: Write):
    page = page_of([utterance_of(split, words_of("a"), split=split) for split in ("train", "test")])
    assert "No utterance says its speaker, so what the parts share cannot be known." in page.text
    assert "No speaker is in more than one part" not in page.text


def test_other_splits_show_their_parts_and_what_is_left_out(page_of: Write, tiny_corpus):
    corpus = [
        replace(one, parts=parts) for one, parts in zip(tiny_corpus, [{"x": "test"}, {"x": "train"}, {}], strict=True)
    ]
    page = page_of(corpus)
    rows = page.tables["Parts of the other splits"][1:]
    assert rows == [["x", "train", "1", "1", "1"], ["x", "test", "1", "1", "1"], ["x", "in no part", "1", "", ""]]
    assert page.row("What the parts of the other splits share", "x") == ["none", "train and test: 1"]


def seen_as(patterns: dict[str, tuple[str, ...]]) -> Callable[[Utterance], AlignedUtterance]:
    """Rows of which only the named modalities of an utterance are observed."""

    def rows(utterance: Utterance) -> AlignedUtterance:
        made = rows_of(utterance)
        for name in DIMS:
            made.observed[name][:] = name in patterns[utterance.id]
            made.features[name][~made.observed[name]] = 0
        return made

    return rows


def test_utterances_are_counted_by_what_is_there(page_of: Write):
    patterns = {"a": ("text", "audio", "vision"), "b": ("text", "audio", "vision"), "c": ("audio",), "d": ()}
    page = page_of([utterance_of(name, words_of("x", "y")) for name in patterns], seen_as(patterns))
    table = "Utterances by the modalities of which at least one row was observed"
    found = {row[0]: row[-1] for row in page.tables[table][1:]}
    assert len(found) == 8
    assert found.pop("text + audio + vision") == "2"
    assert found.pop("audio") == found.pop("nothing at all") == "1"
    assert set(found.values()) == {"0"}


def test_coverage_is_drawn_by_the_share_of_rows(page_of: Write):
    page = page_of([utterance_of(name, words_of("x", "y", "z")) for name in "abc"])
    titles = re.findall(r"(no row|every row|\d+ to \d+ % of rows, not all): (\d+)", page.text)
    assert titles == [("every row", "3"), ("every row", "3"), ("60 to 70 % of rows, not all", "3")]
    assert page.row("Share of rows that were observed", "vision, a row per word") == ["9", "66.7 %"]


def test_words_without_vectors_are_listed_by_how_often_they_occur(page_of: Write):
    def rows(utterance: Utterance) -> AlignedUtterance:
        made = rows_of(utterance)
        made.observed["text"][:] = [word.text == "known" for word in utterance.words]
        return made

    page = page_of([utterance_of("a", words_of("known", "zork", "", "zork", "blub"))], rows)
    assert "3 words of 4 (75.0 %) have no text features, 2 different ones." in page.text
    assert "Besides, the words of 1 stretch of time are not known." in page.text
    assert page.tables["Words that the text features do not know"][1:] == [
        ["zork", "2", "50.0 %"],
        ["blub", "1", "25.0 %"],
    ]


def test_classes_and_ratings_are_counted_per_split(page_of: Write, tiny_corpus):
    page = page_of(tiny_corpus, target="emotion")
    assert page.row("Values of emotion, and their share of the known ones", "calm") == ["1 100.0 %", "0 0.0 %"]
    assert page.row("Values of emotion, and their share of the known ones", "not known") == ["1", "0"]
    assert page.row("Values of sentiment, and their share of the known ones", "−2") == ["1 50.0 %", "0 0.0 %"]
    assert page.row("Figures of sentiment", "train") == ["2", "0", "−2", "−0.25", "1.5", "−0.25", "1.75"]
    assert page.text.index("Label emotion") < page.text.index("Label sentiment")


def test_other_numbers_are_drawn_split_by_split_over_the_same_bins(page_of: Write, rng: np.random.Generator):
    values = rng.normal(0, 1, 40).clip(-3, 3)
    corpus = [
        utterance_of(f"u{place}", words_of("a"), split="test" if place % 4 == 0 else "train", labels={"mood": value})
        for place, value in enumerate(values)
    ]
    shares = re.findall(r"(train|test): (\S+) to (\S+): ([\d.]+)%", page_of(corpus).text)
    for split in ("train", "test"):
        assert sum(float(part) for name, _, _, part in shares if name == split) == pytest.approx(100, abs=1)
    lows = {name: {low for split, low, _, _ in shares if split == name} for name in ("train", "test")}
    assert lows["test"] & lows["train"]


def test_a_split_without_known_labels_is_pointed_out(page_of: Write, tiny_corpus):
    page = page_of([*tiny_corpus[:2], replace(tiny_corpus[2], labels={"sentiment": 0.0})])
    assert "No utterance of test has a known emotion." in page.text


def big_rows(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Values (count, 4) with a large offset, a constant, rare ones; and which rows were observed."""
    rng = np.random.default_rng(1)
    values = rng.normal([1e4, 3.0, 0.0, -1.0], [1.0, 0.0, 0.0, 5.0], (count, 4)).astype(np.float32)
    values[::50, 2] = 1
    observed = rng.random(count) > 0.25
    values[~observed] = 0
    return values, observed


def test_ranges_over_many_blocks_are_those_of_the_whole(tmp_path: Path):
    values, observed = big_rows(600_000)  # more than two blocks

    def rows(utterance: Utterance) -> AlignedUtterance:
        spans = np.stack([np.arange(len(values)), np.arange(len(values)) + 1.0], axis=1) / 100
        made = rows_of(utterance)
        features, seen = {**made.features, "audio": values}, {**made.observed, "audio": observed}
        return AlignedUtterance(utterance, features, seen, intervals={"audio": spans})

    path = tmp_path / "long.h5"
    corpus = [utterance_of("a", words_of("x"))]
    artifact.write(path, description_of(own_rows=["audio"]), corpus, rows, lambda utterance: "")
    with artifact.Artifact(path) as opened:
        found = measure(opened, "audio")
    kept = values[observed].astype(np.float64)
    assert found is not None
    assert (found.rows, found.sampled) == (len(kept), SAMPLE)
    np.testing.assert_array_equal(found.lowest, kept.min(axis=0))
    np.testing.assert_array_equal(found.highest, kept.max(axis=0))
    np.testing.assert_allclose(found.mean, kept.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(found.deviation, kept.std(axis=0), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found.zeros, (kept == 0).mean(axis=0))
    # 20,000 rows place the median within 0.025 standard deviations, four times its standard error; 0.1 at 1 %.
    deviation = np.array([1.0, 1e-9, 1.0, 5.0])
    assert (np.abs(found.quantiles - np.quantile(kept, QUANTILES, axis=0)) < 0.15 * deviation)[:, [0, 1, 3]].all()
    assert found.constant.tolist() == [False, True, False, False]


def test_constant_and_mostly_zero_dimensions_are_named(page_of: Write):
    values, observed = big_rows(100)

    def rows(utterance: Utterance) -> AlignedUtterance:
        made = rows_of(utterance)
        features, seen = {**made.features, "audio": values}, {**made.observed, "audio": observed}
        return replace(made, features=features, observed=seen)

    page = page_of([utterance_of("a", words_of(*["x"] * 100, step=0.1))], rows)
    assert "1 dimension constant: audio_1." in page.text
    assert "1 dimension zero in 95 % of the rows or more: audio_2." in page.text
    assert page.row("Ranges of audio", "audio_1")[-1] == "constant"


def test_numbers_that_are_not_finite_are_counted_and_kept_out(tiny_artifact: Path, tmp_path: Path):
    with h5py.File(tiny_artifact, "a") as file:
        file["train/audio"][0, 1] = np.nan
        file["train/audio"][1, 2] = -np.inf
        file["test/audio"][:, 3], file["train/audio"][:, 3] = np.nan, np.inf
    report.write(tiny_artifact, tmp_path / "page.html")
    page = read(tmp_path / "page.html")
    assert "3 dimensions not finite in some rows: audio_1, audio_2, audio_3." in page.text
    assert page.row("Ranges of audio", "audio_1")[-1] == "1 row not finite"
    assert re.search(r"\b(nan|inf)\b", page.text) is None


def no_labels(corpus: list[Utterance]) -> list[Utterance]:
    return [replace(one, labels={}) for one in corpus]


def nobody(corpus: list[Utterance]) -> list[Utterance]:
    return [replace(one, speaker=None, dialogue=None) for one in corpus]


def own_rows(utterance: Utterance) -> AlignedUtterance:
    """Audio and vision at their own rates, nothing of them in the second utterance."""
    made = rows_of(utterance)
    counts = {"audio": 0 if utterance.id == "b" else 40, "vision": 0 if utterance.id == "b" else 12}
    features = {name: np.ones((count, DIMS[name]), dtype=np.float32) for name, count in counts.items()}
    observed = {name: np.arange(count) % 2 == 0 for name, count in counts.items()}
    for name in counts:
        features[name][~observed[name]] = 0
    spans = {
        name: np.linspace(0, 1, count + 1)[:, None][[*range(count)]] + [0.0, 0.01] for name, count in counts.items()
    }
    return AlignedUtterance(utterance, made.features | features, made.observed | observed, intervals=spans)


def without_words(corpus: list[Utterance]) -> list[Utterance]:
    return [replace(one, words=()) for one in corpus]


def without_times(corpus: list[Utterance]) -> list[Utterance]:
    return [replace(one, words=tuple(replace(word, start=0.0, end=0.0) for word in one.words)) for one in corpus]


def extractors_of(*modalities: str) -> dict[str, object]:
    return {name: entry for name, entry in description_of().extractors.items() if name in modalities}


UNSEEN = seen_as({"a": (), "b": (), "c": ()})
ODD = {
    "no labels": (no_labels, rows_of, {}, "This corpus has no labels."),
    "no speakers": (nobody, rows_of, {}, "No utterance says its speaker"),
    "one utterance": (lambda corpus: corpus[:1], rows_of, {}, "There is one part only, with 1 speaker."),
    "one word": (lambda corpus: corpus[1:2], rows_of, {}, "1 observed row, 4 dimensions."),
    "text only": (list, rows_of, {"extractors": extractors_of("text")}, "Audio is not in this artefact."),
    "no features": (list, rows_of, {"extractors": {}}, "This artefact has no features."),
    "own rows": (list, own_rows, {"own_rows": ["audio", "vision"]}, "audio, rows of its own"),
    "text of its own rows": (
        list,
        lambda utterance: replace(rows_of(utterance), intervals={"text": np.zeros((len(utterance.words), 2))}),
        {"own_rows": ["text"]},
        "The rows of text are not words here",
    ),
    "many unknown words": (
        lambda corpus: [replace(corpus[0], words=words_of(*(f"w{n}" for n in range(200))))],
        UNSEEN,
        {},
        "Words that the text features do not know, the 60 most frequent",
    ),
    "long": (
        lambda corpus: [replace(one, end=9000.0) for one in corpus],
        rows_of,
        {},
        "7.5 h",
    ),
    "no words": (
        without_words,
        own_rows,
        {"own_rows": ["audio", "vision"], "extractors": extractors_of("audio", "vision")},
        "Rows of audio per utterance",
    ),
    "no clock": (without_times, rows_of, {"clock": "none"}, "This artefact has no clock"),
    "nothing observed": (list, UNSEEN, {}, "Vision was not observed in a single row."),
}


@pytest.mark.parametrize(("change", "rows", "about", "said"), ODD.values(), ids=ODD)
def test_an_odd_corpus_has_a_sane_page(page_of: Write, tiny_corpus, change, rows, about, said):
    page = page_of(change(tiny_corpus), rows, **about)
    assert said in page.text
    assert not page.unbalanced
    assert re.search(r"\b(nan|inf|None|Markup)\b", page.text) is None


def ledger_of(path: Path, **stages: int) -> None:
    rows = [
        {"id": f"{stage}_{n}", "stage": stage, "reason": f"why {n}"} for stage in stages for n in range(stages[stage])
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_a_ledger_is_grouped_by_stage_and_cut_fairly(page_of: Write, tiny_corpus, tmp_path: Path):
    ledger_of(tmp_path / "made.ledger.jsonl", words=500, align=3)
    page = page_of(tiny_corpus)
    assert page.row("Rows by stage", "words") == ["500", "500"]
    assert len(page.tables["Ledger rows of stage align"][1:]) == 3
    assert len(page.tables["Ledger rows of stage words"][1:]) == 197
    assert "words: the first 197 of 500 rows" in page.text
    assert "The other 303 rows are in made.ledger.jsonl." in page.text


def test_lines_that_are_no_ledger_rows_are_counted(page_of: Write, tiny_corpus, tmp_path: Path):
    ledger = tmp_path / "made.ledger.jsonl"
    ledger_of(ledger, words=1)
    with ledger.open("ab") as handle:
        handle.write(b'{"id": "a", "sta\n[1]\n\xff\n')
    page = page_of(tiny_corpus)
    assert "3 lines of made.ledger.jsonl cannot be read as ledger rows." in page.text
    assert "1 row about 1 id" in page.text


def test_no_ledger_and_an_empty_one_are_told_apart(page_of: Write, tiny_corpus, tmp_path: Path):
    assert "There is no made.ledger.jsonl beside the artefact" in page_of(tiny_corpus).text
    (tmp_path / "made.ledger.jsonl").touch()
    assert "made.ledger.jsonl has no rows: nothing failed" in page_of(tiny_corpus).text


def test_a_ledger_that_was_named_must_be_there(tiny_artifact: Path, tmp_path: Path):
    with pytest.raises(SchemaError, match=r"cannot read the ledger .*gone\.jsonl"):
        report.write(tiny_artifact, tmp_path / "page.html", ledger=tmp_path / "gone.jsonl")
    assert not (tmp_path / "page.html").exists()


def test_an_artefact_without_utterances_is_refused(tmp_path: Path):
    artifact.write(tmp_path / "empty.h5", description_of(), [], rows_of, lambda utterance: "")
    with pytest.raises(SchemaError, match="no utterances; expected at least one"):
        report.write(tmp_path / "empty.h5", tmp_path / "page.html")


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 5, "0.0 %"),
        (5, 5, "100.0 %"),
        (9999, 10000, "> 99.9 %"),
        (1, 10000, "< 0.1 %"),
        (1, 3, "33.3 %"),
        (0, 0, "–"),
    ],
)
def test_a_share_is_nothing_or_all_only_where_it_is(part, whole, said):
    assert share(part, whole) == said


def test_progress_is_told_to_the_end(tiny_artifact: Path, tmp_path: Path):
    told = {}
    report.write(tiny_artifact, tmp_path / "page.html", progress=lambda stage, *counts: told.update({stage: counts}))
    assert told == {"utterances": (3, 3), "text": (6, 6), "audio": (6, 6), "vision": (6, 6)}


def test_a_page_is_not_written_over_its_artefact(tiny_artifact: Path):
    before = tiny_artifact.read_bytes()
    with pytest.raises(OutputError, match=r"ends in \.html"):
        report.write(tiny_artifact, tiny_artifact)
    assert tiny_artifact.read_bytes() == before


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory, make_clip) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "talk.wav", 2.0)


def pictures_in(page: Page) -> Iterator[str]:
    return (attributes["alt"] or "" for tag, attributes in page.tags if tag == "img")


def test_utterances_are_drawn_from_the_least_to_the_best_covered(tmp_path: Path, talk: Path):
    words = words_of("so", "it", "goes")
    corpus = [replace(utterance_of(name, words), media=Path("moved") / talk.name) for name in "abcde"]
    seen = {"a": ("text",), "b": ("text", "audio", "vision"), "c": (), "d": ("text", "audio"), "e": ("audio",)}
    artifact.write(tmp_path / "c.h5", description_of(), corpus, seen_as(seen), lambda utterance: "")
    report.write(tmp_path / "c.h5", tmp_path / "c.html", media=talk.parent, pictures=3)
    page = read(tmp_path / "c.html")
    assert [alt.rpartition(": ")[0].split(", over time: ")[1].split(",")[0] for alt in pictures_in(page)] == [
        "c",
        "e",
        "b",
    ]
    assert all(source.startswith("data:image/png;base64,iVBOR") for source in page.attributes("src"))
    assert "rows observed: text 3 of 3, audio 3 of 3, vision 3 of 3" in page.text


def test_a_clip_that_cannot_be_read_still_has_its_words_drawn(tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(b"no film" * 100)
    corpus = [replace(utterance_of("a", words_of("so", "it")), media=tmp_path / "a.mp4")]
    artifact.write(tmp_path / "c.h5", description_of(), corpus, rows_of, lambda utterance: "")
    report.write(tmp_path / "c.h5", tmp_path / "c.html")
    assert len(list(pictures_in(read(tmp_path / "c.html")))) == 1


@pytest.mark.parametrize(
    ("about", "pictures", "said"),
    [
        ({}, 4, "No media was found for 3 utterances that were looked for, such as b.wav, where the artefact says"),
        ({"clock": "none"}, 4, "The times of the rows are not known"),
        ({}, 0, "No pictures were asked for."),
    ],
)
def test_where_nothing_can_be_drawn_the_page_says_why(tmp_path: Path, tiny_corpus, about, pictures, said):
    def rows(utterance: Utterance) -> AlignedUtterance:
        made = rows_of(utterance)
        made.observed["audio"][:] = utterance.id != "b"
        return made

    artifact.write(tmp_path / "c.h5", description_of(**about), tiny_corpus, rows, lambda utterance: "")
    report.write(tmp_path / "c.h5", tmp_path / "c.html", pictures=pictures)
    page = read(tmp_path / "c.html")
    assert said in page.text
    assert not list(pictures_in(page))


def test_utterances_too_long_for_a_page_are_not_drawn(page_of: Write):
    page = page_of([utterance_of("a", words_of(*["x"] * 61, step=0.1))])
    assert "Every utterance has more than 60 words or 120 s" in page.text


@given(st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=80))
@example([1_000_000.0, 999_999.9999999999])
def test_bins_reach_over_all_values(values: list[float]):
    taken = np.array(values)
    assert_bins_are_sound(value_bins(taken), taken)
    assert_bins_are_sound(length_bins(np.abs(taken), whole=False), np.abs(taken))


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=80))
def test_bins_of_whole_numbers_hold_every_one_once(values: list[int]):
    taken = np.array(values)
    bins = length_bins(taken, whole=True)
    assert_bins_are_sound(bins, taken)
    said = bins.say("words")
    for place, count in enumerate(bins.count(taken)):
        numbers = [int(number) for number in re.findall(r"\d+", said[place])]
        within = (taken >= numbers[0]) & (bins.open and place == len(said) - 1 or taken <= numbers[-1])
        assert within.sum() == count


def assert_bins_are_sound(bins: Bins, values: np.ndarray) -> None:
    bars = len(bins.edges) - 1
    assert bars <= 64
    assert (np.diff(bins.edges) > 0).all()
    assert len(bins.say("s")) == bars
    assert all(0 <= place <= bars for place, _ in bins.ticks)
    assert 1 <= len(bins.ticks) <= 9
    assert bins.edges[0] <= values.min()
    assert bins.open or values.max() <= bins.edges[-1]


def test_ratings_get_a_bar_each_also_where_they_are_thirds():
    ratings = np.float32(np.arange(-9, 10) / 3).astype(np.float64)
    bins = value_bins(ratings)
    assert bins.count(ratings).tolist() == [1] * 19
    assert [label for _, label in bins.ticks] == ["−3", "−2", "−1", "0", "1", "2", "3"]
    assert bins.say("")[1] == "−2.667"


def test_lengths_far_beyond_the_rest_share_the_last_bar():
    lengths = np.append(np.arange(1000) % 40, 5000)
    bins = length_bins(lengths, whole=True)
    assert bins.count(lengths)[-1] == 1
    assert bins.say("words")[-1] == "40 words or more"
    assert bins.ticks[-1][1] == "more"


def test_the_command_writes_the_page_beside_the_artefact(tiny_artifact: Path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["mmfeat", "report", str(tiny_artifact), "--pictures", "0"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    written = tiny_artifact.with_suffix(".html")
    assert (stop.value.code or 0, capsys.readouterr().out.strip()) == (0, str(written))
    assert "Corpus report on tiny.h5" in read(written).text
