"""Decoding of a one-hour 720p clip: memory of the whole process, speed, and how soon a window far inside is there."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from report import Row

from mmfeat.media import read_frames

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (
    ROOT / ".." / "shared" / "data" / "video" / "single_face.mp4",
    *sorted((ROOT / "pipelines" / "demo" / "clips").glob("*.mp4")),
)
SECONDS = 3600
RATE = 25  # pictures per second of the clip
SOUND_RATE = 48_000  # Hz
KEYS = ("count", "time", "peak")  # -, s, MiB
LOOP = Fraction(64, 25)  # s of the real clip that are repeated: 64 pictures, and 120 whole packets of sound

DECODE = """
import json, sys, time
from pathlib import Path
from mmfeat.media import probe, read_frames, read_waveform
path, seconds, result = Path(sys.argv[1]), int(sys.argv[2]), {}
def measure(name, work):
    begin = time.perf_counter()
    count = work()
    elapsed = time.perf_counter() - begin
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    result[name] = count, elapsed, int(peak.split()[1]) / 1024
def window(start, end):
    pictures = sum(1 for _ in read_frames(path, start, end, rate=10))
    return pictures + len(read_waveform(path, 16_000, start, end).samples)
measure("imports", lambda: 0)
measure("window", lambda: window(seconds / 2 + 0.5, seconds / 2 + 3.5))
measure("pictures", lambda: sum(1 for _ in read_frames(path, rate=10)))
measure("minutes", lambda: sum(len(read_waveform(path, 16_000, m, m + 60).samples) for m in range(0, seconds, 60)))
measure("whole", lambda: len(read_waveform(path, 16_000).samples))
print(json.dumps(result))
"""


def run() -> list[Row]:
    """Decode an hour in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = repeat(encode_720p(Path(folder) / "loop.mp4"), Path(folder) / "hour.mp4", SECONDS)
        size = path.stat().st_size
        command = [sys.executable, "-c", DECODE, str(path), str(SECONDS)]
        result = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    base, window, pictures, minutes, whole = (dict(zip(KEYS, result[name], strict=True)) for name in result)
    clip = f"media: {SECONDS / 3600:.2g} h of 720p ({size / 1e6:.0f} MB)"
    samples = whole["count"] * 4 / 1e6
    return [
        Row(f"{clip}: peak memory, pictures at 10/s", f"{pictures['peak']:.0f} MB", "200 MB"),
        Row("media: and its sound minute by minute", f"{minutes['peak']:.0f} MB", "200 MB"),
        Row(f"media: and its sound in one array ({samples:.0f} MB)", f"{whole['peak']:.0f} MB"),
        Row("media: of that, Python and the imports", f"{base['peak']:.0f} MB"),
        Row(
            "media: pictures at 10/s as RGB", f"{pictures['time']:.0f} s, {SECONDS / pictures['time']:.0f} x real time"
        ),
        Row("media: decoded, of them converted, pictures per second", per_second(pictures)),
        Row("media: sound at 16 kHz in one array", f"{whole['time']:.0f} s, {SECONDS / whole['time']:.0f} x real time"),
        Row("media: 3 s of both from the middle", f"{window['time']:.2f} s"),
    ]


def per_second(pictures: dict[str, float]) -> str:
    """Both rates."""
    return f"{SECONDS * RATE / pictures['time']:.0f}, {pictures['count'] / pictures['time']:.0f}"


def encode_720p(path: Path) -> Path:
    """The first seconds of a real clip in 1280x720 with a sound track, in settings that decode fast."""
    source = next((clip for clip in SOURCES if clip.exists()), None)
    if source is None:
        raise SystemExit("bench_media needs ../shared/data/video or pipelines/demo/clips, and neither is here")
    with av.open(str(path), "w") as container:
        video = container.add_stream(
            "libx264", rate=RATE, options={"preset": "veryfast", "tune": "fastdecode", "crf": "30"}
        )
        video.width, video.height, video.pix_fmt = 1280, 720, "yuv420p"
        sound = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for index, image in enumerate(looped(source)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(1280, 720, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        wave = 0.3 * np.sin(2 * np.pi * 220 * np.arange(int(LOOP * SOUND_RATE)) / SOUND_RATE)
        tone = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), format="fltp", layout="mono")
        tone.sample_rate = SOUND_RATE
        for packets in (sound.encode(tone), sound.encode(None)):
            container.mux(packets)
    return path


def looped(source: Path) -> Iterator[np.ndarray]:
    """As many pictures as fit in the loop, the last one held if the clip is shorter."""
    image, given = None, 0
    for frame in read_frames(source, end=float(LOOP), rate=RATE):
        image, given = frame.image, given + 1
        yield image
    while given < LOOP * RATE and image is not None:
        given += 1
        yield image


def repeat(loop: Path, path: Path, seconds: float) -> Path:
    """The same packets over and over, as a clip of that length."""
    with av.open(str(loop)) as taken, av.open(str(path), "w") as given:
        packets = [
            packet for packet in taken.demux() if packet.pts is not None and 0 <= packet.pts * packet.time_base < LOOP
        ]
        streams = {stream.index: given.add_stream_from_template(stream) for stream in taken.streams}
        for turn in range(round(seconds / LOOP)):
            for packet in packets:
                copy = av.Packet(bytes(packet))
                shift = round(turn * LOOP / packet.time_base)
                copy.pts, copy.dts = packet.pts + shift, packet.dts + shift
                copy.time_base, copy.duration, copy.is_keyframe = packet.time_base, packet.duration, packet.is_keyframe
                copy.stream = streams[packet.stream_index]
                given.mux(copy)
    return path
