"""One utterance on one picture: faces, words, sound, audio features, and what was observed, over a common time."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

from mmfeat.errors import ConfigError, OutputError
from mmfeat.plots.clip import read_clip
from mmfeat.plots.figure import draw_figure, thumbnails_on
from mmfeat.plots.labels import font_families
from mmfeat.plots.panels import DPI
from mmfeat.safe_write import replacing
from mmfeat.types import AlignedUtterance, FloatArray, Modality

WIDTH, WIDEST = 14.0, 40.0  # inch
WORDS_ON_WIDTH = 60  # more of them widen the picture
DEFAULT_FEATURES = 3


def plot_utterance(
    utterance: AlignedUtterance,
    names: Mapping[Modality, Sequence[str]],
    path: Path,
    audio_features: Sequence[str] | None = None,
) -> None:
    """Draw one utterance of an artefact.

    Parameters
    ----------
    utterance : AlignedUtterance
        Its sound and pictures are read from ``utterance.utterance.media``; where that is gone, the panel says so.
    names : mapping of modality to names
        Of the columns of ``utterance.features``.
    path : Path
        The picture, ``.png``.
    audio_features : sequence of str, optional
        Names of the audio columns to draw; the first three by default.

    Raises
    ------
    ConfigError
        If an audio feature has no column.
    OutputError
        If the picture cannot be written or its name does not end in ``.png``.
    """
    if path.suffix.lower() != ".png":
        raise OutputError(f"picture {path.name!r}; expected a name that ends in .png; rename the output")
    curves = _curves(utterance, tuple(names.get("audio", ())), audio_features)
    said = utterance.utterance
    width = min(max(WIDTH, WIDTH * len(said.words) / WORDS_ON_WIDTH), WIDEST)
    clip = read_clip(said, thumbnails_on(width))
    families, lacking = font_families([said.id, said.speaker or "", *said.labels, *(word.text for word in said.words)])
    note = f"no installed font has {lacking} of the letters" if lacking else ""
    # Signs such as $ and _ in words mean themselves.
    settings: Any = {"text.parse_math": False, "font.family": families, "font.size": 9.0}
    with matplotlib.rc_context(settings), replacing(path) as beside, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the note says it
        draw_figure(utterance, curves, clip, width, note).savefig(beside, format="png", dpi=DPI)


def _curves(utterance: AlignedUtterance, known: tuple[str, ...], wanted: Sequence[str] | None) -> dict[str, FloatArray]:
    """The audio columns to draw, each (W,)."""
    chosen = known[:DEFAULT_FEATURES] if wanted is None else tuple(wanted)
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or known[:5]
            raise ConfigError(
                f"audio feature {name!r}; expected a column of the artefact; {' or '.join(near) or 'it has no audio'}"
            )
    return {name: utterance.features["audio"][:, known.index(name)] for name in chosen}
