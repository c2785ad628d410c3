"""covarep: the 74 voice features of COVAREP, every 10 ms, without MATLAB.

Degottex, Kane, Drugman, Raitio and Scherer, "COVAREP - A collaborative voice analysis repository for speech
technologies", ICASSP 2014; the columns of CMU-MOSI and CMU-MOSEI. README.md beside this file says what each column
means, how close it comes to the original, and what the default mode repairs.

The building blocks can be used alone, on arrays of sound at 16 kHz: ``covarep.srh(samples)`` and the other names of
``BUILDING_BLOCKS``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

import numpy as np

from mmfeat.errors import ConfigError, ExtractionFailed
from mmfeat.extractors.covarep.columns import FIRST, HOP, NAMES
from mmfeat.extractors.covarep.columns import Mode as Mode
from mmfeat.media import require_sound
from mmfeat.types import SPEECH_RATE, Frames, Modality, Provenance, Seconds, Waveform

MODALITY: Modality = "audio"
VERSION = "1"

BUILDING_BLOCKS = {
    "polarity": "uprightness",
    "srh": "pitch",
    "glottal_closures": "glottal_closure",
    "glottal_flow": "inverse_filtering",
    "glottal_parameters": "pulse_shape",
    "maxima_dispersion": "wavelets",
    "peak_slope": "wavelets",
    "sinusoids": "harmonics",
    "Pulse": "lf_model",
    "rd_of": "rd",
    "true_envelope": "envelope",
    "mel_cepstrum": "envelope",
    "phase_distortion": "phases",
    "creak_posterior": "creak",
}


@dataclass(frozen=True)
class Config:
    """Settings of `covarep`.

    ``mode`` is ``default``, or ``compat`` for the original to the last quirk. A frame is silent, and so not observed,
    where the 50 ms around it stay below ``silence`` dB relative to full scale.
    """

    mode: Mode = "default"
    silence: float = -80.0


class Covarep:
    """74 columns per frame; frame k stands for sample ``79 + 160 k`` at 16 kHz.

    Values are float64, so that they can be compared with the original's; ``valid`` says per column where a value means
    something.
    """

    name = "covarep"
    modality: Modality = MODALITY
    names = NAMES
    sample_rate = SPEECH_RATE
    frame_shift: Seconds | None = HOP / SPEECH_RATE

    def __init__(self, config: Config) -> None:
        self._config = config
        self.source = Provenance(self.name, VERSION, asdict(config))

    def __call__(self, signal: Waveform) -> Frames:
        """Measure one recording.

        Raises
        ------
        ExtractionFailed
            If the sample rate is not 16,000 Hz or a sample is not finite.
        """
        from mmfeat.extractors.covarep.analysis import analyse

        require_sound(signal, SPEECH_RATE, ExtractionFailed)
        found = analyse(signal.samples, mode=self._config.mode, silence=self._config.silence)
        times = signal.start + (FIRST + HOP * np.arange(len(found.values))) / SPEECH_RATE
        return Frames(found.values, times, found.observed, NAMES, self.source, self.frame_shift, valid=found.valid)


def build(config: Config) -> Covarep:
    """Make the extractor.

    Raises
    ------
    ConfigError
        If the level of silence is not below full scale.
    """
    if not config.silence < 0:
        raise ConfigError(
            f"covarep: silence={config.silence} dB; expected a level below 0 (full scale); try silence=-80"
        )
    return Covarep(config)


def __getattr__(name: str) -> Any:
    """Building blocks, loaded with what they need when they are first asked for."""
    if name not in BUILDING_BLOCKS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{BUILDING_BLOCKS[name]}"), name)
