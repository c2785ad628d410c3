"""What of a media file goes on the picture: its sound, and the face at some of the words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from mmfeat.errors import MediaError
from mmfeat.faces import FaceConfig, picture_size, read_pictures
from mmfeat.media import VideoFrame, read_waveform
from mmfeat.types import SPEECH_RATE, ByteImage, Seconds, Utterance, Waveform

LAST_SHOWN: Seconds = 0.2  # after the end of the pictures the last one still stands for a word
READ_WIDTH = 640  # px, of the pictures that faces are looked for in
FACE_MARGIN = 0.3  # of the face's size, on each side
IN_ONE_PASS: Seconds = 120.0  # utterances up to this length are decoded through, in longer ones each picture is sought


@dataclass(frozen=True)
class Clip:
    """What could still be read of the media file; the notes say why something is not there."""

    sound: Waveform | None
    sound_note: str
    pictures: tuple[tuple[Seconds, ByteImage, bool], ...]  # time, cut-out, whether a face was found in it
    pictures_note: str


def read_clip(said: Utterance, thumbnails: int) -> Clip:
    """Read the sound of an utterance and at most so many of its pictures; what cannot be read becomes a note."""
    return Clip(*_sound(said), *_pictures(said, thumbnails))


def _sound(said: Utterance) -> tuple[Waveform | None, str]:
    """What is heard, or why nothing is."""
    file = said.heard_in
    if not file.is_file():
        return None, _gone(file)
    try:
        sound = read_waveform(file, SPEECH_RATE, said.start, said.end)
    except MediaError:
        return None, f"the sound of {file.name} cannot be read"
    return sound, "" if sound is not None and len(sound.samples) else f"no sound in {file.name}"


def _pictures(said: Utterance, thumbnails: int) -> tuple[tuple[tuple[Seconds, ByteImage, bool], ...], str]:
    """What is seen, or why nothing is."""
    file = said.media
    if not file.is_file():
        return (), _gone(file)
    try:
        pictures = tuple(_faces(said, _moments(said, thumbnails)))
    except MediaError:
        return (), f"the pictures of {file.name} cannot be read"
    return pictures, "" if pictures else f"no pictures in {file.name}" if said.words else "no words, so no pictures"


def _gone(file: Path) -> str:
    return f"{file.name} is no longer where it was"


def _moments(said: Utterance, count: int) -> list[Seconds]:
    """Centres of at most ``count`` words, evenly chosen."""
    centres = sorted({(word.start + word.end) / 2 for word in said.words})
    rows = np.unique(np.linspace(0, len(centres) - 1, min(count, len(centres))).round().astype(int))
    return [centres[row] for row in rows]


def _frames_at(said: Utterance, moments: list[Seconds]) -> Iterator[VideoFrame]:
    """The first picture at or after each moment."""
    if not moments:
        return
    if moments[-1] - moments[0] > IN_ONE_PASS:
        for moment in moments:
            yield from islice(read_pictures(said.media, moment, width=READ_WIDTH, half=said.half), 1)
        return
    waiting, frame = list(moments), None
    for frame in read_pictures(said.media, moments[0], None, 25.0, READ_WIDTH, said.half):
        while waiting and frame.time >= waiting[0]:
            waiting.pop(0)
            yield frame
        if not waiting:
            return
    if frame is not None:  # the last picture is shown for a while
        yield from (frame for moment in waiting if moment - frame.time < LAST_SHOWN)


def _faces(said: Utterance, moments: list[Seconds]) -> Iterator[tuple[Seconds, ByteImage, bool]]:
    """Each picture cut to its largest face, or whole where there is none."""
    frames = list(_frames_at(said, moments))
    if not frames:
        return
    from mmfeat.faces.detection import FaceDetector, pyramid

    shown = picture_size(said.media, said.half)
    detector = FaceDetector()
    for moment, frame in zip(moments, frames, strict=False):
        height, width, _ = frame.image.shape
        scales = pyramid(shown[0] if shown else width, width, height, FaceConfig.min_face_size * width / READ_WIDTH)
        found = detector(frame.image[None], scales)
        boxes = found.boxes[found.probabilities >= FaceConfig.min_probability]
        if len(boxes) == 0:
            yield moment, _square(frame.image, width / 2, height / 2, min(width, height)), False
            continue
        sizes = boxes[:, 3] - boxes[:, 1]
        left, top, right, bottom = boxes[sizes.argmax()]
        side = float(sizes.max()) * (1 + 2 * FACE_MARGIN)
        yield moment, _square(frame.image, (left + right) / 2, (top + bottom) / 2, side), True


def _square(image: ByteImage, x: float, y: float, side: float) -> ByteImage:
    """A square of the picture as near to the place as the picture allows."""
    height, width, _ = image.shape
    side = max(1, min(round(side), height, width))
    left = int(np.clip(round(x - side / 2), 0, width - side))
    top = int(np.clip(round(y - side / 2), 0, height - side))
    return image[top : top + side, left : left + side]
