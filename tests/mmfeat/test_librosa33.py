"""librosa33: tones with a known answer, librosa itself, its own one-shot result, and hostile sound."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from mmfeat import registry
from mmfeat.errors import ConfigError, ExtractionFailed
from mmfeat.extractors import librosa33
from mmfeat.types import Waveform

RATE = 22_050
COVAREP = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "covarep"


@pytest.fixture(scope="module")
def extract():
    extractor = librosa33.build(librosa33.Config())
    return lambda samples, start=0.0: extractor(Waveform(np.asarray(samples, dtype=np.float32), RATE, start))


def tone(frequency, seconds=1.0, level=0.3):
    """A voice-like tone: a fundamental and four weaker overtones."""
    time = np.arange(round(seconds * RATE)) / RATE
    return level * sum(np.sin(2 * np.pi * frequency * k * time) / k for k in range(1, 6))


def talk(seconds):
    """Tones of changing pitch with noise and pauses."""
    rng = np.random.default_rng(0)
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 150 + 40 * np.sin(2 * np.pi * 0.7 * time)
    voice = np.sin(2 * np.pi * np.cumsum(pitch) / RATE) + 0.5 * np.sin(4 * np.pi * np.cumsum(pitch) / RATE)
    loudness = np.clip(np.sin(2 * np.pi * 0.31 * time), 0, 1)
    return (0.2 * voice * loudness + 1e-4 * rng.normal(size=len(time))).astype(np.float32)


def test_there_are_33_named_columns_and_frames_on_a_regular_grid(extract):
    frames = extract(tone(200), start=5.0)
    assert frames.values.shape == (1 + RATE // 512, 33)
    assert frames.names[:2] == ("log_f0", "mfcc_0")
    assert frames.names[21:] == tuple(f"chroma_{p}" for p in "c cs d ds e f fs g gs a as b".split())
    np.testing.assert_allclose(frames.times, 5.0 + np.arange(len(frames.times)) * 512 / RATE)
    assert frames.frame_shift == 512 / RATE
    assert frames.source.config["hop"] == 512


@pytest.mark.parametrize("frequency", [80.0, 110.0, 220.0, 440.0])
def test_a_tone_has_its_own_f0(extract, frequency):
    f0 = extract(tone(frequency)).values[3:-3, 0]
    np.testing.assert_allclose(np.exp(f0), frequency, rtol=0.01)


@pytest.mark.parametrize(("frequency", "pitch"), [(261.63, "c"), (440.0, "a"), (369.99, "fs")])
def test_a_pure_tone_lights_its_own_pitch_class(extract, frequency, pitch):
    time = np.arange(RATE) / RATE
    chroma = extract(0.3 * np.sin(2 * np.pi * frequency * time)).values[5:-5, 21:]
    at = librosa33.PITCHES.index(pitch)
    assert (chroma.argmax(axis=1) == at).all()
    np.testing.assert_allclose(chroma[:, at], 1.0)


def test_noise_has_no_f0_but_is_observed(extract):
    frames = extract(0.1 * np.random.default_rng(0).normal(size=RATE))
    assert frames.observed.all()
    assert (frames.values[:, 0] == 0).mean() > 0.95


def test_mfcc_and_chroma_are_librosas_own(extract):
    import librosa

    samples = talk(8.0)
    frames = extract(samples)
    mfcc = librosa.feature.mfcc(y=samples, sr=RATE, hop_length=512, n_mfcc=20, htk=True).T
    chroma = librosa.feature.chroma_cqt(y=samples, sr=RATE, hop_length=512, tuning=0.0).T
    seen = frames.observed
    np.testing.assert_allclose(frames.values[seen, 1:21], mfcc[seen], atol=1e-3)
    np.testing.assert_allclose(frames.values[seen, 21:], chroma[seen], atol=0.02)  # librosa pads the ends otherwise


def test_blocks_give_the_numbers_of_one_shot(extract, monkeypatch):
    samples = talk(60.0)
    monkeypatch.setattr(librosa33, "BLOCK", 1000.0)
    whole = extract(samples)
    monkeypatch.setattr(librosa33, "BLOCK", 7.3)
    cut = extract(samples)
    np.testing.assert_array_equal(cut.observed, whole.observed)
    np.testing.assert_array_equal(cut.values[:, :1], whole.values[:, :1])
    np.testing.assert_allclose(cut.values[:, 1:21], whole.values[:, 1:21], atol=1e-4)
    np.testing.assert_allclose(cut.values[:, 21:], whole.values[:, 21:], atol=1e-4)


@pytest.mark.slow
def test_memory_grows_with_the_frames_and_not_with_the_transforms(extract):
    samples = np.tile(talk(30.0), 10)  # five minutes
    extract(samples[:RATE])
    tracemalloc.start()
    extract(samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6  # 130 MB of it are one block; an hour adds 100 MB of frames


def test_pauses_are_not_observed_and_their_rows_are_zeros(extract):
    rng = np.random.default_rng(0)
    samples = np.concatenate([tone(200), np.zeros(RATE), tone(150)]) + 1e-4 * rng.normal(size=3 * RATE)
    frames = extract(samples)
    pause = (frames.times > 1.1) & (frames.times < 1.9)
    assert not frames.observed[pause].any()
    assert not frames.values[~frames.observed].any()
    assert frames.observed[(frames.times > 0.1) & (frames.times < 0.9)].all()


@pytest.mark.parametrize(
    "samples",
    [np.zeros(RATE), np.full(RATE, 0.5), 1e-5 * np.random.default_rng(0).normal(size=RATE)],
    ids=["digital silence", "a constant", "the noise of a converter"],
)
def test_what_has_no_sound_is_never_observed(extract, samples):
    frames = extract(samples)
    assert len(frames.times) == 44
    assert not frames.observed.any()


@pytest.mark.parametrize("length", [0, 1, 2, 100, 511, 512, 513, 2047])
def test_very_short_sound_gives_frames_and_no_warning(extract, length):
    frames = extract(0.3 * np.random.default_rng(0).normal(size=length))
    assert len(frames.times) == (1 + length // 512 if length else 0)


def test_clipped_sound_and_an_impulse_are_finite(extract):
    impulse = np.zeros(RATE)
    impulse[5000] = 1.0
    for samples in (np.clip(20 * tone(130), -1, 1), impulse):
        assert np.isfinite(extract(samples).values).all()


def test_the_same_sound_gives_the_same_bytes(extract):
    assert extract(talk(3.0)).values.tobytes() == extract(talk(3.0)).values.tobytes()


def test_another_hop_changes_the_grid_only():
    fine = librosa33.build(librosa33.Config(hop=192))(Waveform(tone(220).astype(np.float32), RATE))
    assert fine.frame_shift == 192 / RATE
    np.testing.assert_allclose(np.exp(fine.values[10:-10, 0]), 220.0, rtol=0.005)


def test_another_sample_rate_and_broken_samples_are_refused(extract):
    with pytest.raises(ExtractionFailed, match="16000 Hz; expected 22050"):
        librosa33.build(librosa33.Config())(Waveform(np.zeros(10, np.float32), 16_000))
    with pytest.raises(ExtractionFailed, match="not finite"):
        extract([0.0, np.nan])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hop": 100}, "hop=100; expected a multiple of 64"),
        ({"f0_min": 20}, "f0_min=20.0, .* expected 43 <= f0_min"),
        ({"f0_min": 300, "f0_max": 200}, "f0_min < f0_max"),
        ({"hopp": 512}, "did you mean 'hop'"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        registry.build("mmfeat.extractors", "librosa33", settings)


def test_listing_or_building_does_not_import_librosa():
    code = (
        "import sys; from mmfeat import registry; registry.build('mmfeat.extractors', 'librosa33');"
        "sys.exit('librosa' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.reference
@pytest.mark.skipif(not COVAREP.is_dir(), reason="needs the recordings in ../shared/data/covarep")
def test_voicing_and_f0_agree_with_covarep_on_real_speech(extract):
    """COVAREP's own SRH tracker differs too; pYIN disagrees with it on 25 % of these frames."""
    import soundfile
    import soxr

    ours, theirs, voiced = [], [], []
    for path in sorted(COVAREP.glob("*.wav")):
        samples, rate = soundfile.read(path, dtype="float32")
        frames = extract(soxr.resample(samples, rate, RATE))
        columns = np.load(path.with_suffix(".npz"))["features"]  # F0, VUV, ...; centred at 5 + 10 k ms
        rows = np.rint((frames.times - 0.005) / 0.01).astype(int).clip(0, len(columns) - 1)
        ours.append(frames.values[:, 0])
        theirs.append(columns[rows, 0])
        voiced.append(columns[rows, 1] > 0.5)
    log_f0, f0, voice = (np.concatenate(parts) for parts in (ours, theirs, voiced))
    both = voice & (log_f0 > 0)
    octaves = np.abs(log_f0[both] - np.log(f0[both])) / np.log(2)
    assert ((log_f0 > 0) == voice).mean() > 0.77
    assert np.median(octaves) < 20 / 1200
    assert (octaves > 0.2).mean() < 0.08
