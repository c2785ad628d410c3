"""The artefact to the masks that every model is trained and tested under."""

import sys
from pathlib import Path

from mmfeat import console, missing
from mmfeat.steps.mask import mask
from pipelines import params


def main(name: str) -> None:
    """Write the mask file of one corpus."""
    plan = missing.parse(params.read()["mask"]["plan"])
    with console.progress_bars() as progress:
        mask(Path(f"data/aligned/{name}.h5"), Path(f"data/masks/{name}.h5"), plan, progress)


if __name__ == "__main__":
    console.run(lambda: main(*sys.argv[1:]))
