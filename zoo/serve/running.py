"""From the start of the service to its stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

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
            limit_concurrency=limits.connections,
            ws="none",
            lifespan="on",
        )
    )
    stop = asyncio.Event()
    service.at_failure = stop.set
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(server.serve([listener]))
    watching = asyncio.create_task(_watch_heads(server, limits.head_time))
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


async def _watch_heads(server: uvicorn.Server, limit: Seconds) -> None:
    """Close connections over which no request comes: uvicorn waits for the head of one for ever."""
    since: dict[int, Seconds] = {}
    while True:
        await asyncio.sleep(1.0)
        now = asyncio.get_running_loop().time()
        silent = {}
        for connection in list(server.server_state.connections):
            cycle, transport = getattr(connection, "cycle", None), getattr(connection, "transport", None)
            if transport is None or (cycle is not None and not cycle.response_complete):
                continue
            silent[id(connection)] = since.get(id(connection), now)
            if now - silent[id(connection)] > limit:
                transport.close()
        since = silent


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
