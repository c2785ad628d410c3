"""What is said in the demo corpus, how it is meant, and word vectors for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pipelines.demo.cast import CAST, Speaker
from pipelines.demo.voice import Array, Tone

VECTOR_WIDTH = 32
_TEXT_NOISE, _VOICE_NOISE, _FACE_NOISE = 1.25, 1.8, 1.8  # points of the score; larger: the modalities agree less
_DIALOGUES = {"train": 14, "valid": 4, "test": 4}
_TURNS = (6, 8, 7, 7)  # of the dialogues in turn

# Words by valence; "sad" and "angry" mark the flavour of negative ones.
_ADJECTIVES = {
    "wonderful": 3, "fantastic": 3, "brilliant": 3, "perfect": 3,
    "great": 2, "lovely": 2, "beautiful": 2, "delightful": 2,
    "good": 1, "nice": 1, "pleasant": 1, "fine": 1,
    "ordinary": 0, "usual": 0, "normal": 0, "simple": 0,
    "dull": -1, "slow": -1, "strange": -1, "weak": -1,
    "gloomy": -2, "lonely": -2, "disappointing": -2, "ugly": -2, "rude": -2, "annoying": -2,
    "tragic": -3, "hopeless": -3, "heartbreaking": -3, "horrible": -3, "disgusting": -3, "terrible": -3,
}  # fmt: skip
_FEELINGS = {
    "thrilled": 3, "delighted": 3, "happy": 2, "proud": 2, "relaxed": 1, "pleased": 1, "quiet": 0, "calm": 0,
    "tired": -1, "bored": -1, "sad": -2, "empty": -2, "angry": -2, "annoyed": -2,
    "miserable": -3, "broken": -3, "furious": -3, "disgusted": -3,
}  # fmt: skip
_VERBS = {
    "adored": 3, "loved": 2, "enjoyed": 2, "liked": 1, "saw": 0, "remembered": 0, "needed": 0,
    "missed": -1, "avoided": -1, "regretted": -2, "disliked": -2, "mourned": -3, "hated": -3,
}  # fmt: skip
_OPENERS = {
    "wow": 2, "luckily": 2, "gladly": 1, "yes": 1, "well": 0, "so": 0, "listen": 0,
    "honestly": 0, "hmm": -1, "sadly": -2, "unfortunately": -2, "seriously": -2, "frankly": -1,
}  # fmt: skip
_SAD = {"gloomy", "lonely", "disappointing", "tragic", "hopeless", "heartbreaking", "tired", "sad", "empty"}
_SAD |= {"miserable", "broken", "missed", "regretted", "mourned", "sadly", "unfortunately"}
_ANGRY = {"ugly", "rude", "annoying", "horrible", "disgusting", "terrible", "bored", "angry", "annoyed", "furious"}
_ANGRY |= {"disgusted", "avoided", "disliked", "hated", "seriously", "frankly"}
_VALENCE = _ADJECTIVES | _FEELINGS | _VERBS | _OPENERS
_SLOTS = {"adjective": _ADJECTIVES, "feeling": _FEELINGS, "verb": _VERBS, "opener": _OPENERS}

_TOPICS = (
    ("film", "story"), ("dinner", "waiter"), ("hotel", "room"), ("concert", "singer"), ("party", "music"),
    ("trip", "weather"), ("game", "team"), ("book", "ending"), ("lesson", "teacher"), ("house", "garden"),
    ("journey", "train"), ("meeting", "speech"), ("play", "actor"), ("job", "office"), ("wedding", "dress"),
    ("museum", "guide"), ("market", "fruit"), ("beach", "water"),
    ("exam", "result"), ("flight", "pilot"), ("cake", "coffee"), ("phone", "camera"),
)  # fmt: skip
_PEOPLE = ("mother", "father", "sister", "brother", "neighbor", "friend", "boss", "daughter")
_TIMES = ("today", "yesterday", "again", "this morning", "last week", "last night")
_DEGREES = ("really", "very", "rather", "quite", "so")
# A sentence and the weight of each slot that carries feeling, in order.
_TEMPLATES: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("{opener}, the {noun} was {degree} {adjective}", (0.3, 0.7)),
    ("I {verb} the {noun}, it was {degree} {adjective}", (0.5, 0.5)),
    ("the {noun} was {adjective} and the {other} was {adjective}", (0.5, 0.5)),
    ("{opener}, I felt {degree} {feeling} after the {noun}", (0.3, 0.7)),
    ("my {person} {verb} the {noun} and I was {feeling}", (0.4, 0.6)),
    ("I was {feeling} when we saw the {other} {time}", (1.0,)),
    ("my {person} said that the {noun} was {adjective} {time}", (1.0,)),
    ("you {verb} the {noun} but the {other} was {adjective}", (0.3, 0.7)),
    ("I don't know, I think the {noun} was {adjective}", (1.0,)),
)
_NEGATED = ("to me the {other} was not {adjective} at all", (-0.6,))  # a few: what a bag of words gets wrong
_UNKNOWN = ("frabjous", "serendipitous")  # deliberately without a vector


@dataclass(frozen=True)
class Line:
    """One utterance to be made. The tones are what each modality expresses; ``note`` names what is planted in it."""

    id: str
    dialogue: str
    turn: int
    speaker: Speaker
    score: float
    emotion: str
    spoken: str
    text_valence: float
    voice: Tone
    face: Tone
    note: str = ""

    @property
    def transcript(self) -> str:
        """What the table says was spoken."""
        return "" if self.note == "no transcript" else self.spoken


def write_script(rng: np.random.Generator) -> list[Line]:
    """Invent all dialogues."""
    lines = [line for number, pair in enumerate(_pairs()) for line in _dialogue(number, pair, rng)]
    return _plant(lines, rng)


def vocabulary() -> list[str]:
    """Every word that a sentence can hold and that has a vector, sorted."""
    words = set(_VALENCE) | {word for pair in _TOPICS for word in pair} | set(_PEOPLE) | set(_DEGREES)
    words |= {word for time in _TIMES for word in time.split()}
    for sentence, _ in (*_TEMPLATES, _NEGATED):
        words |= {word for word in sentence.lower().replace(",", "").split() if "{" not in word}
    return sorted(words)


def vectors(rng: np.random.Generator) -> Iterator[tuple[str, Array]]:
    """Word vectors: directions for valence, anger, sorrow and the kind of word, and noise."""
    kinds = [set(words) for words in _SLOTS.values()]
    directions = np.linalg.qr(rng.normal(size=(VECTOR_WIDTH, 3 + len(kinds))))[0].T
    for word in vocabulary():
        vector = rng.normal(0, 0.25, VECTOR_WIDTH)
        vector += 1.8 * _VALENCE.get(word, 0) / 3 * directions[0]
        vector += 0.8 * (word in _ANGRY) * directions[1] + 0.8 * (word in _SAD) * directions[2]
        for kind, direction in zip(kinds, directions[3:], strict=True):
            vector += 0.8 * (word in kind) * direction
        yield word, vector


def _pairs() -> Iterator[tuple[Speaker, Speaker]]:
    """Two speakers of one split for each dialogue, everyone about equally often."""
    for split, count in _DIALOGUES.items():
        people = [speaker for speaker in CAST if speaker.split == split]
        for number in range(count):
            first = number % len(people)
            step = 1 + number // len(people) % (len(people) - 1)
            yield people[first], people[(first + step) % len(people)]


def _dialogue(number: int, pair: tuple[Speaker, Speaker], rng: np.random.Generator) -> Iterator[Line]:
    """One conversation about one topic, whose mood drifts from turn to turn."""
    topic = _TOPICS[number]
    mood = rng.normal(0, 1.5)
    for turn in range(_TURNS[number % len(_TURNS)]):
        speaker = pair[turn % 2]
        mood = 0.45 * mood + rng.normal(0, 1.6)
        score = float(np.round(np.clip(mood + speaker.temper, -3, 3) * 5) / 5) + 0.0  # + 0.0: no minus zero
        angry = bool(rng.random() < 0.5)
        noises = (_TEXT_NOISE, _VOICE_NOISE, _FACE_NOISE)
        text_tone, voice_tone, face_tone = (_cue(score, angry, noise, rng) for noise in noises)
        sentence, valence = _sentence(topic, text_tone, rng)
        yield Line(
            id=f"d{number + 1:02d}_{turn:02d}",
            dialogue=f"d{number + 1:02d}",
            turn=turn,
            speaker=speaker,
            score=score,
            emotion=_emotion(score, angry),
            spoken=sentence,
            text_valence=valence,
            voice=voice_tone,
            face=face_tone,
        )


def _emotion(score: float, angry: bool) -> str:
    """Class of a score; the negative ones are of two kinds."""
    if score > 0.7:
        return "happy"
    if score >= -0.7:
        return "neutral"
    return "angry" if angry else "sad"


def _tone(points: float, angry: bool) -> Tone:
    """Tone that shows a score of ``points``."""
    valence = float(np.clip(points / 3, -1, 1))
    ill = max(-valence, 0.0)
    return Tone(valence, anger=ill if angry else 0.0, sorrow=0.0 if angry else ill)


def _cue(score: float, angry: bool, noise: float, rng: np.random.Generator) -> Tone:
    """Tone of one modality: the truth blurred, so that no modality alone gives it away."""
    kind = angry if rng.random() < 0.85 else not angry
    return _tone(score + rng.normal(0, noise), kind)


def _sentence(topic: tuple[str, str], tone: Tone, rng: np.random.Generator) -> tuple[str, float]:
    """Fill a template with words near the wanted valence; the sentence and the valence -3..3 that it came to have."""
    template, weights = _TEMPLATES[rng.integers(len(_TEMPLATES))]
    if rng.random() < 0.1 and abs(tone.valence) > 0.3:
        template, weights = _NEGATED
    sentence, valence = template, 0.0
    for weight in weights:
        slot = min(_SLOTS, key=lambda name: sentence.find("{" + name + "}") % 1000)  # the leftmost that is there
        target = 3 * tone.valence / (weight if len(weights) == 1 else 1.0)
        word = _word(_SLOTS[slot], target, tone, sentence, rng)
        sentence = sentence.replace("{" + slot + "}", word, 1)
        valence += weight * _VALENCE[word]
    person, time, degree = (str(rng.choice(words)) for words in (_PEOPLE, _TIMES, _DEGREES))
    sentence = sentence.format(noun=topic[0], other=topic[1], person=person, time=time, degree=degree)
    return sentence[0].upper() + sentence[1:] + ".", valence


def _word(choices: dict[str, int], target: float, tone: Tone, sentence: str, rng: np.random.Generator) -> str:
    """Draw a word whose valence is near ``target``, of the right kind of ill feeling, not said already."""
    wrong = _SAD if tone.anger else _ANGRY
    words = [word for word in choices if word not in wrong and word not in sentence]
    aim = target + rng.normal(0, 0.5)
    nearest = min(abs(choices[word] - aim) for word in words)
    return str(rng.choice([word for word in words if abs(choices[word] - aim) < nearest + 0.4]))


def _plant(lines: list[Line], rng: np.random.Generator) -> list[Line]:
    """Turn some lines into difficult cases, each named in its ``note``."""
    lines = list(lines)
    free = [int(i) for i in rng.permutation(len(lines))]
    for note, split, count in _PLANTED:
        for _ in range(count):
            fit = (i for i in free if lines[i].speaker.split == split and _suits(note, lines[i]))
            index = next(fit, None)
            if index is None:
                raise SystemExit(f"no {split} line can become {note!r}; expected one; choose another seed")
            free.remove(index)
            lines[index] = _spoil(lines[index], note, rng)
    return lines


# What, in which split, how often.
_PLANTED = (
    ("disagree", "train", 2), ("disagree", "valid", 1), ("disagree", "test", 1),
    ("face covered", "train", 1), ("face out of view", "test", 1), ("black picture", "train", 1),
    ("face lost halfway", "train", 1), ("face lost halfway", "valid", 1), ("no video stream", "train", 1),
    ("noise", "train", 1), ("noise", "test", 1), ("no audio stream", "train", 1),
    ("unknown word", "train", 1), ("unknown word", "test", 1), ("no transcript", "train", 1),
)  # fmt: skip


def _suits(note: str, line: Line) -> bool:
    """Whether a line can be made into such a case."""
    if note == "disagree":
        return line.score <= -1.2 and line.text_valence < 0
    if note == "unknown word":
        return any(word in _ADJECTIVES for word in line.spoken.strip(".").split()) and " not " not in line.spoken
    return True


def _spoil(line: Line, note: str, rng: np.random.Generator) -> Line:
    """Make one line into a difficult case."""
    if note == "disagree":  # sarcasm: kind words in a bad voice with a bad face, and meant badly
        topic = _TOPICS[int(line.dialogue[1:]) - 1]
        meant = _tone(line.score, line.emotion == "angry")
        sentence, valence = _sentence(topic, _tone(2.5, False), rng)
        return replace(line, spoken=sentence, text_valence=valence, voice=meant, face=meant, note=note)
    if note == "unknown word":
        known = next(word for word in line.spoken.strip(".").split() if word in _ADJECTIVES)
        unknown = _UNKNOWN[line.speaker.split == "test"]
        return replace(line, spoken=line.spoken.replace(known, unknown), note=note)
    return replace(line, note=note)
