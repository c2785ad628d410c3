"""Transcripts with word times by Whisper, through faster-whisper (extra ``asr``).

Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision, 2022. The model is a folder in CTranslate2's
form, or a name that faster-whisper downloads from the Hugging Face hub.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mmfeat.errors import MissingDependency
from mmfeat.media import require_speech_rate
from mmfeat.types import Seconds, Waveform, Word

_FILES = ("model.bin", "config.json", "tokenizer.json")
_SILENT = 1e-4  # amplitude (-80 dB); nothing can be heard below, but Whisper makes words up


VERSION = "1"  # raise it when the same sound gives other words or times


@dataclass(frozen=True)
class Config:
    """Settings.

    ``model`` is a folder or the name of a model (``tiny.en`` ... ``large-v3``, or ``owner/name`` on the hub);
    ``device`` auto is the GPU where there is one; ``compute_type`` auto is float16 there and int8 on the CPU;
    ``language`` is a code such as ``en``, none lets the model find out; ``vad`` leaves stretches without a voice out
    before the model sees them; ``beam_size`` is the number of hypotheses kept while decoding.
    """

    model: str = "base.en"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    compute_type: str = "auto"
    language: str | None = None
    vad: bool = True
    beam_size: int = 5


class WhisperTranscriber:
    """Hears words in any language that its model knows. One instance serves many clips, one at a time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._model = _load(config)

    def __call__(self, waveform: Waveform) -> tuple[Word, ...]:
        """Write down what is said.

        Parameters
        ----------
        waveform : Waveform
            Mono sound at 16 kHz.

        Returns
        -------
        tuple of Word
            With the model's punctuation; times from the start of the media file; ``score`` is the model's probability
            of the word. Empty where nothing was heard.
        """
        require_speech_rate(waveform)
        if not len(waveform.samples) or float(np.abs(waveform.samples).max()) < _SILENT:
            return ()
        segments, _ = self._model.transcribe(
            np.asarray(waveform.samples, dtype=np.float32),
            language=self._config.language,
            beam_size=self._config.beam_size,
            vad_filter=self._config.vad,
            word_timestamps=True,
            condition_on_previous_text=False,  # one slip would be repeated through the rest of the clip
        )
        return words_of(segments, waveform.start, waveform.duration)


def words_of(segments: Iterable[Any], start: Seconds, duration: Seconds) -> tuple[Word, ...]:
    """Collect the words of faster-whisper's segments.

    Parameters
    ----------
    segments : iterable of faster_whisper.transcribe.Segment
        With word times from the start of the sound.
    start, duration : Seconds
        Of the sound in the media file. Whisper pads to 30 s and may end a word behind the sound; such a word is cut off
        there, and one that lies behind it altogether is left out.
    """
    words: list[Word] = []
    reached = 0.0
    for heard in (word for segment in segments for word in segment.words or ()):
        begin, end = max(float(heard.start), reached), min(float(heard.end), duration)
        text = heard.word.strip()
        if text and begin < duration:
            end = max(end, min(begin + 0.02, duration))  # Whisper gives some words no length at all
            words.append(Word(text, start + begin, start + end, float(heard.probability)))
            reached = end
    return tuple(words)


def _load(config: Config) -> Any:
    """Load the model; raises MissingDependency with what to do."""
    import ctranslate2
    from faster_whisper import WhisperModel

    folder = Path(config.model)
    if folder.is_dir():
        absent = [name for name in _FILES if not (folder / name).is_file()]
        if absent:
            raise MissingDependency(
                f"whisper model {config.model!r} lacks {', '.join(absent)}; expected a folder in CTranslate2's form "
                f"with {', '.join(_FILES)}; convert one with 'ct2-transformers-converter', or give another folder"
            )
    device = config.device
    if device == "auto":
        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    compute_type = {"cuda": "float16", "cpu": "int8"}[device] if config.compute_type == "auto" else config.compute_type
    try:
        return WhisperModel(config.model, device=device, compute_type=compute_type)
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise MissingDependency(
            f"whisper model {config.model!r} cannot be loaded on {device} as {compute_type} ({reason}); expected a "
            "folder in CTranslate2's form (model.bin, config.json, tokenizer.json) or a name that can be downloaded; "
            "fetch the files of 'Systran/faster-whisper-base.en' from the Hugging Face hub on a machine with a network "
            "and pass '--set transcriber.model=FOLDER'"
        ) from error


def build(config: Config) -> WhisperTranscriber:
    """Load the model."""
    return WhisperTranscriber(config)
