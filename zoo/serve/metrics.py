"""What the service counts, in the form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from mmfeat.types import Seconds

LATENCIES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of one service, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}  # looking labels up takes its time
        self._requests = Counter(
            "zoo_requests_total", "Requests.", ("route", "method", "status"), registry=self._registry
        )
        self._latency = Histogram(
            "zoo_request_seconds", "Time to answer.", ("route",), registry=self._registry, buckets=LATENCIES
        )
        self._batches = Histogram(
            "zoo_batch_utterances", "Utterances answered at once.", registry=self._registry, buckets=SIZES
        )
        self._computing = Counter("zoo_batch_seconds_total", "Time that workers took.", registry=self._registry)
        self._deaths = Counter("zoo_worker_restarts_total", "Workers that died.", ("kind",), registry=self._registry)
        self._jobs = Counter("zoo_media_jobs_total", "Clips that are done with.", ("status",), registry=self._registry)
        self._queue = Gauge("zoo_queue_length", "What waits.", ("queue",), registry=self._registry)
        self._workers = Gauge("zoo_workers_ready", "Workers that are ready.", ("kind",), registry=self._registry)

    def requested(self, route: str, method: str, status: int, seconds: Seconds) -> None:
        """A request was answered."""
        key = route, method, status  # all of which are few
        if key not in self._known:
            self._known[key] = self._requests.labels(route, method, str(status)), self._latency.labels(route)
        count, latency = self._known[key]
        count.inc()
        latency.observe(seconds)

    def answered_batch(self, size: int, seconds: Seconds) -> None:
        """A worker has answered a batch."""
        self._batches.observe(size)
        self._computing.inc(seconds)

    def died(self, kind: str) -> None:
        """A worker died."""
        self._deaths.labels(kind).inc()

    def finished_job(self, status: str) -> None:
        """A clip is done with."""
        self._jobs.labels(status).inc()

    def watch_queue(self, queue: str, length: Callable[[], int]) -> None:
        """Ask for the length of a queue whenever somebody looks."""
        self._queue.labels(queue).set_function(length)

    def watch_workers(self, kind: str, ready: Callable[[], int]) -> None:
        """Ask how many workers are ready whenever somebody looks."""
        self._workers.labels(kind).set_function(ready)

    def text(self) -> bytes:
        """All of it."""
        return generate_latest(self._registry)
