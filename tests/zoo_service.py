"""The service for tests: feature rows and bodies to send, answers to compare, and a server that is really started."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from mmfeat.types import MODALITIES

WIDTHS = {"text": 32, "audio": 33, "vision": 288}
TYPES = {"json": "application/json", "npz": "application/x-npz", "safetensors": "application/x-safetensors"}
START = 60.0  # s until a service is ready, on busy cores
ROOT = Path(__file__).parents[1]

# Limits that the command line does not set.
WITH_LIMITS = """
import json, sys
from zoo.serve import Limits, Settings, run
run(Settings("demo", port=0, limits=Limits(**json.loads(sys.argv[1]))))
"""


def until(there: Any, seconds: float = 60.0) -> Any:
    """Ask until there is something."""
    end = time.monotonic() + seconds
    while not (found := there()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def rows(seed: int = 0, words: int = 5, modalities: tuple[str, ...] = MODALITIES) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((words, WIDTHS[name])).astype(np.float32) for name in modalities}


def written(arrays: dict[str, np.ndarray], kind: str) -> bytes:
    """The body for one utterance."""
    if kind == "safetensors":
        return save(arrays)
    if kind == "json":
        return json.dumps({"utterances": [{name: values.tolist() for name, values in arrays.items()}]}).encode()
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def same(served: Any, offline: Any) -> bool:
    """Equal but for the last digits, which depend on what else is in a batch."""
    if isinstance(offline, dict):
        return served.keys() == offline.keys() and all(same(served[name], value) for name, value in offline.items())
    if isinstance(offline, list):
        return len(served) == len(offline) and all(map(same, served, offline))
    return bool(served == (pytest.approx(offline, abs=1e-5) if isinstance(offline, float) else offline))


def film(path: Path, kind: str, claimed: float | None = None) -> Path:
    """A second of pictures whose header claims more."""
    import av

    with av.open(str(path), "w", format=kind) as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for _ in range(10):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            out.mux(stream.encode(picture))
        out.mux(stream.encode())
    data = bytearray(path.read_bytes())
    if claimed is not None and kind == "matroska":
        place = data.index(b"\x44\x89\x88") + 3  # Duration, ms
        data[place : place + 8] = struct.pack(">d", claimed * 1000)
    elif claimed is not None:
        # ffmpeg believes it only where all places that say so agree.
        for box, offset in (("mvhd", 20), ("tkhd", 24), ("elst", 12), ("mdhd", 20), ("stts", 16)):
            place = data.index(box.encode()) + offset
            (ticks,) = struct.unpack(">I", data[place : place + 4])
            data[place : place + 4] = struct.pack(">I", round(ticks * claimed))
    path.write_bytes(data)
    return path


class Started:
    """A service in a process of its own, with a home and a temporary folder of its own."""

    def __init__(self, folder: Path, *options: str, limits: Mapping[str, float] | None = None) -> None:
        serve = ("-m", "zoo.cli", "serve", "demo", "--port", "0", *options)
        command = serve if limits is None else ("-c", WITH_LIMITS, json.dumps(limits))
        self.home, self.temporary, self._log = folder / "home", folder / "tmp", folder / "log"
        self.temporary.mkdir(parents=True)
        environment = os.environ | {"ZOO_HOME": str(self.home), "TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1"}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen((sys.executable, *command), cwd=ROOT, stderr=log, env=environment)
        until(lambda: self.process.poll() is not None or self.said("ready"), START)
        assert self.process.poll() is None, self._log.read_text()
        self.port = int(self.said("listening")[0]["port"])
        until(lambda: b'zoo_workers_ready{kind="media"} 1.0' in self.ask("GET", "/metrics")[1], START)

    def said(self, event: str) -> list[dict[str, Any]]:
        """What the log has of it."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line[:1] + line[-1:] == "{}"]
        return [line for line in lines if line["event"] == event]

    def unstructured(self) -> list[str]:
        """Lines of the log that are no JSON: tracebacks, warnings of libraries."""
        return [line for line in self._log.read_text().splitlines() if line[:1] + line[-1:] != "{}"]

    def connect(self, timeout: float = 60.0) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, bytes]:
        """Over a connection of its own."""
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body, {"Content-Type": kind} if body is not None else {})
            response = connection.getresponse()
            return response.status, response.read()

    def predict(self, arrays: dict[str, np.ndarray], kind: str = "safetensors") -> tuple[int, dict[str, Any]]:
        status, said = self.ask("POST", "/predict", written(arrays, kind), TYPES[kind])
        return status, json.loads(said)

    def upload(self, clip: bytes, name: str = "clip.mp4", **fields: str | bytes) -> tuple[int, dict[str, Any]]:
        """A clip by a form."""
        parts = [
            (f'name="{field}"', text if isinstance(text, bytes) else text.encode()) for field, text in fields.items()
        ]
        parts.append((f'name="clip"; filename="{name}"\r\nContent-Type: video/mp4', clip))
        form = b"".join(b"--b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (h.encode(), b) for h, b in parts)
        status, said = self.ask("POST", "/predict/media", form + b"--b--\r\n", "multipart/form-data; boundary=b")
        return status, json.loads(said)

    def ended(self, identity: str, seconds: float = 120.0) -> dict[str, Any]:
        """What became of a clip."""

        def job() -> dict[str, Any] | None:
            told: dict[str, Any] = json.loads(self.ask("GET", f"/predict/media/{identity}")[1])
            return told if told["status"] in ("done", "failed") else None

        return until(job, seconds)  # type: ignore[no-any-return]

    def metric(self, name: str) -> float:
        """A figure; 0 where nothing was counted yet."""
        lines = self.ask("GET", "/metrics")[1].decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), 0.0)

    def processes(self) -> dict[int, str]:
        """The command lines of all processes of this service by their ids, those of an orphan too."""
        mark, found = f"ZOO_HOME={self.home}\0".encode(), {}
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # gone in the meantime
                if mark in (place / "environ").read_bytes():
                    found[int(place.name)] = (place / "cmdline").read_text().replace("\0", " ")
        return found

    def workers(self, kind: str) -> list[int]:
        return [number for number, command in self.processes().items() if f"zoo.serve.{kind}_worker" in command]

    def memory(self) -> dict[int, float]:
        """The most memory that each of its processes ever had, MiB."""
        return {number: _peak(number) for number in self.processes()}

    def descriptors(self) -> int:
        """How many files and connections the front has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def stop(self) -> int:
        """Ask it to end; gives the exit code."""
        self.process.terminate()
        return self.process.wait(60)


def _peak(number: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{number}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0.0


@contextlib.contextmanager
def started(*options: str, limits: Mapping[str, float] | None = None) -> Iterator[Started]:
    """A service that is gone afterwards, however the test ends."""
    with tempfile.TemporaryDirectory(prefix="zoo-started-") as folder:
        service = Started(Path(folder), *options, limits=limits)
        try:
            yield service
        finally:
            if service.process.poll() is None:
                service.process.kill()  # its workers end by themselves
                service.process.wait()
