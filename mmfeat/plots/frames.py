"""What an audio extractor made of one recording, on one picture over a common time."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mmfeat.errors import ConfigError
from mmfeat.media import probe, read_waveform
from mmfeat.plots.labels import font_families
from mmfeat.plots.panels import DPI, clear_frame, cut, say_in, stack_panels
from mmfeat.plots.spectrogram import SILENT, spectrogram
from mmfeat.plots.tracks import (
    BEYOND,
    BLUE,
    COLUMNS,
    INK,
    MARGINS,
    ORANGE,
    PALE,
    SHADE,
    WIDTH,
    draw_track,
    fill_spans,
    label_panel,
    show_axis,
    unseen_stretches,
    within,
)
from mmfeat.plots.voice import COLUMNS_DRAWN, Row, draw_pitch, voice_rows, voiced_share
from mmfeat.safe_write import replacing
from mmfeat.types import SPEECH_RATE, Frames, Seconds, Waveform

FORMATS = (".png", ".svg", ".pdf")
MOST_COLUMNS = 12  # panels of an extractor whose columns we know nothing about
DEPTH = 65.0  # dB below the loudest that are drawn in the spectrogram
_UNDATED: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def require_picture_name(path: Path) -> str:
    """Give the format that the name of a picture asks for.

    Raises
    ------
    ConfigError
        If it is none of ours.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(
            f"picture {path.name!r}; expected a name that ends in {', '.join(FORMATS)}; rename the output"
        )
    return path.suffix.lower()[1:]


def require_stretch(media: Path, start: Seconds | None, end: Seconds | None) -> tuple[Seconds, Seconds]:
    """Give the stretch of a media file that is to be drawn, in s; by default the whole.

    Raises
    ------
    ConfigError
        If the stretch is empty or begins after the file ends.
    MediaError
        If the file cannot be read.
    """
    duration = probe(media).duration
    first, last = start or 0.0, min(duration if end is None else end, duration)
    if not 0 <= first < last:
        raise ConfigError(
            f"start {first:g} s, end {duration if end is None else end:g} s; expected 0 <= start < end and a start "
            f"within the {duration:.2f} s of {media.name}; change --start or --end"
        )
    return first, last


def plot_frames(frames: Frames, media: Path, path: Path, stretch: tuple[Seconds, Seconds]) -> None:
    """Draw the frames of an audio extractor under the spectrogram of what it heard.

    Parameters
    ----------
    frames : Frames
        Of the whole recording. With COVAREP's columns a panel is made for each that has a meaning of its own, else
        one for each of the first 12 columns.
    media : Path
        The recording.
    path : Path
        The picture, ``.png``, ``.svg`` or ``.pdf``.
    stretch : tuple of float
        Start and end in s of what is drawn, from `require_stretch`.

    Raises
    ------
    ConfigError
        If the name of the picture ends in something else.
    MediaError
        If the recording cannot be read.
    OutputError
        If the picture cannot be written.
    """
    form = require_picture_name(path)
    sound = read_waveform(media, SPEECH_RATE, *stretch)
    families, lacking = font_families([media.name, *frames.names])
    note = f"no installed font has {lacking} of the letters" if lacking else ""
    # Signs such as $ and _ in names mean themselves; the salt makes the same picture the same bytes.
    settings: Any = {
        "text.parse_math": False,
        "font.family": families,
        "font.size": 9.5,
        "svg.hashsalt": "mmfeat",
    }
    with matplotlib.rc_context(settings), replacing(path) as beside, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the note says it
        figure = draw_frames(within(frames, *stretch), sound, media.name, stretch, note)
        figure.savefig(beside, format=form, dpi=DPI, metadata=_UNDATED[form])


def draw_frames(
    frames: Frames, sound: Waveform | None, name: str, stretch: tuple[Seconds, Seconds], note: str = ""
) -> Figure:
    """Draw all panels.

    Parameters
    ----------
    frames : Frames
        Of the stretch.
    sound : Waveform, optional
        Of the stretch; None: the recording has none.
    name : str
        Of the recording.
    stretch : tuple of float
        Start and end in s.
    note : str
        For the lower edge.
    """
    is_voice = set(COLUMNS_DRAWN) <= set(frames.names)
    rows: list[Row] = [(2.1, partial(_draw_sound, sound=sound, name=name, frames=frames if is_voice else None))]
    rows += voice_rows(frames) if is_voice else _column_rows(frames)
    figure, panels = stack_panels(WIDTH, [height for height, _ in rows], MARGINS)
    unseen = unseen_stretches(frames, *stretch)
    for panel, (_, draw) in zip(panels, rows, strict=True):
        clear_frame(panel)
        panel.set_xlim(*stretch)
        draw(panel)
        panel.set_xlim(*stretch)  # images have moved it
    for panel in panels[1:]:
        fill_spans(panel, unseen, SHADE)
    panels[-1].tick_params(bottom=True, labelbottom=True, labelsize=9)
    panels[-1].set_xlabel("time (s from the start of the media file)")
    notes = filter(None, (_left_out(frames, is_voice), note))
    _write_around(figure, name, _subtitle(frames, is_voice), "   ·   ".join(notes))
    _explain(figure, panels, is_voice)
    return figure


def _draw_sound(panel: Axes, sound: Waveform | None, name: str, frames: Frames | None) -> None:
    """The spectrogram, and F0 over it where the frames have it."""
    show_axis(panel, 5)
    label_panel(panel, "spectrogram (kHz)")
    panel.set_ylim(0, SPEECH_RATE / 2000)
    if sound is None or len(sound.samples) == 0:
        say_in(panel, f"no sound in {cut(name, 60)}")
        return
    level = spectrogram(sound, 2 * COLUMNS)
    loudest = float(level.max())
    if loudest <= SILENT:
        say_in(panel, "silence")
        return
    extent = (sound.start, sound.start + sound.duration, 0.0, SPEECH_RATE / 2000)
    panel.imshow(
        level, extent=extent, origin="lower", aspect="auto", cmap="gray_r", vmin=loudest - DEPTH, vmax=loudest, zorder=1
    )
    if frames is not None:
        draw_pitch(panel, frames)


def _column_rows(frames: Frames) -> list[Row]:
    return [(0.6, partial(_draw_column, frames=frames, name=name)) for name in frames.names[:MOST_COLUMNS]]


def _draw_column(panel: Axes, frames: Frames, name: str) -> None:
    show_axis(panel)
    label_panel(panel, cut(name, 20))
    draw_track(panel, frames, name)


def _left_out(frames: Frames, is_voice: bool) -> str:
    if is_voice:
        return "columns of phase (HMPDM, HMPDD) are not drawn"
    count = len(frames.names)
    return f"{count - MOST_COLUMNS} of {count} columns are not drawn" if count > MOST_COLUMNS else ""


def _subtitle(frames: Frames, is_voice: bool) -> str:
    config = frames.source.config
    settings = ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}" for key, value in config.items()
    )
    parts = [frames.source.extractor + (f" ({settings})" if settings else "")]
    shift = f" every {1000 * frames.frame_shift:g} ms" if frames.frame_shift else ""
    parts.append(f"{len(frames.times)} frames{shift}")
    if len(frames.times):
        parts.append(f"{frames.observed.mean():.0%} observed")
    if is_voice and frames.observed.any():
        parts.append(f"{voiced_share(frames):.0%} of these voiced")
    return cut("   ·   ".join(parts), 150)


def _write_around(figure: Figure, name: str, subtitle: str, note: str) -> None:
    """Title and notes."""
    width, height = figure.get_size_inches()
    left = MARGINS[0] / width
    figure.text(left, 1 - 0.32 / height, cut(name, 80), fontsize=14, fontweight="bold", va="center")
    figure.text(left, 1 - 0.6 / height, subtitle, color=INK, va="center")
    figure.text(left, 0.17 / height, note, color=INK, fontsize=8.5)


def _explain(figure: Figure, panels: Sequence[Axes], is_voice: bool) -> None:
    """What colours and signs mean."""
    width, height = figure.get_size_inches()
    handles: list[Any] = [Patch(facecolor=SHADE, label="not observed")]
    handles += [line for panel in panels for line in panel.lines if line.get_label() == BEYOND][:1]
    if is_voice:
        pitch = Line2D([], [], color=ORANGE, marker="o", markersize=3.5, linestyle="", label="F0")
        handles = [pitch, Patch(facecolor=BLUE, label="voiced"), Patch(facecolor=PALE, label="unvoiced"), *handles]
    corner = 1 - MARGINS[1] / width, 0.04 / height
    figure.legend(handles=handles, loc="lower right", bbox_to_anchor=corner, ncol=5, frameon=False, fontsize=8.5)
