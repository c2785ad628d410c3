"""Sound to words: pocketsphinx's language model, and faster-whisper with a tiny model of random weights."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mmfeat import registry
from mmfeat.errors import MediaError, MissingDependency
from mmfeat.media import read_waveform
from mmfeat.transcribers import pocketsphinx as rough
from mmfeat.types import SPEECH_RATE, Waveform

SILENCE = Waveform(np.zeros(SPEECH_RATE, np.float32), SPEECH_RATE)
NOTHING = Waveform(np.zeros(0, np.float32), SPEECH_RATE)


@pytest.fixture(scope="module")
def listen() -> rough.PocketsphinxTranscriber:
    return rough.build(rough.Config(piece=4.0))


@pytest.fixture(scope="module")
def clip(root: Path) -> tuple[Waveform, str]:
    folder = root / "pipelines" / "demo"
    with (folder / "utterances.csv").open() as table:
        row = next(row for row in csv.DictReader(table) if row["transcript"])
    waveform = read_waveform(folder / row["media"], SPEECH_RATE)
    assert waveform is not None
    return waveform, row["transcript"]


def test_pocketsphinx_hears_some_of_the_words_at_their_times(listen, clip) -> None:
    waveform, transcript = clip
    heard = listen(Waveform(waveform.samples, SPEECH_RATE, start=7.0))
    assert {word.text for word in heard} & set(transcript.lower().strip(".").split())
    assert all(7.0 <= word.start < word.end <= 7.0 + waveform.duration + 0.02 for word in heard)
    assert all(0.0 <= word.score <= 1.0 for word in heard)


def test_pocketsphinx_cuts_a_long_recording_and_keeps_the_order(listen, clip) -> None:
    waveform, _ = clip
    twice = Waveform(np.concatenate([waveform.samples] * 3), SPEECH_RATE)
    heard = listen(twice)
    assert heard[-1].end > 2 * waveform.duration
    assert all(first.end <= second.start + 1e-6 for first, second in zip(heard, heard[1:], strict=False))


def test_pocketsphinx_says_that_it_is_rough(listen) -> None:
    assert "rough" in listen.note
    assert "whisper" in listen.note


def test_pocketsphinx_hears_nothing_in_silence(listen) -> None:
    assert listen(SILENCE) == ()
    assert listen(NOTHING) == ()


def test_sound_at_another_rate_is_refused(listen) -> None:
    with pytest.raises(MediaError, match="8000 Hz; expected 16000 Hz"):
        listen(Waveform(np.zeros(8000, np.float32), 8000))


@pytest.fixture(scope="module")
def whisper_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real model folder with two layers of random weights and a vocabulary of letters."""
    ctranslate2 = pytest.importorskip("ctranslate2", reason="the extra asr is not installed")
    tokenizers = pytest.importorskip("tokenizers", reason="the extra asr is not installed")
    folder = tmp_path_factory.mktemp("whisper")
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    special = "endoftext startoftranscript en translate transcribe startoflm startofprev nospeech notimestamps".split()
    marks = [f"<|{name}|>" for name in special] + [f"<|{0.02 * step:.2f}|>" for step in range(1501)]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocab={letter: code for code, letter in enumerate(letters)}, merges=[])
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens(marks)
    tokenizer.save(str(folder / "tokenizer.json"))
    spec = ctranslate2.specs.WhisperSpec(1, 2, 1, 2)
    _fill(spec, len(letters + marks))
    spec.register_vocabulary(letters + marks)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.lang_ids, spec.config.alignment_heads = [letters.__len__() + 2], [(0, 0)]
    spec.validate()
    spec.optimize(quantization=None)
    spec.save(str(folder))
    return folder


def _fill(spec, vocabulary: int, width: int = 16) -> None:
    """Random weights for every layer of the model."""
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        return (0.1 * rng.standard_normal(shape)).astype(np.float32)

    def norm(layer) -> None:
        layer.gamma, layer.beta = np.ones(width, np.float32), np.zeros(width, np.float32)

    def dense(layer, outputs: int, inputs: int) -> None:
        layer.weight, layer.bias = weights(outputs, inputs), np.zeros(outputs, np.float32)

    def attention(layer, sizes: tuple[int, ...]) -> None:
        norm(layer.layer_norm)
        for linear, size in zip(layer.linear, sizes, strict=True):
            dense(linear, size * width, width)

    def block(layer) -> None:
        attention(layer.self_attention, (3, 1))
        norm(layer.ffn.layer_norm)
        dense(layer.ffn.linear_0, 4 * width, width)
        dense(layer.ffn.linear_1, width, 4 * width)

    encoder, decoder = spec.encoder, spec.decoder
    for convolution, channels in ((encoder.conv1, 80), (encoder.conv2, width)):
        convolution.weight, convolution.bias = weights(width, channels, 3), np.zeros(width, np.float32)
    encoder.position_encodings.encodings = weights(1500, width)
    decoder.position_encodings.encodings = weights(448, width)
    decoder.embeddings.weight = 10 * weights(vocabulary, width)
    decoder.projection.weight = decoder.embeddings.weight
    decoder.scale_embeddings = False
    for layer in (*encoder.layer, *decoder.layer):
        block(layer)
    for layer in decoder.layer:
        attention(layer.attention, (1, 2, 1))
    norm(encoder.layer_norm)
    norm(decoder.layer_norm)


@pytest.mark.slow
def test_whisper_loads_a_model_folder_and_gives_words_inside_the_sound(whisper_model, clip) -> None:
    """What it hears with random weights is nonsense; that it runs and where the words lie is what counts."""
    waveform, _ = clip
    settings = {"model": str(whisper_model), "device": "cpu", "compute_type": "float32", "vad": "no", "beam_size": 1}
    listen = registry.build("mmfeat.transcribers", "whisper", settings)
    words = listen(Waveform(waveform.samples, SPEECH_RATE, start=3.0))
    assert words
    assert all(3.0 <= word.start < word.end <= 3.0 + waveform.duration + 1e-6 for word in words)
    assert all(word.text and 0.0 <= word.score <= 1.0 for word in words)
    assert listen(SILENCE) == ()
    assert listen(NOTHING) == ()


def test_a_whisper_folder_that_lacks_files_is_named(tmp_path) -> None:
    pytest.importorskip("faster_whisper", reason="the extra asr is not installed")
    with pytest.raises(MissingDependency, match=r"lacks model.bin, config.json, tokenizer.json; expected a folder"):
        registry.build("mmfeat.transcribers", "whisper", {"model": str(tmp_path)})


def test_a_whisper_model_that_does_not_exist_is_named_with_the_remedy() -> None:
    pytest.importorskip("faster_whisper", reason="the extra asr is not installed")
    with pytest.raises(MissingDependency, match=r"whisper model 'enormous' cannot be loaded .*model.bin.*model=FOLDER"):
        registry.build("mmfeat.transcribers", "whisper", {"model": "enormous"})


def test_a_broken_whisper_model_is_named_with_the_remedy(tmp_path) -> None:
    pytest.importorskip("faster_whisper", reason="the extra asr is not installed")
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(MissingDependency, match=r"cannot be loaded on cpu as int8"):
        registry.build("mmfeat.transcribers", "whisper", {"model": str(tmp_path), "device": "cpu"})


def test_words_of_whisper_are_kept_in_order_and_inside_the_sound() -> None:
    transcribe = pytest.importorskip("faster_whisper.transcribe", reason="the extra asr is not installed")
    from mmfeat.transcribers.whisper import words_of

    def word(text: str, start: float, end: float):
        return transcribe.Word(start=start, end=end, word=text, probability=0.5)

    segments = [
        SimpleNamespace(words=[word(" Hello,", 0.1, 0.5), word(" ", 0.5, 0.6), word(" you", 0.4, 0.4)]),
        SimpleNamespace(words=None),
        SimpleNamespace(words=[word(" there", 1.8, 2.6), word(" ghost", 2.7, 2.9)]),
    ]
    words = words_of(segments, 10.0, 2.0)
    assert [(word.text, round(word.start, 3), round(word.end, 3)) for word in words] == [
        ("Hello,", 10.1, 10.5),
        ("you", 10.5, 10.52),
        ("there", 11.8, 12.0),
    ]
