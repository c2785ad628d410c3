"""Rd, the shape of the glottal pulse from tense (0.3) to lax (2.5), and how well it fits.

Degottex, Roebel and Rodet, "Phase minimization for glottal model estimation", IEEE TASLP 19(5), 2011 (method MSPD2).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from scipy.interpolate import CubicSpline

from mmfeat.extractors.covarep.harmonics import SMALLEST, Sinusoids, wrapped_angle
from mmfeat.extractors.covarep.lf_model import Complexes, Pulse
from mmfeat.extractors.covarep.signals import Doubles
from mmfeat.types import SPEECH_RATE

LOWEST, HIGHEST = 0.3, 2.5
HARMONICS = 8  # whose phases are compared
_TOLERANCE, _STEPS = 0.01, 32  # of the search
_ROUNDING = float(np.sqrt(2.2e-16))
_GRID = np.linspace(LOWEST, HIGHEST, 881)  # of the table


def rd_of(found: Sinusoids, *, conjugate: bool = False) -> tuple[Doubles, Doubles]:
    """Rd and its confidence for frames of sinusoids.

    The sound over the pulse, ``N_h = z_h / G_h(Rd)``, should leave a vocal tract, which is of minimum phase. With P the
    phase of ``N / minimum phase(|N|)``, Rd minimises ``mean_h wrap(P_h - P_{h-1} - P_1)^2`` over harmonics 2 to 8
    (Degottex et al. 2011, equation 11), by a bounded search as wide as [0.3, 2.5]. The search is local, as in the
    original: in about a third of the frames there is a better minimum elsewhere.

    ``G_h`` depends on Rd alone and the minimum phase is linear in log |N|, so both are tabulated per number of
    harmonics: a step of the search costs eight additions.

    Parameters
    ----------
    found : Sinusoids
        K frames.
    conjugate : bool
        ``N_h = z_h / conj(G_h)``: a slip of COVAREP since 2016 (v1.4.2, master), for comparison with features that
        were made by it.

    Returns
    -------
    rd, confidence : array, (K,) float64
        Confidence is ``1 - sqrt(error) / pi``, in [0, 1].
    """
    rd, confidence = np.zeros(len(found.count)), np.zeros(len(found.count))
    # Harmonics made equidistant may leave the band.
    counts = np.minimum(found.count, np.floor(SPEECH_RATE / 2 / found.spacing).astype(np.int64))
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        observed = _phases(found.amplitude[rows], found.phase[rows], int(count))
        model = _model_phases(int(count), conjugate)
        rd[rows], confidence[rows] = _search(observed, model, min(2 * count - 1, HARMONICS))
    return rd, confidence


def _phases(amplitude: Doubles, phase: Doubles, count: int) -> Doubles:
    """Phases of harmonics 1 .. 8 less the minimum phase of their amplitudes; (K, 8)."""
    top = min(count, HARMONICS)
    level = np.log(np.maximum(amplitude[:, 1 : count + 1], SMALLEST))
    kept = np.zeros((len(phase), HARMONICS))
    kept[:, :top] = phase[:, 1 : top + 1]
    result: Doubles = kept - level @ _minimum_phase(count)
    return result


@lru_cache(maxsize=512)
def _minimum_phase(count: int) -> Doubles:
    """Matrix from log magnitudes of harmonics 1 .. H to the minimum phase at harmonics 1 .. 8; (H, 8).

    The magnitude at 0 is that of the first harmonic, the one at H that of its neighbour, as the method has it.
    """
    place = np.arange(count + 1)
    lags = np.arange(1, count)
    weights = np.where((place == 0) | (place == count), 1.0, 2.0)
    cepstrum = np.cos(np.pi * np.outer(lags, place) / count) * weights / (2 * count)
    phase = -2 * np.sin(np.pi * np.outer(np.arange(1, HARMONICS + 1), lags) / count)
    whole = phase @ cepstrum  # (8, H + 1), from magnitudes 0 .. H
    whole[:, 1] += whole[:, 0]
    whole[:, -2] += whole[:, -1]
    result: Doubles = np.concatenate([whole[:, 1:-1], np.zeros((HARMONICS, 1))], axis=1).T
    return result


@lru_cache(maxsize=1)
def _spectra() -> Complexes:
    """``G_h`` over the grid of Rd for as many harmonics as F0 = 50 Hz has; (881, 160)."""
    return np.stack([Pulse.of(float(rd)).harmonics(160) for rd in _GRID])


@lru_cache(maxsize=512)
def _model_phases(count: int, conjugate: bool) -> Doubles:
    """Spline of the model's phases less their minimum phase; (4, 880, 8), powers from the third down."""
    spectra = _spectra()[:, :count]
    phase = np.unwrap(np.angle(spectra[:, :HARMONICS]), axis=0)
    if phase.shape[1] < HARMONICS:
        phase = np.pad(phase, ((0, 0), (0, HARMONICS - phase.shape[1])))
    if conjugate:
        phase = -phase
    table = phase - np.log(np.abs(spectra)) @ _minimum_phase(count)
    coefficients: Doubles = np.ascontiguousarray(CubicSpline(_GRID, table).c)
    return coefficients


@njit(cache=True)
def _error(rd: float, observed: Doubles, model: Doubles, used: int) -> float:
    """Mean square of the phase distortion that the model leaves."""
    step = (HIGHEST - LOWEST) / model.shape[1]
    cell = min(max(int((rd - LOWEST) / step), 0), model.shape[1] - 1)
    offset = rd - (LOWEST + cell * step)
    first = before = 0.0
    total = 0.0
    for harmonic in range(used):
        fitted = model[0, cell, harmonic]
        for power in range(1, 4):
            fitted = fitted * offset + model[power, cell, harmonic]
        phase = observed[harmonic] - fitted
        if harmonic == 0:
            first = phase
        else:
            left = wrapped_angle(phase - before - first)
            total += left * left
        before = phase
    return total / (used - 1)


@njit(cache=True)
def _parabola(places: Doubles, errors: Doubles, former: float, low: float, high: float) -> float:
    """Step from the best of three points to the minimum of their parabola; NaN where that is no good step."""
    slope = (places[0] - places[1]) * (errors[0] - errors[2])
    bend = (places[0] - places[2]) * (errors[0] - errors[1])
    top = (places[0] - places[2]) * bend - (places[0] - places[1]) * slope
    bend = 2.0 * (bend - slope)
    if bend > 0.0:
        top = -top
    bend = abs(bend)
    inside = bend * (low - places[0]) < top < bend * (high - places[0])
    step: float = top / bend if abs(top) < abs(0.5 * bend * former) and inside else np.nan
    return step


@njit(cache=True)
def _remember(places: Doubles, errors: Doubles, place: float, error: float) -> None:
    """Keep the three best points in order, the newest first among equals."""
    if error <= errors[0]:
        rank = 0
    elif error <= errors[1] or places[1] == places[0]:
        rank = 1
    elif error <= errors[2] or places[2] == places[0] or places[2] == places[1]:
        rank = 2
    else:
        return
    for lower in range(2, rank, -1):
        places[lower], errors[lower] = places[lower - 1], errors[lower - 1]
    places[rank], errors[rank] = place, error


@njit(cache=True)
def _search_one(observed: Doubles, model: Doubles, used: int) -> tuple[float, float]:
    """Bounded search by golden sections and parabolas (Brent 1973, chapter 5), the steps of ``fminbnd``."""
    golden = 0.5 * (3.0 - np.sqrt(5.0))
    low, high = LOWEST, HIGHEST
    places = np.full(3, low + golden * (high - low))
    errors = np.full(3, _error(places[0], observed, model, used))
    before = step = 0.0
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        least = _ROUNDING * abs(places[0]) + _TOLERANCE / 3.0
        if abs(places[0] - middle) <= 2.0 * least - 0.5 * (high - low):
            break
        former, before = before, step
        step = _parabola(places, errors, former, low, high) if abs(former) > least else np.nan
        if np.isnan(step):
            before = low - places[0] if places[0] >= middle else high - places[0]
            step = golden * before
        elif min(places[0] + step - low, high - places[0] - step) < 2.0 * least:
            step = least if middle >= places[0] else -least
        place = places[0] + (max(abs(step), least) if step >= 0.0 else -max(abs(step), least))
        error = _error(place, observed, model, used)
        # The bracket closes on the worse of the two points.
        end = places[0] if error <= errors[0] else place
        if (place >= places[0]) == (error <= errors[0]):
            low = end
        else:
            high = end
        _remember(places, errors, place, error)
    return places[0], errors[0]


@njit(cache=True)
def _search(observed: Doubles, model: Doubles, used: int) -> tuple[Doubles, Doubles]:
    """Rd and confidence of each row of phases."""
    rd, confidence = np.empty(len(observed)), np.empty(len(observed))
    for row in range(len(observed)):
        rd[row], error = _search_one(observed[row], model, used)
        confidence[row] = 1.0 - np.sqrt(error) / np.pi
    return rd, confidence
