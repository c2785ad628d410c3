"""Films and sounds for miniature raw releases, joined from sentences of the demo corpus, which is ours."""

from __future__ import annotations

import csv
import functools
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soxr

from mmfeat.media import read_frames, read_waveform
from mmfeat.types import SPEECH_RATE

DEMO = Path(__file__).resolve().parents[1] / "pipelines" / "demo"
PICTURES, SOUND = 10, 48_000  # Hz, of the demo clips


@dataclass(frozen=True)
class Sentence:
    """A clip of the demo corpus and its place in a film."""

    text: str
    start: float
    end: float


def film(names: Sequence[str], mp4: Path | None = None, wav: Path | None = None) -> list[Sentence]:
    """Write sentences one after the other as a film, as a sound file, or as both on one clock; return their places."""
    sentences, pictures, sounds, end = [], [], [], 0.0
    for name in names:
        images = [frame.image for frame in read_frames(_clip(name))]
        heard = read_waveform(_clip(name), SOUND)
        samples = np.zeros(len(images) * SOUND // PICTURES, np.float32)
        samples[: len(heard.samples)] = heard.samples[: len(samples)]
        sentences.append(Sentence(_texts()[name], end, end + len(images) / PICTURES))
        end = sentences[-1].end
        pictures += images
        sounds.append(samples)
    if mp4:
        _write_mp4(mp4, pictures, np.concatenate(sounds))
    if wav:
        _write_wav(wav, soxr.resample(np.concatenate(sounds), SOUND, SPEECH_RATE))
    return sentences


def copy_of(name: str, path: Path) -> str:
    """Put one clip of the demo corpus somewhere else; return what is said."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_clip(name).read_bytes())
    return _texts()[name]


def write(path: Path, text: str) -> None:
    """Write a text file of a release."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _clip(name: str) -> Path:
    return DEMO / "clips" / f"{name}.mp4"


@functools.cache
def _texts() -> dict[str, str]:
    with (DEMO / "utterances.csv").open(encoding="utf-8", newline="") as handle:
        return {row["id"]: row["transcript"] for row in csv.DictReader(handle)}


def _write_mp4(path: Path, pictures: Sequence[np.ndarray], samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video, sound = container.add_stream("libx264", rate=PICTURES), container.add_stream("aac", rate=SOUND)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt, video.codec_context.thread_count = "yuv420p", 1
        sound.codec_context.layout, sound.codec_context.bit_rate = "mono", 32_000
        for number, picture in enumerate(pictures):
            image = av.VideoFrame.from_ndarray(picture, format="rgb24")
            image.pts, image.time_base = number, Fraction(1, PICTURES)
            container.mux(video.encode(image))
        heard = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        heard.sample_rate, heard.time_base, heard.pts = SOUND, Fraction(1, SOUND), 0
        container.mux(sound.encode(heard))
        for stream in (video, sound):
            container.mux(stream.encode(None))


def _write_wav(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as handle:
        handle.setnchannels(1)
        handle.setsampwidth(2)
        handle.setframerate(SPEECH_RATE)
        handle.writeframes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
