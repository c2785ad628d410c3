"""The contract of every dataset, on a small tree in its native layout."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from mmfeat import counts, manifest, registry, schema
from mmfeat.types import Dataset

NAMES = registry.names("mmfeat.datasets")
OURS = {"citation": "us", "licence": "BSD-3-Clause", "homepage": "here"}  # a folder's source stands in its settings
TREES = [*NAMES, "demo"]  # the demo corpus is the other kind of folder


@pytest.fixture(scope="module", params=TREES)
def corpus(request: pytest.FixtureRequest, root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """Name of a plug-in and settings that point it at a tree: that of ``tests/raw_<name>.py``, or the demo corpus."""
    if request.param == "demo":
        return "folder", {"root": root / "pipelines" / "demo", **OURS}
    tree = importlib.import_module(f"raw_{request.param}").make(tmp_path_factory.mktemp(request.param))
    return request.param, {"root": tree, **(OURS if request.param == "folder" else {})}


@pytest.fixture(scope="module")
def dataset(corpus: tuple[str, Any]) -> Dataset:
    built: Dataset = registry.build("mmfeat.datasets", *corpus)
    return built


def test_ids_are_unique_and_words_in_order(dataset: Dataset):
    utterances, _ = dataset.utterances()
    assert len(utterances) >= 2
    schema.require_valid_utterances(utterances, dataset.name)


def test_words_lie_inside_their_utterance(dataset: Dataset):
    for utterance in dataset.utterances()[0]:
        end = float("inf") if utterance.end is None else utterance.end
        assert all(utterance.start <= word.start < word.end <= end for word in utterance.words)


def test_media_and_sound_are_there_or_the_ledger_says_so(dataset: Dataset):
    utterances, failures = dataset.utterances()
    missed = {failure.id for failure in failures}
    for utterance in utterances:
        there = utterance.media.is_file() and (utterance.sound is None or utterance.sound.is_file())
        assert there or {utterance.id, utterance.dialogue} & missed


def test_labels_lie_in_their_ranges_and_classes_have_names(dataset: Dataset, corpus: tuple[str, Any]):
    ranges = registry.module("mmfeat.datasets", corpus[0]).RANGES
    utterances, _ = dataset.utterances()
    for utterance in utterances:
        for label, value in utterance.labels.items():
            if label in dataset.classes:
                assert value in range(len(dataset.classes[label]))
            elif label in ranges:
                assert ranges[label][0] <= value <= ranges[label][1]
            else:
                assert corpus[0] == "folder"  # whose labels are anybody's
    assert dataset.target in {label for utterance in utterances for label in utterance.labels}


def test_the_source_is_complete_and_the_module_says_the_same(dataset: Dataset, corpus: tuple[str, Any]):
    module = registry.module("mmfeat.datasets", corpus[0])
    assert all((dataset.source.citation, dataset.source.licence, dataset.source.homepage))
    assert dataset.name == corpus[0]
    assert dataset.expected == module.EXPECTED
    assert dataset.target == module.TARGET
    assert corpus[0] == "folder" or dataset.source == module.SOURCE


def test_every_utterance_has_a_part_in_a_named_split(dataset: Dataset):
    utterances, _ = dataset.utterances()
    assert dataset.split
    assert {utterance.split for utterance in utterances} <= {"train", "valid", "test", "all"}
    assert {part for utterance in utterances for part in utterance.parts.values()} <= {"train", "valid", "test"}


def test_published_counts_have_names_that_are_counted(dataset: Dataset):
    utterances, _ = dataset.utterances()
    counted = counts.count(utterances, dataset.classes)
    assert all(name in counted and low <= high for name, (low, high) in dataset.expected.items())
    assert not dataset.expected or counts.differences(counted, dataset.expected)  # a miniature is told apart


def test_reading_twice_gives_the_same(dataset: Dataset, corpus: tuple[str, Any]):
    again: Dataset = registry.build("mmfeat.datasets", *corpus)
    assert dataset.utterances() == again.utterances()
    assert dataset.utterances() == again.utterances()


def test_utterances_come_back_from_a_manifest(dataset: Dataset, tmp_path: Path):
    utterances, _ = dataset.utterances()
    manifest.write_utterances(utterances, tmp_path / "u.jsonl")
    assert manifest.read_utterances(tmp_path / "u.jsonl") == utterances


def test_the_ledger_says_what_stage_and_why(dataset: Dataset):
    _, failures = dataset.utterances()
    assert all(failure.id and failure.stage == "prepare" and failure.reason for failure in failures)


def test_the_demo_corpus_has_nothing_to_write_down(root: Path):
    assert registry.build("mmfeat.datasets", "folder", {"root": root / "pipelines" / "demo"}).utterances()[1] == []
