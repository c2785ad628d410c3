"""Long recordings become utterances at pauses, by their words or, where no word is known, by their sound."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from builders import utterance_of, voice
from raw_media import Sentence, film

import mmfeat
from mmfeat import cli
from mmfeat.errors import ConfigError, ExtractionFailed
from mmfeat.steps import Pauses, cut_at_pauses
from mmfeat.steps.words import unknown_words
from mmfeat.types import SPEECH_RATE, Utterance, Word

ANY = Pauses(least=0.0, least_words=1)  # nothing is too short


def spoken(*spans: tuple[float, float]) -> tuple[Word, ...]:
    return tuple(Word(f"w{number}", *span) for number, span in enumerate(spans))


def cut(words: Sequence[Word], pauses: Pauses, end: float | None = 100.0) -> list[Utterance]:
    pieces, failures = cut_at_pauses([utterance_of("talk", words, end=end)], pauses)
    assert failures == []
    return pieces


def texts(pieces: Sequence[Utterance]) -> list[str | None]:
    return [piece.transcript for piece in pieces]


def spans(pieces: Sequence[Utterance]) -> list[tuple[float, float | None]]:
    return [(round(piece.start, 3), piece.end if piece.end is None else round(piece.end, 3)) for piece in pieces]


# By the words


def test_a_pause_of_the_chosen_length_ends_an_utterance_and_a_shorter_one_does_not():
    words = spoken((1.0, 1.5), (1.9, 2.5), (2.89, 3.5))
    pieces = cut(words, ANY)
    assert texts(pieces) == ["w0", "w1 w2"]
    assert [piece.words for piece in pieces] == [words[:1], words[1:]]


def test_the_parts_are_turns_of_a_dialogue_and_keep_what_else_is_known():
    whole = utterance_of("talk", spoken((0.0, 1.0), (2.0, 3.0)), speaker="ann", split="test", half="left", end=4.0)
    whole = replace(whole, transcript="w0 w1", cues=(Word("w0 w1", 0.0, 3.0),))
    first, second = cut_at_pauses([whole], ANY)[0]
    assert [(piece.id, piece.dialogue, piece.turn) for piece in (first, second)] == [
        ("talk_000", "talk", 0),
        ("talk_001", "talk", 1),
    ]
    assert (second.speaker, second.split, second.half, second.media) == ("ann", "test", "left", whole.media)
    assert second.cues == ()
    assert cut_at_pauses([replace(whole, dialogue="d07")], ANY)[0][1].dialogue == "d07"


def test_a_part_reaches_a_quarter_of_a_second_and_at_most_half_a_pause_beyond_its_words():
    pieces = cut(spoken((0.1, 1.0), (1.4, 2.4), (5.0, 6.0)), ANY, end=6.1)
    assert spans(pieces) == [(0.0, 1.2), (1.2, 2.65), (4.75, 6.1)]
    assert spans(cut(spoken((0.0, 1.0), (5.0, 6.0)), ANY, end=None))[-1] == (4.75, 6.25)
    assert spans(cut(spoken((0.0, 1.0), (5.0, 6.0)), ANY, end=5.9))[-1] == (4.75, 6.0)  # of another program's words


def test_a_recording_of_one_utterance_or_without_words_stays_as_it_is():
    one = utterance_of("talk", spoken((3.0, 4.0), (4.1, 5.0)), end=60.0, labels={})
    silent = utterance_of("mute", (), end=60.0)
    assert cut_at_pauses([one, silent], Pauses()) == ([one, silent], [])


def test_what_is_too_long_is_cut_at_its_longest_pause():
    words = spoken((0.0, 4.0), (4.35, 8.0), (8.2, 12.0), (12.2, 16.0))
    assert texts(cut(words, replace(ANY, longest=12.5))) == ["w0", "w1 w2 w3"]
    assert texts(cut(words, replace(ANY, longest=8.0))) == ["w0", "w1", "w2 w3"]


def test_without_any_pause_what_is_too_long_is_cut_evenly_between_words():
    words = tuple(Word("a", 0.5 * number, 0.5 * number + 0.5) for number in range(90))
    pieces = cut(words, Pauses(longest=20.0), end=45.0)
    assert spans(pieces) == [(0.0, 15.0), (15.0, 30.0), (30.0, 45.0)]


def test_the_closure_of_a_stop_is_no_pause_to_cut_at():
    words = spoken((0.0, 1.0), (1.1, 4.0), (4.0, 6.0), (6.0, 8.0))
    assert texts(cut(words, replace(ANY, longest=5.0))) == ["w0 w1", "w2 w3"]


def test_what_is_too_short_joins_the_nearer_neighbour_unless_that_gets_too_long():
    words = spoken((0.0, 1.0), (1.1, 2.0), (4.0, 4.5), (5.0, 6.0), (6.1, 7.0))
    assert texts(cut(words, Pauses())) == ["w0 w1", "w2 w3 w4"]
    assert texts(cut(words, Pauses(longest=2.5))) == ["w0 w1", "w2", "w3 w4"]
    nearer_before = spoken((0.0, 1.0), (1.1, 2.0), (2.5, 3.5), (5.0, 6.0), (6.1, 7.0))
    assert texts(cut(nearer_before, Pauses())) == ["w0 w1 w2", "w3 w4"]


def test_two_words_of_half_a_second_are_too_short_and_one_long_word_is_too():
    short = spoken((0.0, 0.3), (0.3, 0.5), (2.0, 3.0), (3.0, 4.0))
    assert len(cut(short, Pauses())) == 1
    assert len(cut(short, Pauses(least=0.5))) == 2
    lone = spoken((0.0, 1.5), (3.0, 4.0), (4.0, 5.0))
    assert len(cut(lone, Pauses())) == 1
    assert len(cut(lone, Pauses(least_words=1))) == 2


def test_words_that_overlap_are_never_parted():
    pieces = cut(spoken((0.0, 9.0), (1.0, 2.0), (3.0, 12.0), (13.0, 14.0)), replace(ANY, longest=5.0))
    assert texts(pieces) == ["w0 w1 w2", "w3"]
    assert spans(pieces) == [(0.0, 12.25), (12.75, 14.25)]


def test_no_word_is_lost_and_no_two_parts_overlap_whatever_the_pauses(rng: np.random.Generator):
    for shortest, longest in ((0.1, 3.0), (0.4, 20.0), (1.0, 60.0), (50.0, 7.0)):
        edges = np.cumsum(rng.exponential(0.3, 2 * 400) + 0.01).reshape(-1, 2)
        words = spoken(*map(tuple, edges.tolist()))
        pieces = cut(words, Pauses(shortest, longest), end=float(edges.max()) + 1)
        assert tuple(word for piece in pieces for word in piece.words) == words
        assert all(first.end <= second.start for first, second in pairwise(pieces))
        assert all(piece.start <= piece.words[0].start < piece.words[-1].end <= piece.end for piece in pieces)
        lengths = [piece.words[-1].end - piece.words[0].start for piece in pieces if len(piece.words) > 1]
        assert max(lengths) <= longest
        assert len(pieces) > 3


def test_an_hour_of_pauses_that_grow_ever_shorter_is_cut_without_deep_recursion():
    starts = np.cumsum(1.0 + np.linspace(0.39, 0.16, 3000))
    words = tuple(Word("a", float(start) - 1.0, float(start)) for start in starts)
    pieces = cut(words, replace(ANY, longest=1.5), end=None)
    assert len(pieces) == 3000


def test_labels_of_a_whole_recording_are_refused():
    labelled = utterance_of("talk", spoken((0.0, 1.0), (2.0, 3.0)), labels={"sentiment": 1.0})
    with pytest.raises(ConfigError, match=r"recording 'talk' has labels \(sentiment\); expected none"):
        cut_at_pauses([labelled], Pauses())


def test_parts_and_recordings_of_one_name_are_refused():
    talk = utterance_of("talk", spoken((0.0, 1.0), (2.0, 3.0)), end=4.0)
    with pytest.raises(ConfigError, match="two utterances the id 'talk_001'"):
        cut_at_pauses([talk, replace(talk, id="talk_001", words=talk.words[:1])], ANY)


@pytest.mark.parametrize(
    "settings",
    [
        {"shortest": 0.0},
        {"shortest": float("nan")},
        {"longest": float("inf")},
        {"least": -1.0},
        {"least": 20.0},
        {"least_words": 0},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]):
    with pytest.raises(ConfigError, match=r"pauses: shortest=.*expected shortest > 0, 0 <= least < longest"):
        Pauses(**settings)  # type: ignore[arg-type]


# By the sound


def recorded(path: Path, samples: np.ndarray) -> Utterance:
    """A recording of which no word is known."""
    with wave.open(str(path), "wb") as handle:
        handle.setnchannels(1)
        handle.setsampwidth(2)
        handle.setframerate(SPEECH_RATE)
        handle.writeframes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
    seconds = len(samples) / SPEECH_RATE
    return Utterance(path.stem, path, end=seconds, words=unknown_words(0.0, seconds))


def talk(places: Sequence[tuple[float, float]], seconds: float) -> np.ndarray:
    """A voice at these places, nothing elsewhere."""
    samples = np.zeros(round(seconds * SPEECH_RATE))
    for start, end in places:
        samples[round(start * SPEECH_RATE) : round(end * SPEECH_RATE)] = voice(end - start)
    return samples


@pytest.mark.parametrize("noise", [0.0, 0.0003, 0.01])
def test_where_no_word_is_known_the_sound_says_where_the_pauses_are(
    tmp_path: Path, rng: np.random.Generator, noise: float
):
    places = [(0.7, 3.0), (3.8, 7.0), (9.0, 11.0)]
    samples = talk(places, 12.0)
    pieces = cut_at_pauses([recorded(tmp_path / "a.wav", samples + noise * rng.standard_normal(len(samples)))], ANY)[0]
    heard = [(piece.words[0].start, piece.words[-1].end) for piece in pieces]
    np.testing.assert_allclose(heard, places, atol=0.05)
    assert {word.text for piece in pieces for word in piece.words} == {""}
    assert [piece.transcript for piece in pieces] == [None, None, None]
    assert all(0.3 < word.end - word.start < 0.5 for piece in pieces for word in piece.words)
    assert spans(pieces)[1] == (pytest.approx(3.55, abs=0.05), pytest.approx(7.25, abs=0.05))


def test_digital_silence_elsewhere_does_not_hide_pauses_in_a_noisy_room(tmp_path: Path, rng: np.random.Generator):
    places = [(0.5, 2.5), (3.5, 5.5), (9.0, 11.0)]
    samples = talk(places, 12.0)
    samples[: 6 * SPEECH_RATE] += 0.005 * rng.standard_normal(6 * SPEECH_RATE)
    pieces = cut_at_pauses([recorded(tmp_path / "a.wav", samples)], ANY)[0]
    heard = [(piece.words[0].start, piece.words[-1].end) for piece in pieces]
    np.testing.assert_allclose(heard, places, atol=0.05)


def test_a_voice_four_times_fainter_than_another_is_heard_and_a_click_is_none(tmp_path: Path):
    samples = talk([(0.5, 3.0)], 10.0) + 0.25 * talk([(5.0, 8.0)], 10.0)
    samples[4 * SPEECH_RATE :][:50] = 0.5
    pieces = cut_at_pauses([recorded(tmp_path / "a.wav", samples)], ANY)[0]
    heard = [(piece.words[0].start, piece.words[-1].end) for piece in pieces]
    np.testing.assert_allclose(heard, [(0.5, 3.0), (5.0, 8.0)], atol=0.05)


def test_words_of_another_program_without_texts_are_cut_at_their_own_pauses(tmp_path: Path):
    heard = recorded(tmp_path / "a.wav", talk([(0.0, 4.0)], 4.0))
    pieces = cut_at_pauses([replace(heard, words=(Word("", 0.0, 1.0), Word("", 2.0, 4.0)))], ANY)[0]
    assert [piece.words for piece in pieces] == [(Word("", 0.0, 1.0),), (Word("", 2.0, 4.0),)]


@pytest.mark.parametrize("sound", ["none", "silence", "noise"])
def test_a_recording_in_which_nothing_tells_pauses_is_cut_evenly(
    make_clip: Callable[..., Path], tmp_path: Path, rng: np.random.Generator, sound: str
):
    if sound == "none":
        film = make_clip(tmp_path / "a.mp4", 0.2, size=(64, 64), tone=None)
        utterance = Utterance("a", film, end=50.0, words=unknown_words(0.0, 50.0))
    else:
        samples = 0.1 * rng.standard_normal(50 * SPEECH_RATE) * (sound == "noise")
        utterance = recorded(tmp_path / "a.wav", samples)
    pieces = cut_at_pauses([utterance], Pauses())[0]
    assert [piece.start for piece in pieces] == pytest.approx([0.0, 50 / 3, 100 / 3], abs=0.4)
    assert sum(len(piece.words) for piece in pieces) == 125


def test_a_recording_whose_sound_cannot_be_read_stays_whole_and_the_ledger_says_so(tmp_path: Path):
    (tmp_path / "a.mp4").write_text("this is not a film")
    broken = Utterance("a", tmp_path / "a.mp4", end=5.0, words=unknown_words(0.0, 5.0))
    pieces, failures = cut_at_pauses([broken], Pauses())
    assert pieces == [broken]
    assert [(failure.id, failure.stage, "left whole" in failure.reason) for failure in failures] == [
        ("a", "media", True)
    ]


# In an extraction


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Sentence]]:
    """A film of two sentences, with its transcript beside it."""
    path = tmp_path_factory.mktemp("scene") / "scene.mp4"
    sentences = film(["d01_02", "d01_00"], path)
    path.with_suffix(".txt").write_text(" ".join(sentence.text for sentence in sentences))
    return path, sentences


@pytest.fixture(scope="module")
def choices(root: Path) -> mmfeat.Choices:
    glove = {"path": root / "pipelines" / "demo" / "glove.demo.txt"}
    return mmfeat.Choices(settings={"glove": glove, "faces": {"detections_per_second": 2}})


@pytest.fixture(scope="module")
def done(scene: tuple[Path, list[Sentence]], choices: mmfeat.Choices) -> mmfeat.Extraction:
    path, _ = scene
    return mmfeat.extract(
        [path], path.with_suffix(".h5"), transcripts=path.with_suffix(".txt"), choices=choices, pauses=Pauses()
    )


def test_an_artefact_of_a_long_recording_holds_its_utterances(
    done: mmfeat.Extraction, scene: tuple[Path, list[Sentence]]
):
    with mmfeat.Artifact(done.path) as corpus:
        found = [corpus.utterance(name) for name in corpus.ids("all")]
        about = corpus.description.words_from
    assert done.failures == ()
    assert [aligned.utterance.id for aligned in found] == ["scene_000", "scene_001"]
    assert about["pauses"] == {"shortest": 0.4, "longest": 20.0, "least": 0.8, "least_words": 2}
    for aligned, sentence in zip(found, scene[1], strict=True):
        piece = aligned.utterance
        assert " ".join(word.text for word in piece.words) == sentence.text
        assert sentence.start <= piece.start < piece.end <= sentence.end
        assert all(observed.all() for observed in aligned.observed.values())


def test_sound_and_face_are_of_the_part_alone_and_each_part_is_found_again(
    done: mmfeat.Extraction, scene: tuple[Path, list[Sentence]]
):
    cache = scene[0].with_name(".mmfeat-cache")
    for kind in ("librosa33", "hog"):
        times = []
        for path in (cache / kind).rglob("*.npz"):
            with np.load(path) as arrays:
                times.append(arrays["times"])
        assert len(times) == 2, kind
        with mmfeat.Artifact(done.path) as corpus:
            parts = list(corpus.utterances("all"))
        for part, own in zip(parts, sorted(times, key=lambda own: own[0]), strict=True):
            assert part.start - 0.02 <= own.min() < own.max() <= part.end + 0.02, kind
    assert len(list((cache / "faces").rglob("*.npz"))) == 2


def test_choices_say_beforehand_what_the_artefact_says_of_its_features(
    done: mmfeat.Extraction, choices: mmfeat.Choices
):
    with mmfeat.Artifact(done.path) as corpus:
        assert choices.described() == corpus.description.extractors
    assert list(choices.described()) == ["text", "audio", "vision"]
    other = replace(choices, settings={**choices.settings, "faces": {"detections_per_second": 5}})
    assert other.described()["vision"] != choices.described()["vision"]


def test_choices_of_another_programs_faces_say_nothing_of_ours(
    scene: tuple[Path, list[Sentence]], done: mmfeat.Extraction, tmp_path: Path
):
    path, sentences = scene
    rows = [f"{number},0,{number / 10},0.9,1,0.25,0.5" for number in range(round(sentences[-1].end * 10))]
    header = "frame,face_id,timestamp,confidence,success,gaze_angle_x,gaze_angle_y"
    (tmp_path / "scene.csv").write_text("\n".join([header, *rows]) + "\n")
    settings = {"openface": {"folder": tmp_path, "columns": "gaze_angle"}, "faces": {"detection_width": 200}}
    choices = mmfeat.Choices(text=None, audio=None, vision="openface", settings=settings)
    arguments = {"transcripts": path.with_suffix(".txt"), "cache": path.with_name(".mmfeat-cache")}
    mmfeat.extract([path], tmp_path / "gaze.h5", choices=choices, pauses=Pauses(), **arguments)
    with mmfeat.Artifact(tmp_path / "gaze.h5") as corpus:
        assert choices.described() == corpus.description.extractors
        assert corpus.ids("all") == ("scene_000", "scene_001")
    assert "faces" not in choices.described()["vision"]["config"]


def test_clips_that_failed_are_counted_as_clips_and_not_as_parts(
    scene: tuple[Path, list[Sentence]], done: mmfeat.Extraction, tmp_path: Path
):
    (tmp_path / "broken.mp4").write_text("this is not a film")
    (tmp_path / "scene.txt").write_text(scene[0].with_suffix(".txt").read_text())
    choices = mmfeat.Choices(text=None, audio=None, vision=None)
    arguments = {"transcripts": tmp_path, "cache": scene[0].with_name(".mmfeat-cache"), "choices": choices}
    with pytest.raises(ExtractionFailed, match="1 of 2 clips failed"):
        mmfeat.extract(
            [scene[0], tmp_path / "broken.mp4"], tmp_path / "x.h5", pauses=Pauses(), max_failed=0.4, **arguments
        )
    assert json.loads((tmp_path / "x.ledger.jsonl").read_text())["id"] == "broken"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["mmfeat", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return int(stop.value.code or 0)


def test_the_command_cuts_at_the_pauses_it_is_told(
    scene: tuple[Path, list[Sentence]],
    done: mmfeat.Extraction,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    path = scene[0]
    common = ["extract", path, "--transcripts", path.with_suffix(".txt"), "--audio", "none", "--vision", "none"]
    common += ["--glove", root / "pipelines" / "demo" / "glove.demo.txt", "--cache", path.with_name(".mmfeat-cache")]
    common += ["--json", "--output", path.with_name("cli.h5")]
    counts = []
    for options in ([], ["--cut"], ["--cut", "--pause", 3], ["--cut", "--pause", 3, "--longest", 2]):
        assert run(monkeypatch, *common, *options) == 0
        counts.append(json.loads(capsys.readouterr().out)["splits"]["all"])
    assert counts[:3] == [1, 2, 1]
    assert counts[3] > 2
    assert run(monkeypatch, *common, "--pause", 1) == 1
    assert "expected --cut beside them" in capsys.readouterr().err
    assert run(monkeypatch, *common, "--cut", "--pause", -1) == 1
    assert "expected shortest > 0" in capsys.readouterr().err
