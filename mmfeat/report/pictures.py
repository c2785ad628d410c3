"""A few utterances as pictures, from the least to the best covered."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from mmfeat.artifact import Artifact
from mmfeat.plots import plot_utterance
from mmfeat.report.blocks import Block, Paragraph, Picture, Section, several
from mmfeat.report.survey import Survey
from mmfeat.types import AlignedUtterance, Progress, Utterance

MOST_WORDS, MOST_SECONDS = 60, 120.0  # of an utterance that still fits on a page
LOOKED_FOR = 200  # media files that are looked for at most: a corpus may lie on a slow disk

Thing = TypeVar("Thing")


def pictures_section(
    artifact: Artifact, found: Survey, count: int, media: Path | None, progress: Progress | None = None
) -> Section:
    """Pictures of utterances spread over the range of coverage.

    Parameters
    ----------
    artifact : Artifact
    found : Survey
    count : int
        How many pictures.
    media : Path, optional
        Folder of the clips, where they have moved.
    progress : Progress, optional
    """
    if artifact.description.clock == "none":
        return _without("The times of the rows are not known, so no picture over time can be drawn.")
    if count < 1:
        return _without("No pictures were asked for.")
    fitting = _by_coverage(found)
    if not fitting:
        return _without(
            f"Every utterance has more than {MOST_WORDS} words or {MOST_SECONDS:.0f} s, too much for a picture on a "
            "page; 'mmfeat plot' draws them one by one."
        )
    looked_for = _spread(fitting, LOOKED_FOR)
    there = [name for name, file in looked_for if _moved(file, media).is_file()]
    if not there:
        return _without(_gone(looked_for, media))
    chosen = _spread(there, count)
    blocks: list[Block] = [Paragraph("From the least to the best covered. A wide picture scrolls sideways.")]
    for done, name in enumerate(chosen, start=1):
        blocks.append(_picture(artifact, name, media))
        if progress:
            progress("pictures", done, len(chosen))
    return Section("pictures", "Utterances as pictures", blocks)


def _without(why: str) -> Section:
    return Section("pictures", "Utterances as pictures", [Paragraph(why)])


def _by_coverage(found: Survey) -> list[tuple[str, Path]]:
    """Id and media of utterances that fit on a page, the least observed first."""
    places = []
    for split in found.splits:
        shares = [split.seen[name] / np.maximum(split.rows[name], 1) for name in found.modalities]
        covered = np.mean(shares, axis=0) if shares else np.zeros(len(split))
        fits = (split.words <= MOST_WORDS) & (split.seconds <= MOST_SECONDS)
        places += [(covered[row], split.ids[row], split.media[row]) for row in np.flatnonzero(fits)]
    return [(name, file) for _, name, file in sorted(places, key=lambda place: place[0])]


def _spread(things: Sequence[Thing], count: int) -> list[Thing]:
    """So many of them at equal distances, the first and the last among them."""
    rows = np.unique(np.linspace(0, len(things) - 1, min(count, len(things))).round().astype(int))
    return [things[row] for row in rows]


def _moved(file: Path, media: Path | None) -> Path:
    return file if media is None else media / file.name


def _gone(looked_for: Sequence[tuple[str, Path]], media: Path | None) -> str:
    said = f"No media was found for {several(len(looked_for), 'utterance')} that were looked for, such as "
    where = "in the folder of --media" if media is not None else "where the artefact says"
    return f"{said}{looked_for[0][1].name}, {where}; '--media DIR' names the folder of the clips."


def _picture(artifact: Artifact, name: str, media: Path | None) -> Block:
    """One utterance; what of its media cannot be read, the picture says."""
    aligned = artifact.utterance(name)
    said = aligned.utterance
    moved = replace(said, media=_moved(said.media, media), sound=said.sound and _moved(said.sound, media))
    names = {modality: artifact.names(modality) for modality in artifact.dims}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "utterance.png"
        plot_utterance(replace(aligned, utterance=moved), names, target)
        return Picture(_caption(aligned, artifact), base64.b64encode(target.read_bytes()).decode("ascii"))


def _caption(aligned: AlignedUtterance, artifact: Artifact) -> str:
    said: Utterance = aligned.utterance
    seen = (f"{mod} {int(aligned.observed[mod].sum())} of {len(aligned.observed[mod])}" for mod in artifact.dims)
    return f"{said.id}, {said.split}: {several(len(said.words), 'word')}; rows observed: {', '.join(seen)}"
