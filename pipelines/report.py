"""The artefact to a page about it."""

import sys
from pathlib import Path

from mmfeat import console, report


def main(name: str) -> None:
    """Write the page about one corpus."""
    with console.progress_bars() as progress:
        report.write(Path(f"data/aligned/{name}.h5"), Path(f"data/reports/{name}.html"), progress=progress)


if __name__ == "__main__":
    console.run(lambda: main(*sys.argv[1:]))
