"""Run the benchmarks and print one table: ``python tests/benchmarks/run.py [topic ...]``; a topic is a file here."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from report import table

FOLDER = Path(__file__).parent


def main(topics: list[str]) -> None:
    """Run the given topics, or all."""
    sys.path.append(str(FOLDER.parent))  # what tests and benchmarks share
    known = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    unknown = sorted(set(topics) - set(known))
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; expected {', '.join(known)}")
    rows = []
    for topic in topics or known:
        print(f"running {topic} ...", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"bench_{topic}").run()
    print(table(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
