"""Word alignment beside a mask over the whole sequence for each word, which is the CMU SDK's way."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from report import Row

from mmfeat.types import FloatArray, Frames, Provenance, Word
from mmfeat.word_alignment import align_frames

STREAMS = (("audio", 100, 74), ("vision", 30, 35))  # frames per second, columns
REPEATS = 5


def run() -> list[Row]:
    """Rows for a talk of ordinary length, a longer one and an hour."""
    return [row for seconds in (150, 600, 3600) for row in _rows(seconds)]


def _rows(seconds: int) -> list[Row]:
    rng = np.random.default_rng(0)
    edges = np.sort(rng.uniform(0, seconds, seconds * 8 // 3 + 1))  # 400 words in 150 s
    words = [Word("w", start, end) for start, end in zip(edges[:-1], edges[1:], strict=True)]
    streams = [_frames(rng, seconds, rate, columns) for _, rate, columns in STREAMS]
    what = f"word alignment, {seconds} s, {len(words)} words, 74 columns at 100 Hz and 35 at 30 Hz"
    ours, features = _best(lambda: [align_frames(frames, words)[0] for frames in streams], REPEATS)
    loop, _ = _best(lambda: [_bisecting_loop(frames, words) for frames in streams], REPEATS)
    rows = [Row(what, f"{ours * 1e3:.2f} ms")]
    if seconds <= 600:  # an hour takes minutes this way
        masked, expected = _best(lambda: [_mask_per_word(frames, words) for frames in streams], 3)
        worst = max(float(np.abs(a - b).max()) for a, b in zip(features, expected, strict=True))
        rows.append(Row("  faster than a mask over all frames per word", f"{masked / ours:.0f}x", "20x"))
        rows.append(Row("  largest difference from it", f"{worst:.1e}", "1e-6"))
    rows.append(Row("  faster than a searchsorted loop over the words", f"{loop / ours:.1f}x"))
    return rows


def _frames(rng: np.random.Generator, seconds: int, rate: int, columns: int) -> Frames:
    count = seconds * rate
    starts = np.arange(count) / rate
    intervals = np.stack([starts, starts + 1 / rate], axis=1)
    values = rng.normal(size=(count, columns)).astype(np.float32)
    names = tuple(str(column) for column in range(columns))
    return Frames(
        values, intervals.mean(axis=1), np.ones(count, dtype=bool), names, Provenance("b", "1"), 1 / rate, intervals
    )


def _mask_per_word(frames: Frames, words: list[Word]) -> FloatArray:
    """The lean form: contiguous columns, one comparison; the SDK itself copies and compares more."""
    starts, ends = np.ascontiguousarray(frames.intervals.T)
    rows = np.zeros((len(words), frames.values.shape[1]), dtype=np.float32)
    for index, word in enumerate(words):
        chosen = np.minimum(ends, word.end) - np.maximum(starts, word.start) > 1e-5
        if chosen.any():
            rows[index] = frames.values[chosen].mean(axis=0, dtype=np.float64)
    return rows


def _bisecting_loop(frames: Frames, words: list[Word]) -> FloatArray:
    """What a careful user writes for frames in order."""
    starts, ends = np.ascontiguousarray(frames.intervals.T)
    low = np.searchsorted(ends, [word.start + 1e-5 for word in words], side="right")
    high = np.searchsorted(starts, [word.end - 1e-5 for word in words], side="left")
    rows = np.zeros((len(words), frames.values.shape[1]), dtype=np.float32)
    for index in range(len(words)):
        if high[index] > low[index]:
            rows[index] = frames.values[low[index] : high[index]].mean(axis=0, dtype=np.float64)
    return rows


def _best(call: Callable[[], list[FloatArray]], repeats: int) -> tuple[float, list[FloatArray]]:
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - begin)
    return min(seconds), result
