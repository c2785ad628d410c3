"""Show the page in the user's browser, once there is something to show."""

from __future__ import annotations

import socket
import threading
import time
import webbrowser

WAIT = 60.0  # s for the service to listen
PAUSE = 0.1  # s between two tries
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a service that listens everywhere is found here


def open_browser(host: str, port: int) -> None:
    """Open the page as soon as the service listens; comes back at once.

    Parameters
    ----------
    host, port : str, int
        Where the service is going to listen.
    """
    threading.Thread(target=_wait_and_open, args=(ANYWHERE.get(host, host), port), daemon=True).start()


def _wait_and_open(host: str, port: int) -> None:
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        try:
            socket.create_connection((host, port), timeout=1.0).close()
        except OSError:
            time.sleep(PAUSE)
            continue
        webbrowser.open(f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/")
        return
