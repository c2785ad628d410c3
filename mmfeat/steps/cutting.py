"""Long recordings to utterances, cut where the speaker pauses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from mmfeat.errors import ConfigError, MediaError
from mmfeat.forced_alignment._sound import levels
from mmfeat.media import read_waveform
from mmfeat.steps.words import unknown_words
from mmfeat.types import SPEECH_RATE, Failure, FloatArray, IntArray, Seconds, Utterance, Waveform, Word

_MARGIN: Seconds = 0.25  # of an utterance beyond its words: the face moves a little before and after the voice
_CLOSURE: Seconds = 0.15  # the mouth is closed within a word for less, in p, t or k: not a pause
_ROUNDING: Seconds = 1e-6

# Of the sound, where the words are unknown.
_HOP = SPEECH_RATE // 100  # samples; 10 ms
_BLOCK = 60 * SPEECH_RATE  # samples; what is looked at at once
_SPEECH_BLOCK = 1000  # hops; 10 s, of which the loudest say how loud the voice is, however rarely it speaks
_SMOOTHED = 5  # hops; over 50 ms neither a closure nor a flicker of the noise counts
_NO_ROOM = 60.0  # dB below the voice there is digital silence, which says nothing of the noise elsewhere
_UP_FROM_NOISE = 0.4  # of the way, in dB, from the noise to the voice
_BELOW_SPEECH = (30.0, 15.0)  # dB, where a pause begins at the least and at the most: weak sounds of a voice lie above
# the first; a second, fainter voice lies above the other, and so does noise in which pauses cannot be told
_CLICK: Seconds = 0.1  # a sound alone for less is no voice; the smoothing makes each 0.04 s longer


@dataclass(frozen=True)
class Pauses:
    """Which pauses end an utterance, and how long utterances may be.

    Raises
    ------
    ConfigError
        On construction, if a value is out of range.
    """

    # Measured against the 2,199 segments of CMU-MOSI (docs/transcripts.md): a longer pause is no surer sign of the end
    # of a sentence than a shorter one, so the value says how long utterances become. This one gives 5.3 s on average;
    # those that models learn from have 4.2 s (CMU-MOSI), 4.5 s (IEMOCAP) and 7.3 s (CMU-MOSEI).
    shortest: Seconds = 0.4  # of a pause that ends an utterance
    longest: Seconds = 20.0  # from the first word of an utterance to the end of its last; 99 % of those have 15 s
    # One in a hundred of those is shorter: too little to be judged alone. A "well" before a breath belongs to the rest.
    least: Seconds = 0.8
    least_words: int = 2

    def __post_init__(self) -> None:
        """Check the values."""
        numbers = all(map(math.isfinite, (self.shortest, self.longest, self.least)))
        if not numbers or self.shortest <= 0 or not 0 <= self.least < self.longest or self.least_words < 1:
            raise ConfigError(
                f"pauses: shortest={self.shortest}, longest={self.longest}, least={self.least} s, "
                f"least_words={self.least_words}; expected shortest > 0, 0 <= least < longest and at least 1 word; "
                "change the settings"
            )


def cut_at_pauses(utterances: Sequence[Utterance], pauses: Pauses) -> tuple[list[Utterance], list[Failure]]:
    """Cut recordings into utterances at pauses between their words.

    A stretch of more than ``pauses.longest`` is cut again at its longest pause, and where it has none at a word near
    the middle. What is shorter than ``pauses.least`` or has fewer than ``pauses.least_words`` words joins the nearer
    neighbour, unless both together would be too long. An utterance reaches half the pause, and at most 0.25 s, beyond
    its words.

    Where no word is known (stretches of 0.4 s with empty words, one after the other) the pauses come from the sound:
    there its level is 30 dB below that of the voice, or in a louder room below 0.4 of the way from the noise up to the
    voice. The words are then stretches of about 0.4 s of what is left. Without sound the recording is cut evenly.
    Otherwise this is a pure function. The sound of one such recording at a time is in memory, 230 MB for an hour.

    Parameters
    ----------
    utterances : sequence of Utterance
        Whole recordings with their words, as `place_words` gives them.
    pauses : Pauses

    Returns
    -------
    utterances : list of Utterance
        In order. Those of recording ``talk`` are ``talk_000``, ``talk_001`` and so on: turns 0, 1 ... of its dialogue,
        or of dialogue ``talk`` where it has none, with their own words, transcript and span and no cues. A recording
        that is one utterance, or has no words, stays as it is.
    failures : list of Failure
        Stage ``media``: the words are unknown and the sound cannot be read. That recording stays whole.

    Raises
    ------
    ConfigError
        If a recording has labels: what is true of the whole need not be of its parts. If two utterances would have
        one id.
    """
    for utterance in utterances:
        if utterance.labels:
            raise ConfigError(
                f"recording {utterance.id!r} has labels ({', '.join(utterance.labels)}); expected none, since what is "
                "true of the whole need not be of each part; cut it without labels, or leave it whole"
            )
    pieces: list[Utterance] = []
    failures = []
    for utterance in utterances:
        try:
            pieces += _cut(utterance, pauses)
        except MediaError as error:
            pieces.append(utterance)
            failures.append(Failure(utterance.id, "media", f"{error} (left whole)"))
    ids = [piece.id for piece in pieces]
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise ConfigError(
            f"cutting gives two utterances the id {twice!r}; expected ids of their own; rename the recording {twice!r}"
        )
    return pieces, failures


def _cut(utterance: Utterance, pauses: Pauses) -> list[Utterance]:
    """Utterances of one recording."""
    if not utterance.words:
        return [utterance]
    words = _Words.of(utterance.words)
    if not any(word.text for word in utterance.words) and not (words.gaps >= pauses.shortest).any():
        words = _Words.of(_heard(utterance))
    spans = words.stretches(pauses)
    if len(spans) < 2:
        return [utterance]
    dialogue = utterance.dialogue or utterance.id
    return [
        replace(
            utterance,
            id=f"{utterance.id}_{turn:03d}",
            start=start,
            end=end,
            dialogue=dialogue,
            turn=turn,
            transcript=" ".join(word.text for word in own if word.text) or None,
            words=own,
            cues=(),  # they are spent: the words have their times
        )
        for turn, (own, start, end) in enumerate(words.pieces(spans, utterance))
    ]


@dataclass(frozen=True)
class _Words:
    """W words of a recording, and where one may cut between them."""

    words: tuple[Word, ...]
    starts: FloatArray  # (W,) s
    ends: FloatArray  # (W,) s, of the last word to end so far: words of two speakers may overlap
    gaps: FloatArray  # (W - 1,) s, between words i and i + 1; negative where they overlap

    @classmethod
    def of(cls, words: Sequence[Word]) -> _Words:
        starts = np.array([word.start for word in words], dtype=np.float64)
        ends = np.maximum.accumulate(np.array([word.end for word in words], dtype=np.float64))
        return cls(tuple(words), starts, ends, starts[1:] - ends[:-1])

    def stretches(self, pauses: Pauses) -> list[tuple[int, int]]:
        """First and last (exclusive) word of each utterance."""
        at_pauses = np.flatnonzero(self.gaps >= pauses.shortest - _ROUNDING) + 1
        whole = list(pairwise((0, *at_pauses.tolist(), len(self.words))))
        within = sorted(place for span in whole for place in self._places_within(*span, pauses.longest))
        edges = sorted({0, *at_pauses.tolist(), *within, len(self.words)})
        return self._joined(list(pairwise(edges)), pauses)

    def pieces(
        self, spans: Sequence[tuple[int, int]], utterance: Utterance
    ) -> list[tuple[tuple[Word, ...], Seconds, Seconds]]:
        """Words, start and end of each utterance."""
        # Before the first word and after the last nobody shares the pause.
        until = math.inf if utterance.end is None else utterance.end
        inner = [self.gaps[first - 1] / 2 for first, _ in spans[1:]]
        rooms = [self.starts[0] - utterance.start, *inner, until - self.ends[-1]]
        margins = [min(_MARGIN, max(0.0, float(room))) for room in rooms]
        return [
            (self.words[first:last], float(self.starts[first]) - before, float(self.ends[last - 1]) + after)
            for (first, last), (before, after) in zip(spans, pairwise(margins), strict=True)
        ]

    def _length(self, first: int, last: int) -> Seconds:
        return float(self.ends[last - 1] - self.starts[first])

    def _places_within(self, first: int, last: int, longest: Seconds) -> list[int]:
        """Where a stretch has to be cut until no part is too long."""
        places = []
        waiting = [(first, last)]
        while waiting:
            first, last = waiting.pop()
            place = self._best_place(first, last, longest) if self._length(first, last) > longest + _ROUNDING else None
            if place is not None:
                places.append(place)
                waiting += [(first, place), (place, last)]
        return places

    def _best_place(self, first: int, last: int, longest: Seconds) -> int | None:
        """The longest pause, and of equal ones or none the word nearest to an even division; None: words overlap."""
        places = np.arange(first + 1, last)
        places = places[self.gaps[places - 1] > -_ROUNDING]
        if len(places) == 0:
            return None
        widest = self.gaps[places - 1].max()
        if widest >= _CLOSURE:
            places = places[self.gaps[places - 1] >= widest - _ROUNDING]
        length = self._length(first, last)
        parts = math.ceil((length - _ROUNDING) / longest)
        even = self.starts[first] + length * (parts // 2) / parts
        return int(places[np.argmin(np.abs(self.starts[places] - even))])

    def _joined(self, spans: list[tuple[int, int]], pauses: Pauses) -> list[tuple[int, int]]:
        """Give what is too short to its nearer neighbour."""
        position = 0
        while position < len(spans):
            first, last = spans[position]
            short = last - first < pauses.least_words or self._length(first, last) < pauses.least - _ROUNDING
            with_next = self._nearest_join(spans, position, pauses.longest) if short else None
            if with_next is None:
                position += 1
                continue
            position = with_next  # what came of it may be short still
            spans[position : position + 2] = [(spans[position][0], spans[position + 1][1])]
        return spans

    def _nearest_join(self, spans: Sequence[tuple[int, int]], position: int, longest: Seconds) -> int | None:
        """Position of the earlier of the two to join; None where both neighbours would become too long."""
        fitting = [
            (float(self.gaps[spans[earlier][1] - 1]), earlier)
            for earlier in (position - 1, position)
            if 0 <= earlier < len(spans) - 1
            and self._length(spans[earlier][0], spans[earlier + 1][1]) <= longest + _ROUNDING
        ]
        return min(fitting)[1] if fitting else None


def _heard(utterance: Utterance) -> tuple[Word, ...]:
    """Stretches of about 0.4 s of the parts that can be heard; without sound the words as they are."""
    waveform = read_waveform(utterance.heard_in, SPEECH_RATE, utterance.start, utterance.end)
    if waveform is None:
        return utterance.words
    spans = _sounding(waveform)
    return tuple(word for start, end in spans for word in unknown_words(start, end)) or utterance.words


def _sounding(waveform: Waveform) -> list[tuple[Seconds, Seconds]]:
    """Where there is voice, or anything as loud, in s of the media file."""
    samples = waveform.samples
    blocks = [levels(samples[at : at + _BLOCK], _HOP) for at in range(0, len(samples), _BLOCK)]
    if not any(map(len, blocks)):
        return []
    power = _smoothed(np.concatenate(blocks))
    changes = np.flatnonzero(np.diff(power > _threshold(power), prepend=False, append=False))
    edges = _without_gaps(changes, _CLOSURE)
    times = waveform.start + edges.reshape(-1, 2) * (_HOP / SPEECH_RATE)
    return [(float(start), float(end)) for start, end in times if end - start >= _CLICK]


def _threshold(power: FloatArray) -> float:
    """Level in dB of what counts as sound; ``power`` is (n,) dB of 10 ms each."""
    starts = range(0, len(power), _SPEECH_BLOCK)
    speech = max(float(np.percentile(power[at : at + _SPEECH_BLOCK], 95)) for at in starts)
    noise = float(np.percentile(power[power > speech - _NO_ROOM], 10))
    quietest, loudest = (speech - below for below in _BELOW_SPEECH)
    return max(quietest, min(noise + _UP_FROM_NOISE * (speech - noise), loudest))


def _smoothed(power: FloatArray) -> FloatArray:
    """Mean power over a few hops, in dB as before."""
    mean = np.convolve(10.0 ** (power / 10.0), np.ones(_SMOOTHED) / _SMOOTHED, mode="same")
    return np.asarray(10.0 * np.log10(mean))


def _without_gaps(edges: IntArray, shortest: Seconds) -> IntArray:
    """Edges of alternating sound and silence, less the silences that are shorter."""
    silences = edges[1:-1].reshape(-1, 2)
    kept = silences[np.diff(silences, axis=1)[:, 0] * _HOP >= shortest * SPEECH_RATE]
    return np.concatenate([edges[:1], kept.ravel(), edges[-1:]])
