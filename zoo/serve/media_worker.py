"""What runs in the media worker: it reads clips, one at a time, and answers for them, until the front is gone."""

from __future__ import annotations

import os
import queue
import resource
import shutil
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmfeat.errors import MissingDependency, MmfeatError
from zoo.errors import CheckpointMismatch
from zoo.packing import find
from zoo.predict.clips import Answered, Handling, answer_clips
from zoo.predict.predictor import Predictor
from zoo.serve.logs import log
from zoo.serve.messages import Channel, Message, channel_to_front
from zoo.serve.probing import require_usable
from zoo.serve.refusals import Refused

SECONDS_BETWEEN = 0.1  # of two reports of progress in the same stage


def main() -> None:
    """Answer for clips until the front is gone."""
    import torch

    torch.set_num_threads(1)
    channel = channel_to_front()
    setup = channel.receive()
    if setup is None:
        return
    # A file may claim pictures of a size that no memory holds.
    resource.setrlimit(resource.RLIMIT_DATA, (setup.head["memory"], resource.RLIM_INFINITY))
    jobs: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(channel, jobs, Path(setup.head["folder"])), daemon=True).start()
    try:
        predictor = Predictor.open(find(setup.head["checkpoint"]))
    except MmfeatError as error:
        channel.send(Message({"failed": str(error)}))
        return
    settings = {"glove": {"path": setup.head["glove"]}} if setup.head["glove"] else {}
    channel.send(Message({}))
    while True:
        job = jobs.get().head
        handling = Handling(settings=settings) if job["cut"] else Handling(settings=settings, pauses=None)
        channel.send(Message(_outcome(predictor, job, handling, channel)))


def _listen(channel: Channel, jobs: queue.SimpleQueue[Message], folder: Path) -> None:
    """Hand on what the front says. Once it is gone nobody wants the result, nor what it left on disk."""
    while (message := channel.receive()) is not None:
        jobs.put(message)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _outcome(predictor: Predictor, job: Mapping[str, Any], handling: Handling, channel: Channel) -> dict[str, Any]:
    """Answers and failures of a clip, or the error that kept it from having any."""
    clip = Path(job["clip"])
    try:
        require_usable(clip, job["duration"])
        transcript = job["transcript"] and Path(job["transcript"])
        found = answer_clips(predictor, [clip], transcript, handling, _Reporter(channel))
    except Refused as refused:
        return refused.as_json()
    except (MissingDependency, CheckpointMismatch) as error:
        return {"error": {"code": "not_set_up", "message": f"this service takes no clips: {error}"}}
    except MmfeatError as error:
        return {"error": {"code": "unusable_clip", "message": _without(clip.parent, str(error))}}
    except MemoryError:
        return Refused(
            413, "too_much_memory", "pictures or sound beyond the memory; expected less; shrink it"
        ).as_json()
    except Exception as error:  # noqa: BLE001  the boundary where a fault over one clip must not end the worker
        place = traceback.extract_tb(error.__traceback__)[-1]
        log("fault", kind=type(error).__name__, at=f"{place.filename}:{place.lineno}")
        message = f"a fault of the service over this clip ({type(error).__name__}); expected an answer; tell its maker"
        return {"error": {"code": "internal", "message": message}}
    return _as_json(found, clip.parent)


def _as_json(found: Answered, folder: Path) -> dict[str, Any]:
    return {
        "answers": [answer.as_json() for answer in found.answers],
        "failures": [
            {"id": failure.id, "stage": failure.stage, "reason": _without(folder, failure.reason)}
            for failure in found.failures
        ],
    }


class _Reporter:
    """Tells the front how far a clip is."""

    def __init__(self, channel: Channel) -> None:
        self._channel, self._stage, self._last = channel, "", 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage != self._stage or done == total or now - self._last > SECONDS_BETWEEN:
            self._channel.send(Message({"stage": stage, "done": done, "total": total}))
            self._stage, self._last = stage, now


def _without(folder: Path, text: str) -> str:
    """A message without the place where we keep the files."""
    return text.replace(f"{folder}/", "")


if __name__ == "__main__":
    main()
