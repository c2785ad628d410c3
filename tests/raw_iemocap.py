"""A miniature of IEMOCAP's release: its layout and its oddities, with faces and voices of the demo corpus.

Six conversations of half a dozen words. The faces are two clips side by side, the voice is that of the first, cut
into turns between its words. Word times are what our aligner found. Sound is ADPCM, for the size.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from mmfeat.media import read_frames, read_waveform

CLIPS = Path(__file__).resolve().parents[1] / "pipelines" / "demo" / "clips"
FPS = 10
FACE = (slice(32, 160), slice(16, 144))  # rows and columns of the clips that hold it
NO_WDSEG = "Ses03M_impro03_M001"  # as in the release


@dataclass(frozen=True)
class Turn:
    """``words`` are those of the .wdseg: first and last frame in the dialogue, and the word, by commas."""

    name: str
    start: float
    end: float
    emotion: str
    ratings: str
    text: str
    words: str = ""

    @property
    def rows(self) -> list[tuple[int, int, str]]:
        """The words, taken apart."""
        parts = [row.split() for row in self.words.split(", ") if row]
        return [(int(first), int(last), word) for first, last, word in parts]


@dataclass(frozen=True)
class Talk:
    """One dialogue: who is heard, and who is seen beside; its length in s; the sample rate in Hz."""

    name: str
    clips: tuple[str, str]
    seconds: float
    turns: tuple[Turn, ...]
    rate: int = 8000


NEUTRAL, SO_SO, GLAD = "2.5000, 2.5000, 2.5000", "3.0000, 3.5000, 2.0000", "4.5000, 4.0000, 3.0000"
SAD, CROSS = "1.6667, 2.0000, 2.0000", "1.5000, 4.0000, 5.0000"
TALKS = (
    Talk("Ses01F_impro01", ("d02_00", "d02_03"), 2.2, (
        Turn("F000", 0.1012, 0.9837, "neu", NEUTRAL, "The dinner was rude.",
             "17 29 THE(2), 30 50 DINNER, 51 70 WAS, 71 96 RUDE"),
        Turn("F001", 0.9837, 1.6125, "xxx", SO_SO, "And the waiter", "98 118 AND, 119 131 THE(2), 132 159 WAITER"),
        Turn("M000", 1.6125, 2.2, "exc", GLAD, "was ugly. [LAUGHTER]", "162 179 WAS, 180 214 UGLY"),
    )),
    Talk("Ses01F_script01_1", ("d04_05", "d02_01"), 1.6, (
        Turn("M000", 0.1, 0.93, "ang", CROSS, "My boss liked", "14 29 MY, 30 56 BOSS, 57 91 LIKED"),
        Turn("F000", 0.93, 1.6, "sad", SAD, "the concert.", "94 101 THE, 102 154 CONCERT"),
    )),
    Talk("Ses02M_impro02", ("d06_00", "d01_01"), 1.7, (
        Turn("M000", 0.1, 0.83, "fru", CROSS, "To me the weather", "18 28 TO, 29 42 ME, 43 52 THE, 53 81 WEATHER"),
        Turn("F000", 0.83, 1.7, "hap", GLAD, "was not tragic.", "83 101 WAS, 102 122 NOT, 123 166 TRAGIC"),
    )),
    Talk("Ses03M_impro03", ("d01_00", "d03_00"), 3.0, (
        Turn("F000", 0.0, 0.27, "oth", SO_SO, "[BREATHING]"),
        Turn("M001", 0.27, 2.8, "ang", CROSS, "My mother avoided the film and I was angry."),
    ), rate=16_000),
    Talk("Ses04F_script02_2", ("d12_01", "d04_02"), 1.75, (
        Turn("F000", 0.1, 0.46, "neu", NEUTRAL, "I was", "18 27 I, 28 45 WAS"),
        Turn("M000", 0.46, 0.94, "hap", GLAD, "annoyed when", "46 75 ANNOYED, 76 93 WHEN"),
        Turn("F001", 0.94, 1.75, "ang", CROSS, "we saw the speech.",
             "94 107 WE, 108 125 SAW, 126 136 THE, 137 168 SPEECH"),
    )),
    Talk("Ses05M_impro08a", ("d20_00", "d15_01"), 1.9, (
        Turn("M000", 0.1, 0.62, "sad", SAD, "You mourned", "17 31 YOU, 32 60 MOURNED"),
        Turn("F000", 0.62, 1.1, "neu", NEUTRAL, "the flight", "62 72 THE, 73 108 FLIGHT"),
        Turn("F001", 1.1, 1.42, "exc", GLAD, "but the", "110 132 BUT, 133 141 THE"),
        Turn("M001", 1.42, 1.9, "ang", CROSS, "pilot.", "142 178 PILOT"),
    )),
)  # fmt: skip


def make(root: Path) -> Path:
    """Make the release with what is odd about the real one; return its folder."""
    release = root / "IEMOCAP_full_release"
    (release / "Documentation").mkdir(parents=True)
    (release / "README.txt").write_text("IEMOCAP\n")
    for talk in TALKS:
        session = release / f"Session{talk.name[4]}"
        _write_evaluation(session / "dialog" / "EmoEvaluation", talk)
        _write_transcription(session / "dialog" / "transcriptions", talk)
        _write_media(session, talk)
        for turn in talk.turns:
            name = f"{talk.name}_{turn.name}"
            if name != NO_WDSEG:
                _write_wdseg(session / "sentences" / "ForcedAlignment" / talk.name / f"{name}.wdseg", turn)
    return release


def _write_evaluation(folder: Path, talk: Talk) -> None:
    lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    for turn in sorted(talk.turns, key=lambda turn: turn.name):  # not by time
        lines += [
            f"[{turn.start:.4f} - {turn.end:.4f}]\t{talk.name}_{turn.name}\t{turn.emotion}\t[{turn.ratings}]",
            "C-E2:\tNeutral;\t()",
            "C-F1:\tNeutral; Anger;\t(a little)",
            "A-E3:\tval 3; act 2; dom  2;\t()",
            "A-F1:\tval 3; act 2; dom  ;\t()",  # a rater who gave no dominance
            "",
        ]
    for inner in ("Attribute", "Categorical", "Self-evaluation"):
        (folder / inner).mkdir(parents=True, exist_ok=True)
    (folder / f"{talk.name}.txt").write_text("\n".join(lines) + "\n")
    (folder / f"._{talk.name}.txt").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X\xff\xfe")
    (folder / "Categorical" / f"{talk.name}_e2_cat.txt").write_text(f"{talk.name}_F000 :Neutral; ()\n")


def _write_transcription(folder: Path, talk: Talk) -> None:
    lines = [f"{talk.name}_{t.name} [{t.start:08.4f}-{t.end:08.4f}]: {t.text}" for t in talk.turns]
    lines.insert(1, f"{talk.name}_MXX0 [000.1000-000.2000]: (both talk)")
    lines.append("F: said to the director, without times")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{talk.name}.txt").write_text("\n".join(lines) + "\n")
    (folder / f"._{talk.name}.txt").write_bytes(b"\x00\x05\x16\x07")


def _write_wdseg(path: Path, turn: Turn) -> None:
    """Frames of the turn, with silence and noises between the words, as CMU Sphinx writes them."""
    first = round(turn.start * 100)
    last = round(turn.end * 100) - first - 1
    rows, frame = [], 0
    for begin, end, word in turn.rows:
        if begin - first > frame:
            rows.append((frame, begin - first - 1, "<sil>" if rows else "<s>"))
        rows.append((begin - first, end - first, word))
        frame = end - first + 1
    if frame < last:
        rows.append((frame, last - 1, "++BREATHING++"))
        frame = last
    rows.append((frame, max(frame, last), "</s>"))
    lines = [f"\t{'SFrm':>5} {'EFrm':>5} {'SegAScr':>10} Word"]
    lines += [f"\t{begin:5d} {end:5d} {-1000 * (end - begin + 1):10d} {word}" for begin, end, word in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, f" Total score: {-1000 * (last + 1):11d}"]) + "\n")


def _write_media(session: Path, talk: Talk) -> None:
    """Video of both, their sound in stereo (women left), and the sound of each turn."""
    voice = read_waveform(CLIPS / f"{talk.clips[0]}.mp4", talk.rate, 0.0, talk.seconds).samples
    sides = np.zeros((2, len(voice)), dtype=np.float32)
    for turn in talk.turns:
        span = slice(round(turn.start * talk.rate), round(turn.end * talk.rate))
        sides["FM".index(turn.name[0]), span] = voice[span]
        cut_out = session / "sentences" / "wav" / talk.name / f"{talk.name}_{turn.name}.wav"
        _write_wav(cut_out, voice[None, span], talk.rate)
    _write_wav(session / "dialog" / "wav" / f"{talk.name}.wav", sides, talk.rate)
    faces = [read_frames(CLIPS / f"{clip}.mp4", end=talk.seconds, rate=FPS) for clip in talk.clips]
    pictures = [np.concatenate([frame.image[FACE] for frame in pair], axis=1) for pair in zip(*faces, strict=False)]
    _write_avi(session / "dialog" / "avi" / "DivX" / f"{talk.name}.avi", pictures, sides.mean(axis=0), talk.rate)


def _write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("adpcm_ima_wav", rate=rate, layout="stereo" if len(samples) == 2 else "mono")
        _encode(container, stream, samples, rate)


def _write_avi(path: Path, pictures: list[np.ndarray], sound: np.ndarray, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=FPS)
        video.height, video.width, _ = pictures[0].shape
        video.pix_fmt, video.codec_context.bit_rate = "yuv420p", 30_000
        video.codec_context.gop_size = 100
        video.codec_context.codec_tag = "DX50"
        video.codec_context.thread_count = 1
        audio = container.add_stream("libmp3lame", rate=rate, layout="mono")
        audio.codec_context.bit_rate = 16_000
        for number, picture in enumerate(pictures):
            image = av.VideoFrame.from_ndarray(picture, format="rgb24")
            image.pts, image.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(image))
        container.mux(video.encode(None))
        _encode(container, audio, sound[None], rate)


def _encode(container: av.container.OutputContainer, stream: av.AudioStream, samples: np.ndarray, rate: int) -> None:
    layout = "stereo" if len(samples) == 2 else "mono"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
