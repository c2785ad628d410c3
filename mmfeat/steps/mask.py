"""An artefact to the masks that everybody uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmfeat import missing
from mmfeat.artifact import Artifact
from mmfeat.errors import ConfigError
from mmfeat.types import Progress


def mask(
    artefact: Path, output: Path, plan: Sequence[missing.Entry] = missing.DEFAULT, progress: Progress | None = None
) -> list[missing.Stored]:
    """Draw every mask of a plan and write them to one file.

    All are drawn again on every call, and the file is replaced when it is complete: a draw comes out the same each
    time, and all of the default plan over 22,856 utterances of 50 words take 3 s, so there is nothing to go on from.

    Parameters
    ----------
    artefact : Path
    output : Path
        HDF5 file.
    plan : sequence of missing.Entry
    progress : Progress, optional

    Returns
    -------
    list of missing.Stored
        What is in the file.

    Raises
    ------
    ConfigError
        If the plan has a bad entry, or ``output`` is the artefact.
    SchemaError
        If the artefact cannot be read.
    OutputError
        If ``output`` cannot be written.
    """
    if output.resolve() == artefact.resolve():
        raise ConfigError(f"output {output} is the artefact itself; expected a file of its own; name another")
    with Artifact(artefact) as corpus:
        dataset = corpus.description.dataset
        rows = {split: corpus.observed(split) for split in corpus.splits}
    missing.write(output, dataset, rows, missing.draw_all(plan, rows, dataset, progress))
    return missing.MaskFile(output).stored()
