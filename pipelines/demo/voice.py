"""Voices of the demo corpus: espeak-ng with the pitch, range, rate and loudness of a feeling."""

from __future__ import annotations

import io
import subprocess
import wave
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SAMPLE_RATE = 48_000  # Hz, what Opus codes
_ROOM_NOISE = 0.0012  # of full scale
_PROGRAM = "espeak-ng"


@dataclass(frozen=True)
class Voice:
    """An espeak-ng voice of ``en-us``: ``pitch`` is its 0..99 setting, ``rate`` words per minute, ``gain`` a factor."""

    variant: str
    pitch: int
    rate: int
    gain: float = 1.0


@dataclass(frozen=True)
class Tone:
    """How something is said: valence -1..1, anger and sorrow 0..1."""

    valence: float
    anger: float
    sorrow: float


def speak(text: str, voice: Voice, tone: Tone, rng: np.random.Generator) -> Array:
    """Say ``text``: (n,) samples at `SAMPLE_RATE`, with a short silence and room noise round it.

    Raises
    ------
    SystemExit
        If espeak-ng is not installed, or does not know the voice.
    """
    pitch = np.clip(voice.pitch + 17 * tone.valence + 8 * tone.anger, 5, 95)
    spread = np.clip(100 + 85 * tone.valence + 40 * tone.anger, 30, 200)  # percent of the voice's own pitch range
    rate = voice.rate * (1 + 0.05 * tone.valence + 0.08 * tone.anger - 0.10 * tone.sorrow)
    loudness = voice.gain * (100 + 15 * max(tone.valence, 0) + 30 * tone.anger - 35 * tone.sorrow)
    command = [_PROGRAM, "-v", f"en-us+{voice.variant}", "-p", f"{pitch:.0f}", "-s", f"{rate:.0f}"]
    command += ["-a", f"{min(loudness, 200):.0f}", "-m", "-z", "--stdout"]
    command += [f'<prosody range="{spread:.0f}%">{escape(text)}</prosody>']
    speech = _at_sample_rate(*_read_wave(_run(command)))
    before, after = (int(SAMPLE_RATE * seconds) for seconds in (rng.uniform(0.15, 0.3), rng.uniform(0.2, 0.3)))
    return add_room(np.concatenate([np.zeros(before), speech, np.zeros(after)]), rng)


def add_room(samples: Array, rng: np.random.Generator) -> Array:
    """Add the faint noise of a room, so that no silence is digital zero."""
    return np.asarray(np.clip(samples + rng.normal(0, _ROOM_NOISE, len(samples)), -1, 1))


def street_noise(count: int, rng: np.random.Generator) -> Array:
    """Give loud low noise that rises and falls, with nobody speaking in it; (count,)."""
    from scipy.signal import butter, sosfilt

    noise = sosfilt(butter(2, [120, 2500], "bandpass", fs=SAMPLE_RATE, output="sos"), rng.normal(0, 1, count))
    swell = 1 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.4, 0.9) * np.arange(count) / SAMPLE_RATE)
    return np.asarray(0.12 * noise * swell / np.std(noise))


def loudness(samples: Array, frame_rate: int, frames: int) -> Array:
    """Loudness of every video frame, 0..1 relative to the loud parts of the clip; (frames,)."""
    hop = SAMPLE_RATE // frame_rate
    padded = np.zeros(frames * hop)
    padded[: len(samples)] = samples[: len(padded)]
    level = np.sqrt((padded.reshape(frames, hop) ** 2).mean(axis=1))
    loud = max(float(np.percentile(level, 90)), 10 * _ROOM_NOISE)
    return np.asarray(np.clip((level / loud) ** 0.7 - 0.1, 0, 1))


def version() -> str:
    """Version line of the installed espeak-ng; raises SystemExit where there is none."""
    return _run([_PROGRAM, "--version"]).decode().split("Data at")[0].strip()


def _run(command: list[str]) -> bytes:
    """Run espeak-ng and return what it writes; its failures end the program with one line."""
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except FileNotFoundError:
        raise SystemExit(
            f"{_PROGRAM} not found; expected the program on the PATH; install it ('apt-get install espeak-ng', "
            "'brew install espeak-ng') and run again"
        ) from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise SystemExit(f"{' '.join(command)} failed with {error.returncode}: {said}; expected sound") from None
    return done.stdout


def _read_wave(content: bytes) -> tuple[Array, int]:
    """Samples -1..1 and their rate; espeak-ng cannot know the length when it writes the header."""
    with wave.open(io.BytesIO(content)) as sound:
        rate = sound.getframerate()
        samples = np.frombuffer(sound.readframes(len(content)), "<i2").astype(float) / 32768
    if not samples.any():
        raise SystemExit(f"{_PROGRAM} gave silence of {len(samples)} samples; expected speech; check its installation")
    return samples, rate


def _at_sample_rate(samples: Array, rate: int) -> Array:
    import soxr

    return np.asarray(soxr.resample(samples, rate, SAMPLE_RATE))
