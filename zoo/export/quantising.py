"""A graph in 8-bit integers, and what that costs: measured on the part of the corpus that chose the model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmfeat import registry
from mmfeat.types import FloatArray
from zoo.checkpoint import Card, Checkpoint
from zoo.data import Corpus, Loader, View, draw_for, find_artefact, group_items, open_corpus, view
from zoo.errors import DataError, ExportError
from zoo.export.runtime import ask, required
from zoo.metrics import measure
from zoo.types import Batch, Missing

PART = "valid"  # the test part stays unread
TOGETHER = 32  # items answered at once

Scores = Mapping[str, float]


@dataclass(frozen=True)
class Loss:
    """What is lost by int8 on the validation part, without gaps and under the declared missing distribution."""

    artefact: str
    artefact_sha256: str
    utterances: int
    scores: Mapping[str, Mapping[str, Scores]]  # "complete", "declared" -> "float32", "int8" -> metrics
    answers: float  # greatest difference of an answer from the network's
    alone: float  # greatest difference of an answer from its own when the item is asked for alone


def quantise(graph: Path) -> None:
    """Bring the weights of a graph to 8 bits, in its place; activations follow as they come, one scale per tensor.

    Unsigned where onnxruntime has the choice, which it has not for an LSTM: sums of signed products can overflow on
    processors without VNNI instructions. One scale per channel is not supported for weights stacked by modality.
    """
    onnx, tools = required("onnx"), required("onnxruntime.quantization")
    with _quiet():
        tools.quantize_dynamic(graph, graph, weight_type=tools.QuantType.QUInt8)
    made = onnx.load(graph)
    del made.graph.value_info[:]  # shapes that the quantiser noted for itself, a sixth of a small file
    onnx.save(made, graph)


def open_artefact(checkpoint: Checkpoint, dataset: str | Path | None) -> Corpus:
    """The corpus that a loss can be measured on.

    Raises
    ------
    ExportError
        If the artefact that the checkpoint was trained on is not there.
    DataError
        If ``dataset`` is not there, or has no validation part.
    CheckpointMismatch
        If its features are others.
    """
    card = checkpoint.card
    try:
        path = find_artefact(card.artefact if dataset is None else dataset)
    except DataError:
        if dataset is not None:
            raise
        raise ExportError(
            f"{checkpoint.folder}: its artefact {card.artefact} is not here; expected it, to measure what int8 loses; "
            "give it as --dataset PATH, or export without --int8"
        ) from None
    corpus = open_corpus(path, ",".join(card.task.targets), card.split)
    checkpoint.require_fit(corpus)
    corpus.require_parts(PART)
    return corpus


def measure_loss(checkpoint: Checkpoint, session: Any, corpus: Corpus) -> Loss:
    """Ask network and int8 graph for every utterance of the validation part.

    Parameters
    ----------
    checkpoint : Checkpoint
        On the CPU.
    session : onnxruntime.InferenceSession
    corpus : Corpus
    """
    scores: dict[str, Mapping[str, Scores]] = {}
    answers = alone = 0.0
    views = _views(checkpoint, corpus)
    for name, seen in views.items():
        part = seen.items.part
        exact = _answers(lambda batch: _respond(checkpoint, batch), seen, TOGETHER)
        rough = _answers(lambda batch: ask(session, batch)[0], seen, TOGETHER)
        single = _answers(lambda batch: ask(session, batch)[0], seen, 1)
        scores[name] = {
            kind: measure(corpus.task, part.targets, part.known, values)
            for kind, values in (("float32", exact), ("int8", rough))
        }
        answers = max(answers, float(np.abs(rough - exact).max()))
        alone = max(alone, float(np.abs(rough - single).max()))
    count = len(views["complete"].items.part.rows.ids)
    return Loss(str(corpus.path), corpus.sha256, count, scores, answers, alone)


def _views(checkpoint: Checkpoint, corpus: Corpus) -> dict[str, View]:
    card = checkpoint.card
    part = corpus.part(PART)
    items = group_items(part, card.level, checkpoint.normalisation, max_words=int(card.settings["data"]["max_words"]))
    # Seed and variant of the first draw that the training was validated with.
    declared, _ = draw_for(_missing(card), part.rows, corpus.dataset, seed=0, variant=0)
    return {"complete": view(items, None), "declared": view(items, declared)}


def _missing(card: Card) -> Missing:
    declared: Missing = registry.configure(Missing, card.settings["missing"], owner="missing")
    return declared


def _respond(checkpoint: Checkpoint, batch: Batch) -> FloatArray:
    with torch.inference_mode():
        logits: FloatArray = checkpoint.network(batch).logits.numpy()
    return logits


def _answers(asked: Callable[[Batch], FloatArray], seen: View, together: int) -> FloatArray:
    """Answers for all utterances of a part in its order, (N, outputs)."""
    found: dict[int, FloatArray] = {}
    for batch in Loader(seen, together).in_order():
        logits = asked(batch)
        found |= dict(zip(batch.numbers.flatten().tolist(), logits.reshape(-1, logits.shape[-1]), strict=True))
    return np.stack([found[number] for number in range(len(seen.items.part.rows.ids))])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep onnxruntime's advice to optimise a graph beforehand off the screen: it logs to everybody's logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
