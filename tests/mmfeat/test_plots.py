"""The picture of an utterance: what it shows, what it says where something is absent, and that it can be read."""

from __future__ import annotations

import warnings
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from mmfeat.errors import ConfigError, OutputError
from mmfeat.plots import plot_utterance
from mmfeat.plots.clip import read_clip
from mmfeat.plots.figure import draw_figure, thumbnails_on
from mmfeat.plots.labels import LINE, place_labels, spread
from mmfeat.types import AlignedUtterance, Utterance, Word

GRID = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "grid"
NAMES = {"text": ("t0",), "audio": ("log_f0", "energy", "mfcc_0", "mfcc_1"), "vision": ("v0", "v1")}
VOCABULARY = "the a wonderful I really like extraordinarily it was so movie to be".split()


def words_in(seconds, count, seed=0):
    """Words of very different lengths, one after the other."""
    edges = np.sort(np.random.default_rng(seed).uniform(0.05, seconds - 0.05, count + 1))
    return tuple(
        Word(VOCABULARY[index % len(VOCABULARY)], start, end) for index, (start, end) in enumerate(pairwise(edges))
    )


def aligned(media, words, **fields):
    rng = np.random.default_rng(0)
    features = {name: rng.normal(size=(len(words), len(NAMES[name]))).astype(np.float32) for name in NAMES}
    observed = {name: rng.random(len(words)) > 0.2 for name in NAMES}
    fields = {"id": "clip_7", "speaker": "s1", "split": "train", "labels": {"sentiment": -1.5}} | fields
    return AlignedUtterance(Utterance(media=media, words=tuple(words), **fields), features, observed)


def figure_of(utterance):
    curves = {name: utterance.features["audio"][:, row] for row, name in enumerate(NAMES["audio"][:3])}
    return draw_figure(utterance, curves, read_clip(utterance.utterance, thumbnails_on(14.0)), 14.0, "")


def texts_of(figure):
    return {text.get_text() for text in figure.findobj(Text)}


@pytest.fixture(scope="module")
def clip(tmp_path_factory, make_clip):
    return make_clip(tmp_path_factory.mktemp("plots") / "talk.mp4", 2.0)


def test_the_picture_is_a_png_of_readable_size(clip, tmp_path):
    plot_utterance(aligned(clip, words_in(2.0, 8)), NAMES, tmp_path / "x.png")
    height, width, _ = imread(tmp_path / "x.png").shape
    assert width == 14 * 110
    assert 600 < height < 1200
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_everything_about_the_utterance_is_on_it(clip):
    texts = texts_of(figure_of(aligned(clip, words_in(2.0, 8))))
    assert {"clip_7", "faces", "words", "sound", "log_f0", "energy", "mfcc_0", "text", "audio", "vision"} <= texts
    assert {"text observed", "not observed", "wonderful"} <= texts
    assert any("speaker s1" in text and "split train" in text and "sentiment -1.5" in text for text in texts)


def test_a_picture_without_a_face_says_so(clip):
    read = read_clip(aligned(clip, words_in(2.0, 4)).utterance, 10)
    assert len(read.pictures) == 4
    assert not any(found for _, _, found in read.pictures)
    assert "no face" in texts_of(figure_of(aligned(clip, words_in(2.0, 4))))


def test_there_are_no_more_pictures_than_fit(clip):
    assert len(read_clip(aligned(clip, words_in(2.0, 60)).utterance, thumbnails_on(14.0)).pictures) == 10


@pytest.mark.parametrize("count", [5, 10, 20, 35, 60])
@pytest.mark.parametrize("seed", [0, 1])
def test_labels_of_words_do_not_overlap(count, seed, tmp_path):
    utterance = aligned(tmp_path / "gone.wav", words_in(20.0, count, seed))
    figure = figure_of(utterance)
    renderer = figure.canvas.get_renderer()
    spoken = [text for text in figure.findobj(Text) if text.get_text() in VOCABULARY]
    assert len(spoken) == count
    boxes = [Text.get_window_extent(text, renderer) for text in spoken]
    for row, box in enumerate(boxes):
        assert 0 <= box.x0 <= box.x1 <= 14 * figure.dpi
        for other in boxes[:row]:
            shared = min(box.x1, other.x1) - max(box.x0, other.x0), min(box.y1, other.y1) - max(box.y0, other.y0)
            assert min(shared) <= 1.0  # px


def test_very_many_words_widen_the_picture_and_are_written_out_in_part(tmp_path):
    plot_utterance(aligned(tmp_path / "gone.wav", words_in(200.0, 700)), NAMES, tmp_path / "x.png")
    assert imread(tmp_path / "x.png").shape[1] == 40 * 110
    assert "one in 3 is written out" in place_labels(words_in(200.0, 700), 0, 200.0, 38 / 200).note


def test_things_are_moved_apart_no_further_than_needed_and_stay_inside():
    places = spread(np.array([1.0, 1.0, 5.0, 9.9]), np.full(4, 1.0), 0.5, 9.5)
    np.testing.assert_allclose(places, [0.5, 1.5, 5.0, 9.5])
    assert spread(np.zeros(0), np.zeros(0), 0, 1).shape == (0,)


def test_crowded_words_stand_upright_one_line_apart():
    placed = place_labels(words_in(10.0, 60), 0.0, 10.0, 1.2)
    assert all(label.upright for label in placed.labels)
    assert min(b.x - a.x for a, b in pairwise(placed.labels)) >= LINE / 1.2 - 1e-9


def test_where_the_media_is_gone_the_rest_is_drawn(tmp_path):
    texts = texts_of(figure_of(aligned(tmp_path / "gone.mp4", words_in(2.0, 3))))
    assert "gone.mp4 is no longer where it was" in texts
    assert "wonderful" in texts


def test_a_file_that_is_no_media_is_said_to_be_unreadable(tmp_path):
    (tmp_path / "talk.mp4").write_text("not a film")
    texts = texts_of(figure_of(aligned(tmp_path / "talk.mp4", words_in(2.0, 3))))
    assert {"the sound of talk.mp4 cannot be read", "the pictures of talk.mp4 cannot be read"} <= texts


@pytest.mark.parametrize(("half", "brighter"), [("left", 0), ("right", 2)])
def test_only_the_speakers_half_is_shown(half, brighter, tmp_path, make_clip):
    scene = np.zeros((120, 320, 3), np.uint8)
    scene[:, :160, 0] = scene[:, 160:, 2] = 200
    clip = make_clip(tmp_path / "two.mp4", 1.0, size=(320, 120), tone=None, picture=lambda time: scene)
    read = read_clip(aligned(clip, words_in(1.0, 3), half=half).utterance, 3)
    assert [image.shape for _, image, _ in read.pictures] == [(120, 120, 3)] * 3
    assert all(image.mean(axis=(0, 1)).argmax() == brighter for _, image, _ in read.pictures)


def test_sound_is_drawn_from_its_own_file_and_each_may_be_gone(tmp_path, make_clip, clip):
    sound = make_clip(tmp_path / "talk.wav", 1.0)
    read = read_clip(aligned(clip, words_in(1.0, 3), sound=sound).utterance, 3)
    assert (len(read.sound.samples), read.sound.path, len(read.pictures)) == (16_000, sound, 3)
    read = read_clip(aligned(clip, words_in(1.0, 3), sound=tmp_path / "gone.wav").utterance, 3)
    assert (read.sound, read.sound_note, len(read.pictures)) == (None, "gone.wav is no longer where it was", 3)
    read = read_clip(aligned(tmp_path / "gone.avi", words_in(1.0, 3), sound=sound).utterance, 3)
    assert (read.sound_note, read.pictures_note) == ("", "gone.avi is no longer where it was")


def test_sound_without_pictures_and_pictures_without_sound(tmp_path, make_clip):
    sound = make_clip(tmp_path / "talk.wav", 2.0)
    silent = make_clip(tmp_path / "film.mp4", 2.0, tone=None)
    assert "no pictures in talk.wav" in texts_of(figure_of(aligned(sound, words_in(2.0, 3))))
    assert "no sound in film.mp4" in texts_of(figure_of(aligned(silent, words_in(2.0, 3))))


def test_one_word_and_no_word(clip, tmp_path):
    plot_utterance(aligned(clip, [Word("one", 0.5, 0.9)]), NAMES, tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 10_000
    assert "this utterance has no words" in texts_of(figure_of(aligned(clip, [])))


@pytest.mark.parametrize("text", ["你好", "مرحبا", "नमस्ते", "🙂", "$5", "$x^{2", "_a_", "a\nb", "", "x" * 300, "\x07"])
def test_words_of_any_letters_are_drawn_without_a_warning(text, tmp_path):
    words = [Word(text, 0.0, 0.5), Word("well", 0.5, 1.0)]
    said = {"id": f"id {text}", "speaker": text, "labels": {f"l{text}": 1.0}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_utterance(aligned(tmp_path / "gone.wav", words, **said), NAMES, tmp_path / "x.png")
    assert (tmp_path / "x.png").is_file()


def test_a_modality_that_the_artefact_lacks_is_named(tmp_path):
    whole = aligned(tmp_path / "gone.wav", words_in(2.0, 3))
    part = AlignedUtterance(whole.utterance, {"text": whole.features["text"]}, {"text": whole.observed["text"]})
    plot_utterance(part, {"text": ("t0",)}, tmp_path / "x.png")
    figure = draw_figure(part, {}, read_clip(part.utterance, 3), 14.0, "")
    assert {"not in this artefact", "no audio features in this artefact"} <= texts_of(figure)


def test_sound_that_was_never_observed_says_so(tmp_path):
    utterance = aligned(tmp_path / "gone.wav", words_in(2.0, 3))
    utterance.observed["audio"][:] = False
    assert "not observed in any word" in texts_of(figure_of(utterance))


def test_audio_features_are_chosen_by_name(tmp_path):
    utterance = aligned(tmp_path / "gone.wav", words_in(2.0, 3))
    plot_utterance(utterance, NAMES, tmp_path / "x.png", ["mfcc_1"])
    with pytest.raises(ConfigError, match="audio feature 'energi'; .* energy"):
        plot_utterance(utterance, NAMES, tmp_path / "y.png", ["energi"])
    assert not (tmp_path / "y.png").exists()


def test_only_png_and_only_where_it_can_be_written(tmp_path):
    utterance = aligned(tmp_path / "gone.wav", words_in(2.0, 3))
    with pytest.raises(OutputError, match=r"'x.jpg'; expected a name that ends in .png"):
        plot_utterance(utterance, NAMES, tmp_path / "x.jpg")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        plot_utterance(utterance, NAMES, tmp_path / "file" / "x.png")


def test_settings_of_the_callers_own_plots_are_left_alone(tmp_path):
    before = dict(matplotlib.rcParams)
    plot_utterance(aligned(tmp_path / "gone.wav", words_in(2.0, 3)), NAMES, tmp_path / "x.png")
    assert dict(matplotlib.rcParams) == before


@pytest.mark.reference
@pytest.mark.skipif(not GRID.is_dir(), reason="needs the recordings in ../shared/data/grid")
def test_faces_of_a_real_speaker_are_cut_out():
    said = Utterance("bgbh7a", GRID / "bgbh7a.mpg", words=words_in(2.5, 5))
    read = read_clip(said, 10)
    assert [found for _, _, found in read.pictures] == [True] * 5
    assert all(image.shape[0] == image.shape[1] for _, image, _ in read.pictures)
