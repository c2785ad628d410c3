"""From the start of the service to its stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI

from mmfeat.errors import ConfigError
from mmfeat.types import Seconds
from zoo.errors import ZooError
from zoo.serve.app import create_app
from zoo.serve.logs import log
from zoo.serve.service import Service
from zoo.serve.settings import Settings

KEEP_ALIVE = 15  # s that an idle connection is kept
BACKLOG = 512  # connections that wait to be accepted


def run(settings: Settings, app: FastAPI | None = None) -> None:
    """Serve until SIGTERM or SIGINT; then finish what was accepted, and come back.

    Parameters
    ----------
    settings : Settings
    app : FastAPI, optional
        What `create_app` made of the settings, with more routes; default: without.

    Raises
    ------
    ConfigError
        If the address cannot be had.
    ZooError
        If the model cannot be opened.
    """
    app = app or create_app(settings)
    service: Service = app.state.service
    listener = _listener(settings.host, settings.port)
    with listener:
        asyncio.run(_serve(app, service, listener))
    if service.failed is not None:
        raise ZooError(service.failed)


class _Server(uvicorn.Server):
    """Uvicorn without its own way with signals, which would end the process by the signal that stopped it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(app: FastAPI, service: Service, listener: socket.socket) -> None:
    limits = service.settings.limits
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=5,
            ws="none",
            lifespan="on",
        )
    )
    # Uvicorn's own limit answers in a form of its own, also who asks whether the process lives.
    service.access.crowded = lambda: len(server.server_state.connections) > limits.connections
    stop = asyncio.Event()
    service.at_failure = stop.set
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(server.serve([listener]))
    watching = asyncio.create_task(_watch_clients(server, limits.head_time))
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    log("listening", url=f"http://{shown}:{port}", port=port)
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
    if service.failed is None and not serving.done():
        log("stopping")
        await service.finish()
    server.should_exit = True
    watching.cancel()
    stopped.cancel()
    await serving
    log("stopped")


async def _watch_clients(server: uvicorn.Server, limit: Seconds) -> None:
    """Close connections over which no request comes, or whose client takes no answer: uvicorn waits for ever."""
    connections: set[Any] = server.server_state.connections
    seen: dict[Any, tuple[Any, int, Seconds]] = {}
    while True:
        await asyncio.sleep(1.0)
        now = asyncio.get_running_loop().time()
        silent = {}
        for connection in list(connections):
            if connection.transport is None or _at_work(connection):
                continue
            unsent = connection.transport.get_write_buffer_size()
            cycle, unsent_before, since = seen.get(connection, (None, -1, now))
            if connection.cycle is not cycle or unsent != unsent_before:
                since = now  # another request came in the meantime, or the client takes its answer
            silent[connection] = connection.cycle, unsent, since
            if now - since > limit:
                connection.transport.abort() if unsent else connection.transport.close()
        seen = silent


def _at_work(connection: Any) -> bool:
    """Whether it is for us to do something for the client of a connection, and not the other way round."""
    cycle = connection.cycle
    return cycle is not None and not cycle.response_complete and not connection.flow.write_paused


def _listener(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
        # With its protocol named, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms.
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error}; expected a free port of this machine; choose another --port"
        ) from None
    return listener
