"""The Liljencrants-Fant model of the glottal flow derivative with one parameter, Rd, and its spectrum.

Fant, Liljencrants and Lin, "A four-parameter model of glottal flow", STL-QPSR 4, 1985; Fant, "The LF-model revisited",
STL-QPSR 2-3, 1995; spectrum: Doval and d'Alessandro, "Spectral correlates of glottal waveform models", ICASSP 1997.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize

from mmfeat.extractors.covarep.signals import Doubles

Complexes = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Pulse:
    """One LF pulse; times in periods, so that the period is 1, and ``E_e`` = 1.

    The derivative is ``E_0 exp(alpha t) sin(pi t / t_p)`` up to ``t_e``, where it is -1, and afterwards
    ``-(exp(-epsilon (t - t_e)) - exp(-epsilon (1 - t_e))) / (epsilon t_a)``.
    """

    t_p: float
    t_e: float
    t_a: float
    alpha: float
    epsilon: float

    @classmethod
    def of(cls, rd: float) -> Pulse:
        """Shape parameters from Rd in [0.3, 2.5] by Fant's (1995) regressions; alpha from zero net flow."""
        r_a = (-1 + 4.8 * rd) / 100
        r_k = (22.4 + 11.8 * rd) / 100
        r_g = r_k / (4 * (0.11 * rd / (0.5 + 1.2 * r_k) - r_a))
        t_p = 1 / (2 * r_g)
        t_e = t_p * (1 + r_k)
        rest = 1 - t_e

        def return_phase(epsilon: float) -> float:
            return float(1 - np.exp(-epsilon * rest) - epsilon * r_a)

        # One root is 0; the other lies between the maximum and 1 / t_a, where the exponential would have to vanish.
        epsilon = optimize.brentq(return_phase, np.log(rest / r_a) / rest, 1.01 / r_a, xtol=1e-13, rtol=1e-14)
        closed = -(1 - np.exp(-epsilon * rest)) / epsilon + rest * np.exp(-epsilon * rest)
        return_area = closed / (epsilon * r_a)
        omega = np.pi / t_p

        def net_flow(alpha: float) -> float:
            growth = alpha * np.sin(omega * t_e) - omega * np.cos(omega * t_e) + omega * np.exp(-alpha * t_e)
            return float(-growth / ((alpha**2 + omega**2) * np.sin(omega * t_e)) + return_area)

        alpha = optimize.brentq(net_flow, -50.0, 200.0, xtol=1e-13, rtol=1e-14)
        return cls(t_p, t_e, r_a, alpha, epsilon)

    def derivative(self, time: Doubles) -> Doubles:
        """Flow derivative at times in [0, 1), same shape."""
        omega, rest = np.pi / self.t_p, 1 - self.t_e
        scale = -1 / (np.exp(self.alpha * self.t_e) * np.sin(omega * self.t_e))
        opening = scale * np.exp(self.alpha * time) * np.sin(omega * time)
        falling = np.exp(-self.epsilon * (time - self.t_e)) - np.exp(-self.epsilon * rest)
        derivative: Doubles = np.where(time < self.t_e, opening, -falling / (self.epsilon * self.t_a))
        return derivative

    def harmonics(self, count: int) -> Complexes:
        """``G_h``, h = 1 .. count: Fourier coefficients over one period, in closed form; (count,).

        They depend on Rd only, F0 merely scales them.
        """
        turn = 2j * np.pi * np.arange(1, count + 1)
        omega, rest = np.pi / self.t_p, 1 - self.t_e
        sine, cosine = np.sin(omega * self.t_e), np.cos(omega * self.t_e)
        rate = self.alpha - turn
        opening = np.exp(-turn * self.t_e) * (rate * sine - omega * cosine) + omega * np.exp(-self.alpha * self.t_e)
        opening = -opening / (sine * (rate**2 + omega**2))
        level = np.exp(-self.epsilon * rest)
        decay = (1 - np.exp(-(self.epsilon + turn) * rest)) / (self.epsilon + turn)
        closing = -np.exp(-turn * self.t_e) * (decay - level * (1 - np.exp(-turn * rest)) / turn)
        spectrum: Complexes = opening + closing / (self.epsilon * self.t_a)
        return spectrum
