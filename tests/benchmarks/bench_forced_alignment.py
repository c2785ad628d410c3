"""Forced alignment: CPU time per second of speech, boundary errors in noise, and how often the verdict is wrong.

On the hand-labelled sentences, the GRID clips and the acted sentences of ../shared/data; where they are absent, the
time and the verdicts on the demo corpus.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from report import Row

from mmfeat.errors import AlignmentFailed
from mmfeat.forced_alignment.pocketsphinx import Config, PocketsphinxAligner, build
from mmfeat.media import read_waveform
from mmfeat.types import SPEECH_RATE, Waveform, Word

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
NOISE = (None, 20.0, 10.0, 5.0)  # dB below the mean power of the clip
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}


@dataclass(frozen=True)
class Clip:
    """Sound, what is said, and when, as far as known."""

    waveform: Waveform
    transcript: str
    words: tuple[tuple[float, float], ...] = ()


def run() -> list[Row]:
    """Measure."""
    align = build(Config())
    if not SHARED.is_dir():
        clips = list(_demo())
        return [*_speed(align, {"demo corpus": clips}), _verdicts(align, "demo corpus", clips, _next(clips))]
    labelled, grid, acted = list(_labelled()), list(_grid()), list(_acted())
    rows = _speed(align, {"hand-labelled": labelled, "GRID": grid})
    for decibels in NOISE:
        where = "clean" if decibels is None else f"{decibels:g} dB"
        rows.append(_accuracy(align, f"hand-labelled, {where}", labelled, decibels, "15 / 45" if not decibels else "-"))
        rows.append(_accuracy(align, f"GRID, {where}", grid, decibels, "start 22" if not decibels else "-"))
    rows.append(_verdicts(align, "GRID (words of another clip)", grid, _next(grid)))
    rows.append(_verdicts(align, "acted, 240 (two words of six wrong)", acted, _other_statement))
    demo = list(_demo())
    rows.append(_verdicts(align, "demo corpus (words of another clip)", demo, _next(demo)))
    return rows


def _speed(align: PocketsphinxAligner, corpora: dict[str, list[Clip]]) -> list[Row]:
    rows = []
    for name, clips in corpora.items():
        align(clips[0].waveform, clips[0].transcript)
        began = time.process_time()
        for clip in clips:
            _placed(align, clip.waveform, clip.transcript)
        spent = (time.process_time() - began) / sum(clip.waveform.duration for clip in clips)
        rows.append(Row(f"forced alignment, {name}: s of one core per s of sound", f"{spent:.3f}", "0.05"))
    long, texts = np.concatenate([clip.waveform.samples for clip in clips] * 9), " ".join(c.transcript for c in clips)
    began = time.process_time()
    words = _placed(align, Waveform(long, SPEECH_RATE), " ".join([texts] * 9))
    spent = (time.process_time() - began) / (len(long) / SPEECH_RATE)
    what = f"forced alignment, {name} in one recording of {len(long) / SPEECH_RATE / 60:.0f} min, {len(words)} words"
    return [*rows, Row(what, f"{spent:.3f}", "0.05")]


def _accuracy(align: PocketsphinxAligner, name: str, clips: list[Clip], decibels: float | None, asked: str) -> Row:
    starts: list[float] = []
    ends: list[float] = []
    failed = 0
    for clip in clips:
        words = _placed(align, _noisy(clip.waveform, decibels), clip.transcript)
        failed += not words
        starts += [abs(word.start - start) for word, (start, _) in zip(words, clip.words, strict=False)]
        ends += [abs(word.end - end) for word, (_, end) in zip(words, clip.words, strict=False)]
    both = 1000 * np.array(starts + ends)
    measured = (
        f"boundary {np.median(both):.0f} / {np.percentile(both, 90):.0f}, start {1000 * np.median(starts):.0f}; "
        if len(both)
        else ""
    )
    return Row(f"{name}: ms, median / 90th percentile", f"{measured}refused {failed} of {len(clips)}", asked)


def _verdicts(align: PocketsphinxAligner, name: str, clips: list[Clip], wrong: Callable[[Clip], str]) -> Row:
    refused = sum(not _placed(align, clip.waveform, clip.transcript) for clip in clips)
    accepted = sum(bool(_placed(align, clip.waveform, wrong(clip))) for clip in clips)
    measured = f"right refused {refused}, wrong accepted {accepted} of {len(clips)}"
    return Row(f"verdict, {name}", measured)


def _placed(align: PocketsphinxAligner, waveform: Waveform, transcript: str) -> tuple[Word, ...]:
    """The words, none where the aligner refuses."""
    try:
        return align(waveform, transcript)
    except AlignmentFailed:
        return ()


def _noisy(waveform: Waveform, decibels: float | None) -> Waveform:
    if decibels is None:
        return waveform
    amplitude = np.sqrt(np.mean(np.square(waveform.samples)) / 10 ** (decibels / 10))
    noise = np.random.default_rng(0).standard_normal(len(waveform.samples))
    return Waveform((waveform.samples + amplitude * noise).astype(np.float32), SPEECH_RATE)


def _next(clips: list[Clip]) -> Callable[[Clip], str]:
    others = {id(clip): other.transcript for clip, other in zip(clips, clips[5:] + clips[:5], strict=True)}
    return lambda clip: others[id(clip)]


def _other_statement(clip: Clip) -> str:
    return STATEMENTS["02"] if clip.transcript == STATEMENTS["01"] else STATEMENTS["01"]


def _sound(path: Path) -> Waveform:
    waveform = read_waveform(path, SPEECH_RATE)
    assert waveform is not None, path
    return waveform


def _labelled() -> Iterator[Clip]:
    for path in sorted((SHARED / "alignment").glob("*.TextGrid")):
        tier = path.read_text().partition('name = "Text"')[2].partition("item [")[0]
        spans = []
        for part in tier.split("intervals [")[1:]:
            fields = part.split()
            if part.split('text = "')[1].split('"')[0].strip("* "):
                spans.append((float(fields[fields.index("xmin") + 2]), float(fields[fields.index("xmax") + 2])))
        yield Clip(_sound(path.with_suffix(".wav")), path.with_suffix(".txt").read_text(), tuple(spans))


def _grid() -> Iterator[Clip]:
    for path in sorted((SHARED / "grid").glob("*.align")):
        rows = [line.split() for line in path.read_text().splitlines()]
        words = [(int(a) / 25000, int(b) / 25000, text) for a, b, text in rows if text not in ("sil", "sp")]
        spans = tuple((start, end) for start, end, _ in words)
        yield Clip(_sound(path.with_suffix(".mpg")), " ".join(text for *_, text in words), spans)


def _acted() -> Iterator[Clip]:
    for path in sorted((SHARED / "ravdess").glob("*.flac")):
        yield Clip(_sound(path), STATEMENTS[path.stem.split("-")[4]])


def _demo() -> Iterator[Clip]:
    folder = ROOT / "pipelines" / "demo"
    with (folder / "utterances.csv").open() as table:
        for row in csv.DictReader(table):
            waveform = read_waveform(folder / row["media"], SPEECH_RATE)
            if row["transcript"] and row["note"] != "noise" and waveform is not None:
                yield Clip(waveform, row["transcript"])
