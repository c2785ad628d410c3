"""What a client is told when it gets no answer."""

from __future__ import annotations

import json

from starlette.responses import Response

from zoo.errors import ZooError


class Refused(ZooError):
    """A request that is not answered, with the status that says why."""

    def __init__(
        self, status: int, code: str, message: str, retry_after: int | None = None, allow: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.retry_after, self.allow = retry_after, allow

    def response(self) -> Response:
        """As the client gets it."""
        headers = {
            "Retry-After": None if self.retry_after is None else str(self.retry_after),
            "Allow": self.allow,
            "WWW-Authenticate": "Bearer" if self.status == 401 else None,
        }
        return Response(
            json.dumps(self.as_json()),
            self.status,
            {name: value for name, value in headers.items() if value is not None},
            "application/json",
        )

    def as_json(self) -> dict[str, dict[str, str]]:
        """The form that all errors have."""
        return {"error": {"code": self.code, "message": self.message}}


def stopping() -> Refused:
    """No new work is taken any more."""
    return Refused(503, "stopping", "the service is stopping; expected it to run; try again soon", retry_after=5)


def too_large(what: str, limit: int) -> Refused:
    """A body, or a part of it, is over its limit."""
    return Refused(413, "too_large", f"{what} is too large; expected at most {limit} bytes; send less")


def too_slow(seconds: float) -> Refused:
    """A body takes too long to come."""
    return Refused(408, "too_slow", f"the body did not come within {seconds:g} s; expected all of it; send it faster")
