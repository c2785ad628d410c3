"""Frames to one row per word.

The mean over a word is a product with a sparse matrix that has one row per word and one entry per pair of word and
frame that overlap. The pairs are found by bisection, so the work grows with the number of pairs and not with words
times frames, and they are multiplied block by block, so memory does not grow with the length of the recording.
Sums are taken in float64 from scratch for each word. Cumulative sums would be differences of large numbers, and were
also slower where this was measured (``tests/benchmarks/bench_word_alignment.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mmfeat.errors import SchemaError
from mmfeat.types import BoolArray, FloatArray, Frames, IntArray, Seconds, Word

MIN_OVERLAP: Seconds = 1e-5  # CMU-MultimodalSDK, mmsdk/mmdatasdk/dataset/dataset.py: epsilon
SOLE_FRAME: Seconds = 0.04  # a single frame that does not say how long it lasts: one video frame at 25 per second
Collapse = Callable[[FloatArray, FloatArray], Any]  # (k, 2) s and (k, D) to (E,) or (1, E)
PAIRS_PER_BLOCK = 1 << 14  # 74 columns in float64 are then 10 MB, near the cache; larger blocks were slower


def align_frames(
    frames: Frames, words: Sequence[Word], rule: Literal["overlap", "weighted"] = "overlap"
) -> tuple[FloatArray, BoolArray]:
    """Average the observed frames of each word.

    A frame belongs to a word if its interval overlaps the word's by more than 1e-5 s. The interval of a frame is
    ``frames.intervals`` where there are any, else half a frame shift to both sides of its time, else it reaches to the
    middle between neighbouring times. A word shorter than a frame that overlaps no observed one takes the frame nearest
    to it, if that is observed and at most one frame away.

    Parameters
    ----------
    frames : Frames
        T frames with D columns, in any order if they have intervals, which may overlap and nest. Rows that are not
        observed never contribute, whatever they hold.
    words : sequence of Word
        W words, in any order, that may overlap. Seconds on the same clock as the frames.
    rule : {"overlap", "weighted"}
        ``overlap`` is the plain mean, the CMU SDK's rule; ``weighted`` weights each frame by the seconds it shares.

    Returns
    -------
    features : FloatArray, shape (W, D), float32
        Zeros where the word is not observed; always finite.
    observed : BoolArray, shape (W,)
        True where at least one observed frame stands behind the row.

    Raises
    ------
    SchemaError
        If a word ends before it starts or has a time that is not finite.

    References
    ----------
    CMU-MultimodalSDK, ``mmdataset.align`` with a mean as collapse function. Deviations: words without a frame are kept
    and flagged, frames that are not observed do not enter, and words shorter than a frame find one.
    """
    starts, ends = _word_times(words)
    features = np.zeros((len(words), frames.values.shape[1]), dtype=np.float32)
    observed = np.zeros(len(words), dtype=np.bool_)
    if len(words) == 0 or len(frames.times) == 0:
        return features, observed
    intervals = frame_intervals(frames)
    for which, pairs, rows, weights in _blocks(*intervals, frames.observed, starts, ends, rule):
        features[which], observed[which] = _weighted_means(frames.values, pairs, rows, weights)
    _take_nearest(frames, *intervals, starts, ends, features, observed)
    return features, observed


def average_rows(
    values: FloatArray, intervals: FloatArray, observed: BoolArray, spans: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Average the rows that overlap each span by more than 1e-5 s: the CMU SDK's rule, to the letter.

    Parameters
    ----------
    values : FloatArray, shape (T, D)
    intervals : FloatArray, shape (T, 2)
        s, in any order; they may overlap and nest.
    observed : BoolArray, shape (T,)
        Rows that are not never contribute, whatever they hold.
    spans : FloatArray, shape (W, 2)
        s, in any order; they may overlap.

    Returns
    -------
    means : FloatArray, shape (W, D), float64
        Zeros where no row overlaps.
    found : BoolArray, shape (W,)

    References
    ----------
    CMU-MultimodalSDK, ``mmdataset.align`` with a plain mean as collapse function. Deviation: rows that are not
    observed do not enter, so that one infinite frame does not spoil a word.
    """
    means = np.zeros((len(spans), values.shape[1]))
    found = np.zeros(len(spans), dtype=np.bool_)
    for which, pairs, rows, weights in _blocks(*_columns(intervals), observed, *_columns(spans), "overlap"):
        means[which], found[which] = _weighted_means(values, pairs, rows, weights)
    return means, found


def collapse_rows(
    values: FloatArray, intervals: FloatArray, observed: BoolArray, spans: FloatArray, collapse: Collapse
) -> tuple[FloatArray, BoolArray]:
    """Give the rows that overlap each span by more than 1e-5 s to a function of one's own, as the CMU SDK does.

    Parameters
    ----------
    values, intervals, observed, spans
        As `average_rows` takes them.
    collapse : callable
        Gets ``(intervals, features)``, (k, 2) s clipped to the span and (k, D), in the order of the sequence; gives
        (E,) or (1, E).

    Returns
    -------
    results : FloatArray, shape (W, E), float64
        Zeros where no row overlaps; (W, 0) if none does anywhere.
    found : BoolArray, shape (W,)

    Raises
    ------
    SchemaError
        If a result has another shape, is not finite, or differs in width from the others.
    """
    results: dict[int, FloatArray] = {}
    for which, pairs, rows, _ in _blocks(*_columns(intervals), observed, *_columns(spans), "overlap"):
        for number, first, last in zip(which.tolist(), pairs[:-1], pairs[1:], strict=True):
            if last > first:
                chosen = np.sort(rows[first:last])
                clipped = intervals[chosen].clip(*spans[number])
                results[number] = _one_row(collapse(clipped, values[chosen]), results)
    found = np.zeros(len(spans), dtype=np.bool_)
    found[list(results)] = True
    collapsed = np.zeros((len(spans), len(next(iter(results.values()), ()))))
    for number, row in results.items():
        collapsed[number] = row
    return collapsed, found


def _columns(intervals: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.ascontiguousarray(intervals[:, 0]), np.ascontiguousarray(intervals[:, 1])


def _one_row(result: object, others: Mapping[int, FloatArray]) -> FloatArray:
    row = np.asarray(result, dtype=np.float64)
    row = row[0] if row.ndim == 2 and len(row) == 1 else row
    width = len(next(iter(others.values()), row.ravel()))
    if row.shape != (width,) or not np.isfinite(row).all():
        raise SchemaError(
            f"the collapse function gave an array of shape {row.shape}; expected {width} finite numbers for every "
            "word, as (D,) or (1, D); mend the function"
        )
    return row


def _word_times(words: Sequence[Word]) -> tuple[FloatArray, FloatArray]:
    starts = np.array([word.start for word in words], dtype=np.float64)
    ends = np.array([word.end for word in words], dtype=np.float64)
    wrong = ~(np.isfinite(starts) & np.isfinite(ends) & (starts <= ends))
    if wrong.any():
        word = words[int(np.argmax(wrong))]
        raise SchemaError(
            f"word {word.text!r} spans [{word.start}, {word.end}) s; expected finite times with start <= end; "
            "mend the transcript or align it again"
        )
    return starts, ends


def frame_intervals(frames: Frames) -> tuple[FloatArray, FloatArray]:
    """Start and end of each frame, each (T,): its own, or half a frame shift, or half way to its neighbours."""
    if frames.intervals is not None:
        return np.ascontiguousarray(frames.intervals[:, 0]), np.ascontiguousarray(frames.intervals[:, 1])
    times = frames.times
    if frames.frame_shift is None and len(times) > 1:
        middles = (times[1:] + times[:-1]) / 2
        first, last = 2 * times[0] - middles[0], 2 * times[-1] - middles[-1]
        return np.concatenate(([first], middles)), np.concatenate((middles, [last]))
    half = (SOLE_FRAME if frames.frame_shift is None else frames.frame_shift) / 2
    return times - half, times + half


def _blocks(
    frame_starts: FloatArray,
    frame_ends: FloatArray,
    observed: BoolArray,
    starts: FloatArray,
    ends: FloatArray,
    rule: Literal["overlap", "weighted"],
) -> Iterator[tuple[IntArray, IntArray, IntArray, FloatArray]]:
    """Pairs of word and frame that overlap, about `PAIRS_PER_BLOCK` at a time.

    Yields the words of the block, where the pairs of each begin and end, the frame of each pair, and its weight.
    """
    usable = observed & (frame_ends - frame_starts > MIN_OVERLAP)
    number: IntArray | None = None  # of each usable frame; None in the usual case, that all are, in order
    if not usable.all() or (frame_starts[1:] < frame_starts[:-1]).any():
        number = np.flatnonzero(usable)
        number = number[np.argsort(frame_starts[number], kind="stable")]
        if len(number) == 0:
            return
        frame_starts, frame_ends = frame_starts[number], frame_ends[number]
    # Ends need not be in order; before the first place where their running maximum passes the word, none overlaps it.
    reach = np.maximum.accumulate(frame_ends)
    low = np.searchsorted(reach, starts + MIN_OVERLAP, side="right")
    high = np.searchsorted(frame_starts, ends - MIN_OVERLAP, side="left")
    high = np.where(ends - starts > MIN_OVERLAP, high, low)
    # With ends in order every frame between low and high overlaps the word, and the plain mean needs no more.
    plain = rule == "overlap" and np.array_equal(reach, frame_ends)
    for which in _words_of_blocks(low, high):
        counts = high[which] - low[which]
        pairs = np.concatenate(([0], np.cumsum(counts)))
        rows = np.arange(pairs[-1]) + np.repeat(low[which] - pairs[:-1], counts)
        if plain:
            yield which, pairs, rows if number is None else number[rows], np.ones(len(rows))
            continue
        overlap = np.minimum(frame_ends[rows], np.repeat(ends[which], counts))
        overlap -= np.maximum(frame_starts[rows], np.repeat(starts[which], counts))
        real = overlap > MIN_OVERLAP
        pairs = np.concatenate(([0], np.cumsum(real)))[pairs]
        rows = rows[real] if number is None else number[rows[real]]
        yield which, pairs, rows, overlap[real] if rule == "weighted" else np.ones(len(rows))


def _words_of_blocks(low: IntArray, high: IntArray) -> Iterator[IntArray]:
    """Cut the words that have frames into blocks, those that share frames together."""
    order = np.argsort(low, kind="stable")
    order = order[high[order] > low[order]]
    totals = np.cumsum(high[order] - low[order])
    first = 0
    while first < len(order):
        before = totals[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(totals, before + PAIRS_PER_BLOCK, side="right")))
        yield order[first:last]
        first = last


def _weighted_means(
    values: FloatArray, pairs: IntArray, rows: IntArray, weights: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Mean of ``values[rows]`` over each run of pairs, and which runs are not empty."""
    from scipy.sparse import csr_array  # 0.2 s, not owed by those who only list plug-ins

    words = len(pairs) - 1
    if len(rows) == 0:
        return np.zeros((words, values.shape[1])), np.zeros(words, dtype=np.bool_)
    first, last = int(rows.min()), int(rows.max()) + 1  # the product converts what it is given, so give it no more
    columns, pairs = (rows - first).astype(np.int32), pairs.astype(np.int32)
    matrix = csr_array((weights, columns, pairs), shape=(words, last - first))
    sums = matrix @ values[first:last]
    totals = matrix @ np.ones(last - first)
    filled = np.diff(pairs) > 0
    return sums / np.where(filled, totals, 1.0)[:, None], filled


def _take_nearest(
    frames: Frames,
    frame_starts: FloatArray,
    frame_ends: FloatArray,
    starts: FloatArray,
    ends: FloatArray,
    features: FloatArray,
    observed: BoolArray,
) -> None:
    """Fill the rows of words that are shorter than a frame and overlap none that is observed."""
    length = frames.frame_shift or float(np.median(frame_ends - frame_starts))
    empty = np.flatnonzero(~observed & (ends - starts < length))
    by_time = np.argsort(frames.times, kind="stable")
    times = frames.times[by_time]
    centres = (starts[empty] + ends[empty]) / 2
    right = np.searchsorted(times, centres).clip(1, max(len(times) - 1, 1))
    left = right - 1
    right = right.clip(max=len(times) - 1)
    nearest = by_time[np.where(times[right] - centres < centres - times[left], right, left)]
    gap = np.maximum(frame_starts[nearest] - ends[empty], starts[empty] - frame_ends[nearest])
    taken = frames.observed[nearest] & (gap <= length)
    features[empty[taken]] = frames.values[nearest[taken]]
    observed[empty[taken]] = True
