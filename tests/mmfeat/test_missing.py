"""Masks keep what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from mmfeat import missing
from mmfeat.errors import ConfigError

OFFSETS = np.array([0, 2, 3, 3])
OBSERVED = np.array([[1, 0, 1], [0, 0, 1], [0, 1, 0]], dtype=bool)  # 2 words, 1 word, no word


def test_an_utterance_is_present_where_any_of_its_words_was_observed():
    assert missing.present(OBSERVED, OFFSETS).tolist() == [[True, False, True], [False, True, False], [False] * 3]


def test_dropping_keeps_the_chosen_modalities_only():
    kept = missing.keep_modalities(OBSERVED, OFFSETS, ["vision"])
    assert kept[:2].tolist() == [[False, False, True], [False, False, True]]


def test_the_last_observed_modality_of_an_utterance_is_never_dropped():
    kept = missing.keep_modalities(OBSERVED, OFFSETS, ["text"])
    assert kept[2].tolist() == [False, True, False]


def test_keeping_all_three_changes_nothing():
    np.testing.assert_array_equal(missing.keep_modalities(OBSERVED, OFFSETS, ["text", "audio", "vision"]), OBSERVED)


@pytest.mark.parametrize("kept", [[], ["video"]])
def test_an_impossible_choice_is_refused(kept):
    with pytest.raises(ConfigError, match="expected at least one of text, audio, vision"):
        missing.keep_modalities(OBSERVED, OFFSETS, kept)
