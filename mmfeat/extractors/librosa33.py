"""librosa33: log F0, 20 MFCC and 12 constant-Q chroma, the acoustic features of CH-SIMS.

Yu et al., "CH-SIMS" (ACL 2020): librosa at 22,050 Hz, 1 + 20 + 12 columns. The released code
(thuiar/MMSA@049a8e0, ``data/getFeature.py``) fixes the rest: hop 512, librosa's defaults, HTK mel filters.

Deviations, all on purpose:

- That code fills its F0 column with the zero-crossing rate. Here it is what the paper says: the natural logarithm of
  F0 in Hz by YIN, 0 where a frame has no voice.
- Chroma assumes A4 = 440 Hz. librosa would estimate the tuning from the whole recording, so that a frame would change
  with what comes long after it; a voice has no tuning.
- Frames without energy are zeros and not observed.

Long recordings are worked through in blocks with enough context that the numbers do not depend on the cuts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from mmfeat.errors import ConfigError, ExtractionFailed
from mmfeat.media import require_sound
from mmfeat.types import BoolArray, FloatArray, Frames, IntArray, Modality, Provenance, Seconds, Waveform

MODALITY: Modality = "audio"
VERSION = "1"
SAMPLE_RATE = 22_050  # Hz; librosa.load's default, which CH-SIMS used
FRAME_LENGTH = 2048  # samples; librosa's default window of the spectrum
MFCC = 20
MELS = 128
PITCHES = ("c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b")
NAMES = ("log_f0", *(f"mfcc_{index}" for index in range(MFCC)), *(f"chroma_{pitch}" for pitch in PITCHES))

MEL_RANGE = 80.0  # dB below the loudest band of the recording, librosa.power_to_db's default
BLOCK: Seconds = 30.0
# The longest filter of the constant-Q transform (C1, 36 bins per octave) reaches 0.79 s to either side; the rest is
# for the filters that halve the sample rate six times.
CONTEXT: Seconds = 2.0
CQT_HOP = 64  # samples; the hop is halved with each of the six lower octaves
F0_LENGTH, F0_COMPARED = 1024, 640  # samples; window of YIN, and what the voicing decision compares with itself


@dataclass(frozen=True)
class Config:
    """Settings of `librosa33`.

    ``hop`` is in samples at 22,050 Hz, a multiple of 64: 512 is 23.2 ms, 192 is 8.7 ms. ``f0_min`` and ``f0_max`` are
    in Hz. A frame has a voice where it resembles itself one period later with a correlation above ``voicing``; 0.6
    balanced the two kinds of error against COVAREP's decision on eight recordings. A frame is observed where its level
    is above ``silence`` dB relative to full scale and within ``dynamics`` dB of the recording's loud level (95th
    percentile).
    """

    hop: int = 512
    f0_min: float = 60.0
    f0_max: float = 500.0
    voicing: float = 0.6
    silence: float = -70.0
    dynamics: float = 40.0


@dataclass(frozen=True)
class _Block:
    """Samples of some frames and of what surrounds them."""

    frames: slice  # of the recording
    own: slice  # the same frames, of the block
    recorded: slice  # samples of the block that are not padding
    samples: FloatArray


class Librosa33:
    """33 columns per frame; frame k is centred on sample ``k * hop``."""

    name = "librosa33"
    modality: Modality = MODALITY
    names = NAMES
    sample_rate = SAMPLE_RATE

    def __init__(self, config: Config) -> None:
        self._config = config
        self.frame_shift: Seconds | None = config.hop / SAMPLE_RATE
        self.source = Provenance(self.name, VERSION, asdict(config))

    def __call__(self, signal: Waveform) -> Frames:
        """Measure one recording.

        Raises
        ------
        ExtractionFailed
            If the sample rate is not 22,050 Hz or a sample is not finite.
        """
        require_sound(signal, SAMPLE_RATE, ExtractionFailed)
        hop = self._config.hop
        count = 1 + len(signal.samples) // hop if len(signal.samples) else 0
        times = signal.start + np.arange(count, dtype=np.float64) * hop / SAMPLE_RATE
        values, observed = self._measure(signal.samples, count)
        return Frames(values, times, observed, NAMES, self.source, self.frame_shift)

    def _measure(self, samples: FloatArray, count: int) -> tuple[FloatArray, BoolArray]:
        import librosa

        values = np.zeros((count, len(NAMES)), dtype=np.float32)
        levels = np.zeros(count)
        offset = float(samples.mean(dtype=np.float64)) if count else 0.0
        mels = np.zeros((count, MELS), dtype=np.float32)
        for block in _cut(samples, count, self._config.hop):
            levels[block.frames] = self._levels(block, offset)
            mels[block.frames] = self._mels(block)
            values[block.frames, 0] = self._log_f0(block)
            values[block.frames, 1 + MFCC :] = self._chroma(block)
        if count == 0:
            return values, np.zeros(0, dtype=np.bool_)
        np.maximum(mels, mels.max() - MEL_RANGE, out=mels)
        values[:, 1 : 1 + MFCC] = librosa.feature.mfcc(S=mels.T, n_mfcc=MFCC).T
        floor = max(self._config.silence, float(np.percentile(levels, 95)) - self._config.dynamics)
        observed = levels > floor
        values[~observed] = 0.0
        return values, observed

    def _levels(self, block: _Block, offset: float) -> FloatArray:
        """Root mean square of each frame, dB relative to full scale; a constant offset is no sound."""
        import librosa

        sound = block.samples.copy()
        sound[block.recorded] -= offset
        rms: FloatArray = librosa.feature.rms(y=sound, frame_length=FRAME_LENGTH, hop_length=self._config.hop)
        return 20 * np.log10(np.maximum(rms[0, block.own], 1e-10))

    def _mels(self, block: _Block) -> FloatArray:
        """Mel spectrum in dB, not yet cut off below."""
        import librosa

        power = librosa.feature.melspectrogram(
            y=block.samples, sr=SAMPLE_RATE, n_fft=FRAME_LENGTH, hop_length=self._config.hop, n_mels=MELS, htk=True
        )
        decibels: FloatArray = librosa.power_to_db(power[:, block.own], top_db=None)
        return decibels.T

    def _log_f0(self, block: _Block) -> FloatArray:
        """YIN, and 0 where the frame does not resemble itself one period later.

        pYIN decides with a hidden Markov model, which hears the whole recording and is slow; against COVAREP's voicing
        it was no better (disagreement 25 % of the frames, here 21 %; docs/librosa33.md).
        """
        import librosa

        f0 = librosa.yin(
            block.samples,
            fmin=self._config.f0_min,
            fmax=self._config.f0_max,
            sr=SAMPLE_RATE,
            frame_length=F0_LENGTH,
            hop_length=self._config.hop,
        )[block.own]
        centres = np.arange(block.own.start, block.own.stop) * self._config.hop
        likeness = _self_likeness(block.samples, centres, np.rint(SAMPLE_RATE / f0).astype(np.int64))
        return np.where(likeness > self._config.voicing, np.log(f0), 0.0)

    def _chroma(self, block: _Block) -> FloatArray:
        """Constant-Q chroma, each frame divided by its largest pitch class."""
        import librosa

        chroma: FloatArray = librosa.feature.chroma_cqt(
            y=block.samples, sr=SAMPLE_RATE, hop_length=self._config.hop, tuning=0.0, n_chroma=len(PITCHES)
        )
        return chroma[:, block.own].T


def build(config: Config) -> Librosa33:
    """Make the extractor.

    Raises
    ------
    ConfigError
        If the hop is not a positive multiple of 64 or the range of F0 does not fit the window of YIN.
    """
    if config.hop < CQT_HOP or config.hop % CQT_HOP:
        raise ConfigError(f"librosa33: hop={config.hop}; expected a multiple of {CQT_HOP} samples; try hop=512")
    lowest = 2 * SAMPLE_RATE / F0_LENGTH
    if not lowest <= config.f0_min < config.f0_max <= SAMPLE_RATE / 4:
        raise ConfigError(
            f"librosa33: f0_min={config.f0_min}, f0_max={config.f0_max}; expected {lowest:.0f} <= f0_min < f0_max <= "
            f"{SAMPLE_RATE // 4} Hz; try f0_min=60 and f0_max=500"
        )
    return Librosa33(config)


def _cut(samples: FloatArray, count: int, hop: int) -> Iterator[_Block]:
    """Blocks of frames with their context; silence before and after the recording."""
    size, context = round(BLOCK * SAMPLE_RATE / hop), round(CONTEXT * SAMPLE_RATE / hop)
    for first in range(0, count, size):
        last = min(first + size, count)
        start, stop = (first - context) * hop, (last + context) * hop
        inside = samples[max(start, 0) : stop]
        before = max(-start, 0)
        padded = np.zeros(stop - start, dtype=np.float32)
        recorded = slice(before, before + len(inside))
        padded[recorded] = inside
        yield _Block(slice(first, last), slice(context, context + last - first), recorded, padded)


def _self_likeness(samples: FloatArray, centres: IntArray, periods: IntArray) -> FloatArray:
    """Correlation of two stretches around each centre that lie one period apart."""
    starts = centres - F0_COMPARED // 2 - periods // 2
    rows = starts[:, None] + np.arange(F0_COMPARED)
    now, later = samples[rows], samples[rows + periods[:, None]]
    now -= now.mean(axis=1, keepdims=True)
    later -= later.mean(axis=1, keepdims=True)
    energy = np.sqrt(np.square(now).sum(axis=1) * np.square(later).sum(axis=1))
    likeness: FloatArray = (now * later).sum(axis=1) / np.maximum(energy, 1e-12)
    return likeness
