"""FaceNet embeddings: where the weights come from, what is refused, what comes out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmfeat.errors import ConfigError, FormatError, MissingDependency
from mmfeat.extractors import facenet
from mmfeat.extractors.facenet import Config
from mmfeat.faces import FaceConfig, FaceTrack


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    from facenet_pytorch import InceptionResnetV1

    torch.manual_seed(0)
    return InceptionResnetV1(pretrained=None).state_dict()


@pytest.fixture(scope="module")
def weights(state: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As published: with the classifier's last layer, which the embedding does without."""
    path = tmp_path_factory.mktemp("weights") / "own.pt"
    torch.save({**state, "logits.weight": torch.zeros(7, 512), "logits.bias": torch.zeros(7)}, path)
    return path


@pytest.fixture
def faces() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 160, 160, 3), dtype=np.uint8)


@pytest.fixture
def torch_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of torch."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return tmp_path


def test_the_embedding_is_facenet_pytorchs(weights: Path, state: dict[str, Any], faces: np.ndarray):
    from facenet_pytorch import InceptionResnetV1, fixed_image_standardization

    network = InceptionResnetV1(pretrained=None).eval()
    network.load_state_dict(state)
    with torch.inference_mode():
        alone = [
            network(fixed_image_standardization(torch.tensor(face).permute(2, 0, 1).float())[None]) for face in faces
        ]
    embedded = facenet.build(Config(weights=weights, precision="float32", device="cpu")).embed(faces)
    np.testing.assert_allclose(embedded, torch.cat(alone).numpy(), atol=2e-5)


def test_bfloat16_keeps_the_direction(weights: Path, faces: np.ndarray):
    fine = facenet.build(Config(weights=weights, precision="float32", device="cpu")).embed(faces)
    fast = facenet.build(Config(weights=weights, device="cpu")).embed(faces)
    assert fast.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(fast, axis=1), 1, atol=1e-6)
    assert ((fine * fast).sum(axis=1) > 0.99).all()


def test_rows_without_a_face_are_zeros_and_not_observed(weights: Path, make_clip: Callable[..., Path], tmp_path: Path):
    clip = make_clip(tmp_path / "clip.mp4", 0.3, size=(64, 64), fps=10, tone=None)
    landmarks = np.tile(np.array([[20, 25], [40, 25], [30, 35], [22, 45], [38, 45]], np.float32), (3, 1, 1))
    boxes = np.tile(np.array([4, 0, 60, 64], np.float32), (3, 1))
    seen = np.array([True, False, True])
    track = FaceTrack(clip, np.arange(3) / 10, boxes, landmarks, seen, FaceConfig())
    frames = facenet.build(Config(weights=weights))(track)
    assert frames.values.shape == (3, 512)
    assert frames.observed.tolist() == seen.tolist() == frames.values.any(axis=1).tolist()


def test_the_provenance_names_the_weights_by_content(weights: Path):
    source = facenet.build(Config(weights=weights)).source
    assert source.sources == {"own.pt": hashlib.sha256(weights.read_bytes()).hexdigest()}
    assert source.config == {"precision": "bfloat16"}


def test_without_weights_nothing_is_computed(torch_home: Path):
    with pytest.raises(MissingDependency, match=r"no weights at .*checkpoints.*20180402.*weights=PATH.*download=true"):
        facenet.build(Config())


def test_weights_at_facenet_pytorchs_own_place_must_be_the_published_ones(torch_home: Path, weights: Path):
    place = torch_home / "checkpoints" / "20180402-114759-vggface2.pt"
    place.parent.mkdir()
    place.write_bytes(weights.read_bytes())
    assert facenet.default_weights() == place
    with pytest.raises(FormatError, match=r"have sha256 .*; expected 281cebca"):
        facenet.build(Config())


def test_a_stated_checksum_is_checked(weights: Path):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert facenet.build(Config(weights=weights, sha256=digest.upper())).names[-1] == "facenet_511"
    with pytest.raises(FormatError, match="expected 0000"):
        facenet.build(Config(weights=weights, sha256="0000"))


def test_a_download_gets_its_name_only_with_the_right_checksum(weights: Path, tmp_path: Path):
    target = tmp_path / "checkpoints" / "weights.pt"
    with pytest.raises(MissingDependency, match="cannot be downloaded from file:.*invalid hash"):
        facenet._download(weights.as_uri(), target, "0" * 64)
    assert not any(target.parent.iterdir())
    facenet._download(weights.as_uri(), target, hashlib.sha256(weights.read_bytes()).hexdigest())
    assert target.read_bytes() == weights.read_bytes()


def test_a_download_that_fails_says_what_to_do(tmp_path: Path):
    with pytest.raises(MissingDependency, match="get it by other means and put it at"):
        facenet._download((tmp_path / "absent.pt").as_uri(), tmp_path / "weights.pt", "0" * 64)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"conv.weight": torch.zeros(1)}, r"lack \d+ entries .*block8.* 1 unknown ones \(conv.weight\)"),
        ([1, 2], "hold a list; expected a state dict"),
    ],
)
def test_another_networks_file_is_refused(tmp_path: Path, content: Any, message: str):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(FormatError, match=message):
        facenet.build(Config(weights=tmp_path / "other.pt"))


def test_weights_of_another_width_are_refused(tmp_path: Path, state: dict[str, Any]):
    torch.save({**state, "last_linear.weight": torch.zeros(128, 1792)}, tmp_path / "narrow.pt")
    with pytest.raises(FormatError, match="do not fit .*last_linear.weight"):
        facenet.build(Config(weights=tmp_path / "narrow.pt"))


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"PK\x03\x04"])
def test_a_file_that_is_no_weights_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "page.pt").write_bytes(content)
    with pytest.raises(FormatError, match="cannot be read .*expected a state dict saved by torch"):
        facenet.build(Config(weights=tmp_path / "page.pt"))


def test_a_gpu_that_is_not_there_is_an_error(weights: Path):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ConfigError, match="device=cuda, but torch sees no GPU"):
        facenet.build(Config(weights=weights, device="cuda"))


@pytest.mark.gpu
def test_the_gpu_gives_what_the_cpu_gives(weights: Path, faces: np.ndarray):
    if not torch.cuda.is_available():
        pytest.skip("this machine has no GPU")
    here = facenet.build(Config(weights=weights, precision="float32", device="cpu")).embed(faces)
    there = facenet.build(Config(weights=weights, precision="float32", device="cuda")).embed(faces)
    np.testing.assert_allclose(there, here, atol=1e-3)
