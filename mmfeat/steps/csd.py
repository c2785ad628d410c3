"""Computational sequences to an artefact: features to words, words to labelled segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mmfeat import artifact, counts, registry
from mmfeat.clip_cache import media_digest
from mmfeat.errors import ConfigError, FormatError, SchemaError
from mmfeat.folds import PARTS, read_folds
from mmfeat.formats.csd import Csd
from mmfeat.formats.csd_names import SEQUENCES, known_as
from mmfeat.manifest import write_failures
from mmfeat.safe_write import require_writable
from mmfeat.schema import report
from mmfeat.steps.align import Described, describe
from mmfeat.steps.csd_features import FeatureSequence, Group, RowStream
from mmfeat.steps.csd_labels import Ledger, Segment, infer_dataset, read_labels
from mmfeat.steps.csd_segments import read_words, utterances_of
from mmfeat.steps.pipeline import Extraction, write_report
from mmfeat.types import MODALITIES, Extractor, Modality, Progress

NO_DATASET = "csd"  # the name of a corpus that is no plug-in

# Measured against the transcripts of MOSI: as the file stands, the words of none of the 2,199 segments agree; with the
# text of the row behind, those of 1,906 do, word for word.
_DISPLACED = {"CMU_MOSI_ModifiedTimestampedWords": 1}


@dataclass(frozen=True)
class ImportedCsd(Extraction):
    """What came of an import."""

    differences: tuple[str, ...]  # counts that differ from the published ones


@dataclass(frozen=True)
class _Published:
    """What is known of a data set beside its files."""

    expected: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    target: str = "sentiment"
    source: Mapping[str, str] = field(default_factory=dict)


def import_csd(
    output: Path | str,
    *,
    words: Path | str,
    labels: Path | str,
    features: Mapping[str, Path | str] | None = None,
    glove: Path | str | None = None,
    folds: Path | str | None = None,
    dataset: str | None = None,
    keep_pauses: bool = False,
    word_shift: int = 0,
    complete: bool = False,
    workers: int = 2,
    progress: Progress | None = None,
) -> ImportedCsd:
    """Turn computational sequences into a validated artefact: features to words, words to labelled segments.

    Parameters
    ----------
    output : Path or str
        The HDF5 file to write; ``<output stem>.ledger.jsonl`` and ``.report.json`` appear beside it.
    words : Path or str
        ``.csd`` of words.
    labels : Path or str
        ``.csd`` or ``.csv`` of labelled segments.
    features : mapping of str to Path or str, optional
        Published name (``COVAREP``, ``FACET 4.2``) or ``text``, ``audio``, ``vision`` -> ``.csd``; one per modality.
    glove : Path or str, optional
        Word vectors to look the words up in; without them, and without features of text, there is no text modality.
    folds : Path or str, optional
        As `folds.read_folds` takes it; without it every utterance is in the split ``all``.
    dataset : str, optional
        Plug-in of ``mmfeat.datasets`` whose counts and label ranges hold; default: what the labels say of themselves.
    keep_pauses : bool
        Keep the token ``sp``, as a word for which no text is observed.
    word_shift : int
        The text of row i + ``word_shift`` goes with the times of row i; 1 mends words that stand a row too early.
    complete : bool
        Whether counts that differ from the published ones are an error.
    workers : int
        Threads that unpack and align.
    progress : Progress, optional

    Returns
    -------
    ImportedCsd

    Raises
    ------
    MmfeatError
        If a file is of the wrong kind or broken as a whole. A bad video or segment is a row of the ledger.
    """
    output, words, labels = Path(output), Path(words), Path(labels)
    require_writable(output)
    name = dataset or infer_dataset(labels)
    published, ledger = _published(name), Ledger()
    with ExitStack() as stack:
        spoken = _open_words(stack.enter_context(Csd(words)), word_shift, ledger)
        sequences = _open_features(features or {}, glove is not None, stack)
        vectors: Extractor | None = registry.build("mmfeat.extractors", "glove", {"path": glove}) if glove else None
        segments = read_labels(labels, name, ledger)
        _note_unlabelled({"words": spoken} | {one.modality: one.csd for one in sequences}, segments, ledger)
        groups: list[Group] = []
        videos = _by_video(segments, Path(folds) if folds else None, ledger)
        for split, members in videos:
            said = read_words(spoken, members[0].key, pauses=keep_pauses, shift=word_shift, ledger=ledger)
            utterances = utterances_of(members, said, split, name, published.ranges, ledger)
            groups.append(Group(members[0].key, tuple(utterances)))
            if progress:
                progress("words", len(groups), len(videos))
        chosen = [utterance for group in groups for utterance, _ in group.members]
        differences = counts.differences(counts.count(chosen, {}), published.expected)
        if complete and differences:
            _stop_incomplete(differences, ledger, output)
        described: dict[Modality, Described] = {one.modality: one for one in sequences}
        description = describe(
            name,
            described | ({"text": vectors} if vectors else {}),
            rule="overlap",
            words_from={
                "csd": words.name,
                "sha256": media_digest(words),
                "pauses": "kept" if keep_pauses else "dropped",
                "shift": word_shift,
            },
            classes={},
            source=published.source,
            split="standard" if folds else "all",
            target=published.target if any(published.target in one.labels for one in chosen) else "",
            expected=published.expected,
        )
        stream = RowStream(groups, sequences, vectors, ledger, workers, progress)
        stack.callback(stream.close)
        artifact.write(output, description, chosen, stream, lambda utterance: "")
    return _finish(output, ledger, differences)


def _published(name: str) -> _Published:
    if name == NO_DATASET:
        return _Published()
    module = registry.module("mmfeat.datasets", name)
    return _Published(module.EXPECTED, module.RANGES, module.TARGET, asdict(module.SOURCE))


def _open_words(csd: Csd, shift: int, ledger: Ledger) -> Csd:
    """Refuse a file of numbers at once: its every video would be without words."""
    if all(csd.width(video) is not None for video in csd.videos):
        raise FormatError(f"{csd.path}: holds numbers; expected a sequence of words; give the file of the words")
    lag = _DISPLACED.get(csd.root, 0)
    if shift != lag and lag:
        reason = f"in this file each text stands {lag} row before its times; word_shift is {shift}, {lag} mends it"
        ledger.add(csd.root, "words", reason)
    if shift:
        reason = (
            f"texts moved by {shift} row against their times; in each video {abs(shift)} text has no time, left out"
        )
        ledger.add(csd.root, "words", reason)
    return csd


def _open_features(features: Mapping[str, Path | str], glove: bool, stack: ExitStack) -> list[FeatureSequence]:
    """Open the sequences, one per modality, in the order of the modalities."""
    found: dict[Modality, FeatureSequence] = {}
    for name, path in features.items():
        known = known_as(name)
        kind = known.kind if known else name
        modality = next((modality for modality in MODALITIES if modality == kind), None)
        if modality is None:
            raise ConfigError(
                f"features {name!r}; expected text, audio, vision, or a published name such as "
                f"{', '.join(SEQUENCES)}; for instance COVAREP=CMU_MOSI_COVAREP.csd"
            )
        csd = stack.enter_context(Csd(Path(path)))
        if csd.published and csd.published.kind != modality:
            raise ConfigError(
                f"features {name}={path}: the file holds {csd.root!r}, which is {csd.published.kind}; expected "
                f"{modality}; give another file or name"
            )
        if modality in found or (modality == "text" and glove):
            raise ConfigError(
                f"features {name!r}: {modality} is given twice; expected one sequence per modality"
                f"{', or GloVe vectors' if modality == 'text' else ''}; leave one out"
            )
        found[modality] = FeatureSequence(csd, modality)
    return [found[modality] for modality in MODALITIES if modality in found]


def _note_unlabelled(sequences: Mapping[str, Csd], segments: Sequence[Segment], ledger: Ledger) -> None:
    labelled = {segment.key for segment in segments}
    for stage, csd in sequences.items():
        for key in csd.videos:
            if key not in labelled:
                ledger.add(key, stage, "video without labels; left out")


def _by_video(segments: Sequence[Segment], folds: Path | None, ledger: Ledger) -> list[tuple[str, list[Segment]]]:
    """Segments of each video with its split: train, valid, test, and by video within."""
    videos: dict[str, list[Segment]] = {}
    for segment in segments:
        videos.setdefault(segment.key, []).append(segment)
    if folds is None:
        return [("all", members) for members in videos.values()]
    part_of = read_folds(folds)
    placed: list[tuple[str, list[Segment]]] = []
    for key, members in videos.items():
        if members[0].video in part_of:
            placed.append((part_of[members[0].video], members))
        else:
            reason = f"the video is in no fold of {folds.name}; its {len(members)} labelled segment(s) left out"
            ledger.add(key, "folds", reason)
    labelled = {segment.video for segment in segments}
    for video in part_of:
        if video not in labelled:
            ledger.add(video, "folds", f"in {folds.name}, but without labels")
    if not placed:
        raise FormatError(f"{folds}: no labelled video is in a fold; expected the folds of this corpus; check the file")
    return sorted(placed, key=lambda entry: PARTS.index(entry[0]))


def _finish(output: Path, ledger: Ledger, differences: Sequence[str]) -> ImportedCsd:
    path = output.with_suffix(".ledger.jsonl")
    write_failures(ledger.rows, path)
    problems = artifact.validate(output)
    if problems:
        raise SchemaError(report(problems, str(output)))
    summary = write_report(output, ledger.rows, output.with_suffix(".report.json"))
    return ImportedCsd(output, path, summary, tuple(ledger.rows), tuple(differences))


def _stop_incomplete(differences: Sequence[str], ledger: Ledger, output: Path) -> None:
    path = output.with_suffix(".ledger.jsonl")
    write_failures(ledger.rows, path)
    raise SchemaError(
        f"{'; '.join(differences)}; expected the whole corpus; {path} names what is missing; leave out --complete to "
        "import what is there"
    )
