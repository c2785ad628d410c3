"""Small synthetic clips, made with PyAV when a test asks for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

CODECS = {  # extension -> video codec, audio codec
    "wav": (None, "pcm_s16le"),
    "flac": (None, "flac"),
    "mp3": (None, "libmp3lame"),
    "m4a": (None, "aac"),
    "ogg": (None, "libopus"),
    "mp4": ("libx264", "aac"),
    "avi": ("mpeg4", "pcm_s16le"),
    "mpg": ("mpeg1video", "mp2"),
    "mov": ("libx264", "aac"),
    "mkv": ("libx264", "aac"),
    "webm": ("libvpx", "libopus"),
    "wmv": ("wmv2", "wmav2"),
}
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}

MakeClip = Callable[..., Path]


@pytest.fixture(scope="session")
def make_clip() -> MakeClip:
    """``make_clip(path, ...)`` writes a clip and returns its path; see `write_clip`."""
    return write_clip


@pytest.fixture(scope="session")
def shade_of() -> Callable[[float], int]:
    """Presentation time in s -> grey level of the picture that `make_clip` draws there."""
    return _shade


def write_clip(
    path: Path,
    seconds: float = 2.0,
    *,
    size: tuple[int, int] | None = (160, 120),
    fps: float = 25,
    times: Sequence[float] | None = None,
    tone: float | None = 440.0,
    tone_from: float = 0.0,
    sample_rate: int = 48000,
    levels: Sequence[float] = (0.5,),
    sound_from: float = 0.0,
    codecs: tuple[str | None, str | None] | None = None,
    picture: Callable[[float], np.ndarray] | None = None,
    b_frames: int = 0,
    pixel_format: str = "yuv420p",
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write a clip whose format the extension of ``path`` says.

    Parameters
    ----------
    size
        Width, height of the pictures; None: no pictures.
    times
        Presentation times of the pictures in s, where not at ``fps``.
    tone
        Hz of a sine, silent before ``tone_from`` s of the sound track; None: no sound.
    levels
        Amplitude per channel (1, 2 or 6 channels).
    sound_from
        s at which the sound track begins.
    picture
        Presentation time in s -> (H, W, 3) uint8; a grey that grows with time by default.
    """
    video_codec, audio_codec = codecs or CODECS[path.suffix[1:]]
    with av.open(str(path), "w", options=container_options or {}) as container:
        video = sound = None
        if size is not None and video_codec:
            video = container.add_stream(video_codec, rate=Fraction(fps).limit_denominator(1001))
            video.width, video.height = size
            video.pix_fmt = pixel_format
            video.codec_context.thread_count, video.codec_context.max_b_frames = 1, b_frames
            if times is not None:
                video.codec_context.time_base = Fraction(1, 1000)
        if tone is not None and audio_codec:
            sound = container.add_stream(audio_codec, rate=sample_rate, layout=LAYOUTS[len(levels)])
            if audio_codec not in ("pcm_s16le", "flac"):
                sound.codec_context.bit_rate = 96_000 * (1 if len(levels) == 1 else 2)
        shown = list(np.arange(math.ceil(seconds * fps - 1e-9)) / fps) if times is None else list(times)
        draw = picture or (lambda time: np.full((size[1], size[0], 3), _shade(time), np.uint8))
        wave = None if sound is None else _sine(tone, tone_from, seconds, sample_rate, levels)
        for second in range(math.ceil(seconds)):  # in turn, as a player expects them
            for time in shown if video else ():
                if int(time) == second:
                    container.mux(video.encode(_image(draw(time), time)))
            if sound:
                begin = second * sample_rate
                for packet in sound.encode(
                    _sound(wave[:, begin : begin + sample_rate], begin, sound_from, sample_rate)
                ):
                    container.mux(packet)
        for stream in filter(None, (video, sound)):
            container.mux(stream.encode(None))
    return path


def _shade(time: float) -> int:
    """Grey level of the picture presented at a time: grows by 5 every 40 ms and wraps at 200."""
    return 20 + round(time * 125) % 200


def _sine(tone: float, tone_from: float, seconds: float, rate: int, levels: Sequence[float]) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    wave = np.sin(2 * np.pi * tone * time) * (time >= tone_from)
    return (np.asarray(levels)[:, None] * wave).astype(np.float32)


def _sound(samples: np.ndarray, begin: int, offset: float, rate: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=LAYOUTS[len(samples)])
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), begin + round(offset * rate)
    return frame


def _image(pixels: np.ndarray, time: float) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    frame.time_base, frame.pts = Fraction(1, 90_000), round(time * 90_000)
    return frame
