"""The service: what it adds to the model for one client, its rate at 16 clients, its start and its memory.

Client and server share the cores. Beside the service, in the same run: a bare FastAPI echo of bodies of the same size,
and the model by itself. All are measured in turns, so that whatever else the machine does falls on all alike.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from raw_media import film
from report import Row
from zoo_service import TYPES, Started, started, written
from zoo_service import rows as feature_rows

WORDS, CLIENTS, TURNS = 20, 16, 7
SECONDS = 3.0  # of load, each turn
MEMORY_REQUESTS = 5000

ECHO = """
import socket, uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response
app = FastAPI()
@app.post("/predict")
async def echo(request: Request):
    return Response(await request.body(), media_type="application/octet-stream")
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
listener.listen(512)
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run([listener])
"""


def run() -> list[Row]:
    """One client, sixteen, start, memory."""
    with contextlib.ExitStack() as stack:
        start, service = stack.enter_context(_service())
        _, single = stack.enter_context(_service("--no-batching"))
        _, double = stack.enter_context(_service("--workers", "2"))
        echo = stack.enter_context(_echo())
        bodies = _bodies()
        rows = [Row("service: start until /ready", f"{start:.1f} s", "< 6 s")]
        rows += _one_client(service.port, echo, bodies)
        rows += _many_clients((service.port, double.port, single.port), echo, bodies["safetensors"])
        rows += _memory(service, bodies["safetensors"])
        rows += _clip(service)
    return rows


@contextlib.contextmanager
def _service(*options: str) -> Iterator[tuple[float, Started]]:
    """A service, and how many seconds it took until it was ready."""
    begun = datetime.now(UTC)
    with started(*options) as running:
        took = datetime.fromisoformat(running.said("ready")[0]["time"]) - begun
        yield took.total_seconds(), running


@contextlib.contextmanager
def _echo() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def _bodies() -> dict[str, bytes]:
    return {kind: written(feature_rows(words=WORDS), kind) for kind in ("safetensors", "npz", "json")}


def _asker(port: int, body: bytes, kind: str) -> Callable[[], None]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Content-Type": TYPES[kind]}

    def ask() -> None:
        connection.request("POST", "/predict", body, headers)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            sys.exit(f"status {response.status}")

    return ask


def _times(work: Callable[[], object], count: int) -> list[float]:
    """Milliseconds of each call."""
    found = []
    for _ in range(count):
        started = time.perf_counter()
        work()
        found.append((time.perf_counter() - started) * 1000)
    return found


def _one_client(port: int, echo: int, bodies: dict[str, bytes]) -> list[Row]:
    import torch

    from zoo.packing import find
    from zoo.predict import Features, Predictor

    torch.set_num_threads(1)
    predictor = Predictor.open(find("demo"))
    one = Features("a", feature_rows(words=WORDS))
    works: dict[str, Callable[[], object]] = {
        "model": lambda: predictor.answer([one], what_if=False),
        "model of 16": lambda: predictor.answer([one] * 16, what_if=False),
        "echo": _asker(echo, bodies["safetensors"], "safetensors"),
    }
    works |= {kind: _asker(port, body, kind) for kind, body in bodies.items()}
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(TURNS * 4 + 1):
        for name, work in works.items():
            times = _times(work, 10)
            found[name] += times if turn else []
    half = {name: statistics.median(times) for name, times in found.items()}
    late = {name: statistics.quantiles(times, n=100)[98] for name, times in found.items()}

    def shown(name: str) -> str:
        return f"p50 {half[name]:.1f} ms, p99 {late[name]:.1f} ms"

    rows = [
        Row("model alone, batch 1", shown("model")),
        Row("model alone, batch 16", f"{shown('model of 16')}; {half['model of 16'] / 16:.2f} ms per utterance"),
        Row("bare echo, one client", shown("echo")),
    ]
    for kind, body in bodies.items():
        asked = "adds <= 6 ms" if kind != "json" else "-"
        what = f"service, one client, {kind}, {len(body) / 1024:.0f} KiB"
        rows.append(Row(what, f"{shown(kind)}; adds {half[kind] - half['model']:.1f} ms at p50", asked))
    return rows + [Row("utterances/s of the model alone, batch 16", f"{16000 / half['model of 16']:.0f}")]


def _rate(port: int, body: bytes) -> float:
    """Answers per second at `CLIENTS` clients."""
    stop, counts = threading.Event(), [0] * CLIENTS

    def load(number: int) -> None:
        ask = _asker(port, body, "safetensors")
        while not stop.is_set():
            ask()
            counts[number] += 1

    threads = [threading.Thread(target=load, args=(number,)) for number in range(CLIENTS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(SECONDS)
    stop.set()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


def _model_rate() -> float:
    """Utterances per second of the model alone, 16 at once."""
    from zoo.packing import find
    from zoo.predict import Features, Predictor

    predictor = Predictor.open(find("demo"))
    utterances = [Features("a", feature_rows(words=WORDS))] * CLIENTS
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS / 2:
        predictor.answer(utterances, what_if=False)
        count += CLIENTS
    return count / (time.perf_counter() - started)


def _many_clients(ports: tuple[int, int, int], echo: int, body: bytes) -> list[Row]:
    """Rates of the service, of one with two workers, and of one without batching."""
    turns = [(*(_rate(port, body) for port in ports), _rate(echo, body), _model_rate()) for _ in range(TURNS)]
    together, double, apart, bare, model = (statistics.median(column) for column in zip(*turns, strict=True))
    share, more = (statistics.median(each[which] / min(each[3], each[4]) for each in turns) for which in (0, 1))
    return [
        Row(f"bare echo, {CLIENTS} clients", f"{bare:.0f}/s"),
        Row(f"model alone, batches of {CLIENTS}, same turns", f"{model:.0f}/s"),
        Row(f"service, {CLIENTS} clients, micro-batching", f"{together:.0f}/s; {share:.0%} of the smaller", ">= 60 %"),
        Row("the same, two model workers", f"{double:.0f}/s; {more:.0%} of the smaller", ">= 60 %"),
        Row(f"service, {CLIENTS} clients, without it", f"{apart:.0f}/s"),
    ]


def _memory(service: Started, body: bytes) -> list[Row]:
    ask = _asker(service.port, body, "safetensors")
    for _ in range(500):
        ask()
    before = [_resident(process) for process in sorted(service.processes())]
    for _ in range(MEMORY_REQUESTS):
        ask()
    after = [_resident(process) for process in sorted(service.processes())]
    shown = ", ".join(f"{first:.0f} -> {last:.0f}" for first, last in zip(before, after, strict=True))
    return [Row(f"memory over {MEMORY_REQUESTS} requests, front and workers", f"{shown} MiB", "flat")]


def _clip(service: Started) -> list[Row]:
    """Computing of all processes for a clip of ten seconds with its transcript, the first time and later."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        sentences = film(("d22_03", "d01_00", "d01_04", "d01_02"), path)
        said, length = " ".join(each.text for each in sentences), sentences[-1].end
        clip = path.read_bytes()
    used = []
    for _ in range(3):
        before = sum(map(_computed, sorted(service.processes())))
        job = service.ended(service.upload(clip, transcript=said)[1]["id"])
        if job["status"] == "failed":
            sys.exit(f"the clip was not answered: {job['error']}")
        used.append((sum(map(_computed, sorted(service.processes()))) - before) / length)
    return [
        Row(f"clip of {length:.0f} s, computing per second, first one", f"{used[0]:.2f} s"),
        Row("the same, later ones", f"{min(used[1:]):.2f} s", "<= 0.6 s"),
    ]


def _computed(process: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
