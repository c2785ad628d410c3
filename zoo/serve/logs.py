"""What the service says while it runs: JSON lines on stderr. Never words, features, answers or names of files."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


def log(event: str, **values: str | float | None) -> None:
    """Write one line."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    sys.stderr.write(json.dumps({"time": now, "event": event} | values) + "\n")
