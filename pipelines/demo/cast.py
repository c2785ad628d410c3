"""The ten speakers of the demo corpus: looks, voice and split."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.demo.portrait import Looks
from pipelines.demo.voice import Voice


@dataclass(frozen=True)
class Speaker:
    """One of the cast. ``temper`` is added to the score of everything that the speaker says."""

    id: str
    split: str
    voice: Voice
    looks: Looks
    temper: float = 0.0


CAST: tuple[Speaker, ...] = (
    Speaker(
        id="s01",
        split="train",
        voice=Voice("f2", pitch=46, rate=180),
        looks=Looks(hair_colour=(150, 118, 66), shirt=(52, 54, 62), wall=(196, 190, 184)),
        temper=0.3,
    ),
    Speaker(
        id="s02",
        split="train",
        voice=Voice("m3", pitch=50, rate=184),
        looks=Looks(
            width=1.10,
            jaw=1.10,
            nose=1.5,
            brows=-1.0,
            hair=0.94,
            hair_colour=(58, 48, 42),
            skin=(0.90, 0.86, 0.83),
            shirt=(40, 62, 112),
            wall=(122, 150, 170),
            beard=0.5,
            mirrored=True,
        ),
        temper=-0.2,
    ),
    Speaker(
        id="s03",
        split="train",
        voice=Voice("f4", pitch=52, rate=176),
        looks=Looks(
            width=0.91,
            length=1.04,
            eyes_apart=-1.0,
            mouth=0.95,
            hair_colour=(140, 66, 40),
            skin=(1.02, 0.98, 0.97),
            shirt=(104, 34, 44),
            wall=(168, 178, 140),
            glasses=True,
        ),
    ),
    Speaker(
        id="s04",
        split="train",
        voice=Voice("m7", pitch=44, rate=188, gain=0.85),
        looks=Looks(
            width=1.04,
            length=0.96,
            jaw=1.06,
            mouth=1.08,
            hair=0.90,
            hair_colour=(132, 130, 132),
            shirt=(78, 90, 70),
            wall=(150, 132, 118),
            light=0.9,
            beard=0.35,
            glasses=True,
        ),
        temper=0.1,
    ),
    Speaker(
        id="s05",
        split="train",
        voice=Voice("steph", pitch=55, rate=182, gain=1.1),
        looks=Looks(
            width=1.06,
            eyes_apart=1.5,
            nose=-1.0,
            brows=1.0,
            mouth=1.04,
            hair=1.03,
            hair_colour=(44, 36, 36),
            skin=(0.93, 0.88, 0.84),
            shirt=(150, 110, 40),
            wall=(204, 178, 160),
            light=1.05,
        ),
        temper=-0.1,
    ),
    Speaker(
        id="s06",
        split="train",
        voice=Voice("m1", pitch=56, rate=180, gain=1.1),
        looks=Looks(
            width=0.95,
            length=1.03,
            jaw=0.94,
            nose=2.0,
            hair=0.93,
            hair_colour=(96, 66, 44),
            skin=(0.95, 0.90, 0.86),
            shirt=(96, 88, 130),
            wall=(108, 124, 118),
            mirrored=True,
        ),
    ),
    Speaker(
        id="s07",
        split="valid",
        voice=Voice("f1", pitch=48, rate=178),
        looks=Looks(
            width=0.97,
            length=0.97,
            jaw=1.05,
            eyes_apart=0.5,
            hair_colour=(186, 160, 104),
            skin=(1.04, 1.0, 0.98),
            shirt=(36, 98, 96),
            wall=(158, 150, 178),
            mirrored=True,
        ),
    ),
    Speaker(
        id="s08",
        split="valid",
        voice=Voice("m4", pitch=52, rate=190, gain=1.05),
        looks=Looks(
            width=1.08,
            length=1.02,
            brows=-0.5,
            mouth=0.97,
            hair=0.92,
            hair_colour=(40, 36, 38),
            skin=(0.88, 0.85, 0.83),
            shirt=(128, 56, 52),
            wall=(186, 188, 196),
            beard=0.3,
            glasses=True,
        ),
        temper=0.1,
    ),
    Speaker(
        id="s09",
        split="test",
        voice=Voice("f3", pitch=42, rate=184),
        looks=Looks(
            width=0.94,
            jaw=0.95,
            eyes_apart=1.0,
            nose=0.5,
            mouth=1.06,
            hair=1.02,
            hair_colour=(92, 48, 40),
            skin=(0.94, 0.90, 0.88),
            shirt=(60, 70, 52),
            wall=(198, 186, 142),
            light=0.95,
        ),
    ),
    Speaker(
        id="s10",
        split="test",
        voice=Voice("Mike", pitch=58, rate=186, gain=1.4),
        looks=Looks(
            width=1.12,
            length=0.97,
            jaw=1.08,
            eyes_apart=0.5,
            hair=0.91,
            hair_colour=(112, 84, 56),
            shirt=(70, 44, 92),
            wall=(128, 152, 132),
            light=1.05,
            beard=0.6,
            mirrored=True,
        ),
        temper=-0.1,
    ),
)
