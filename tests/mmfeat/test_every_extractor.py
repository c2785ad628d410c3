"""The contract of every extractor in the folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import words_of

from mmfeat import registry
from mmfeat.faces import FaceConfig, track_face
from mmfeat.types import Frames, Waveform

NAMES = registry.names("mmfeat.extractors")


@pytest.fixture(scope="module")
def settings(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each extractor needs that has no default: vectors, weights, another program's files."""
    import torch
    from facenet_pytorch import InceptionResnetV1

    from mmfeat.extractors.manet.network import MANet

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for name, network in (("facenet", InceptionResnetV1(pretrained=None)), ("manet", MANet())):
        torch.save(network.state_dict(), folder / f"{name}.pt")
    columns = ["frame", "face_id", "timestamp", "confidence", "success", "gaze_angle_x", "gaze_angle_y"]
    rows = [[number, 0, f"{(number - 1) / 25:.3f}", 0.98, 1, 0.1, -0.1] for number in range(1, 60)]
    table = "".join(", ".join(map(str, row)) + "\n" for row in (columns, *rows))
    (folder / "d01_00.csv").write_text(table, encoding="utf-8")
    (folder / "nothing.csv").write_text(", ".join(columns) + "\n1, 0, 0.000, 0.0, 0, 0, 0\n", encoding="utf-8")
    return {
        "glove": {"path": root / "pipelines" / "demo" / "glove.demo.txt"},
        "facenet": {"weights": folder / "facenet.pt"},
        "manet": {"weights": folder / "manet.pt"},
        "openface": {"folder": folder, "columns": "gaze_angle"},
    }


@pytest.fixture(scope="module")
def signals(root: Path) -> dict[str, dict[str, Any]]:
    """Per modality an ordinary signal and ones that hold nothing."""
    clip = root / "pipelines" / "demo" / "clips" / "d01_00.mp4"
    time = np.arange(16000) / 16000
    tone = (0.3 * np.sin(2 * np.pi * 180 * time)).astype(np.float32)
    track = track_face(clip, FaceConfig())
    empty = {name: np.zeros((0, *np.shape(getattr(track, name))[1:])) for name in ("times", "boxes", "landmarks")}
    from dataclasses import replace

    arrays = {name: values.astype(getattr(track, name).dtype) for name, values in empty.items()}
    nothing = replace(track, path=Path("nothing.mp4"), **arrays, observed=np.zeros(0, dtype=bool))
    return {
        "text": {"ordinary": words_of("film", "lovely"), "empty": (), "unknown": words_of("", "zxqvk")},
        "audio": {
            "ordinary": Waveform(tone, 16000, start=2.0),
            "empty": Waveform(np.zeros(0, dtype=np.float32), 16000),
            "one sample": Waveform(np.ones(1, dtype=np.float32), 16000),
            "short": Waveform(tone[:100], 16000),
            "silence": Waveform(np.zeros(8000, dtype=np.float32), 16000),
        },
        "vision": {"ordinary": track, "empty": nothing},
    }


@pytest.fixture(scope="module", params=NAMES)
def extractor(request: pytest.FixtureRequest, settings: dict[str, dict[str, Any]]) -> Any:
    return registry.build("mmfeat.extractors", request.param, settings.get(request.param))


def heard(extractor: Any, signal: Any) -> Frames:
    """Run an extractor, with sound at the rate that it declares."""
    if isinstance(signal, Waveform) and extractor.sample_rate != signal.sample_rate:
        count = -(-len(signal.samples) * extractor.sample_rate // signal.sample_rate)
        time = np.arange(len(signal.samples)) / signal.sample_rate
        samples = np.interp(np.arange(count) / extractor.sample_rate, time, signal.samples) if count else np.zeros(0)
        signal = Waveform(samples.astype(np.float32), extractor.sample_rate, signal.start)
    return extractor(signal)


def test_it_declares_what_it_is(extractor: Any):
    assert extractor.source.extractor == extractor.name
    assert extractor.source.version
    assert len(set(extractor.names)) == len(extractor.names) > 0
    described = json.dumps(asdict(extractor.source), allow_nan=False)
    assert "/tmp" not in described, "an artefact must not hold paths of the machine"


def test_it_gives_what_it_declares(extractor: Any, signals: dict[str, dict[str, Any]]):
    frames = heard(extractor, signals[extractor.modality]["ordinary"])
    assert frames.values.dtype in (np.float32, np.float64)
    assert frames.values.shape == (len(frames.times), len(extractor.names))
    assert frames.names == extractor.names
    assert frames.observed.any()
    assert len(frames.times) > 1
    if extractor.modality == "audio":
        assert frames.times[0] >= 2.0


def test_it_gives_the_same_twice(extractor: Any, signals: dict[str, dict[str, Any]]):
    first, second = (heard(extractor, signals[extractor.modality]["ordinary"]) for _ in range(2))
    np.testing.assert_array_equal(first.values, second.values)


def test_where_there_is_nothing_nothing_is_observed(extractor: Any, signals: dict[str, dict[str, Any]]):
    for name, signal in signals[extractor.modality].items():
        if name in ("ordinary", "short", "one sample"):
            continue
        frames = heard(extractor, signal)
        assert not frames.observed.any(), name


def test_a_very_short_sound_is_no_error(extractor: Any, signals: dict[str, dict[str, Any]]):
    for name in ("one sample", "short"):
        if name in signals[extractor.modality]:
            assert np.isfinite(heard(extractor, signals[extractor.modality][name]).values).all()


def test_text_gives_one_frame_per_word(extractor: Any, signals: dict[str, dict[str, Any]]):
    for signal in signals["text"].values():
        if extractor.modality == "text":
            assert len(extractor(signal).times) == len(signal)
