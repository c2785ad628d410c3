"""A rough transcript with the language model inside pocketsphinx's wheel: no download, English only.

Measured: 12 to 35 % of the words wrong in clear sentences, nearly all in word lists and synthetic voices, at 0.23 s of
one core per second. It is there so that a clip without a transcript can be tried at once. For real work there is
``whisper``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mmfeat.media import require_speech_rate
from mmfeat.types import SPEECH_RATE, FloatArray, Waveform, Word

_HOP = SPEECH_RATE // 100  # samples; 10 ms, the frame shift of the model
_SILENT = 1e-4  # amplitude (-80 dB); nothing can be heard below


VERSION = "1"  # raise it when the same sound gives other words or times


@dataclass(frozen=True)
class Config:
    """Settings: ``piece`` is the longest stretch in seconds that is decoded in one go, cut where it is quietest."""

    piece: float = 20.0
    note: ClassVar[str] = (
        "the pocketsphinx transcript is rough: expect many wrong words; '--transcriber whisper' is better"
    )


class PocketsphinxTranscriber:
    """Hears English words. One instance serves many clips, one at a time."""

    note = Config.note

    def __init__(self, config: Config) -> None:
        import pocketsphinx

        self._piece = int(config.piece * SPEECH_RATE)
        self._decoder = pocketsphinx.Decoder(loglevel="FATAL")

    def __call__(self, waveform: Waveform) -> tuple[Word, ...]:
        """Write down what is said.

        Parameters
        ----------
        waveform : Waveform
            Mono sound at 16 kHz.

        Returns
        -------
        tuple of Word
            In small letters, times on a grid of 10 ms from the start of the media file; ``score`` is the word's
            posterior probability in the decoder's lattice. Empty where nothing was heard.
        """
        require_speech_rate(waveform)
        words: list[Word] = []
        begin = 0
        while begin < len(waveform.samples):
            end = _cut(waveform.samples, begin, self._piece)
            words += self._heard(waveform.samples[begin:end], waveform.start + begin / SPEECH_RATE)
            begin = end
        return tuple(words)

    def _heard(self, samples: FloatArray, offset: float) -> list[Word]:
        """Decode one stretch."""
        if len(samples) < _HOP or float(np.abs(samples).max()) < _SILENT:
            return []
        self._decoder.start_utt()
        self._decoder.process_raw((np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes(), full_utt=True)
        self._decoder.end_utt()
        if self._decoder.hyp() is None:
            return []
        words = []
        for entry in self._decoder.seg():
            text = re.sub(r"\(\d+\)$", "", entry.word)
            if text[0] not in "<[(":  # silence, breath, noise
                start, end = entry.start_frame / 100.0, (entry.end_frame + 1) / 100.0
                words.append(Word(text, offset + start, offset + end, float(min(1.0, max(0.0, entry.prob)))))
        return words


def _cut(samples: FloatArray, begin: int, longest: int) -> int:
    """Where the piece ends: the quietest tenth of a second in its second half."""
    if len(samples) - begin <= longest:
        return len(samples)
    first = begin + longest // 2
    power = np.square(samples[first : begin + longest].astype(np.float64))
    frames = power[: len(power) // _HOP * _HOP].reshape(-1, _HOP).mean(axis=1)
    smooth = np.convolve(frames, np.ones(10) / 10.0, mode="same")
    return first + int(smooth.argmin()) * _HOP


def build(config: Config) -> PocketsphinxTranscriber:
    """Load the acoustic and the language model."""
    return PocketsphinxTranscriber(config)
