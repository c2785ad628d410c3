"""Posterior probability of creaky voice: twelve acoustic features, their changes, and a small network.

Drugman, Kane and Gobl, "Data-driven detection and analysis of the patterns of creaky voice", Computer Speech and
Language 28(5), 2014. The features are those of `creak_features`.

The network is our own (``pipelines/creak_network.py`` trains it on posteriors that COVAREP gave for free recordings):
the original's weights are under the GPL.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import special

from mmfeat.extractors.covarep.creak_features import creak_features, row_places
from mmfeat.extractors.covarep.linear_prediction import ORDER, Residual
from mmfeat.extractors.covarep.pitch import track_pitch
from mmfeat.extractors.covarep.signals import Doubles, Recording, blocks, held
from mmfeat.types import FloatArray, IntArray

WEIGHTS = Path(__file__).parent / "creak.npz"
_ROWS = 5000  # at a time


def creak_posterior(samples: FloatArray) -> tuple[IntArray, Doubles]:
    """Probability of creaky voice each 10 ms.

    Parameters
    ----------
    samples : array, (n,)
        Sound at 16 kHz with the right polarity (`uprightness.polarity`).

    Returns
    -------
    places : array, (K,) int
        Samples from 0: 159, 319 ...
    posterior : array, (K,) float64
        0 to 1.
    """
    signal = Recording(samples)
    pitch = track_pitch(signal, [(20, 500)])[0]
    features = creak_features(signal, held(Residual(signal, ORDER)), pitch)
    return row_places(len(signal)), posterior_of(features)


def with_changes(features: Doubles) -> Doubles:
    """Features, their differences from row to row and the differences of these, 0 at first; (K, 12) to (K, 36)."""
    first = np.diff(features, axis=0, prepend=features[:1])
    second = np.diff(first, axis=0, prepend=first[:1])
    return np.concatenate([features, first, second], axis=1)


def posterior_of(features: Doubles) -> Doubles:
    """Mean of a few networks of 36 inputs, 32 units with tanh and one logistic output each; (K, 12) to (K,)."""
    posterior = np.empty(len(features))
    for first, last in blocks(len(features), _ROWS):
        begin = max(first - 2, 0)  # second differences look two rows back
        posterior[first:last] = networks_on(with_changes(features[begin:last])[first - begin :], _networks())
    return posterior


def networks_on(inputs: Doubles, nets: Mapping[str, Doubles]) -> Doubles:
    """Mean answer of networks; (K, 36) to (K,).

    Parameters
    ----------
    inputs : array, (K, 36)
        From `with_changes`.
    nets : mapping
        N networks: ``centre`` and ``scale`` of the inputs, each (36,), ``hidden_weight`` (N, 32, 36), ``hidden_bias``
        and ``output_weight`` (N, 32), ``output_bias`` (N,).
    """
    scaled = (inputs - nets["centre"]) / nets["scale"]
    outputs = [
        np.tanh(scaled @ hidden.T + hidden_bias) @ output + output_bias
        for hidden, hidden_bias, output, output_bias in zip(
            nets["hidden_weight"], nets["hidden_bias"], nets["output_weight"], nets["output_bias"], strict=True
        )
    ]
    posterior: Doubles = special.expit(outputs).mean(axis=0)
    return posterior


@lru_cache(maxsize=1)
def _networks() -> dict[str, Doubles]:
    with np.load(WEIGHTS, allow_pickle=False) as arrays:
        return {name: arrays[name].astype(np.float64) for name in arrays.files}
