"""The picture of an extractor's frames: what is drawn where, and where nothing is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from builders import frames_of
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from mmfeat.errors import ConfigError, MediaError, OutputError
from mmfeat.plots.frames import draw_frames, plot_frames, require_picture_name, require_stretch
from mmfeat.plots.spectrogram import SILENT, spectrogram
from mmfeat.plots.tracks import COLUMNS, limits_of, unseen_stretches, within
from mmfeat.plots.voice import COLUMNS_DRAWN, log_envelope, mel_place
from mmfeat.steps import extract_one
from mmfeat.types import Frames, Waveform

RATE = 16_000
MakeClip = Callable[..., Path]


def tone(frequency: float, seconds: float = 1.0, start: float = 0.0) -> Waveform:
    time = np.arange(round(seconds * RATE)) / RATE
    return Waveform((0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32), RATE, start)


def voice_frames(rows: int = 100) -> Frames:
    """COVAREP's drawn columns, every 10 ms: voiced in the first half, unobserved in the last tenth."""
    made = frames_of(np.random.default_rng(0).normal(size=(rows, len(COLUMNS_DRAWN))), 0.01)
    values, seen = made.values, np.arange(rows) < 0.9 * rows
    voiced = np.arange(rows) < rows // 2
    values[:, 0], values[:, 1] = np.where(voiced, 120.0, 300.0), voiced
    valid = np.repeat(seen[:, None], values.shape[1], axis=1)
    valid[:, 2:6] &= voiced[:, None]
    return replace(made, names=COLUMNS_DRAWN, observed=seen, valid=valid)


def texts_of(figure: Figure) -> set[str]:
    return {text.get_text() for text in figure.findobj(Text)}


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts that cover each other by more than 1 px."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    figure.draw(renderer)
    hidden = {  # ticks that the locators placed outside their panels are never drawn
        label
        for panel in figure.findobj(Axes)
        for side, axis in enumerate((panel.xaxis, panel.yaxis))
        for label in axis.get_ticklabels()
        if not min(axis.get_view_interval()) <= label.get_position()[side] <= max(axis.get_view_interval())
    }
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text() and text not in hidden]
    boxes = [(text.get_text(), Text.get_window_extent(text, renderer)) for text in texts]
    boxes = [(text, box) for text, box in boxes if box.x1 > 0 and box.y1 > 0]
    return [
        (one, other)
        for row, (one, a) in enumerate(boxes)
        for other, b in boxes[:row]
        if min(min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)) > 1
    ]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".PNG"])
def test_a_picture_of_each_kind_is_written_twice_alike(make_clip: MakeClip, tmp_path: Path, suffix: str):
    clip = make_clip(tmp_path / "talk.wav", 1.0, tone=180.0)
    frames = extract_one(clip, "librosa33", {}, None)
    for name in ("a", "b"):
        plot_frames(frames, clip, tmp_path / f"{name}{suffix}", require_stretch(clip, None, None))
    made = (tmp_path / f"a{suffix}").read_bytes()
    assert made.startswith({".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix.lower()])
    assert made == (tmp_path / f"b{suffix}").read_bytes()
    assert len(list(tmp_path.iterdir())) == 3


def test_the_png_is_of_readable_size(make_clip: MakeClip, tmp_path: Path):
    clip = make_clip(tmp_path / "talk.wav", 1.0)
    plot_frames(voice_frames(), clip, tmp_path / "x.png", (0.0, 1.0))
    height, width, _ = imread(tmp_path / "x.png").shape
    assert width == 13 * 110
    assert 1000 < height < 1500


@pytest.mark.parametrize("extractor", ["covarep", "librosa33"])
@pytest.mark.parametrize("level", [None, 0.0])
def test_a_clip_without_sound_and_a_silent_one_are_drawn(
    make_clip: MakeClip, tmp_path: Path, extractor: str, level: float | None
):
    tones = {"tone": None} if level is None else {"levels": (level,)}
    clip = make_clip(tmp_path / "mute.mkv", 1.0, codecs=("libx264", "flac"), **tones)
    frames = extract_one(clip, extractor, {}, None)
    plot_frames(frames, clip, tmp_path / "x.png", require_stretch(clip, None, None))
    assert (tmp_path / "x.png").stat().st_size > 20_000


def test_what_is_absent_is_said():
    nothing = within(voice_frames(), 5.0, 6.0)
    assert {"no sound in film.mp4", "nothing measured here"} <= texts_of(
        draw_frames(nothing, None, "film.mp4", (5.0, 6.0))
    )
    hush = Waveform(np.zeros(RATE, dtype=np.float32), RATE)
    assert "silence" in texts_of(draw_frames(voice_frames(), hush, "hush.wav", (0.0, 1.0)))


def test_a_voice_has_a_panel_for_each_parameter_and_says_what_is_drawn():
    texts = texts_of(draw_frames(voice_frames(), tone(200.0), "talk.wav", (0.0, 1.0)))
    assert {"talk.wav", "NAQ", "QOQ", "H1H2 (dB)", "PSP", "MDQ", "peakSlope", "Rd", "creak", "Rd_conf"} <= texts
    assert {"F0 (Hz)", "voicing (VUV)", "envelope (kHz)", "voiced", "unvoiced", "not observed"} <= texts
    assert any("90% observed" in text and "56% of these voiced" in text for text in texts)


def test_f0_is_drawn_of_voiced_frames_alone():
    figure = draw_frames(voice_frames(), tone(200.0), "talk.wav", (0.0, 1.0))
    (over,) = (panel for panel in figure.axes if panel.get_ylabel() == "F0 (Hz)")
    drawn = over.lines[-1].get_ydata()
    assert np.isfinite(drawn).sum() == 50
    assert np.nanmax(drawn) == np.float32(120.0)


def test_columns_are_drawn_where_they_are_valid_and_the_rest_is_shaded():
    frames = voice_frames()
    figure = draw_frames(frames, tone(200.0), "talk.wav", (0.0, 1.0))
    naq = figure.axes[2]
    assert np.isfinite(np.ma.filled(naq.collections[0].get_offsets(), np.nan)[:, 1]).sum() == 50
    shaded = naq.collections[-1].get_paths()
    assert len(shaded) == 1
    np.testing.assert_allclose(shaded[0].vertices[:, 0].min(), 0.9, atol=1e-9)


def test_of_an_unknown_extractor_the_first_twelve_columns_are_drawn():
    frames = frames_of(np.random.default_rng(0).normal(size=(50, 20)), 0.02)
    texts = texts_of(draw_frames(frames, tone(200.0), "talk.wav", (0.0, 1.0)))
    assert {"d0", "d11", "8 of 20 columns are not drawn"} <= texts
    assert "d12" not in texts
    assert not any("not drawn" in text for text in texts_of(draw_frames(frames_of(np.ones((5, 2))), None, "x", (0, 1))))


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1000.0])
def test_no_text_covers_another(scale: float):
    made = voice_frames()
    values = made.values.copy()
    values[:, 2:8] = 0.3 * scale + values[:, 2:8] * scale
    frames = replace(made, values=values)
    assert not overlapping(draw_frames(frames, tone(200.0), "talk.wav", (0.0, 1.0)))
    wide = frames_of(scale * np.random.default_rng(0).normal(size=(50, 20)), 0.02)
    assert not overlapping(draw_frames(wide, tone(200.0), "talk.wav", (0.0, 1.0)))


def test_a_stretch_shows_its_frames_and_its_sound(make_clip: MakeClip, tmp_path: Path):
    clip = make_clip(tmp_path / "talk.wav", 2.0)
    stretch = require_stretch(clip, 0.5, 9.0)
    assert stretch == (0.5, 2.0)
    frames = within(voice_frames(200), 0.5, 1.0)
    assert (len(frames.times), frames.valid is not None and frames.valid.shape[0]) == (50, 50)
    figure = draw_frames(frames, tone(300.0, 0.5, 0.5), "talk.wav", (0.5, 1.0))
    assert all(panel.get_xlim() == (0.5, 1.0) for panel in figure.axes if panel.get_xlim() != (0.0, 1.0))
    assert figure.axes[0].images[0].get_extent() == [0.5, 1.0, 0.0, 8.0]


@pytest.mark.parametrize(("start", "end"), [(2.0, 1.0), (-1.0, None), (5.0, None), (1.0, 1.0), (None, np.nan)])
def test_an_impossible_stretch_is_refused(make_clip: MakeClip, tmp_path: Path, start: float | None, end: float | None):
    clip = make_clip(tmp_path / "talk.wav", 2.0)
    with pytest.raises(ConfigError, match="expected 0 <= start < end"):
        require_stretch(clip, start, end)


def test_names_and_places_that_cannot_be_written_are_refused(make_clip: MakeClip, tmp_path: Path):
    clip = make_clip(tmp_path / "talk.wav", 1.0)
    with pytest.raises(ConfigError, match="'x.jpg'; expected a name that ends in .png, .svg, .pdf"):
        require_picture_name(Path("x.jpg"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        plot_frames(voice_frames(), clip, tmp_path / "file" / "x.png", (0.0, 1.0))
    with pytest.raises(MediaError, match="does not exist"):
        require_stretch(tmp_path / "gone.wav", None, None)


def test_settings_of_the_callers_own_plots_are_left_alone(make_clip: MakeClip, tmp_path: Path):
    before = dict(matplotlib.rcParams)
    plot_frames(voice_frames(), make_clip(tmp_path / "a.wav", 1.0), tmp_path / "x.png", (0.0, 1.0))
    assert dict(matplotlib.rcParams) == before


def test_a_tone_stands_at_its_frequency_with_its_level():
    level = spectrogram(tone(1000.0), 5000)
    assert level.shape[0] == 257
    rows = level.argmax(axis=0)
    assert set(rows[30:-30]) == {32}  # of 31.25 Hz
    emphasis = 20 * np.log10(abs(1 - 0.97 * np.exp(-2j * np.pi * 1000 / RATE)))
    np.testing.assert_allclose(level.max(axis=0)[30:-30], 20 * np.log10(0.5) + emphasis, atol=0.1)


@pytest.mark.parametrize("samples", [0, 1, 2, 399, 400, 5000])
def test_sound_of_any_length_has_a_spectrogram(samples: int):
    level = spectrogram(Waveform(np.zeros(samples, dtype=np.float32), RATE), 100)
    assert (level.shape[1] > 0) == (samples > 0)
    assert level.shape[1] <= 100
    assert (level == SILENT).all()


def test_many_windows_share_a_column_by_their_mean_power():
    rng = np.random.default_rng(0)
    sound = Waveform(rng.normal(scale=0.1, size=30 * RATE).astype(np.float32), RATE)
    fine, coarse = spectrogram(sound, 10**6), spectrogram(sound, 7)
    edges = np.linspace(0, fine.shape[1], 8).astype(int)
    means = np.add.reduceat(10 ** (fine / 10), edges[:-1], axis=1) / np.diff(edges)
    np.testing.assert_allclose(coarse, 10 * np.log10(means), atol=0.05)  # they are not the same windows


def test_an_envelope_is_its_cosines_over_the_mel_axis():
    cepstra = np.zeros((2, 25))
    cepstra[0, 0], cepstra[1, 2] = 1.0, 1.0
    envelope = log_envelope(cepstra, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(envelope, 20 / np.log(10) * np.array([[1, 1], [1, -1], [1, 1]]), atol=1e-12)
    np.testing.assert_allclose(mel_place(np.array([0.0, 8000.0])), [0.0, 1.0])


def test_unseen_is_what_no_observed_frame_covers():
    frames = replace(frames_of(np.ones((10, 1)), 0.1), observed=np.array([0, 1, 1, 0, 0, 1, 1, 1, 1, 1], dtype=bool))
    np.testing.assert_allclose(unseen_stretches(frames, 0.0, 1.5), [(0.0, 0.1), (0.3, 0.5), (1.0, 1.5)])
    hidden = replace(frames, observed=np.zeros(10, dtype=bool))
    assert unseen_stretches(hidden, 0.0, 1.5) == [(0.0, 1.5)]
    spans = np.stack((frames.times - 0.05, frames.times + 0.05), axis=1)
    uneven = replace(frames, frame_shift=None, intervals=spans, observed=np.ones(10, dtype=bool))
    assert unseen_stretches(uneven, 0.0, 1.0) == []


def test_a_few_values_far_away_do_not_flatten_the_rest():
    values = np.concatenate([np.linspace(0, 1, 1000), [50.0]])
    assert limits_of(values)[1] < 1.5
    assert limits_of(np.array([3.0]))[0] < 3.0 < limits_of(np.array([3.0]))[1]
    made = frames_of(values[:, None], 0.001)
    texts = texts_of(draw_frames(made, tone(200.0), "talk.wav", (0.0, 1.01)))
    assert "beyond the axis" in texts


def test_more_frames_than_pixels_share_them():
    rows = 6 * COLUMNS
    figure = draw_frames(voice_frames(rows), tone(200.0), "talk.wav", (0.0, rows / 100))
    (envelope,) = (panel for panel in figure.axes[:12] if panel.images and panel is not figure.axes[0])
    assert envelope.images[0].get_array().shape[1] == 2 * COLUMNS
    assert figure.axes[2].collections[0].get_rasterized()


@pytest.mark.parametrize("name", ["你好.wav", "$5_a^{2.wav", "x" * 200 + ".wav"])
def test_clips_of_any_name_are_drawn_without_a_warning(make_clip: MakeClip, tmp_path: Path, name: str):
    clip = make_clip(tmp_path / name, 1.0)
    plot_frames(voice_frames(), clip, tmp_path / "x.png", (0.0, 1.0))
    assert (tmp_path / "x.png").is_file()
