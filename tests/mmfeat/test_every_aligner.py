"""The contract of every aligner and every transcriber in their folders."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmfeat import registry
from mmfeat.errors import AlignmentFailed, MissingDependency
from mmfeat.media import read_waveform
from mmfeat.types import SPEECH_RATE, Waveform

ALIGNERS = registry.names("mmfeat.forced_alignment")
TRANSCRIBERS = registry.names("mmfeat.transcribers")
SILENCE = Waveform(np.zeros(SPEECH_RATE, dtype=np.float32), SPEECH_RATE)


@pytest.fixture(scope="module")
def talk(root: Path) -> tuple[Waveform, str]:
    """An ordinary clip and its transcript."""
    demo = root / "pipelines" / "demo"
    with (demo / "utterances.csv").open(encoding="utf-8") as handle:
        row = next(row for row in csv.DictReader(handle) if not row["note"])
    waveform = read_waveform(demo / row["media"], SPEECH_RATE)
    assert waveform is not None
    return waveform, row["transcript"]


@pytest.mark.parametrize(
    ("package", "name"),
    [*(("forced_alignment", name) for name in ALIGNERS), *(("transcribers", name) for name in TRANSCRIBERS)],
)
def test_it_has_a_version_and_a_frozen_config(package: str, name: str):
    module = registry.module(f"mmfeat.{package}", name)
    assert module.VERSION
    assert module.Config.__dataclass_params__.frozen
    assert dataclasses.is_dataclass(module.Config)


@pytest.mark.parametrize("name", ALIGNERS)
def test_an_aligner_gives_each_token_once_in_order_inside_the_sound(name: str, talk: tuple[Waveform, str]):
    waveform, transcript = talk
    words = registry.build("mmfeat.forced_alignment", name)(waveform, transcript)
    assert [word.text for word in words] == transcript.split()
    assert all(0 <= word.start < word.end <= waveform.duration + 1e-6 for word in words)
    assert all(first.end <= second.start + 1e-9 for first, second in zip(words, words[1:], strict=False))
    assert all(word.score is not None and np.isfinite(word.score) for word in words)


@pytest.mark.parametrize("name", ALIGNERS)
def test_an_aligner_refuses_silence(name: str):
    with pytest.raises(AlignmentFailed, match="expected"):
        registry.build("mmfeat.forced_alignment", name)(SILENCE, "anything at all")


def transcriber(name: str) -> Any:
    try:
        return registry.build("mmfeat.transcribers", name)
    except MissingDependency as error:
        pytest.skip(f"{name} has no model here: {error}")


@pytest.mark.parametrize("name", TRANSCRIBERS)
def test_a_transcriber_hears_words_in_order_and_none_in_silence(name: str, talk: tuple[Waveform, str]):
    listen = transcriber(name)
    words = listen(talk[0])
    assert len(words) >= 2
    assert all(word.text and 0 <= word.start < word.end for word in words)
    assert all(first.start <= second.start for first, second in zip(words, words[1:], strict=False))
    assert listen(SILENCE) == ()
