"""The contract of every dataset, on a small tree in its native layout, and the folder layout in detail."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmfeat import registry, schema
from mmfeat.errors import SchemaError

NAMES = registry.names("mmfeat.datasets")


@pytest.fixture
def trees(root: Path) -> dict[str, dict[str, object]]:
    """Settings that point each dataset at a small tree of its own."""
    return {"folder": {"root": root / "pipelines" / "demo"}}


@pytest.mark.parametrize("name", NAMES)
def test_every_dataset_gives_valid_utterances(name: str, trees: dict[str, dict[str, object]]):
    dataset = registry.build("mmfeat.datasets", name, trees[name])
    utterances, failures = dataset.utterances()
    assert len(utterances) >= 1
    assert failures == []
    schema.require_valid_utterances(utterances, name)
    assert all(utterance.media.is_file() for utterance in utterances)
    for label, classes in dataset.classes.items():
        assert all(0 <= utterance.labels[label] < len(classes) for utterance in utterances if label in utterance.labels)


def write(folder: Path, text: str) -> dict[str, object]:
    (folder / "utterances.csv").write_text(text, encoding="utf-8")
    return {"root": folder}


def test_columns_of_numbers_are_scores_and_others_are_classes(tmp_path: Path):
    settings = write(tmp_path, "id,media,start,end,score,mood\na,x.wav,1.5,2.5,-1.2,sad\nb,x.wav,,,,glad\n")
    dataset = registry.build("mmfeat.datasets", "folder", settings)
    first, second = dataset.utterances()[0]
    assert dataset.classes == {"mood": ("glad", "sad")}
    assert (first.start, first.end, dict(first.labels)) == (1.5, 2.5, {"score": -1.2, "mood": 1.0})
    assert (second.start, second.end, dict(second.labels)) == (0.0, None, {"mood": 0.0})


def test_a_row_that_cannot_be_read_goes_to_the_ledger(tmp_path: Path):
    settings = write(tmp_path, "id,media,start\na,x.wav,soon\nb,x.wav,1\n")
    utterances, failures = registry.build("mmfeat.datasets", "folder", settings).utterances()
    assert [utterance.id for utterance in utterances] == ["b"]
    assert [(failure.id, failure.stage, "soon" in failure.reason) for failure in failures] == [("a", "prepare", True)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,media\n", "no rows"),
        ("name,media\na,x.wav\n", "no column id"),
        ("id,media\na,x.wav,3,4\n", "more cells than the header"),
    ],
)
def test_a_broken_table_says_what_is_wrong(tmp_path: Path, text: str, message: str):
    with pytest.raises(SchemaError, match=message):
        registry.build("mmfeat.datasets", "folder", write(tmp_path, text))


def test_an_absent_table_says_where_it_goes(tmp_path: Path):
    with pytest.raises(SchemaError, match="put the corpus there"):
        registry.build("mmfeat.datasets", "folder", {"root": tmp_path})


def test_all_failures_of_a_manifest_come_in_one_report(tmp_path: Path):
    rows = "".join(f"same,x.wav,{start},1\n" for start in (0, -1, 5))
    utterances, _ = registry.build(
        "mmfeat.datasets", "folder", write(tmp_path, "id,media,start,end\n" + rows)
    ).utterances()
    with pytest.raises(SchemaError) as error:
        schema.require_valid_utterances(utterances, "corpus")
    assert "occurs once" in str(error.value)
    assert "start of 0 s or later" in str(error.value)
    assert "end after the start" in str(error.value)
