"""covarep on sound that breaks trackers: silence, zeros inside speech, clipping, a few samples, strange files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import RATE, gliding, voice

from mmfeat import registry
from mmfeat.errors import ExtractionFailed
from mmfeat.extractors import covarep
from mmfeat.media import read_waveform
from mmfeat.steps import extract_one
from mmfeat.types import Frames, Waveform

LENGTHS = [0, 1, 79, 80, 100, 400, 401, 402, 799, 800, 1598, 1599, 1600, 3000, 3200]


@pytest.fixture(scope="module", params=["default", "compat"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def extract(mode: str):
    """Samples to frames, checked for what holds of any sound."""
    extractor = registry.build("mmfeat.extractors", "covarep", {"mode": mode})

    def checked(samples: np.ndarray) -> Frames:
        frames = extractor(Waveform(np.asarray(samples, dtype=np.float32), RATE))
        assert_sound(frames, len(samples))
        return frames

    return checked


def assert_sound(frames: Frames, length: int) -> None:
    """Finite values, one frame for each 160 samples from sample 79 on, and nothing valid that was not observed."""
    assert len(frames.times) == max(0, (length - 80) // 160 + 1)
    assert np.isfinite(frames.values).all()
    assert not frames.valid[~frames.observed].any()
    voiced = frames.values[:, 1]
    assert ((voiced == 0) | (voiced == 1)).all()


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """One and a half seconds of a gliding vowel over faint noise."""
    return voice(1.5, gliding) + 1e-4 * np.random.default_rng(0).normal(size=24_000)


def with_gap(speech: np.ndarray) -> np.ndarray:
    """The vowel with 375 ms of digital zeros from 0.5 s on."""
    return np.where((np.arange(len(speech)) >= 8000) & (np.arange(len(speech)) < 14_000), 0.0, speech)


# Nothing to measure


@pytest.mark.parametrize("seconds", [0.2, 1.0, 4.0])
def test_silence_is_never_observed(extract, seconds):
    assert not extract(np.zeros(round(seconds * RATE))).observed.any()


@pytest.mark.parametrize(
    "samples",
    [np.full(RATE, 0.5), 1e-5 * np.random.default_rng(0).normal(size=RATE), np.full(RATE, -1.0)],
    ids=["a constant", "the noise of a converter", "a stuck converter"],
)
def test_what_has_no_sound_is_never_observed(extract, samples):
    assert not extract(samples).observed.any()


def test_rows_in_digital_silence_are_zeros_in_the_default_mode(speech):
    """The original draws straight lines across it, and gives F0 = 1 Hz."""
    extractor = registry.build("mmfeat.extractors", "covarep", {"mode": "default"})
    for samples in (np.zeros(RATE), np.full(RATE, 0.5), with_gap(speech)):
        frames = extractor(Waveform(samples.astype(np.float32), RATE))
        centres = (79 + 160 * np.arange(len(frames.times))).clip(400, len(samples) - 400)
        silent = np.array([np.ptp(samples[centre - 400 : centre + 400]) == 0 for centre in centres])
        assert silent.any()
        assert not frames.values[silent].any()
        assert not frames.observed[silent].any()


def test_noise_is_observed_but_mostly_unvoiced(extract):
    frames = extract(0.1 * np.random.default_rng(0).normal(size=2 * RATE))
    inside = (frames.times > 0.06) & (frames.times < 1.94)
    assert frames.observed[inside].all()
    assert frames.values[:, 1].mean() < 0.1
    assert not frames.valid[frames.values[:, 1] == 0, 0].any()


def test_a_pure_tone_has_its_own_f0(extract):
    frames = extract(0.3 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE))
    inside = (frames.times > 0.06) & (frames.times < 0.94)
    assert frames.observed[inside].all()
    np.testing.assert_allclose(frames.values[inside, 0], 200, atol=1)


# Digital zeros beside speech


def test_zeros_inside_speech_are_not_observed_and_the_speech_around_them_is(extract, speech):
    frames = extract(with_gap(speech))
    gap = (frames.times > 0.53) & (frames.times < 0.845)  # a frame hears 25 ms to either side
    around = ((frames.times > 0.06) & (frames.times < 0.49)) | ((frames.times > 0.885) & (frames.times < 1.44))
    assert not frames.observed[gap].any()
    assert frames.observed[around].all()


@pytest.mark.parametrize(
    "place",
    [
        with_gap,
        lambda speech: np.concatenate([np.zeros(4000), speech, np.zeros(4000)]),
        lambda speech: np.concatenate([np.zeros(RATE), speech]),
        lambda speech: np.concatenate([speech, np.zeros(4 * RATE)]),
    ],
    ids=["inside", "around", "before", "after"],
)
def test_values_beside_zeros_are_those_of_a_voice(extract, mode, speech, place):
    """A frame of zeros has a level of log 0: it may not leak into cells that are said to mean something."""
    frames = extract(place(speech))
    plain = extract(speech)
    least, most = (np.where(plain.valid, plain.values, 0).min(0), np.where(plain.valid, plain.values, 0).max(0))
    valid = np.where(frames.valid, frames.values, 0)[:, 11:36]
    assert (valid > least[11:36].min() - 20).all()  # MCEP: natural logarithms
    assert (valid < most[11:36].max() + 20).all()
    assert (np.abs(frames.values[frames.valid[:, 7], 7]) < 2).all()  # peakSlope: decades per octave
    if mode == "default":
        assert (frames.values[frames.valid[:, 0], 0] > 80).all()


def test_a_click_and_two_clicks_far_apart_are_no_voice(extract):
    for clicks in ([8000], [4000, 12_000]):
        samples = np.zeros(RATE)
        samples[clicks] = 1.0
        frames = extract(samples)
        assert frames.observed.mean() < 0.15
        assert not frames.valid[:, 2:7].any()


def test_a_short_voice_between_long_noise_is_measured(extract):
    rng = np.random.default_rng(0)
    samples = np.concatenate([1e-3 * rng.normal(size=RATE), voice(0.3, 150), 1e-3 * rng.normal(size=RATE)])
    frames = extract(samples)
    inside = (frames.times > 1.06) & (frames.times < 1.24)
    np.testing.assert_allclose(frames.values[inside, 0], 150, atol=2)
    assert frames.valid[inside, 2:7].all()


# Levels


def test_clipped_speech_keeps_its_f0(extract, speech):
    plain, clipped = extract(speech), extract(np.clip(20 * speech, -1, 1))
    both = plain.valid[:, 0] & clipped.valid[:, 0]
    assert both.mean() > 0.85
    np.testing.assert_allclose(clipped.values[both, 0], plain.values[both, 0], atol=3)


def test_a_constant_offset_changes_f0_and_voicing_hardly(extract, speech):
    plain, moved = extract(speech), extract(speech + 0.5)
    np.testing.assert_array_equal(moved.observed, plain.observed)
    assert (moved.values[:, 1] == plain.values[:, 1]).mean() > 0.95
    both = plain.valid[:, 0] & moved.valid[:, 0]
    np.testing.assert_allclose(moved.values[both, 0], plain.values[both, 0], atol=3)


def test_inverted_polarity_gives_the_same_values(extract, speech):
    upright, inverted = extract(speech), extract(-speech)
    np.testing.assert_array_equal(inverted.values, upright.values)
    np.testing.assert_array_equal(inverted.valid, upright.valid)


@pytest.mark.parametrize("gain", [0.01, 100.0, 1e4])
def test_loudness_moves_the_level_of_the_envelope_only(extract, speech, gain):
    plain, found = extract(speech), extract(gain * speech)
    np.testing.assert_array_equal(found.observed, plain.observed)
    louder = (found.values - plain.values)[found.observed, 11]
    np.testing.assert_allclose(louder, np.log(gain), atol=0.25)  # the true envelope is iterated from level 1
    same = [*range(10), *range(36, 60)]  # without creak and the random fill of HMPDM_24
    assert np.mean(np.abs(found.values[:, same] - plain.values[:, same]) < 1e-3) > 0.99


@pytest.mark.parametrize("gain", [1e-6, 1e-20, 1e-38, 1e-43])
def test_speech_below_the_level_of_silence_is_not_observed(extract, speech, gain):
    assert not extract(gain * speech).observed.any()


def test_the_level_of_silence_can_be_set(speech, mode):
    extractor = registry.build("mmfeat.extractors", "covarep", {"mode": mode, "silence": -180.0})
    assert extractor(Waveform((1e-6 * speech).astype(np.float32), RATE)).observed.mean() > 0.85


@pytest.mark.parametrize(
    "samples",
    [
        0.3 * (-1.0) ** np.arange(RATE),
        np.sign(np.sin(2 * np.pi * 100.3 * np.arange(RATE) / RATE)),
        (np.arange(RATE) % 100 == 0) * 1.0,
        (np.arange(RATE) > 8000) * 0.5,
        np.linspace(-1, 1, RATE),
        0.3 * np.sin(2 * np.pi * 20 * np.arange(RATE) / RATE),
        np.round(2 * voice(1.0)) / 2**15,
        voice(1.0, 30.0),
        voice(1.0, 600.0),
    ],
    ids=[
        "8 kHz",
        "a square wave",
        "pulses",
        "a step",
        "a ramp",
        "20 Hz",
        "the last bit",
        "30 Hz voice",
        "600 Hz voice",
    ],
)
def test_odd_sounds_give_finite_values_and_no_warning(extract, samples):
    extract(samples)


# Short and broken


@pytest.mark.parametrize("length", LENGTHS)
def test_a_few_samples_give_their_frames_and_no_warning(extract, speech, length):
    for samples in (speech[4000 : 4000 + length], np.zeros(length), speech[:length] * 0 + 0.1):
        extract(samples)
    if length < 1599:
        assert not extract(speech[:length]).observed.any()  # F0 needs 100 ms


@pytest.mark.parametrize("length", LENGTHS)
def test_the_building_blocks_take_a_few_samples(speech, length):
    for samples in (speech[4000 : 4000 + length], np.zeros(length)):
        pitch = covarep.srh(samples)
        closures = covarep.glottal_closures(samples, pitch)
        pulses = covarep.glottal_parameters(*covarep.glottal_flow(samples, closures), closures)
        where, found = covarep.sinusoids(samples, pitch)
        measured = [
            covarep.polarity(samples),
            covarep.maxima_dispersion(samples, closures),
            pulses.naq,
            pulses.psp,
            *covarep.rd_of(found),
            covarep.mel_cepstrum(covarep.true_envelope(found.level, where.f0)),
            covarep.phase_distortion(where, found).deviation,
        ]
        assert all(np.isfinite(values).all() for values in measured)
        assert len(covarep.peak_slope(samples)) == max(0, (length - 640) // 160 + 1)


@pytest.mark.parametrize("closures", [[], [700], [600, 700], [0, 1599]], ids=["none", "one", "two", "at the ends"])
def test_the_building_blocks_take_any_closures(speech, closures):
    samples, where = speech[4000:5600], np.array(closures, dtype=np.int64)
    found = covarep.glottal_parameters(*covarep.glottal_flow(samples, where), where)
    for values in (found.naq, found.qoq, found.h1h2, found.psp, covarep.maxima_dispersion(samples, where)):
        assert values.shape == where.shape
        assert np.isfinite(values).all()


def test_a_clip_of_200_ms_is_measured(extract, speech):
    frames = extract(speech[4000:7200])
    inside = (frames.times > 0.06) & (frames.times < 0.14)
    assert frames.observed[inside].all()
    assert (frames.values[inside, 0] > 90).all()
    assert (frames.values[inside, 0] < 170).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(mode, speech, bad):
    extractor = registry.build("mmfeat.extractors", "covarep", {"mode": mode})
    samples = speech.astype(np.float32)
    samples[5000] = bad
    with pytest.raises(ExtractionFailed, match="not finite"):
        extractor(Waveform(samples, RATE))


@pytest.mark.parametrize("rate", [8000, 22_050, 48_000])
def test_another_sample_rate_is_refused(mode, rate):
    extractor = registry.build("mmfeat.extractors", "covarep", {"mode": mode})
    with pytest.raises(ExtractionFailed, match=f"{rate} Hz; expected 16000"):
        extractor(Waveform(np.zeros(100, dtype=np.float32), rate))


# Files


@pytest.fixture(scope="module", params=[8000, 44_100, 48_000])
def speech_file(request: pytest.FixtureRequest, speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import soundfile
    import soxr

    path = tmp_path_factory.mktemp("speech") / f"{request.param}.wav"
    soundfile.write(path, soxr.resample(speech, RATE, request.param), request.param, subtype="FLOAT")
    return path


def test_a_file_at_any_rate_is_brought_to_16_khz(speech_file, mode, speech):
    frames = extract_one(speech_file, "covarep", {"mode": mode}, None)
    assert_sound(frames, len(speech))
    inside = (frames.times > 0.06) & (frames.times < 1.44)
    np.testing.assert_allclose(frames.values[inside, 0], gliding(frames.times[inside]), atol=3)
    assert frames.observed[inside].all()
    assert len(read_waveform(speech_file, RATE).samples) == len(speech)


@pytest.mark.parametrize("rate", [8000, 48_000])
def test_a_silent_file_gives_frames_that_are_not_observed(tmp_path, mode, rate):
    import soundfile

    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(rate), rate)
    frames = extract_one(path, "covarep", {"mode": mode}, None)
    assert_sound(frames, RATE)
    assert not frames.observed.any()


@pytest.mark.parametrize("seconds", [0.004, 0.05, 0.2])
def test_a_very_short_file_is_no_error(tmp_path, mode, speech, seconds):
    import soundfile

    path = tmp_path / "short.wav"
    samples = speech[4000 : 4000 + round(seconds * RATE)]
    soundfile.write(path, samples, RATE)
    assert_sound(extract_one(path, "covarep", {"mode": mode}, None), len(samples))


def test_a_stretch_of_a_file_keeps_the_times_of_the_file(speech_file, mode):
    extractor = registry.build("mmfeat.extractors", "covarep", {"mode": mode})
    frames = extractor(read_waveform(speech_file, RATE, 0.5, 1.2))
    assert frames.times[0] == pytest.approx(0.5 + 79 / RATE, abs=1e-4)
    inside = (frames.times > 0.56) & (frames.times < 1.14)
    np.testing.assert_allclose(frames.values[inside, 0], gliding(frames.times[inside]), atol=3)
