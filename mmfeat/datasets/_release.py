"""What the adapters of published releases have in common: the ledger they keep, and the checks that fill it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from mmfeat.errors import SchemaError
from mmfeat.types import Failure, Seconds

_SHOWN_NUMBERS = 12  # of segments, in one line of the ledger


class Ledger:
    """What was left out of a corpus, and what had to be mended."""

    def __init__(self) -> None:
        self.rows: list[Failure] = []

    def add(self, name: str, reason: str) -> None:
        """Write down what is wrong with an utterance, a video or a file."""
        self.rows.append(Failure(name, "prepare", reason))

    def label(self, utterance_id: str, name: str, text: str, span: tuple[float, float]) -> dict[str, float]:
        """Take a label from its text; one that is no number or out of its range is left out and written down."""
        low, high = span
        value = number(text)
        if value is not None and low <= value <= high:
            return {name: value}
        self.add(utterance_id, f"label {name} is {text!r}; expected a number from {low:g} to {high:g}; left out")
        return {}

    def span(self, utterance_id: str, start: Seconds, end: Seconds) -> tuple[Seconds, Seconds] | None:
        """Check the times of a segment: a start before 0 is 0; None where they make no segment."""
        if end <= max(start, 0.0):
            self.add(utterance_id, f"goes from {start:g} to {end:g} s; expected an end after the start; left out")
            return None
        if start < 0:
            self.add(utterance_id, f"starts at {start:g} s; expected 0 or later; taken as 0")
        return max(start, 0.0), end


def number(text: str) -> float | None:
    """Give the finite number that a text holds, if it does."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def listed(segments: Iterable[int]) -> str:
    """Name segments by their numbers, in order, the first dozen of them."""
    numbers = sorted(segments)
    more = f" and {len(numbers) - _SHOWN_NUMBERS} more" if len(numbers) > _SHOWN_NUMBERS else ""
    return f"segment{'s' * (len(numbers) != 1)} {', '.join(map(str, numbers[:_SHOWN_NUMBERS]))}{more}"


def stems(folder: Path, extension: str = "") -> dict[str, Path]:
    """Files of a folder by their names without the extension, or with any; none where the folder is absent."""
    if not folder.is_dir():
        return {}
    return {
        path.stem: path
        for path in sorted(folder.iterdir())
        if path.name.endswith(extension) and path.is_file() and not path.name.startswith("._")  # macOS's own
    }


def read_lines(path: Path, ledger: Ledger) -> list[str]:
    """Lines of a transcript, without the blank ones; bytes that are not UTF-8 are replaced and written down."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = content.decode("utf-8-sig", errors="replace")
        ledger.add(path.stem, f"{path.name}: {error}; expected UTF-8; these characters are unknown")
    # Not splitlines(): that would cut at form feeds and their kind too.
    return [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]


def require_raw(root: Path, release: str, layout: str) -> None:
    """Refuse a folder that is no release.

    Raises
    ------
    SchemaError
        Saying what was looked for, and in which folder nearby it lies.
    """
    if (root / "Raw").is_dir():
        return
    nearby = [root.parent, *sorted(root.iterdir())] if root.is_dir() else [root.parent]
    found = next((folder for folder in nearby if (folder / "Raw").is_dir()), None)
    hint = f"did you mean {found}?" if found else "set root to the folder that holds Raw"
    raise SchemaError(f"no folder Raw in {root}; expected the unpacked {release} release: {layout}; {hint}")
