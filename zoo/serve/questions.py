"""Utterances on their way from the front to a model worker, as numbers without text around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.predict.features import Features
from zoo.serve.messages import Bytes, Message


def question(requests: Sequence[Sequence[Features]], what_if: bool) -> Message:
    """Put the utterances of several requests in a message."""
    blobs: list[Bytes] = []
    heads = [[_head(utterance, blobs) for utterance in request] for request in requests]
    return Message({"requests": heads, "what_if": what_if}, blobs)


def asked(message: Message) -> list[list[Features]]:
    """Take them out again. Clients share a batch, but not their dialogues."""
    blobs = iter(message.blobs)
    return [
        [_features(head, blobs, f"{number}\0", f"{number}\0\0{index}") for index, head in enumerate(heads)]
        for number, heads in enumerate(message.head["requests"])
    ]


def _head(utterance: Features, blobs: list[Bytes]) -> dict[str, Any]:
    """What describes the blobs of an utterance, which are put behind those that are there."""
    blobs += [np.ascontiguousarray(values).tobytes() for values in utterance.rows.values()]
    blobs += [np.ascontiguousarray(mask).tobytes() for mask in utterance.observed.values()]
    return {
        "id": utterance.id,
        "rows": {name: values.shape for name, values in utterance.rows.items()},
        "observed": list(utterance.observed),
        "dialogue": utterance.dialogue,
        "turn": utterance.turn,
        "speaker": utterance.speaker,
    }


def _features(head: Mapping[str, Any], blobs: Iterator[Bytes], client: str, alone: str) -> Features:
    # An utterance without a dialogue is one of its own.
    return Features(
        id=head["id"],
        rows={name: np.frombuffer(next(blobs), np.float32).reshape(shape) for name, shape in head["rows"].items()},
        observed={name: np.frombuffer(next(blobs), np.bool_) for name in head["observed"]},
        dialogue=client + head["dialogue"] if head["dialogue"] else alone,
        turn=head["turn"],
        speaker=head["speaker"],
    )
