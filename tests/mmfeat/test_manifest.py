"""Manifests and ledgers come back as they were written, and say where they are broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import utterance_of, words_of

from mmfeat import manifest
from mmfeat.errors import SchemaError
from mmfeat.types import Failure, Utterance, Word


def test_utterances_come_back_as_they_were_written(tmp_path: Path, tiny_corpus: list[Utterance]):
    odd = utterance_of(
        "ü\u2028x", words_of("é", '"quoted"'), end=2.5, cues=(Word("two words", 0.0, 1.0),), transcript="a\nb"
    )
    manifest.write_utterances([*tiny_corpus, odd], tmp_path / "m.jsonl")
    assert manifest.read_utterances(tmp_path / "m.jsonl") == [*tiny_corpus, odd]


def test_a_ledger_has_a_line_per_failure_and_an_empty_one_is_an_empty_file(tmp_path: Path):
    manifest.write_failures([Failure("a", "media", "cut short")], tmp_path / "l.jsonl")
    manifest.write_failures([], tmp_path / "empty.jsonl")
    assert json.loads((tmp_path / "l.jsonl").read_text()) == {"id": "a", "stage": "media", "reason": "cut short"}
    assert (tmp_path / "empty.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json\n", "line 1"),
        ('{"id": "a"}\n', "expected an utterance"),
        ('\n{"id": "a", "media": "b", "words": [], "cues": [], "age": 3}\n', "line 2"),
    ],
)
def test_a_broken_manifest_names_its_line(tmp_path: Path, text: str, message: str):
    (tmp_path / "m.jsonl").write_text(text)
    with pytest.raises(SchemaError, match=message):
        manifest.read_utterances(tmp_path / "m.jsonl")


def test_a_missing_manifest_says_what_to_run(tmp_path: Path):
    with pytest.raises(SchemaError, match="run the stage before"):
        manifest.read_utterances(tmp_path / "absent.jsonl")
