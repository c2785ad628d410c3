"""How well words fit the sound, measured against words that are certainly wrong.

An acoustic likelihood alone depends on the voice, the room and the noise. Here the same sound is also aligned to the
transcript's *foil*: as many words of as many phones, every phone exchanged for another. The difference of the two
log-likelihoods per frame is near 0 where the transcript is no better than any wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmfeat.forced_alignment._recogniser import FRAME_SHIFT, Recogniser, Segment
from mmfeat.types import SPEECH_RATE, FloatArray

_CHUNK = 600  # frames; the search without a beam gets slower with the number of words
_HOP = int(FRAME_SHIFT * SPEECH_RATE)

# Noise hides the difference between right and wrong words, so less is demanded of a recording with less contrast
# between loud parts and pauses. These numbers are fitted in docs/forced_alignment.md.
_QUIET, _LOST = 35.0, 3.0  # dB of contrast: all of `min_fit` is demanded, and nothing
_STRETCH = 30  # frames; about a syllable
_STRANGE, _STRANGE_IN_NOISE = 4.4, 0.06  # nats per frame below the best sounds in a quiet recording; more per dB


@dataclass(frozen=True)
class Fit:
    """Comparison of W words with their foil."""

    scores: tuple[float, ...]  # per word: nats per frame by which it beats the foil
    explained: float  # share of the foil's misfit that the transcript removes: 1 perfect, 0 no better than the foil
    strange: float  # share of the words' time in stretches of 0.3 s that sound nothing like the words


def demanded(min_fit: float, contrast: float) -> float:
    """Smallest share that must be explained in a recording with so much contrast (dB)."""
    return min_fit * float(np.clip((contrast - _LOST) / (_QUIET - _LOST), 0.0, 1.0))


def compare(recogniser: Recogniser, samples: FloatArray, words: Sequence[Sequence[Segment]], contrast: float) -> Fit:
    """Align the foil of already aligned words and compare.

    Parameters
    ----------
    recogniser : Recogniser
        The one that aligned the words.
    samples : FloatArray, shape (n,)
        The sound at 16 kHz that the frames of ``words`` count from.
    words : sequence of sequences of Segment
        Per token of the transcript the segments that say it, in order; one or more.
    contrast : float
        Loud parts against pauses, dB.
    """
    frames = max(words[-1][-1].end, len(samples) // _HOP)
    own, foil, spoken = np.zeros(frames), np.zeros(frames), np.zeros(frames, dtype=bool)
    for parts in words:
        _spread(own, parts)
        spoken[parts[0].start : parts[-1].end] = True
    for chunk, begin, end in _chunks(words, frames):
        grammar = [[(recogniser.foil(segment.variant),)] for parts in chunk for segment in parts]
        _spread(foil[begin:end], recogniser.decode(samples[begin * _HOP : end * _HOP], grammar, beam="none"))
    gain = own - foil
    scores = tuple(float(gain[parts[0].start : parts[-1].end].mean()) for parts in words)
    explained = float(gain[spoken].sum()) / max(-float(foil[spoken].sum()), 1e-9)
    limit = _STRANGE + _STRANGE_IN_NOISE * max(0.0, _QUIET - contrast)
    return Fit(scores, explained, float(np.mean(_running_mean(own[spoken], _STRETCH) < -limit)))


def _spread(curve: FloatArray, segments: Sequence[Segment]) -> None:
    """Write the score per frame of each segment into a curve."""
    for segment in segments:
        curve[segment.start : segment.end] = segment.score / (segment.end - segment.start)


def _running_mean(values: FloatArray, width: int) -> FloatArray:
    width = min(width, len(values))
    return np.asarray(np.convolve(values, np.full(width, 1.0 / width), mode="valid"))


def _chunks(words: Sequence[Sequence[Segment]], frames: int) -> list[tuple[list[Sequence[Segment]], int, int]]:
    """Runs of words of about 6 s with their frames, together the whole sound."""
    chunks = []
    begin, run = 0, []
    for parts, following in zip(words, (*words[1:], None), strict=True):
        run.append(parts)
        if following is None:
            chunks.append((run, begin, frames))
        elif following[0].start - begin >= _CHUNK:
            middle = (parts[-1].end + following[0].start) // 2
            chunks.append((run, begin, middle))
            begin, run = middle, []
    return chunks
