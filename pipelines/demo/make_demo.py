"""Make the demo corpus: clips, utterances.csv and glove.demo.txt, from nothing but a seed.

    python pipelines/demo/make_demo.py [--output FOLDER] [--only ID ...]

Needs espeak-ng on the PATH, and a PyAV with libx264 and libopus (its wheel has both). About two minutes on one core.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that this runs as a file

from pipelines.demo import face, portrait, script, voice
from pipelines.demo.script import Line
from pipelines.demo.voice import Array

SEED = 41  # one of those whose splits are balanced in score and emotion
COLUMNS = (
    "id", "media", "start", "end", "split", "speaker", "dialogue", "turn", "transcript", "sentiment", "emotion", "note",
)  # fmt: skip
# One thread, and no macroblock tree: its fast code was seen to read memory that nobody had set, and to give other bytes
# each time.
_VIDEO_OPTIONS = {"crf": "29", "preset": "veryslow", "threads": "1", "x264-params": "mbtree=0"}
_SOUND_OPTIONS = {"application": "voip", "vbr": "on"}
_SOUND_RATE = 16_000  # bits per second


def main() -> None:
    """Make the corpus in a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder to write to")
    parser.add_argument("--only", nargs="+", metavar="ID", help="make these clips alone, and no table")
    arguments = parser.parse_args()
    print(f"with {voice.version()}, PyAV {av.__version__}")
    lines = script.write_script(np.random.default_rng(SEED))
    clips = arguments.output / "clips"
    if arguments.only is None:
        shutil.rmtree(clips, ignore_errors=True)
        write_table(lines, arguments.output / "utterances.csv")
        write_vectors(arguments.output / "glove.demo.txt")
    clips.mkdir(parents=True, exist_ok=True)
    for index, line in enumerate(lines):
        if arguments.only is None or line.id in arguments.only:
            make_clip(line, clips / f"{line.id}.mp4", np.random.default_rng([SEED, index]))
            print(f"{line.id}  {line.score:+.1f} {line.emotion:8}{line.note:18}{line.spoken}")


def write_table(lines: list[Line], path: Path) -> None:
    """Write the table of utterances."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for line in lines:
            who = [line.speaker.split, line.speaker.id, line.dialogue, line.turn]
            what = [line.transcript, line.score, line.emotion, line.note]
            table.writerow([line.id, f"clips/{line.id}.mp4", "", "", *who, *what])


def write_vectors(path: Path) -> None:
    """Write the word vectors in GloVe's text format: a word and its numbers per line, no header."""
    with path.open("w", encoding="utf-8") as file:
        for word, vector in script.vectors(np.random.default_rng(SEED)):
            file.write(f"{word} {' '.join(f'{value:.3f}' for value in vector)}\n")


def make_clip(line: Line, path: Path, rng: np.random.Generator) -> None:
    """Render one utterance and encode it."""
    sound = voice.speak(line.spoken, line.speaker.voice, line.voice, rng)
    frames = int(np.ceil(len(sound) * face.FRAME_RATE / voice.SAMPLE_RATE))
    pictures = list(face.draw(line.speaker.looks, _act(line, sound, frames, rng), rng))
    pictures = _hide_face(line, pictures, rng)
    if line.note == "noise":
        sound = voice.add_room(voice.street_noise(len(sound), rng), rng)
    encode(
        path,
        None if line.note == "no video stream" else pictures,
        None if line.note == "no audio stream" else sound,
    )


def encode(path: Path, pictures: list[portrait.Image] | None, sound: Array | None) -> None:
    """Write H.264 pictures and Opus sound, either may be absent, to an mp4 without dates or program names in it."""
    with av.open(str(path), "w", options={"fflags": "+bitexact", "movflags": "+faststart"}) as container:
        video = audio = None
        if pictures is not None:
            video = container.add_stream("libx264", rate=face.FRAME_RATE, options=_VIDEO_OPTIONS)
            video.width, video.height, video.pix_fmt = portrait.SIZE, portrait.SIZE, "yuv420p"
            video.codec_context.gop_size = 250
        if sound is not None:
            audio = container.add_stream("libopus", rate=voice.SAMPLE_RATE, options=_SOUND_OPTIONS, layout="mono")
            audio.bit_rate = _SOUND_RATE
        if video is not None:
            for index, picture in enumerate(pictures or []):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, face.FRAME_RATE)
                container.mux(video.encode(frame))
            container.mux(video.encode())
        if audio is not None and sound is not None:
            samples = (sound * 32767).astype(np.int16)[None]
            heard = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            heard.sample_rate, heard.pts, heard.time_base = voice.SAMPLE_RATE, 0, Fraction(1, voice.SAMPLE_RATE)
            container.mux(audio.encode(heard))
            container.mux(audio.encode())


def _act(line: Line, sound: Array, frames: int, rng: np.random.Generator) -> face.Acting:
    """Expression over time: it builds up, wavers, and the mouth follows the voice."""
    build_up = 0.55 + 0.45 * np.clip(np.arange(frames) / (0.35 * frames), 0, 1)
    waver = _drift(frames, 0.08, rng)
    tone = line.face
    blink = np.zeros(frames)
    for start in np.flatnonzero(rng.random(frames) < 0.04):
        blink[start : start + 2] = 1.0
    return face.Acting(
        valence=np.clip(tone.valence * build_up + waver, -1, 1),
        anger=tone.anger * build_up,
        sorrow=tone.sorrow * build_up,
        opening=0.85 * voice.loudness(sound, face.FRAME_RATE, frames),
        blink=blink,
        sway=np.column_stack([_drift(frames, 1.6, rng), _drift(frames, 1.0, rng), _drift(frames, 0.025, rng)]),
        turn=_drift(frames, 1.8, rng) + 0.8 * rng.normal(),
    )


def _drift(frames: int, spread: float, rng: np.random.Generator) -> Array:
    """Smooth random movement round zero; (frames,)."""
    from scipy.ndimage import gaussian_filter1d

    walk = gaussian_filter1d(rng.normal(0, 1, frames + 20), 3.0)[10:-10]
    return np.asarray(spread * walk / 0.31)  # 0.31: what the filter leaves of a standard deviation of 1


def _hide_face(line: Line, pictures: list[portrait.Image], rng: np.random.Generator) -> list[portrait.Image]:
    """Take the face away where the line's note says so."""
    half = len(pictures) // 2
    if line.note == "black picture":
        return [np.zeros_like(picture) for picture in pictures]
    if line.note == "face covered":
        return [face.cover_with_card(picture, 1.0) for picture in pictures]
    if line.note == "face out of view":
        return [portrait.empty_room(line.speaker.looks, rng)] * len(pictures)
    if line.note == "face lost halfway":
        return [face.cover_with_card(p, min(1.0, max(0.0, (i - half) / 3))) for i, p in enumerate(pictures)]
    return pictures


if __name__ == "__main__":
    main()
