"""The pocketsphinx decoder behind the aligner: grammars in, words with frame times out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from mmfeat.pronunciation import Pronouncer
from mmfeat.text_normalisation import Reading
from mmfeat.types import FloatArray

FRAME_SHIFT = 0.01  # s
MIN_FRAMES_PER_PHONE = 3  # three emitting states, none of which can be skipped

# pocketsphinx's defaults (1e-48, 1e-48, 7e-29) lose the path now and then, mostly in noise. Without a beam the search
# is exact. The words that wider beams were seen to swallow were swallowed by the second pass over the word lattice
# (`bestpath`), which is off here.
_BEAMS = {"default": (1e-48, 1e-48, 7e-29), "none": (0.0, 0.0, 0.0)}

_GAUSSIANS = 8  # evaluated per codebook; the default of 4 is faster and places a few boundaries worse

_SCORE_UNIT = 1024.0  # pocketsphinx keeps acoustic scores shifted right by 10 bits

# Every phone and the one that stands for it in the foil (see `Recogniser.foil`): the alphabet turned by a third.
_PHONES = tuple(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)
_FOIL = dict(zip(_PHONES, _PHONES[13:] + _PHONES[:13], strict=True))


@dataclass(frozen=True)
class Segment:
    """One word, or one stretch of silence or noise, of a decoded path."""

    word: str  # as in the grammar, without the number of the pronunciation
    variant: str  # with it
    start: int  # frame
    end: int  # frame, exclusive
    score: float  # log-likelihood against the best of the active states, nats, summed over the frames

    @property
    def spoken(self) -> bool:
        """Whether it is a word and not silence, breath or noise."""
        return self.word[0] not in "<[("


class Recogniser:
    """One decoder for many clips. Cheap to build (0.1 s); not to be shared between threads."""

    def __init__(self) -> None:
        import pocketsphinx

        self._decoder = pocketsphinx.Decoder(lm=None, bestpath=False, topn=_GAUSSIANS, loglevel="FATAL")
        self._pronounce = Pronouncer(
            self._decoder.lookup_word, Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
        )

    def knows(self, word: str) -> bool:
        """Whether a word has a pronunciation."""
        return self._decoder.lookup_word(word) is not None

    def learn(self, word: str) -> None:
        """Make sure that a word has a pronunciation."""
        if not self.knows(word):
            for number, phones in enumerate(self._pronounce(word), start=1):
                name = word if number == 1 else f"{word}({number})"
                self._decoder.add_word(name, " ".join(phones), False)

    def shortest(self, word: str) -> int:
        """Fewest frames that a word can take."""
        counts = []
        name = word
        while (phones := self._decoder.lookup_word(name)) is not None:
            counts.append(len(phones.split()))
            name = f"{word}({len(counts) + 1})"
        return MIN_FRAMES_PER_PHONE * min(counts)

    def foil(self, variant: str) -> str:
        """Learn and name a word of as many phones, all of them wrong.

        A path through the foils of a transcript shows what score any wrong transcript gets in this recording.
        """
        name = "~" + variant.replace("(", "/").replace(")", "")
        if self._decoder.lookup_word(name) is None:
            phones = self._decoder.lookup_word(variant).split()
            self._decoder.add_word(name, " ".join(_FOIL[phone] for phone in phones), False)
        return name

    def decode(
        self, samples: FloatArray, grammar: Sequence[Sequence[Reading]], beam: str = "default", whole: bool = True
    ) -> list[Segment]:
        """Find the best path of a recording through a grammar.

        Parameters
        ----------
        samples : FloatArray, shape (n,)
            Mono sound at 16 kHz in [-1, 1].
        grammar : sequence of sequences of Reading
            Per token of the transcript its readings; the words are known already (`learn`).
        beam : "default" or "none"
            How far the search looks beside the best path.
        whole : bool
            Whether the sound has the grammar to its end, or may stop after any token.

        Returns
        -------
        list of Segment
            Gapless from the first frame; empty or short of the grammar where the beam lost the path.
        """
        decoder = self._decoder
        for key, value in zip(("beam", "pbeam", "wbeam"), _BEAMS[beam], strict=True):
            decoder.config[key] = value  # read when the search is made, two lines below
        arcs: list[tuple[int, int, float, str] | tuple[int, int, float]] = [*_transitions(grammar)]
        if not whole:
            arcs += [(state, len(grammar), 1.0) for state in range(len(grammar))]
        decoder.add_fsg("transcript", decoder.create_fsg("transcript", 0, len(grammar), arcs))
        decoder.activate_search("transcript")
        decoder.reinit_feat()  # else the features remember the clip before, and the same clip gives other scores
        decoder.start_utt()
        decoder.process_raw((np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes(), full_utt=True)
        decoder.end_utt()
        if decoder.hyp() is None:
            return []
        return [_segment(entry.word, entry.start_frame, entry.end_frame, entry.ascore) for entry in decoder.seg()]


def _transitions(grammar: Sequence[Sequence[Reading]]) -> list[tuple[int, int, float, str]]:
    """One state after each token, more inside readings of several words."""
    arcs = []
    fresh = len(grammar) + 1
    for position, readings in enumerate(grammar):
        for reading in readings:
            inner = list(range(fresh, fresh + len(reading) - 1))
            fresh += len(inner)
            states = [position, *inner, position + 1]
            arcs += [(a, b, 1.0, word) for (a, b), word in zip(pairwise(states), reading, strict=True)]
    return arcs


def _segment(name: str, start: int, last: int, likelihood: float) -> Segment:
    # pocketsphinx hands over exp(score); one that underflows is as bad as can be.
    score = _SCORE_UNIT * float(np.log(max(likelihood, 1e-300)))
    return Segment(re.sub(r"\(\d+\)$", "", name), name, start, last + 1, score)


def matched(segments: Sequence[Segment], grammar: Sequence[Sequence[Reading]]) -> list[list[Segment]]:
    """Give each token of the transcript its segments, comparing by text.

    Returns
    -------
    list of lists of Segment
        One list per token, for as many tokens from the beginning as the path has in full.
    """
    words = [segment for segment in segments if segment.spoken]
    reached: list[dict[int, int]] = [{0: -1}]  # per token: end in words -> beginning in words
    for readings in grammar:
        ends: dict[int, int] = {}
        for begin in reached[-1]:
            for reading in readings:
                if tuple(segment.word for segment in words[begin : begin + len(reading)]) == reading:
                    ends.setdefault(begin + len(reading), begin)
        if not ends:
            break
        reached.append(ends)
    tokens: list[list[Segment]] = []
    end = max(reached[-1]) if len(words) not in reached[-1] else len(words)
    for ends in reversed(reached[1:]):
        tokens.append(words[ends[end] : end])
        end = ends[end]
    return tokens[::-1]
