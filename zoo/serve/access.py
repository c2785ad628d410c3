"""Who may ask: the bearer of the token, and under the name of this machine only where only it can be reached."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from pathlib import Path

from mmfeat.errors import ConfigError
from zoo.serve.refusals import Refused

TOKEN_VARIABLE = "ZOO_TOKEN"  # noqa: S105 - the name of a variable
OPEN = ("/health", "/ready")
LOOPBACK_NAMES = frozenset(("localhost", "127.0.0.1", "[::1]"))
SHORTEST = 16  # characters of a token


class Access:
    """What is asked of every request before anything else."""

    def __init__(self, token: str | None, loopback: bool) -> None:
        self._token = None if token is None else token.encode()
        self._loopback = loopback
        self._open = set(OPEN)
        self.crowded: Callable[[], bool] = lambda: False  # whether too many are connected; who listens knows

    def open(self, *paths: str) -> None:
        """Let everybody see these paths, and what lies below them: a page has to load before it can ask for a token."""
        self._open.update(paths)

    def require(self, path: str, headers: Mapping[bytes, bytes]) -> None:
        """Refuse who may not ask.

        Raises
        ------
        Refused
            With 421 for a foreign host name, 503 where too many are connected, 401 without the token.
        """
        # A page of another site whose name leads to this machine (DNS rebinding) names that site here.
        if self._loopback and _name(headers.get(b"host", b"")) not in LOOPBACK_NAMES:
            raise Refused(421, "unknown_host", "another host; expected localhost or 127.0.0.1; ask for that")
        if path not in OPEN and self.crowded():
            raise Refused(503, "overloaded", "too many connections; expected fewer; try again soon", retry_after=1)
        if (
            self._token is None
            or path in self._open
            or any(path.startswith(f"{base}/") for base in self._open if base != "/")
        ):
            return
        kind, _, given = headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token):
            raise Refused(401, "unauthorised", "no or a wrong token; expected 'Authorization: Bearer <token>'; give it")


def read_token(file: Path | None, variable: str | None) -> str | None:
    """The token from a file, or from the environment; None where neither is given.

    Raises
    ------
    ConfigError
        If the file cannot be read, or the token is short or has blanks in it.
    """
    try:
        token = variable if file is None else file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"token file {file}: {error}; expected a readable text file; check --token-file") from None
    if token is None:
        return None
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(
            f"a token of {len(token)} characters; expected at least {SHORTEST} printable ASCII ones without blanks; "
            "make one with: python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token


def _name(host: bytes) -> str:
    """A host header without its port."""
    text = host.decode("latin-1").lower()
    return text[: text.index("]") + 1] if "]" in text else text.partition(":")[0]
