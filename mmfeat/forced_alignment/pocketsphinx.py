"""Forced alignment of English with pocketsphinx; model and dictionary come inside its wheel.

How it works, how exact it is, and where the threshold comes from: docs/forced_alignment.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmfeat.errors import AlignmentFailed
from mmfeat.forced_alignment._fit import Fit, compare, demanded
from mmfeat.forced_alignment._recogniser import FRAME_SHIFT, Recogniser, Segment, matched
from mmfeat.forced_alignment._sound import contrast, dithered, loudness, trimmed, without_long_pauses
from mmfeat.text_normalisation import SpokenToken, spoken_tokens
from mmfeat.types import SPEECH_RATE, FloatArray, IntArray, Waveform, Word

VERSION = "1"  # raise it when the same sound and text give other times

_SILENT = -75.0  # dB of full scale; the faintest recordings of speech lie around -60
_HOP = int(FRAME_SHIFT * SPEECH_RATE)
_LOOKAHEAD = 500  # frames; the end of a piece is decoded again with what follows it
_PAUSE = 15  # frames between words that make a good place to cut
_RATE = 6.0  # words per second; nobody talks faster for as long as a piece

_REMEDY = (
    "check that the transcript belongs to this recording, bring word times of your own (TextGrid, CTM, SRT, WebVTT, "
    "JSON, CSV), or let '--transcriber whisper' write it"
)


@dataclass(frozen=True)
class Config:
    """Settings of the aligner.

    ``min_fit`` is the share of the misfit of a wrong transcript that the given one must remove in a quiet recording (0
    accepts nearly everything, 1 nothing; less is demanded in noise); ``max_strange`` is the share of the words' time
    that may sound nothing like the words. Both are chosen from data in docs/forced_alignment.md. ``piece`` is the
    length in seconds of the pieces into which long recordings are cut.
    """

    min_fit: float = 0.45
    max_strange: float = 0.15
    piece: float = 60.0


@dataclass(frozen=True)
class _Recording:
    """The sound as the decoder hears it, and where each part of it was."""

    samples: FloatArray  # without long pauses
    origin: IntArray  # frame there -> frame of the waveform
    start: float  # s; of the waveform in the media file
    loud: float  # dB; level of speech

    def time(self, sample: int) -> float:
        """When a sample is heard, in seconds of the media file."""
        frame = min(sample // _HOP, len(self.origin) - 1)
        return self.start + (int(self.origin[frame]) * _HOP + sample - frame * _HOP) / SPEECH_RATE


@dataclass(frozen=True)
class _Piece:
    """Tokens placed in a stretch of the sound."""

    begin: int  # frame of the recording
    end: int  # frame, exclusive
    words: list[list[Segment]]  # per token; frames count from `begin`
    fit: Fit


def _require_sound(waveform: Waveform) -> None:
    """Refuse silence: with nothing to fit, wrong words fit it no worse than right ones."""
    level = loudness(waveform.samples)
    if level < _SILENT:
        raise AlignmentFailed(
            f"sound of {waveform.duration:.2f} s is silent ({level:.0f} dB of full scale); expected speech above "
            f"{_SILENT:.0f} dB; check that this is the right recording"
        )


class PocketsphinxAligner:
    """Places the words of a transcript in a recording. One instance serves many clips, one at a time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._recogniser = Recogniser()

    def __call__(self, waveform: Waveform, transcript: str) -> tuple[Word, ...]:
        """Align one recording.

        Parameters
        ----------
        waveform : Waveform
            Mono sound at 16 kHz.
        transcript : str
            What is said in it, in English.

        Returns
        -------
        tuple of Word
            One per whitespace token that has something to say, spelled as in the transcript. Times are on a grid of
            10 ms (5 ms beside pauses) from the start of the media file. ``score`` is the gain in log-likelihood over
            wrong words, in nats per frame of 10 ms: 3 to 6 in clean speech, around 0 for a word that was not said.

        Raises
        ------
        AlignmentFailed
            If the transcript is empty, not English, longer than the sound, or does not fit it.
        """
        tokens = self._tokens(waveform, transcript)
        _require_sound(waveform)
        samples, origin = without_long_pauses(waveform.samples)
        recording = _Recording(samples, origin, waveform.start, loudness(waveform.samples))
        words = []
        texts = iter(token.text for token in tokens)
        for piece in self._pieces(recording, tokens):
            for (first, last), score in zip(_spans(samples, piece), piece.fit.scores, strict=True):
                # The end belongs to the last sample of the word, not to what follows a shortened pause.
                end = recording.time(last - 1) + 1 / SPEECH_RATE
                words.append(Word(next(texts), round(recording.time(first), 6), round(end, 6), score))
        return tuple(words)

    def _tokens(self, waveform: Waveform, transcript: str) -> tuple[SpokenToken, ...]:
        """Write out the transcript and see that it may fit."""
        if waveform.sample_rate != SPEECH_RATE:
            raise AlignmentFailed(
                f"sound at {waveform.sample_rate} Hz; expected {SPEECH_RATE} Hz; read it with "
                "mmfeat.media.read_waveform(path, 16000)"
            )
        tokens = tuple(self._sayable(token) for token in spoken_tokens(transcript))
        if not tokens:
            raise AlignmentFailed(
                f"transcript {transcript.strip()[:60]!r} has no words; expected at least one; write down what is said, "
                "or use '--transcriber whisper' (or pocketsphinx) to find out"
            )
        needed = sum(map(self._shortest, tokens)) * FRAME_SHIFT
        if needed > waveform.duration:
            raise AlignmentFailed(
                f"transcript of {len(tokens)} words is longer than the sound of {waveform.duration:.2f} s; expected at "
                f"least {needed:.2f} s for these words; {_REMEDY}"
            )
        return tokens

    def _sayable(self, token: SpokenToken) -> SpokenToken:
        """Learn the words of a token; of its readings leave out compounds that the dictionary does not have."""
        known = [
            reading
            for reading in token.readings
            if all("-" not in word or self._recogniser.knows(word) for word in reading)
        ]
        readings = tuple(known) or token.readings
        for word in {word for reading in readings for word in reading}:
            self._recogniser.learn(word)
        return SpokenToken(token.text, readings)

    def _shortest(self, token: SpokenToken) -> int:
        return min(sum(map(self._recogniser.shortest, reading)) for reading in token.readings)

    def _pieces(self, recording: _Recording, tokens: Sequence[SpokenToken]) -> list[_Piece]:
        """Align from the beginning, a piece at a time; what is unsure at the end of one goes into the next."""
        length = int(self._config.piece / FRAME_SHIFT)
        total = len(recording.samples) // _HOP
        begin, done = 0, 0
        pieces: list[_Piece] = []
        while done < len(tokens):
            final = total - begin <= length * 3 // 2
            piece = self._piece(recording, tokens[done:], begin, total if final else begin + length, final)
            if piece.words:
                pieces.append(piece)
            begin, done = piece.end, done + len(piece.words)
        return pieces

    def _piece(self, recording: _Recording, rest: Sequence[SpokenToken], begin: int, end: int, final: bool) -> _Piece:
        """Align one stretch, first with pocketsphinx's own beams and, where that fails, without any."""
        sound = recording.samples[begin * _HOP :] if final else recording.samples[begin * _HOP : end * _HOP]
        tokens = rest if final else rest[: int((end - begin) * FRAME_SHIFT * _RATE)]
        grammar = [token.readings for token in tokens]
        heard = dithered(sound, recording.loud)
        decibels = contrast(sound)
        least = demanded(self._config.min_fit, decibels)
        skip, fit = 0, None
        for beam in ("default", "none"):
            words = matched(self._recogniser.decode(heard, grammar, beam, whole=final), grammar)
            stop = end - begin
            if final and len(words) < len(tokens):
                continue
            if not final:
                words, stop = _settled(words, stop, len(words) == len(rest))
                if not words:
                    skip = stop
                    continue
            fit = compare(self._recogniser, heard[: stop * _HOP], words, decibels)
            if fit.explained >= least and fit.strange <= self._config.max_strange:
                return _Piece(begin, begin + stop, words, fit)
        if fit is None and skip:
            return _Piece(begin, begin + skip, [], Fit((), 0.0, 0.0))
        said = " ".join(token.text for token in tokens[:6]) + (" ..." if len(tokens) > 6 else "")
        span = f"{recording.time(begin * _HOP):.2f} to {recording.time(end * _HOP):.2f} s"
        raise AlignmentFailed(f"transcript {said!r} at {span} {self._complaint(fit, least, len(tokens))}; {_REMEDY}")

    def _complaint(self, fit: Fit | None, least: float, count: int) -> str:
        if fit is None:
            return f"could not be placed; expected all {count} words in order"
        if fit.explained < least:
            return f"does not fit the sound: fit {fit.explained:.2f}; expected at least {least:.2f}"
        return (
            f"does not fit the sound: {fit.strange:.0%} of it sounds nothing like the words; expected at most "
            f"{self._config.max_strange:.0%}"
        )


def _settled(words: list[list[Segment]], length: int, complete: bool) -> tuple[list[list[Segment]], int]:
    """Keep the words up to a pause well before the end of a piece; say where the piece ends, in frames.

    No words and 0 frames: the path makes no sense. No words and some frames: nothing is said there.
    """
    limit = length - _LOOKAHEAD
    if not words:
        return [], limit
    if complete and words[-1][-1].end <= limit:
        return words, min(words[-1][-1].end + _PAUSE, limit)
    inside = [index for index, parts in enumerate(words[:-1]) if parts[-1].end <= limit]
    if not inside:  # the next piece begins with this word
        return [], max(0, min(limit, words[0][0].start - _PAUSE))
    gaps = {index: words[index + 1][0].start - words[index][-1].end for index in inside}
    pauses = [index for index in inside if gaps[index] >= _PAUSE and index >= len(inside) // 2]
    last = pauses[-1] if pauses else inside[-1]
    return words[: last + 1], words[last][-1].end + gaps[last] // 2


def _spans(samples: FloatArray, piece: _Piece) -> list[tuple[int, int]]:
    """Start and end of each word in samples of the recording, cleared of silence beside pauses."""
    sound = samples[piece.begin * _HOP : piece.end * _HOP]
    spans = []
    for index, parts in enumerate(piece.words):
        start, end = parts[0].start * _HOP, parts[-1].end * _HOP
        before = piece.words[index - 1][-1].end if index else -1
        after = piece.words[index + 1][0].start if index + 1 < len(piece.words) else -1
        if before != parts[0].start:
            start = trimmed(sound, start, end)
        if after != parts[-1].end:
            end = trimmed(sound, end, start)
        offset = piece.begin * _HOP
        spans.append((offset + start, min(offset + end, len(samples))))
    return spans


def build(config: Config) -> PocketsphinxAligner:
    """Load the acoustic model."""
    return PocketsphinxAligner(config)
