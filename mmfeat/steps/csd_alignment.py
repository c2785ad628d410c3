"""Computational sequences to one row per word, a video at a time, by the rule of the CMU SDK.

A row of a sequence belongs to a word if they share more than 1e-5 s; the word's row is their plain mean. Two things
differ from ``mmdataset.align``: no video is dropped because a sequence lacks it, and a row that holds ``-inf`` or NaN
stays out of the mean. COVAREP writes ``-inf`` for the logarithm of digital silence; one such frame would spoil the
word, and a zero in its place would be a loudness. A word of nothing but such frames is not observed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from mmfeat.errors import FormatError
from mmfeat.formats.csd import Csd, Rows, texts_of
from mmfeat.types import BoolArray, Failure, FloatArray, IntArray
from mmfeat.word_alignment import MIN_OVERLAP, Collapse, average_rows, collapse_rows

PAUSE = "sp"  # the token of P2FA, which made the words of the published corpora

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class AlignedRows:
    """One video of a sequence after alignment: what the SDK would keep under ``<video>[<number>]``."""

    numbers: IntArray  # (R,) rows of the reference that something overlaps, in order
    intervals: FloatArray  # (R, 2) s, of those rows
    features: FloatArray  # (R, E) float64


@dataclass(frozen=True)
class AlignedVideo:
    """One video of several sequences after alignment."""

    video: str
    rows: Mapping[str, AlignedRows]  # by sequence; one that lacks the video has no rows
    failures: tuple[Failure, ...]  # what could not be read, and what was not finite


def align(reference: Rows, sequence: Rows, *, collapse: Collapse | None = None) -> AlignedRows:
    """Align one video to a reference, as the CMU SDK's ``align`` does.

    Parameters
    ----------
    reference : Rows
        For instance the words; those of 1e-5 s or less are skipped.
    sequence : Rows
        Numbers.
    collapse : callable, optional
        ``collapse(intervals, features)`` gets (k, 2) s, clipped to the reference row, and (k, D), and gives (E,) or
        (1, E); default the mean.

    Returns
    -------
    AlignedRows
        Without the reference rows that nothing overlaps.

    Raises
    ------
    SchemaError
        If ``collapse`` gives something else.
    """
    spans = reference.intervals
    if collapse is None:
        features, found = average(sequence, spans)
    else:
        usable = usable_rows(sequence)
        features, found = collapse_rows(_numbers(sequence), sequence.intervals, usable, spans, collapse)
    return AlignedRows(np.flatnonzero(found), spans[found], features[found])


def align_files(
    reference: Path,
    sequences: Mapping[str, Path],
    *,
    pauses: bool = True,
    collapse: Collapse | None = None,
    workers: int = 2,
) -> Iterator[AlignedVideo]:
    """Align whole files, a video at a time; memory does not grow with the number of videos.

    Parameters
    ----------
    reference : Path
        The ``.csd`` whose rows the others get.
    sequences : mapping of str to Path
        Name -> ``.csd``.
    pauses : bool
        Whether reference rows whose text is ``sp`` are kept.
    collapse : callable, optional
        As `align` takes it.
    workers : int
        Threads that unpack and align.

    Yields
    ------
    AlignedVideo
        Every video of the reference, in alphabetical order.

    Raises
    ------
    FormatError
        If a file is no computational sequence. One bad video is a row in ``failures``.
    """
    with ExitStack() as stack:
        words = stack.enter_context(Csd(reference))
        opened = {name: stack.enter_context(Csd(path)) for name, path in sequences.items()}

        def task(video: str) -> AlignedVideo:
            failures: list[Failure] = []
            rows: dict[str, AlignedRows] = {}
            try:
                spans = words.rows(video)
                kept = np.flatnonzero(_spoken(spans, f"{reference}: video {video!r}", pauses))
            except FormatError as error:
                return AlignedVideo(video, rows, (Failure(video, "reference", str(error)),))
            for name, csd in opened.items():
                sequence, missing = read_video(csd, video, name)
                failures += missing
                if sequence is not None:
                    aligned = align(Rows(spans.intervals[kept], spans.features[kept]), sequence, collapse=collapse)
                    rows[name] = AlignedRows(kept[aligned.numbers], aligned.intervals, aligned.features)
            return AlignedVideo(video, rows, tuple(failures))

        yield from in_order(task, words.videos, workers)


def read_video(csd: Csd, video: str, stage: str) -> tuple[Rows | None, list[Failure]]:
    """Read the numbers of one video; None with a row for the ledger where it has none, a row where some are spoilt."""
    if video not in csd:
        return None, [Failure(video, stage, f"not in {csd.path.name}; kept, not observed")]
    try:
        rows = csd.rows(video)
        if rows.features.dtype.kind not in "fiub":
            raise FormatError(
                f"{csd.path}: video {video!r} has features of type {rows.features.dtype}; expected numbers; give "
                "another file"
            )
    except FormatError as error:
        return None, [Failure(video, stage, f"{error}; kept, not observed")]
    spoilt = ~usable_rows(rows)
    if not spoilt.any():
        return rows, []
    cells = ~np.isfinite(rows.features[spoilt])
    columns = np.flatnonzero(cells.any(axis=0))
    where = f" in columns {', '.join(map(str, columns[:8]))}{' ...' * (len(columns) > 8)}" if len(columns) else ""
    return rows, [
        Failure(
            video,
            stage,
            f"{int(spoilt.sum())} of {len(rows.features)} rows of {csd.path.name} hold NaN or infinity{where}, or a "
            "time that is not finite; left out of the means",
        )
    ]


def average(sequence: Rows, spans: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Mean of the finite rows that overlap each span (W, D) float64, and where there were any (W,)."""
    return average_rows(_numbers(sequence), sequence.intervals, usable_rows(sequence), spans)


def usable_rows(rows: Rows) -> BoolArray:
    """Which rows are finite throughout, times and all (T,)."""
    # A sum is not finite if one term is not, and costs a fraction of looking at every cell.
    with np.errstate(invalid="ignore", over="ignore"):
        sound = np.isfinite(rows.features.sum()) and np.isfinite(rows.intervals.sum())
    if sound:
        return np.ones(len(rows.features), dtype=np.bool_)
    found: BoolArray = np.isfinite(rows.features).all(axis=1) & np.isfinite(rows.intervals).all(axis=1)
    return found


def in_order(task: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Give ``task(item)`` for each item in order, from several threads, never more than a few results ahead."""
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(task, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _numbers(rows: Rows) -> FloatArray:
    kind = rows.features.dtype.kind
    return rows.features if kind == "f" and rows.features.itemsize >= 4 else rows.features.astype(np.float64)


def _spoken(reference: Rows, where: str, pauses: bool) -> BoolArray:
    """Which rows of the reference count (T,)."""
    lasting: BoolArray = reference.intervals[:, 1] - reference.intervals[:, 0] > MIN_OVERLAP
    if pauses:
        return lasting
    return lasting & np.array([text != PAUSE for text in texts_of(reference, where)], dtype=np.bool_)
