"""covarep against COVAREP itself (master 5a2be5d under Octave) on recordings: every column, both modes, every stage.

``compat`` is compared with what the original wrote, ``default`` with the variants of it that this mode stands for.
Frames near digital silence are left out: there the original's residual is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from builders import RATE, running

from mmfeat import registry
from mmfeat.extractors import covarep
from mmfeat.extractors.covarep.linear_prediction import ORDER, Residual
from mmfeat.extractors.covarep.signals import Recording, peak
from mmfeat.types import Waveform

pytestmark = pytest.mark.reference

CLIPS = [
    "arctic_a0007",
    "arctic_bdl_0011",
    "arctic_slt_a0009",
    "jfk",
    "librivox_ss_0870",
    "ljs_0001",
    "ps_cards_005",
    "ps_goforward",
]
EDGES = ["noise_only", "short_0p9s", "tone200"]  # what the original still gave a file for
NAMES = registry.build("mmfeat.extractors", "covarep").names
SILENT = 400  # samples: a longer run of exact zeros is digital silence
NEAR, NEAR_PHASE = 0.1, 0.3  # s around it that are left out; the phase columns smooth over half a second

MCEP = tuple(name for name in NAMES if name.startswith("MCEP_"))
HMPDD = tuple(name for name in NAMES if name.startswith("HMPDD_"))
STEADY_HMPDM = tuple(f"HMPDM_{index}" for index in range(24))  # HMPDM_24 is random in the original
GLOTTAL = ("NAQ", "QOQ", "H1H2", "PSP", "MDQ")
DEFAULT = {  # column of the default mode -> variant of the original
    "Rd": "Rd_v141",
    "Rd_conf": "Rd_conf_v141",
    **{name: name.replace("MCEP", "MCEP_aligned") for name in MCEP},
    **{name: name.replace("HMPDD", "HMPDD_floor_mean3") for name in HMPDD},
}
TOLERANCE = {
    "F0": 1e-6,
    "VUV": 1e-6,
    **dict.fromkeys(GLOTTAL, 1e-5),
    "peakSlope": 1e-8,
    "Rd": 0.01,
    "Rd_conf": 1e-3,
    **dict.fromkeys(MCEP, 1e-6),
    **dict.fromkeys(STEADY_HMPDM, 1e-6),
}


@dataclass(frozen=True)
class Compared:
    """Our columns and the original's of some recordings, in the order of the recordings; (T, 74) each."""

    ours: np.ndarray
    theirs: np.ndarray
    spread: np.ndarray  # (T,) how far HMPDM_24 of the original moves from seed to seed, radians
    away: np.ndarray  # (T,) not near digital silence
    far: np.ndarray  # (T,) and the phases do not see it either

    def column(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        kept = self.far if name.startswith("HMPD") else self.away
        number = NAMES.index(name)
        return self.ours[kept, number], self.theirs[kept, number]

    def difference(self, name: str) -> np.ndarray:
        ours, theirs = self.column(name)
        difference = ours - theirs
        return np.abs(np.angle(np.exp(1j * difference))) if name.startswith("HMPDM") else np.abs(difference)

    def share_within(self, name: str, tolerance: float) -> float:
        return float(np.mean(self.difference(name) <= tolerance))

    def correlation(self, name: str) -> float:
        return float(np.corrcoef(*self.column(name))[0, 1])


def read_sound(path: Path) -> np.ndarray:
    import soundfile

    samples, rate = soundfile.read(path)
    assert rate == RATE
    return samples


def extracted(samples: np.ndarray, mode: str) -> np.ndarray:
    """All columns, with nothing counted as silent."""
    extractor = registry.build("mmfeat.extractors", "covarep", {"mode": mode, "silence": -200.0})
    return extractor(Waveform(samples, RATE)).values


def away_from_silence(samples: np.ndarray, count: int, reach: float) -> np.ndarray:
    centres = 79 + 160 * np.arange(count)
    kept = np.ones(count, dtype=bool)
    for start, stop in running(samples == 0, SILENT):
        kept &= (centres < start - reach * RATE) | (centres > stop + reach * RATE)
    return kept


def compared(sound: Path, reference: Path, mode: str) -> Compared:
    samples = read_sound(sound)
    with np.load(reference) as found:
        theirs = found["features"].astype(np.float64)
        variants = dict(zip(found["variant_names"], found["variants"].T, strict=True)) if "variants" in found else {}
    if mode == "default":
        for name, variant in DEFAULT.items():
            theirs[:, NAMES.index(name)] = variants[variant]
    ours = extracted(samples, mode)
    assert ours.shape == theirs.shape
    spread = variants.get("HMPDM_seedspread_24", np.zeros(len(ours)))
    away, far = (away_from_silence(samples, len(ours), reach) for reach in (NEAR, NEAR_PHASE))
    return Compared(ours, theirs, spread, away, far)


def pooled(parts: list[Compared]) -> Compared:
    fields = ("ours", "theirs", "spread", "away", "far")
    return Compared(*(np.concatenate([getattr(part, field) for part in parts]) for field in fields))


@pytest.fixture(scope="module")
def clips(shared: Path):
    """The eight clips in one mode, extracted once."""
    folder = shared / "covarep"

    @lru_cache
    def compare(mode: str) -> list[Compared]:
        return [compared(folder / f"{clip}.wav", folder / f"{clip}.npz", mode) for clip in CLIPS]

    return compare


@pytest.fixture(scope="module", params=["compat", "default"])
def speech(request: pytest.FixtureRequest, clips) -> Compared:
    return pooled(clips(request.param))


@pytest.fixture(scope="module")
def wild(shared: Path) -> Compared:
    """44 acted, emotional utterances; the original's columns are kept as float32, and have no variants."""
    references = sorted((shared / "covarep" / "wild").glob("*.npz"))
    assert len(references) == 44
    return pooled([compared(shared / "ravdess" / f"{path.stem}.flac", path, "compat") for path in references])


def assert_close(found: Compared, names: Sequence[str], share: float, tolerance=TOLERANCE.__getitem__) -> None:
    """Each column lies within its tolerance of the original's in at least a share of the frames."""
    measured = {name: found.share_within(name, tolerance(name)) for name in names}
    worst = min(measured, key=measured.__getitem__)
    top = found.difference(worst).max()
    assert measured[worst] >= share, f"{worst}: {measured[worst]:.5f} within {tolerance(worst):.2g}, largest {top:.3g}"


def assert_correlated(found: Compared, names: Sequence[str], least: float) -> None:
    for name in names:
        correlation = found.correlation(name)
        assert correlation >= least, f"{name}: r = {correlation:.5f}; expected {least}"


# The eight clips, both modes


def test_f0_and_voicing_are_the_originals(speech):
    assert_close(speech, ("F0", "VUV"), 0.995)


def test_glottal_parameters_are_the_originals(speech):
    assert_close(speech, GLOTTAL, 0.99)
    assert_correlated(speech, GLOTTAL, 0.999)


def test_peak_slope_is_the_originals(speech):
    assert_close(speech, ("peakSlope",), 1.0)


def test_rd_and_its_confidence_are_the_originals(speech):
    assert_close(speech, ("Rd", "Rd_conf"), 0.99)
    assert_correlated(speech, ("Rd", "Rd_conf"), 0.999)


def test_the_mel_cepstrum_is_the_originals(speech):
    assert_close(speech, MCEP, 0.99)
    assert_correlated(speech, MCEP, 0.999)


def test_the_mean_phase_distortion_is_the_originals(speech):
    assert_close(speech, STEADY_HMPDM, 0.99)


@pytest.mark.parametrize("mode", ["compat", "default"])
def test_the_random_phase_distortion_moves_no_more_than_from_seed_to_seed(clips, mode):
    for clip, found in zip(CLIPS, clips(mode), strict=True):
        ours, seeds = np.median(found.difference("HMPDM_24")), np.median(found.spread[found.far])
        assert ours <= 2 * seeds, f"{clip}: median difference {ours:.4f} rad; between seeds {seeds:.4f}"


def test_the_floored_phase_deviation_is_the_originals(clips):
    found = pooled(clips("default"))
    for name in HMPDD:
        distance = np.sqrt(np.square(found.difference(name)).mean())
        assert distance <= 0.02, f"{name}: RMS {distance:.4f}"


def test_the_phase_deviation_follows_the_originals_where_rounding_decides(clips):
    assert_correlated(pooled(clips("compat")), HMPDD, 0.97)


def test_no_clip_is_worse_than_the_table_by_itself(clips):
    """The pooled shares could hide one bad clip."""
    for clip, found in zip(CLIPS, clips("compat"), strict=True):
        for name, tolerance in TOLERANCE.items():
            share = found.share_within(name, tolerance)
            assert share >= 0.98, f"{clip}, {name}: {share:.4f} within {tolerance:.2g}"


@pytest.mark.parametrize("name", EDGES)
def test_noise_a_tone_and_a_short_clip_are_the_originals(shared, name):
    folder = shared / "covarep" / "edge"
    found = compared(folder / f"{name}.wav", folder / f"{name}.npz", "compat")
    for column, tolerance in TOLERANCE.items():
        share = found.share_within(column, tolerance)
        assert share >= 0.97, f"{column}: {share:.4f} within {tolerance:.2g}"


def test_speech_between_stretches_of_zeros_keeps_the_originals_values(shared):
    """Without MDQ: there the original's block-wise convolution carries NaN far from the zeros.

    The original stretches the time of the MCEP over the recording, so that zeros reach some frames far away.
    """
    folder = shared / "covarep" / "edge"
    found = compared(folder / "silence_padded.wav", folder / "silence_padded.npz", "compat")
    assert 0.3 < found.far.mean() < found.away.mean() < 0.6
    assert_close(found, [name for name in TOLERANCE if name not in ("MDQ", *MCEP)], 0.99)
    assert_close(found, MCEP, 0.9)


# 44 emotional utterances


def loose(found: Compared):
    """Tolerances for references in single precision: at least a hundred thousandth of the column's spread."""
    spread = dict(zip(NAMES, found.theirs.std(axis=0), strict=True))
    return lambda name: max(TOLERANCE[name], 1e-5 * spread[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "share"),
    [
        (("F0", "VUV"), 0.995),
        (GLOTTAL, 0.99),
        (("peakSlope",), 0.99),
        (("Rd", "Rd_conf"), 0.99),
        (MCEP, 0.99),
        (STEADY_HMPDM, 0.99),
    ],
    ids=["F0", "glottal", "peakSlope", "Rd", "MCEP", "HMPDM"],
)
def test_emotional_speech_has_the_originals_values(wild, names, share):
    assert_close(wild, names, share, loose(wild))


@pytest.mark.slow
def test_emotional_speech_has_the_originals_phase_deviation_and_glottal_correlation(wild):
    assert_correlated(wild, (*GLOTTAL, "Rd", "Rd_conf", *MCEP), 0.999)
    assert_correlated(wild, HMPDD, 0.97)


@pytest.mark.slow
def test_the_shipped_creak_networks_still_follow_the_posteriors_that_they_learnt(wild):
    """These clips trained them: agreement on unseen speakers is what ``pipelines.creak_network`` prints."""
    ours, theirs = wild.column("creak")
    creaky = theirs > 0.3
    assert wild.correlation("creak") >= 0.97
    assert np.mean(np.abs(ours - theirs)[creaky]) <= 0.1


# The stages of one clip


@dataclass(frozen=True)
class Stages:
    """One clip, made upright as the original makes it, and what the original held in between."""

    samples: np.ndarray
    expected: dict[str, np.ndarray]

    @property
    def closures(self) -> np.ndarray:
        return self.expected["GCI"].astype(np.int64)  # its own, so that each stage is judged alone


@pytest.fixture(scope="module")
def stages(shared: Path) -> Stages:
    folder = shared / "covarep"
    with np.load(folder / "intermediates" / "arctic_slt_a0009.npz") as found:
        expected = dict(found)
    return Stages(float(expected["polarity"]) * read_sound(folder / "arctic_slt_a0009.wav"), expected)


@pytest.fixture(scope="module")
def harmonics(stages: Stages):
    return covarep.sinusoids(stages.samples, covarep.srh(stages.samples))


def test_polarity_is_the_originals(stages):
    assert stages.expected["polarity"] == -1
    assert covarep.polarity(stages.samples) == 1
    assert covarep.polarity(-stages.samples) == -1


def test_the_raw_pitch_track_is_the_originals(stages):
    pitch = covarep.srh(stages.samples)
    np.testing.assert_array_equal(pitch.f0, stages.expected["srh_f0_raw"])
    np.testing.assert_array_equal(pitch.voiced, stages.expected["srh_vuv"])
    np.testing.assert_allclose(pitch.strength, stages.expected["srh_val"], atol=1e-10)
    np.testing.assert_allclose((pitch.samples + 1) / RATE, stages.expected["srh_time"], atol=1e-9)
    assert pitch.median() == stages.expected["F0med"]


def test_the_residual_is_the_originals(stages):
    residual = Residual(Recording(stages.samples), ORDER)
    found = residual.read(0, len(residual)) / peak(residual)
    np.testing.assert_allclose(found, stages.expected["res"], atol=1e-7)


def test_glottal_closures_are_the_originals(stages):
    found = covarep.glottal_closures(stages.samples, covarep.srh(stages.samples))
    np.testing.assert_array_equal(found, stages.closures)


def test_the_glottal_flow_is_the_originals(stages):
    flow, derivative = covarep.glottal_flow(stages.samples, stages.closures)
    for found, name in ((flow, "g_iaif"), (derivative, "gd_iaif")):
        expected = stages.expected[name]
        np.testing.assert_allclose(found, expected, atol=1e-7 * np.abs(expected).max(), err_msg=name)


def test_the_parameters_of_each_closure_are_the_originals(stages):
    flow = covarep.glottal_flow(stages.samples, stages.closures)
    found = covarep.glottal_parameters(*flow, stages.closures)
    residual = Residual(Recording(stages.samples), ORDER).read(0, len(stages.samples))
    dispersion = covarep.maxima_dispersion(residual, stages.closures)
    for name, ours in [
        ("NAQ_g", found.naq),
        ("QOQ_g", found.qoq),
        ("H1H2_g", found.h1h2),
        ("PSP_g", found.psp),
        ("MDQ_g", dispersion),
    ]:
        near = np.abs(ours - stages.expected[name][:, 1]) <= 1e-6
        assert near.mean() >= 0.99, f"{name}: {near.mean():.4f} of the closures agree"


def test_the_raw_peak_slope_is_the_originals(stages):
    np.testing.assert_allclose(covarep.peak_slope(stages.samples), stages.expected["PS_f"][:, 1], atol=1e-10)


def test_the_sinusoids_are_the_originals(stages, harmonics):
    where, found = harmonics
    expected = np.nan_to_num(stages.expected["SINS"][:, : found.amplitude.shape[1]])
    np.testing.assert_allclose(where.f0, stages.expected["fr_f0"])
    np.testing.assert_array_equal(found.count, stages.expected["nh"] - 1)
    np.testing.assert_allclose(found.spacing, expected[:, 1, 0], atol=1e-8)
    np.testing.assert_allclose(found.amplitude, expected[:, :, 1], atol=1e-12)


def test_rd_of_each_frame_is_the_originals(stages, harmonics):
    rd, confidence = covarep.rd_of(harmonics[1], conjugate=True)
    expected = stages.expected["rds"]
    assert np.mean(np.abs(rd - expected[:, 1]) <= 0.01) >= 0.99
    np.testing.assert_allclose(confidence, expected[:, 2], atol=1e-3)


def test_the_mel_cepstrum_of_each_frame_is_the_originals(stages, harmonics):
    where, found = harmonics
    cepstrum = covarep.mel_cepstrum(covarep.true_envelope(found.level, where.f0))
    np.testing.assert_allclose(cepstrum, stages.expected["MCEP"], atol=1e-8)


def test_the_mean_phase_distortion_of_each_frame_is_the_originals(stages, harmonics):
    """The original's track has a value each 5 ms, ours are every second of them."""
    found = covarep.phase_distortion(*harmonics, floor=False).mean[:, :24]
    turned = np.angle(np.exp(1j * (found - stages.expected["HMPDM_u"][::2, :24])))
    assert np.abs(turned).max() < 1e-6
