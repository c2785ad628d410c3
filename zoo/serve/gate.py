"""Around every request: its id, who may ask, time and status in the log and the metrics, and no traceback outside."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmfeat.types import Seconds
from zoo.errors import InputError
from zoo.serve.access import Access
from zoo.serve.logs import log
from zoo.serve.metrics import Metrics
from zoo.serve.refusals import Refused

Endpoint = Callable[[Request], Awaitable[Response]]

GONE = 499  # in the log: the client went away before it had its answer
_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")
_DRAINED = 4 * 2**20  # bytes of an unwanted body that are read before the connection is closed
_DRAIN_TIME = 2.0  # s that they are waited for


class Gate:
    """An ASGI middleware; a pure one, since each layer costs every request."""

    def __init__(self, app: ASGIApp, access: Access, metrics: Metrics, shortcuts: Mapping[str, Endpoint]) -> None:
        self._app, self._access, self._metrics, self._shortcuts = app, access, metrics, shortcuts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, headers = time.perf_counter(), dict(scope["headers"])
        exchange = _Exchange(headers, receive, send)
        try:
            self._access.require(scope["path"], headers)
            await self._pass(scope, exchange)
        except Refused as refused:
            await refused.response()(scope, exchange.receive, exchange.send)
        except InputError as error:
            unsuitable = Refused(422, "unsuitable", str(error))
            await unsuitable.response()(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            exchange.status = GONE
        except Exception as error:  # noqa: BLE001  the boundary where a fault of ours becomes a status
            place = traceback.extract_tb(error.__traceback__)[-1]
            log("fault", id=exchange.id, kind=type(error).__name__, at=f"{place.filename}:{place.lineno}")
            if exchange.status == 0:
                fault = Refused(
                    500, "internal", f"a fault of the service; expected an answer; tell its maker {exchange.id}"
                )
                await fault.response()(scope, exchange.receive, exchange.send)
        self._note(scope, exchange, time.perf_counter() - started)

    async def _pass(self, scope: Scope, exchange: _Exchange) -> None:
        shortcut = self._shortcuts.get(scope["path"]) if scope["method"] == "POST" else None
        if shortcut is None:
            await self._app(scope, exchange.receive, exchange.send)
            return
        # FastAPI describes this route; its way through dependencies and routers would cost more than all of ours.
        response = await shortcut(Request(scope, exchange.receive, exchange.send))
        await response(scope, exchange.receive, exchange.send)

    def _note(self, scope: Scope, exchange: _Exchange, seconds: Seconds) -> None:
        route = (
            scope["path"] if scope["path"] in self._shortcuts else getattr(scope.get("route"), "path", "other")
        )  # never the path itself, which clients choose
        self._metrics.requested(route, _method(scope["method"]), exchange.status, seconds)
        log(
            "request",
            id=exchange.id,
            route=route,
            method=_method(scope["method"]),
            status=exchange.status,
            ms=round(seconds * 1000, 2),
            bytes_in=exchange.read,
            bytes_out=exchange.written,
        )


class _Exchange:
    """One request and its response, as they pass."""

    def __init__(self, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        identity = _identity(headers)
        self.id = identity.decode()
        self.status = self.read = self.written = 0
        self._receive, self._send = receive, send
        self._headers = [(b"x-request-id", identity), (b"x-content-type-options", b"nosniff")]
        # Whether the request's body, where it has one, has been read to its end.
        self._whole = b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"

    async def receive(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        if message["type"] == "http.request":
            self.read += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
        else:
            self._whole = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            refused = self.status >= 400 and not self._whole
            close = [(b"connection", b"close")] if refused else []
            message = {**message, "headers": [*message.get("headers", ()), *self._headers, *close]}
        else:
            self.written += len(message.get("body", b""))
            if self.status >= 400 and not self._whole and not message.get("more_body", False):
                # The client has its answer; it may still be sending, and would never read it were the door slammed.
                await self._send({**message, "more_body": True})
                await self._drain()
                message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def _drain(self) -> None:
        already = self.read
        try:
            async with asyncio.timeout(_DRAIN_TIME):
                while not self._whole and self.read - already < _DRAINED:
                    await self.receive()
        except TimeoutError:
            return


def _identity(headers: dict[bytes, bytes]) -> bytes:
    """The client's own id of a request where it is harmless, else a new one."""
    given = headers.get(b"x-request-id", b"")
    return given if _ID.fullmatch(given) else secrets.token_hex(8).encode()


def _method(method: str) -> str:
    """Of what clients may send as a method only the known ones, or they could fill the metrics."""
    return method if method in ("GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS") else "other"
