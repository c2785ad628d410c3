"""Small valid things for tests to build on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mmfeat.artifact import Description
from mmfeat.types import AlignedUtterance, Frames, Provenance, Utterance, Word


def words_of(*texts: str, step: float = 0.5, start: float = 0.0) -> tuple[Word, ...]:
    """Words of equal length, one after the other."""
    return tuple(
        Word(text, start + step * number, start + step * (number + 1), -1.0) for number, text in enumerate(texts)
    )


def utterance_of(name: str = "a", words: Sequence[Word] = (), **fields: object) -> Utterance:
    return Utterance(id=name, media=Path(f"{name}.wav"), words=tuple(words), **fields)  # type: ignore[arg-type]


def frames_of(values: np.ndarray, shift: float = 0.1) -> Frames:
    """Observed frames, evenly spaced from time 0."""
    values = np.asarray(values, dtype=np.float32)
    times = (np.arange(len(values)) + 0.5) * shift
    names = tuple(f"d{number}" for number in range(values.shape[1]))
    observed = np.ones(len(values), dtype=bool)
    return Frames(values, times, observed, names, Provenance("made", "1"), shift)


DIMS = {"text": 3, "audio": 4, "vision": 2}


def description_of(**changes: object) -> Description:
    extractors = {
        name: {
            "extractor": f"{name}er",
            "version": "1",
            "config": {},
            "sources": {},
            "names": [f"{name}_{n}" for n in range(width)],
            "frame_shift": 0.1,
        }
        for name, width in DIMS.items()
    }
    fields: dict[str, object] = {
        "dataset": "made",
        "code_version": "0",
        "extractors": extractors,
        "classes": {"emotion": ["calm", "cross"]},
        "words_from": {"aligner": "made"},
        "alignment_rule": "overlap",
        "source": {},
    }
    return Description(**(fields | changes))  # type: ignore[arg-type]


def rows_of(utterance: Utterance) -> AlignedUtterance:
    """Features that follow from the utterance's id and the word's position; the second word of each has no vision."""
    seed, count = sum(utterance.id.encode()), len(utterance.words)
    base = np.arange(count, dtype=np.float32)[:, None] + seed
    features = {name: np.repeat(base, width, axis=1) + 1 for name, width in DIMS.items()}
    observed = {name: np.ones(count, dtype=bool) for name in DIMS}
    if count > 1:
        observed["vision"][1] = False
        features["vision"][1] = 0
    return AlignedUtterance(utterance, features, observed)


RATE = 16_000  # Hz, of every made sound below
VOWEL = ((500, 60), (1500, 90), (2500, 120), (3500, 175))  # Hz: formants and bandwidths of a neutral vowel
F0 = float | Callable[[np.ndarray], np.ndarray]  # Hz, or a function of the time in s


def vocal_tract(formants: Sequence[tuple[float, float]] = VOWEL) -> np.ndarray:
    """A(z) of the filter 1 / A(z) with the given formants and bandwidths."""
    poles = [np.exp(-np.pi * width / RATE + 2j * np.pi * place / RATE) for place, width in formants]
    return np.poly([pole for one in poles for pole in (one, one.conjugate())]).real


def glottal_pulses(seconds: float, f0: F0 = 130.0, rd: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A train of LF pulses: the flow derivative (n,), its spikes -1 and downwards, and the true closures in samples."""
    from scipy.signal import resample_poly

    from mmfeat.extractors.covarep import Pulse

    pulse, fine = Pulse.of(rd), 8  # made at 128 kHz, against aliasing
    time = np.arange(round(seconds * RATE) * fine) / (RATE * fine)
    frequency = f0(time) if callable(f0) else np.full(len(time), f0)
    phase = np.cumsum(frequency) / (RATE * fine)
    closures = np.flatnonzero(np.diff(np.floor(phase - pulse.t_e)) > 0) / fine
    return resample_poly(pulse.derivative(phase % 1), 1, fine), closures


def voice(seconds: float, f0: F0 = 130.0, rd: float = 1.0) -> np.ndarray:
    """A vowel at 16 kHz, the right way up, largest value 0.3; (n,) float64."""
    from scipy.signal import lfilter

    spoken = lfilter([1.0], vocal_tract(), glottal_pulses(seconds, f0, rd)[0])
    return 0.3 * spoken / np.abs(spoken).max()


def gliding(time: np.ndarray) -> np.ndarray:
    """F0 of an intonation between 100 and 160 Hz."""
    return 130 + 30 * np.sin(2 * np.pi * 1.3 * time)


def running(values: np.ndarray, least: int) -> list[tuple[int, int]]:
    """Stretches ``(start, stop)`` where at least so many values in a row are True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], values, [False]]).astype(int)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2) if stop - start >= least]
