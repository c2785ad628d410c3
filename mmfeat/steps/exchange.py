"""Other people's features to an artefact, and an artefact to other people's files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mmfeat import artifact, counts, registry
from mmfeat.artifact import Artifact, Description, describe_extractor
from mmfeat.errors import ConfigError, SchemaError
from mmfeat.formats import gcnet, mmsa, mult
from mmfeat.formats.imported import STAGE, Imported
from mmfeat.formats.padded_rows import Room
from mmfeat.manifest import write_failures
from mmfeat.safe_write import require_writable
from mmfeat.schema import report
from mmfeat.steps.pipeline import Extraction, write_report
from mmfeat.types import (
    AlignedUtterance,
    BoolArray,
    Failure,
    FloatArray,
    Modality,
    Progress,
    Provenance,
    Utterance,
)

VERSION = "legacy"  # of features of which nobody can say how they were made


@dataclass(frozen=True)
class Exported:
    """What came of an export."""

    path: Path
    ledger: Path  # JSON lines of id, stage, reason: what was left out or cut
    utterances: Mapping[str, int]  # written, by split
    failures: tuple[Failure, ...]


def import_mmsa(path: Path, output: Path, *, dataset: str, progress: Progress | None = None) -> Extraction:
    """Read ``aligned_50.pkl`` or ``unaligned_50.pkl`` of MMSA into a validated artefact.

    Parameters
    ----------
    path, output : Path
        Pickle to read, HDF5 file to write; ``<output stem>.ledger.jsonl`` and ``.report.json`` appear beside it.
    dataset : str
        mosi, mosei, sims or any other name; the counts of those that are known are compared with the published ones.
    progress : Progress, optional

    Raises
    ------
    FormatError
        If the file is no such pickle, or holds anything but arrays and plain containers.
    """
    _require_other(output, path)
    return _store(mmsa.read(path), "mmsa", dataset, output, progress)


def import_mult(path: Path, output: Path, *, dataset: str, progress: Progress | None = None) -> Extraction:
    """Read ``mosi_data.pkl`` and its kind of MulT into a validated artefact; as `import_mmsa`."""
    _require_other(output, path)
    return _store(mult.read(path, dataset), "mult", dataset, output, progress)


def import_gcnet(
    labels: Path,
    output: Path,
    *,
    dataset: str,
    text: Path | None = None,
    audio: Path | None = None,
    vision: Path | None = None,
    progress: Progress | None = None,
) -> Extraction:
    """Read the label pickle and the folders of ``.npy`` files of GCNet into a validated artefact.

    Parameters
    ----------
    labels, output : Path
    dataset : str
    text, audio, vision : Path, optional
        Folder of each modality; one that is not given is not in the artefact.
    progress : Progress, optional

    Raises
    ------
    ConfigError
        If no folder is given.
    FormatError
        If the pickle is no such list, or a folder holds nothing of it.
    """
    given: dict[Modality, Path | None] = {"text": text, "audio": audio, "vision": vision}
    folders = {modality: folder for modality, folder in given.items() if folder is not None}
    if not folders:
        raise ConfigError("no folder of features; expected at least one of --text, --audio, --vision; add one")
    _require_other(output, labels)
    return _store(gcnet.read(labels, folders, progress), "gcnet", dataset, output, progress)


def export_mmsa(
    path: Path, output: Path, *, unaligned: bool = False, room: Room | None = None, progress: Progress | None = None
) -> Exported:
    """Write an artefact as MMSA reads it: ``aligned_50.pkl``, or ``unaligned_50.pkl``.

    Parameters
    ----------
    path, output : Path
        Artefact, pickle to write; ``<output stem>.ledger.jsonl`` says what was left out or cut.
    unaligned : bool
        With ``audio_lengths`` and ``vision_lengths``, as MMSA wants it where ``need_data_aligned`` is false.
    room : Room, optional
        Rows that find a place; default: those of the published files.
    progress : Progress, optional

    Raises
    ------
    SchemaError
        If the artefact is not one that such a file can hold.
    """
    return _export(mmsa.write, path, output, unaligned, room or Room(), progress)


def export_mult(
    path: Path, output: Path, *, unaligned: bool = False, room: Room | None = None, progress: Progress | None = None
) -> Exported:
    """Write an artefact as MulT reads it: ``mosi_data.pkl``, or ``mosi_data_noalign.pkl``; as `export_mmsa`."""
    return _export(mult.write, path, output, unaligned, room or Room(vision=500), progress)


def _export(
    write: Callable[..., tuple[dict[str, int], list[Failure]]],
    path: Path,
    output: Path,
    unaligned: bool,
    room: Room,
    progress: Progress | None,
) -> Exported:
    _require_other(output, path)
    with Artifact(path) as corpus:
        utterances, failures = write(corpus, output, unaligned=unaligned, room=room, progress=progress)
    ledger = output.with_suffix(".ledger.jsonl")
    write_failures(failures, ledger)
    return Exported(output, ledger, utterances, tuple(failures))


def _require_other(output: Path, path: Path) -> None:
    """Both kinds of file are easily named the same by mistake, and what was read would be gone."""
    if output.resolve() == path.resolve():
        raise ConfigError(f"--output {output} is the file to read; expected another name; choose one")
    require_writable(output)


def _store(imported: Imported, kind: str, dataset: str, output: Path, progress: Progress | None) -> Extraction:
    """Write the artefact, its ledger and its report."""
    plugin = _plugin(dataset)
    utterances, failures = _in_range(imported.utterances, getattr(plugin, "RANGES", {}))
    failures = [*imported.failures, *failures]
    expected = imported.expected if imported.expected is not None else getattr(plugin, "EXPECTED", {})
    expected = expected if plugin is not None else {}
    description = _describe(imported, kind, dataset, plugin, expected)
    done = 0

    def rows_of(utterance: Utterance) -> AlignedUtterance:
        nonlocal done
        rows = imported.rows(utterance)
        cleaned = {modality: _clean(values) for modality, values in rows.items()}
        for modality, (_, _, broken) in cleaned.items():
            if broken:
                reason = f"{modality}: {broken} of {len(rows[modality])} rows not finite; not observed"
                failures.append(Failure(utterance.id, STAGE, reason))
        done += 1
        if progress:
            progress(STAGE, done, len(utterances))
        return AlignedUtterance(
            utterance,
            features={modality: values for modality, (values, _, _) in cleaned.items()},
            observed={modality: observed for modality, (_, observed, _) in cleaned.items()},
            intervals={modality: np.zeros((len(rows[modality]), 2)) for modality in imported.own_rows},
        )

    artifact.write(output, description, utterances, rows_of, lambda utterance: "")
    found = counts.count(utterances, description.classes)
    failures += [Failure(dataset, "counts", line) for line in counts.differences(found, expected)]
    ledger = output.with_suffix(".ledger.jsonl")
    write_failures(failures, ledger)
    problems = artifact.validate(output)
    if problems:
        raise SchemaError(report(problems, str(output)))
    summary = write_report(output, failures, output.with_suffix(".report.json"))
    return Extraction(output, ledger, summary, tuple(failures))


def _plugin(dataset: str) -> Any:
    """What the project knows of the data set of that name; None of one that it does not know."""
    return registry.module("mmfeat.datasets", dataset) if dataset in registry.names("mmfeat.datasets") else None


def _describe(
    imported: Imported, kind: str, dataset: str, plugin: Any, expected: Mapping[str, tuple[int, int]]
) -> Description:
    source = getattr(plugin, "SOURCE", None)
    return Description(
        dataset=dataset,
        code_version=version("mmfeat"),
        extractors={
            modality: describe_extractor(
                Provenance(f"imported:{kind}", VERSION, {}, imported.sources[modality]), names, None
            )
            for modality, names in imported.names.items()
        },
        classes={name: list(values) for name, values in imported.classes.items()},
        words_from={"imported": kind},
        alignment_rule="imported",
        source=asdict(source) if source else {},
        split=imported.split,
        target=imported.target,
        expected={name: list(span) for name, span in expected.items()},
        clock="none",
        own_rows=imported.own_rows,
    )


def _in_range(utterances: Any, ranges: Mapping[str, tuple[float, float]]) -> tuple[list[Utterance], list[Failure]]:
    """Make labels outside the range of the data set unknown."""
    kept, failures = [], []
    for utterance in utterances:
        wrong = {
            name: value
            for name, value in utterance.labels.items()
            if name in ranges and not ranges[name][0] <= value <= ranges[name][1]
        }
        failures += [
            Failure(utterance.id, STAGE, f"{name} is {value:g}, outside {ranges[name]}; unknown")
            for name, value in wrong.items()
        ]
        labels = {name: value for name, value in utterance.labels.items() if name not in wrong}
        kept.append(replace(utterance, labels=labels))
    return kept, failures


def _clean(values: FloatArray) -> tuple[FloatArray, BoolArray, int]:
    """Rows as float32 and which were observed: those that are finite and not all zeros; how many are not finite."""
    with np.errstate(over="ignore"):  # beyond float32 is not finite either
        rows = np.array(values, dtype=np.float32)
    finite = np.isfinite(rows).all(axis=1)
    rows[~finite] = 0
    return rows, np.any(rows != 0, axis=1), int((~finite).sum())
