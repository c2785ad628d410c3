"""All that can be set of the service, and every limit it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mmfeat.types import Seconds

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """What is refused, and how long anything may take."""

    body: int = 8 * MIB  # bytes of a request for features
    inflated: int = 32 * MIB  # bytes of the arrays in it, once unpacked
    body_time: Seconds = 20.0  # to send it
    utterances: int = 64  # of a request
    rows: int = 2000  # of an utterance
    name: int = 200  # characters of an id, a dialogue or a speaker
    queue: int = 256  # requests that wait for a model worker
    queued: int = 256 * MIB  # bytes of the features in them
    batch: int = 32  # utterances that a model worker answers at once
    answer_time: Seconds = 60.0  # for a batch, and for a request in all
    upload: int = 200 * MIB  # bytes of a clip
    upload_time: Seconds = 600.0  # to send it
    transcript: int = MIB  # bytes of a transcript
    duration: Seconds = 600.0  # of a clip
    jobs: int = 8  # clips that wait or are being uploaded
    job_time: Seconds = 1800.0  # to answer for a clip
    keep: Seconds = 3600.0  # that the answers for a clip are kept
    kept: int = 100  # clips whose answers are kept
    memory: int = 6 * 1024 * MIB  # bytes of data of the media worker
    connections: int = 256  # open at a time
    head_time: Seconds = 20.0  # to send the head of a request
    start_time: Seconds = 120.0  # for a worker to load its model


@dataclass(frozen=True)
class Settings:
    """One service."""

    checkpoint: Path | str  # a folder, or the name of an installed model
    host: str = "127.0.0.1"
    port: int = 8000  # 0: a free one
    device: str = "auto"  # auto, cpu, cuda or cuda:N
    workers: int | None = None  # that answer; None: one per GPU, one on a CPU
    glove: Path | None = None  # word vectors, where the checkpoint does not bring its own
    token: str | None = field(default=None, repr=False)  # that requests must bear; None: none
    grace: Seconds = 30.0  # to finish what was accepted, on SIGTERM
    limits: Limits = field(default_factory=Limits)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")
