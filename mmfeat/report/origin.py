"""Where an artefact comes from: its source, its words, its extractors."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from mmfeat.artifact import Artifact
from mmfeat.report.blocks import Cell, Paragraph, Section, Table, number
from mmfeat.schema import SCHEMA_VERSION
from mmfeat.types import Modality

RULES = {
    "overlap": "overlap: each word takes the plain mean of the frames that overlap it",
    "weighted": "weighted: each word takes the mean of its frames, weighted by how much of each lies in it",
    "none": "none: frames stay frames",
}


def origin_section(artifact: Artifact) -> Section:
    """Source, licence, how words and rows came about, and the extractors with their settings."""
    about = artifact.description
    rows: list[tuple[str, Cell]] = [
        ("data set", about.dataset or "–"),
        *((name, _linked(value)) for name, value in about.source.items() if value),
        ("words from", _settings(about.words_from)),
        ("rows", RULES.get(about.alignment_rule, about.alignment_rule)),
        ("times", "seconds from the start of the media file" if about.clock == "media" else "not known"),
        ("target", about.target or "–"),
        ("written by", f"mmfeat {about.code_version}, schema version {SCHEMA_VERSION}"),
    ]
    extractors = [_extractor(name, artifact) for name in artifact.dims]
    head = ("modality", "extractor", "version", "settings", "files that went in", "rows", "dimensions")
    blocks = [
        Table("The corpus", ("", "value"), rows, left=2),
        Table("Extractors", head, extractors, left=6)
        if extractors
        else Paragraph("This artefact has no features, so no extractor."),
    ]
    return Section("origin", "Origin", blocks)


def _extractor(name: Modality, artifact: Artifact) -> tuple[Cell, ...]:
    entry = artifact.description.extractors[name]
    shift = entry["frame_shift"]
    rows = "its own" if name in artifact.description.own_rows else "words"
    frames = (
        f", from frames every {shift:g} s" if shift and rows == "words" else f", every {shift:g} s" if shift else ""
    )
    return (
        name,
        entry["extractor"],
        entry["version"],
        _settings(entry["config"]),
        _files(entry["sources"]),
        rows + frames,
        number(artifact.dims[name]),
    )


def _settings(values: Any) -> Cell:
    said = [
        Markup("<code>{} = {}</code>").format(key, value if isinstance(value, str) else json.dumps(value))
        for key, value in sorted(values.items())
    ]
    return Markup("<br>").join(said) if said else "–"


def _files(sources: Any) -> Cell:
    said = [Markup("{} <code>sha256 {}</code>").format(name, digest) for name, digest in sorted(sources.items())]
    return Markup("<br>").join(said) if said else "–"


def _linked(value: str) -> Cell:
    """A web address as a link; nothing else becomes one."""
    if value.startswith(("https://", "http://")) and not any(letter.isspace() for letter in value):
        return Markup('<a href="{0}" rel="noreferrer">{0}</a>').format(value)
    return value
