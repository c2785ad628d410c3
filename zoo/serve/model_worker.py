"""What runs in a model worker: it opens the model and answers batches until the front is gone."""

from __future__ import annotations

import dataclasses
import gc
import json
from collections.abc import Sequence

import numpy as np

from mmfeat.errors import MmfeatError
from zoo.packing import find
from zoo.predict.features import Features
from zoo.predict.predictor import Predictor
from zoo.serve.messages import Message, channel_to_front
from zoo.serve.questions import asked

Outcome = dict[str, str]  # empty: answered; else the code and the message of what went wrong


def main() -> None:
    """Answer until the front is gone."""
    import torch

    torch.set_num_threads(1)
    channel = channel_to_front()
    setup = channel.receive()
    if setup is None:
        return
    gpus = torch.cuda.device_count() if setup.head["device"] in ("auto", "cuda") else 0
    try:
        predictor = Predictor.open(
            find(setup.head["checkpoint"]), _device(setup.head["device"], setup.head["number"], gpus)
        )
    except MmfeatError as error:
        channel.send(Message({"failed": str(error)}))
        return
    predictor.answer([_silence(predictor)])  # the first answer is slower than all others
    gc.freeze()  # what is there stays there: looking through it again and again would cost every request
    channel.send(Message({"card": dataclasses.asdict(predictor.card), "gpus": gpus}))
    while (message := channel.receive()) is not None:
        channel.send(answered(predictor, message))


def answered(predictor: Predictor, message: Message) -> Message:
    """Answer requests together; each by itself where that fails, so that only the guilty one gets no answer."""
    requests = asked(message)
    outcome, texts = _tried(predictor, requests, message.head["what_if"])
    outcomes = [outcome] * len(requests)
    if outcome and len(requests) > 1:
        alone = [_tried(predictor, [request], message.head["what_if"]) for request in requests]
        outcomes, texts = [each for each, _ in alone], [text for _, found in alone for text in found]
    return Message({"outcomes": outcomes}, texts)


def _tried(predictor: Predictor, requests: Sequence[Sequence[Features]], what_if: bool) -> tuple[Outcome, list[bytes]]:
    """The answers of each request in JSON, joined by commas, or what went wrong and nothing."""
    nothing = [b""] * len(requests)
    try:
        found = iter(predictor.answer([one for request in requests for one in request], what_if=what_if))
        texts = [",".join(json.dumps(next(found).as_json(), allow_nan=False) for _ in request) for request in requests]
    except MmfeatError as error:
        return {"code": "unsuitable", "message": str(error)}, nothing
    except Exception as error:  # noqa: BLE001  the boundary where a client's failure must not become another's
        return {"code": "internal", "message": type(error).__name__}, nothing
    return {}, [text.encode() for text in texts]


def _device(wanted: str, number: int, gpus: int) -> str:
    if wanted == "auto" and not gpus:
        return "cpu"
    return f"cuda:{number % gpus}" if wanted in ("auto", "cuda") and gpus else wanted


def _silence(predictor: Predictor) -> Features:
    return Features(
        "-",
        {name: np.zeros((4, width), np.float32) for name, width in predictor.card.inputs.dims.items()},
        dialogue="-",
    )


if __name__ == "__main__":
    main()
