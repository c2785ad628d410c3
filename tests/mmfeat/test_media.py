"""Sound and pictures of every format at the right times, and one clear line for every file that cannot be read."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from mmfeat.errors import MediaError
from mmfeat.media import digest, probe, read_frames, read_waveform

FORMATS = ["wav", "flac", "mp3", "m4a", "ogg", "mp4", "avi", "mpg", "mov", "mkv", "webm", "wmv"]
VIDEO_FORMATS = FORMATS[5:]
GRID = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "grid"


@pytest.mark.parametrize("extension", FORMATS)
def test_every_format_gives_its_sound_at_the_right_pitch_and_time(extension, make_clip, tmp_path):
    path = make_clip(tmp_path / f"clip.{extension}", 3.0, tone=440.0, tone_from=1.0)
    waveform = read_waveform(path, 16_000)
    assert probe(path).duration == pytest.approx(3.0, abs=0.1)
    assert (waveform.samples.dtype, waveform.sample_rate, waveform.start) == (np.float32, 16_000, 0.0)
    assert waveform.duration == pytest.approx(3.0, abs=0.1)
    assert pitch(waveform.samples[24_000:40_000], 16_000) == pytest.approx(440.0, abs=1.0)
    onset = np.flatnonzero(np.abs(waveform.samples) > 0.1)[0] / 16_000
    assert onset == pytest.approx(1.0, abs=0.05)  # encoders of mpg and wmv add 10 and 43 ms that their files hide


@pytest.mark.parametrize("extension", VIDEO_FORMATS)
def test_every_video_format_gives_each_picture_at_its_time(extension, make_clip, tmp_path, shade_of):
    path = make_clip(tmp_path / f"clip.{extension}", 1.5, fps=25)
    frames = list(read_frames(path))
    times = np.array([frame.time for frame in frames])
    assert len(frames) == 38
    assert times[0] == pytest.approx(0.0, abs=0.05)
    np.testing.assert_allclose(times - times[0], np.arange(38) / 25, atol=1e-3)
    assert {frame.image.shape for frame in frames} == {(120, 160, 3)}
    shown = [frame.image.mean() for frame in frames]
    np.testing.assert_allclose(shown, [shade_of(index / 25) for index in range(38)], atol=8)


def test_probe_says_what_is_in_a_clip(make_clip, tmp_path):
    info = probe(make_clip(tmp_path / "clip.mp4", 2.0, size=(320, 240), fps=30, sample_rate=44_100))
    assert (info.audio_rate, info.video_size, info.frame_rate) == (44_100, (320, 240), 30.0)
    assert info.duration == pytest.approx(2.0, abs=0.01)


def test_times_count_from_the_start_of_the_container(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.mpg", 1.0)
    with av.open(str(path)) as container:
        origin = container.start_time / av.time_base
        start = {stream.type: float(stream.start_time * stream.time_base) for stream in container.streams}
    assert origin > 0.4
    assert next(read_frames(path)).time == pytest.approx(start["video"] - origin, abs=1e-5)
    assert start["audio"] == pytest.approx(origin, abs=1e-5)


def test_pictures_of_an_avi_with_b_frames_keep_their_times(make_clip, tmp_path, shade_of):
    path = make_clip(tmp_path / "clip.avi", 2.0, b_frames=2)
    frames = list(read_frames(path))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(50) / 25, atol=1e-9)
    np.testing.assert_allclose([f.image.mean() for f in frames], [shade_of(f.time) for f in frames], atol=12)


def test_small_pictures_that_share_an_mpeg_packet_keep_their_times(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.mpg", 20.0, b_frames=2, tone=333.0)
    times = [frame.time for frame in read_frames(path)]
    np.testing.assert_allclose(np.diff(times), np.full(499, 0.04), atol=1e-6)


def test_variable_frame_rate_keeps_the_real_times(make_clip, tmp_path):
    shown = [0.0, 0.04, 0.5, 0.51, 1.25, 1.9]
    for extension in ("mkv", "mp4"):
        path = make_clip(tmp_path / f"clip.{extension}", 2.0, times=shown)
        np.testing.assert_allclose([frame.time for frame in read_frames(path)], shown, atol=1.1e-3)


def test_late_sound_has_silence_in_front(make_clip, tmp_path):
    waveform = read_waveform(make_clip(tmp_path / "clip.mkv", 2.0, sound_from=0.7), 16_000)
    assert waveform.start == 0.0
    assert np.flatnonzero(np.abs(waveform.samples) > 0.1)[0] / 16_000 == pytest.approx(0.7, abs=0.01)
    assert waveform.duration == pytest.approx(2.7, abs=0.05)


def test_a_gap_in_the_sound_is_filled_with_silence(make_clip, tmp_path):
    whole = make_clip(tmp_path / "whole.mkv", 3.0, codecs=("libx264", "flac"))
    gappy = remux(
        whole, tmp_path / "gappy.mkv", lambda packet, time: packet.stream.type == "video" or not 1 <= time < 2
    )
    samples = read_waveform(gappy, 16_000).samples
    np.testing.assert_allclose(samples[:15_500], read_waveform(whole, 16_000).samples[:15_500], atol=1e-4)
    assert np.abs(samples[17_700:31_900]).max() < 0.01
    assert len(samples) == pytest.approx(48_000, abs=500)
    np.testing.assert_allclose(samples[33_000:47_000], read_waveform(whole, 16_000).samples[33_000:47_000], atol=1e-2)


@pytest.mark.parametrize(
    ("matrix", "bright"),
    [  # clockwise quarter turns, then a mirror; where the bright top left corner is shown
        ((1, 0, 0, 1), (0, 0)),
        ((0, 1, -1, 0), (0, 1)),
        ((-1, 0, 0, -1), (1, 1)),
        ((0, -1, 1, 0), (1, 0)),
        ((-1, 0, 0, 1), (0, 1)),
    ],
)
def test_rotation_flags_are_applied(matrix, bright, make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 0.2, size=(160, 96), picture=lambda _: bright_corner((160, 96)))
    set_display_matrix(path, matrix)
    turned = matrix[0] == 0
    image = next(read_frames(path)).image
    small = next(read_frames(path, width=48)).image
    assert probe(path).video_size == ((96, 160) if turned else (160, 96))
    assert image.shape == ((160, 96, 3) if turned else (96, 160, 3))
    assert small.shape == ((80, 48, 3) if turned else (29, 48, 3))
    for shown in (image, small):
        assert quadrants(shown) == bright


@pytest.mark.parametrize(("codec", "pixel_format"), [("libx264", "yuv444p"), ("ffv1", "yuv420p"), ("mpeg4", "yuv420p")])
def test_odd_sizes_are_read(codec, pixel_format, make_clip, tmp_path):
    path = make_clip(
        tmp_path / "clip.mkv",
        0.2,
        size=(161, 121),
        codecs=(codec, "aac"),
        pixel_format=pixel_format,
        picture=lambda _: bright_corner((161, 121)),
    )
    image = next(read_frames(path)).image
    assert image.shape == (121, 161, 3)
    assert quadrants(image) == (0, 0)
    assert next(read_frames(path, width=80)).image.shape == (60, 80, 3)


@pytest.mark.parametrize("extension", ["wav", "flac"])
@pytest.mark.parametrize("levels", [(0.6,), (0.6, 0.2), (0.6, 0.0, 0.0, 0.0, 0.3, 0.3)])
def test_channels_are_averaged(levels, extension, make_clip, tmp_path):
    samples = read_waveform(make_clip(tmp_path / f"clip.{extension}", 1.0, levels=levels), 16_000).samples
    assert np.abs(samples[4_000:12_000]).max() == pytest.approx(np.mean(levels), rel=0.05)


@pytest.mark.parametrize("sample_rate", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000])
def test_sample_rates_from_8_to_48_khz_keep_pitch_and_length(sample_rate, make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.wav", 2.0, tone=1000.0, sample_rate=sample_rate)
    for wanted in (16_000, 20_000):
        samples = read_waveform(path, wanted).samples
        assert len(samples) == pytest.approx(2 * wanted, abs=1)
        assert pitch(samples, wanted) == pytest.approx(1000.0, abs=1.0)


def test_sound_at_its_own_rate_is_untouched(tmp_path, rng_samples):
    path = write_wav(tmp_path / "clip.wav", rng_samples)
    np.testing.assert_array_equal(read_waveform(path, 16_000).samples, rng_samples.astype(np.float32) / 32768)


def test_sound_that_is_not_a_number_is_silent(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.wav", 1.0, sample_rate=16_000, codecs=(None, "pcm_f32le"))
    content = bytearray(path.read_bytes())
    content[-8_000:] = np.tile(np.array([np.nan, np.inf], np.float32), 1_000).tobytes()
    path.write_bytes(content)
    samples = read_waveform(path, 16_000).samples
    np.testing.assert_array_equal(samples[-2_000:], np.zeros(2_000, np.float32))
    assert np.abs(samples[:-2_000]).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_f64le", "pcm_mulaw"])
def test_every_sample_format_has_the_same_loudness(codec, make_clip, tmp_path):
    samples = read_waveform(
        make_clip(tmp_path / "clip.wav", 1.0, sample_rate=8_000, codecs=(None, codec)), 8_000
    ).samples
    assert samples.max() == pytest.approx(0.5, abs=0.02)
    assert samples.mean() == pytest.approx(0.0, abs=0.005)


def test_a_recording_that_declares_no_length_is_measured(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.mkv", 2.0, container_options={"live": "1"})
    assert probe(path).duration == pytest.approx(2.0, abs=0.05)


def test_any_file_name_is_only_a_name(make_clip, tmp_path):
    path = make_clip(tmp_path / "http:a %03d #1?.mp4", 0.2)
    assert len(list(read_frames(path))) == 5


def test_a_clip_without_sound_has_none(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 1.0, tone=None)
    assert read_waveform(path, 16_000) is None
    assert probe(path).audio_rate is None


def test_a_clip_without_pictures_has_none(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.m4a", 1.0)
    assert list(read_frames(path)) == []
    assert probe(path).video_size is None


def test_cover_art_is_not_a_video(make_clip, tmp_path):
    path = tmp_path / "clip.mp3"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=44_100, layout="mono")
        cover = container.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "rgb24"
        container.mux(cover.encode(av.VideoFrame.from_ndarray(bright_corner((64, 64)), format="rgb24")))
        noise = av.AudioFrame.from_ndarray(np.zeros((1, 44_100), np.float32), format="fltp", layout="mono")
        noise.sample_rate = 44_100
        for packets in (sound.encode(noise), sound.encode(None)):
            container.mux(packets)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    assert probe(path).video_size is None
    assert list(read_frames(path)) == []
    assert read_waveform(path, 16_000, 0.4, 0.6).duration == pytest.approx(0.2)


def test_frames_are_chosen_on_the_grid_of_presentation_times(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 2.0, fps=25)
    times = [frame.time for frame in read_frames(path, rate=10)]
    np.testing.assert_allclose(times[:6], [0.0, 0.12, 0.2, 0.32, 0.4, 0.52])
    assert len(times) == 20
    assert len(list(read_frames(path, rate=100))) == 50


def test_a_gap_in_the_pictures_gives_no_extra_frames(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.mkv", 2.0, times=[0.0, 0.03, 0.06, 1.55, 1.58, 1.61])
    np.testing.assert_allclose([frame.time for frame in read_frames(path, rate=10)], [0.0, 1.55, 1.61], atol=1e-3)


def test_pictures_are_red_green_blue(make_clip, tmp_path):
    red = np.full((120, 160, 3), (200, 60, 40), np.uint8)
    for extension in ("mp4", "mpg", "webm"):
        image = next(read_frames(make_clip(tmp_path / f"clip.{extension}", 0.2, picture=lambda _: red))).image
        np.testing.assert_allclose(image.mean(axis=(0, 1)), (200, 60, 40), atol=5)
        assert image.dtype == np.uint8


def test_width_shrinks_and_never_enlarges(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 0.2, size=(320, 240))
    assert next(read_frames(path, width=100)).image.shape == (75, 100, 3)
    assert next(read_frames(path, width=640)).image.shape == (240, 320, 3)


@pytest.mark.parametrize("extension", ["mp3", "ogg", *VIDEO_FORMATS])
def test_windows_are_cut_exactly_out_of_the_whole(extension, make_clip, tmp_path):
    path = make_clip(
        tmp_path / f"clip.{extension}", 12.0, size=(96, 64), b_frames=2 * (extension in ("mp4", "mkv", "mpg"))
    )
    samples, frames = read_waveform(path, 16_000).samples, list(read_frames(path))
    for start, end in [(0.0, 1.5), (0.013, 3.21), (5.777, 7.999), (9.2, None), (13.0, 14.0)]:
        last = 99.0 if end is None else end
        waveform = read_waveform(path, 16_000, start, end)
        assert waveform.start == pytest.approx(start, abs=1 / 16_000)
        expected = samples[round(start * 16_000) : round(last * 16_000)]
        np.testing.assert_allclose(waveform.samples, expected, atol=1e-4)  # mp2 decoders dither
        inside = [frame for frame in frames if start <= frame.time < last]
        window = list(read_frames(path, start, end))
        np.testing.assert_allclose([frame.time for frame in window], [frame.time for frame in inside], atol=1e-9)
        assert all(np.array_equal(a.image, b.image) for a, b in zip(window, inside, strict=True))


def test_a_window_chooses_the_same_frames_as_the_whole(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 6.0)
    whole = [frame.time for frame in read_frames(path, rate=7)]
    for start, end in [(0.13, 1.0), (2.0, 3.3), (4.41, 9.0)]:
        expected = [time for time in whole if start <= time < end]
        assert [frame.time for frame in read_frames(path, start, end, rate=7)] == expected


def test_a_window_in_silence_before_late_sound_is_silent(make_clip, tmp_path):
    waveform = read_waveform(make_clip(tmp_path / "clip.mkv", 2.0, sound_from=5.0), 16_000, 3.0, 4.0)
    assert waveform.start == 3.0
    np.testing.assert_array_equal(waveform.samples, np.zeros(16_000, np.float32))


def test_a_clip_of_one_frame_works(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 0.04, tone=None)
    assert [frame.time for frame in read_frames(path, rate=10)] == [0.0]
    assert probe(path).duration == pytest.approx(0.04, abs=0.01)


def test_damaged_packets_are_skipped(make_clip, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 64, 96, 3), np.uint8)
    path = make_clip(tmp_path / "clip.mp4", 2.0, size=(96, 64), picture=lambda time: noise[round(time * 25) % 40])
    content = bytearray(path.read_bytes())
    for begin in range(len(content) // 4, len(content) * 3 // 4, len(content) // 20):
        content[begin : begin + 60] = bytes(np.random.default_rng(begin).integers(0, 256, 60, np.uint8))
    path.write_bytes(content)
    frames = list(read_frames(path))
    assert 25 <= len(frames) <= 50
    assert frames[-1].time > 1.8
    assert read_waveform(path, 16_000).duration > 1.8


def test_a_reader_that_stops_early_closes_the_file(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 2.0)
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("open files are counted through /proc, which this system lacks")
    before = len(os.listdir(descriptors))
    frames = read_frames(path, start=1.0)
    next(frames)
    assert len(os.listdir(descriptors)) > before
    frames.close()
    assert len(os.listdir(descriptors)) == before


def test_ffmpeg_says_nothing_on_the_terminal(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 2.0)
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 200] = bytes(200)
    path.write_bytes(content)
    code = (
        "import sys; from pathlib import Path; from mmfeat.media import *; path = Path(sys.argv[1]);"
        "probe(path); read_waveform(path, 16_000); sum(1 for _ in read_frames(path))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""


def test_digest_is_the_sha256_of_the_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"abc" * 1_000_000)
    assert digest(tmp_path / "file") == hashlib.sha256(b"abc" * 1_000_000).hexdigest()


@pytest.mark.reference
@pytest.mark.skipif(not GRID.exists(), reason="the recordings in ../shared are not here")
def test_a_real_mpeg_clip_has_all_its_frames():
    path = GRID / "bgbh7a.mpg"
    np.testing.assert_allclose([frame.time for frame in read_frames(path)], np.arange(75) / 25, atol=1e-6)
    assert read_waveform(path, 16_000).duration == pytest.approx(2.978, abs=0.001)


# Bad input


@pytest.mark.parametrize(
    "read", [probe, lambda path: read_waveform(path, 16_000), lambda path: list(read_frames(path))]
)
def test_files_that_are_no_media_are_refused(read, tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("This is not a film. " * 200)
    (tmp_path / "text.txt").write_text("Nor is this. " * 200)
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/film.ts\n")
    for name, problem in [
        ("missing.mp4", "missing.mp4 does not exist; expected a sound or video file"),
        (".", "is a folder"),
        ("empty.mp4", r"empty.mp4 is empty \(0 bytes\)"),
        ("text.mp4", r"text.mp4 cannot be opened \(Invalid data"),
        ("text.txt", "text.txt"),
        ("list.mp4", "list.mp4"),
        ("x" * 300 + ".mp4", "cannot be reached|does not exist"),
    ]:
        with pytest.raises(MediaError, match=problem) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_refused(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.wav", 0.1)
    path.chmod(0)
    with pytest.raises(MediaError, match="may not be read"):
        probe(path)


@pytest.mark.parametrize("extension", ["mp4", "mov", "m4a"])
def test_an_mp4_without_its_table_is_refused(extension, make_clip, tmp_path):
    path = make_clip(tmp_path / f"clip.{extension}", 2.0)
    cut(path, 0.6)
    with pytest.raises(MediaError, match="cannot be opened .*it may be cut off"):
        probe(path)


@pytest.mark.parametrize("extension", ["mp4", "mov", "avi", "mkv", "webm", "wmv"])
def test_a_clip_cut_in_the_middle_is_refused_but_its_beginning_can_be_read(extension, make_clip, tmp_path):
    front = {"movflags": "faststart"} if extension in ("mp4", "mov") else None
    path = make_clip(tmp_path / f"clip.{extension}", 10.0, container_options=front)
    cut(path, 0.6)
    with pytest.raises(MediaError, match=r"can be read up to \d\.\d\d s of a declared (9|10)\.\d\d s.*cut off"):
        list(read_frames(path))
    with pytest.raises(MediaError, match=r"of a declared (9|10)\.\d\d s"):
        read_waveform(path, 16_000)
    assert len(list(read_frames(path, end=2.0, rate=10))) == 20
    assert read_waveform(path, 16_000, end=2.0).duration == 2.0


def test_a_cut_wav_is_refused(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.wav", 5.0)
    cut(path, 0.5)
    with pytest.raises(MediaError, match=r"2\.\d\d s of a declared (4\.9|5\.0)\d s"):
        read_waveform(path, 16_000)


def test_recordings_glued_together_byte_by_byte_are_refused(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.mpg", 3.0)
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(MediaError, match=r"time stamps go back from 2\.\d\d s to 0\.\d\d s; expected one continuous"):
        list(read_frames(path))


def test_sound_of_no_samples_is_refused(tmp_path):
    path = write_wav(tmp_path / "clip.wav", np.zeros(0, np.int16))
    for read in (probe, lambda path: read_waveform(path, 16_000)):
        with pytest.raises(MediaError, match=r"clip\.wav: 0 packets of audio .*none decoded; expected .*at least one"):
            read(path)


def test_sense_is_asked_of_windows_rates_and_widths(make_clip, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 0.2)
    for start, end in [(-1.0, None), (2.0, 1.0), (float("nan"), None), (0.0, float("nan"))]:
        with pytest.raises(MediaError, match="expected 0 <= start <= end"):
            read_waveform(path, 16_000, start, end)
        with pytest.raises(MediaError, match="expected 0 <= start <= end"):
            read_frames(path, start, end)
    with pytest.raises(MediaError, match="0 pictures per second; expected"):
        read_frames(path, rate=0)
    with pytest.raises(MediaError, match="0 pixels wide; expected"):
        read_frames(path, width=0)
    with pytest.raises(MediaError, match="sample rate 0 Hz; expected"):
        read_waveform(path, 0)


# Builders


@pytest.fixture
def rng_samples() -> np.ndarray:
    return np.random.default_rng(0).integers(-20_000, 20_000, 16_000).astype(np.int16)


def pitch(samples: np.ndarray, rate: int) -> float:
    """Hz of the strongest component, to a fraction of a bin."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return spectrum.argmax() * rate / (8 * len(samples))


def bright_corner(size: tuple[int, int]) -> np.ndarray:
    image = np.full((size[1], size[0], 3), 40, np.uint8)
    image[: size[1] // 2, : size[0] // 2] = 220
    return image


def quadrants(image: np.ndarray) -> tuple[int, int]:
    """Row and column (0 or 1) of the brightest quarter."""
    rows, columns = image.shape[0] // 2, image.shape[1] // 2
    means = [[image[r * rows :][:rows, c * columns :][:, :columns].mean() for c in (0, 1)] for r in (0, 1)]
    return divmod(int(np.argmax(means)), 2)


def set_display_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write a, b, c, d into the track header of the picture track, as a phone does."""
    content = bytearray(path.read_bytes())
    header = content.index(b"tkhd")  # of the first track: the pictures
    a, b, c, d = (value * 0x10000 for value in matrix)
    content[header + 44 : header + 80] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(content)


def remux(source: Path, target: Path, keep) -> Path:
    with av.open(str(source)) as taken, av.open(str(target), "w") as given:
        streams = {stream.index: given.add_stream_from_template(stream) for stream in taken.streams}
        for packet in taken.demux():
            if packet.dts is not None and keep(packet, float(packet.pts * packet.time_base)):
                packet.stream = streams[packet.stream_index]
                given.mux(packet)
    return target


def write_wav(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    return path


def cut(path: Path, share: float) -> None:
    os.truncate(path, int(path.stat().st_size * share))
