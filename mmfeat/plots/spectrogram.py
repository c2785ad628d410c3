"""Sound to the picture of its frequencies."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mmfeat.types import FloatArray, Waveform, batched_rows

WINDOW = 0.025  # s: long enough to tell the harmonics of a voice apart
SHORTEST_HOP, LONGEST_HOP = 0.001, 0.005  # s
EMPHASIS = 0.97  # lifts the high frequencies by about 6 dB per octave, as the ear would
SILENT = -100.0  # dB; what less than this is drawn as
_ROWS = 2048  # windows that are transformed at once


def spectrogram(sound: Waveform, columns: int) -> FloatArray:
    """Level over time and frequency.

    Parameters
    ----------
    sound : Waveform
    columns : int
        At most that many are made, so that an hour is no more to draw than a second; each is the mean power of the
        windows that fall into it.

    Returns
    -------
    FloatArray, shape (F, C), float32
        dB relative to a sine of full scale, after pre-emphasis; frequencies from 0 to half the sample rate, C columns
        that divide the time evenly. No columns where there are no samples.
    """
    samples, rate = sound.samples, sound.sample_rate
    length = round(WINDOW * rate)
    bins = 1 << (length - 1).bit_length()
    if len(samples) == 0:
        return np.zeros((bins // 2 + 1, 0), dtype=np.float32)
    emphasised = samples - EMPHASIS * np.concatenate((samples[:1], samples[:-1]))
    hop = int(np.clip(len(samples) // columns, round(SHORTEST_HOP * rate), round(LONGEST_HOP * rate)))
    padded = np.pad(emphasised, length // 2, mode="reflect")  # a sound that is cut off must not look like a click
    windows = sliding_window_view(padded, length)[::hop]
    edges = np.linspace(0, len(windows), min(columns, len(windows)) + 1).astype(int)
    shape = np.hanning(length).astype(np.float32)
    level = np.empty((bins // 2 + 1, len(edges) - 1), dtype=np.float32)
    for block in batched_rows(len(edges) - 1, max(1, _ROWS * (len(edges) - 1) // len(windows))):
        first, last = edges[block.start], edges[block.stop]
        power = np.square(np.abs(np.fft.rfft(windows[first:last] * shape, bins)))
        sums = np.add.reduceat(power, edges[block] - first)
        mean = sums / np.diff(edges[block.start : block.stop + 1])[:, None] / (shape.sum() / 2) ** 2
        level[:, block] = 10 * np.log10(np.maximum(mean, 10 ** (SILENT / 10))).T
    return level
