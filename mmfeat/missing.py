"""Missing data: what is kept of what was observed.

``kept = observed & ~dropped``. ``observed`` is the corpus's own, natural mask; ``dropped`` is drawn. No draw takes the
last modality that an utterance was naturally observed in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmfeat.errors import ConfigError
from mmfeat.types import MODALITIES, BoolArray, IntArray, Modality


def present(observed: BoolArray, offsets: IntArray) -> BoolArray:
    """Whether each utterance was observed at all, per modality.

    Parameters
    ----------
    observed : BoolArray, shape (R, 3)
        Word rows of N utterances, as in `artifact.Split`.
    offsets : IntArray, shape (N + 1,)

    Returns
    -------
    BoolArray, shape (N, 3)
    """
    counts = np.vstack([np.zeros((1, observed.shape[1]), dtype=np.int64), np.cumsum(observed, axis=0)])
    seen: BoolArray = counts[offsets[1:]] > counts[offsets[:-1]]
    return seen


def keep_modalities(observed: BoolArray, offsets: IntArray, kept: Sequence[Modality]) -> BoolArray:
    """Drop whole modalities from every utterance, the same from all.

    Parameters
    ----------
    observed : BoolArray, shape (R, 3)
    offsets : IntArray, shape (N + 1,)
    kept : sequence of Modality
        One of the seven combinations.

    Returns
    -------
    BoolArray, shape (R, 3)
        ``observed`` with the other modalities dropped, except in utterances that have none of those to keep: they
        stay as they are.

    Raises
    ------
    ConfigError
        If ``kept`` is empty or names something else.
    """
    unknown = [name for name in kept if name not in MODALITIES]
    if unknown or not kept:
        raise ConfigError(f"modalities to keep {list(kept)}; expected at least one of {', '.join(MODALITIES)}")
    columns = np.array([name in kept for name in MODALITIES])
    left = (present(observed, offsets) & columns).any(axis=1)  # (N,)
    spared = np.repeat(~left, np.diff(offsets))  # (R,)
    out: BoolArray = observed & (columns | spared[:, None])
    return out
