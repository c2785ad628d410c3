"""Puts the sections of a report together and fills them into the page."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from mmfeat.artifact import Artifact
from mmfeat.errors import OutputError, SchemaError
from mmfeat.report.blocks import Section, number, share
from mmfeat.report.corpus import counts_section, splits_section
from mmfeat.report.coverage import complete, coverage_section
from mmfeat.report.dimensions import features_section
from mmfeat.report.features import measure
from mmfeat.report.labels import labels_section
from mmfeat.report.ledger import ledger_section, read_ledger
from mmfeat.report.lengths import hours, lengths_section
from mmfeat.report.origin import origin_section
from mmfeat.report.pictures import pictures_section
from mmfeat.report.survey import Survey, survey
from mmfeat.safe_write import replacing
from mmfeat.types import Progress


def write(
    artefact: Path | str,
    output: Path | str,
    ledger: Path | str | None = None,
    media: Path | str | None = None,
    pictures: int = 4,
    progress: Progress | None = None,
) -> None:
    """Write the page about a corpus.

    Parameters
    ----------
    artefact : Path or str
    output : Path or str
        The page to write, one HTML file.
    ledger : Path or str, optional
        Default: ``<stem>.ledger.jsonl`` beside the artefact; the page says so where there is none.
    media : Path or str, optional
        Folder of the clips, where they have moved.
    pictures : int
        How many utterances are drawn.
    progress : Progress, optional
        Told of the stages ``utterances``, each modality, and ``pictures``.

    Raises
    ------
    SchemaError
        If the artefact cannot be opened or is empty, or the named ledger cannot be read.
    OutputError
        If the page cannot be written or its name does not end in ``.html``.
    """
    output = Path(output)
    if output.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"page {output.name!r}; expected a name that ends in .html; rename the output")
    with Artifact(artefact) as artifact:
        last = _ledger(artifact.path, None if ledger is None else Path(ledger))  # a wrong name is told of at once
        found = survey(artifact, progress)
        if not found.counts.get("utterances"):
            raise SchemaError(f"{artifact.path}: no utterances; expected at least one; make it again")
        sections = [
            counts_section(found, artifact.description.expected),
            splits_section(found, artifact.description),
            coverage_section(found, artifact.description),
            lengths_section(found, artifact.description),
            labels_section(found, artifact.description),
            features_section({name: measure(artifact, name, progress) for name in artifact.dims}),
            pictures_section(artifact, found, pictures, None if media is None else Path(media), progress),
            last,
            origin_section(artifact),
        ]
        tiles = _tiles(found, artifact.description.clock == "media")
        page = _fill(artifact.path.name, artifact.description.dataset, tiles, sections)
    with replacing(output) as beside:
        beside.write_text(page, encoding="utf-8", newline="\n")


def _ledger(artefact: Path, named: Path | None) -> Section:
    beside = artefact.with_name(f"{artefact.stem}.ledger.jsonl")
    if named is None and not beside.is_file():
        return ledger_section(None, beside.name)
    return ledger_section(read_ledger(named or beside), (named or beside).name)


def _tiles(found: Survey, timed: bool) -> list[tuple[str, str]]:
    """The figures at the top: each with what it counts."""
    total = found.counts["utterances"]
    words = sum(int(split.words.sum()) for split in found.splits)
    tiles = [(number(total), "utterances"), (number(words), "words")]
    if timed:
        tiles.append((hours(sum(float(split.seconds.sum()) for split in found.splits)), "of speech"))
    tiles += [(number(found.counts[what]), what) for what in ("speakers", "dialogues") if found.counts[what]]
    return [*tiles, (share(complete(found.splits), total), "have all three modalities")]


def _fill(file: str, dataset: str, tiles: Sequence[tuple[str, str]], sections: Sequence[Section]) -> str:
    """The page; every text is escaped, since a transcript or an id may hold anything."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("mmfeat.report").joinpath("page.html").read_text(encoding="utf-8"))
    remarks = [(section, remark) for section in sections for remark in section.remarks]
    return template.render(file=file, dataset=dataset, tiles=tiles, sections=sections, remarks=remarks)
