"""MA-Net embeddings: the network, the published form of its weights, what is refused, what comes out."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmfeat.errors import ConfigError, FormatError, MissingDependency
from mmfeat.extractors import manet
from mmfeat.extractors.manet import Config
from mmfeat.extractors.manet.network import MANet
from mmfeat.faces import FaceConfig, FaceTrack

# What the authors' network (zengqunzhao/MA-Net@923fa6c, model/manet.py with CBAM as in its attention.py) gives before
# its classifiers for `drawn_weights` and `drawn_faces`, in float64: place in the 1024 numbers -> value for each face.
AUTHORS = {
    0: (2.13561, 4.66321),
    1: (12.7659, 20.4222),
    100: (4.49828, 13.6049),
    300: (4.71004, 11.1027),
    511: (5.58184, 9.39799),
    512: (48.4279, 72.7819),
    600: (15.5339, 39.282),
    777: (361.486, 852.056),
    1000: (46.2851, 79.1171),
    1023: (91.274, 249.408),
}
AUTHORS_MEANS = ((3.801357, 167.846846), (7.881850, 353.229592))  # of either branch, for each face


class RecorderMeter:
    """As the training script names the class of its curves."""

    def __init__(self) -> None:
        self.current_epoch, self.total_epoch = 1, np.int64(2)
        self.epoch_losses = np.ones((2, 2), dtype=np.float32)
        self.best = np.float32(0.5)


@pytest.fixture(scope="module")
def drawn_weights() -> dict[str, torch.Tensor]:
    """Weights for every tensor of the network, drawn in the order of their names."""
    rng = np.random.default_rng(0)
    return {name: torch.from_numpy(drawn(name, tuple(own.shape), rng)) for name, own in sorted(empty_state().items())}


def drawn(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if name.endswith("num_batches_tracked"):
        return np.zeros((), dtype=np.int64)
    if name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
    return (scale * rng.standard_normal(shape, dtype=np.float32)).astype(np.float32)


def empty_state() -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return MANet().state_dict()


@pytest.fixture(scope="module")
def drawn_faces() -> np.ndarray:
    """(2, 224, 224, 3): two slopes of colour, and noise."""
    row, column = np.mgrid[0:224, 0:224].astype(np.uint8)
    noise = np.random.default_rng(1).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    return np.stack((np.stack((row, column, row // 2 + 60), axis=-1), noise))


@pytest.fixture(scope="module")
def published(drawn_weights: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as the training script leaves it: of several GPUs, in torch's older format, with its curves."""
    path = tmp_path_factory.mktemp("weights") / "Pretrained_on_MSCeleb.pth.tar"
    state = {f"module.{name}": values for name, values in drawn_weights.items()}
    for branch in (1, 2):
        state |= {f"module.fc_{branch}.weight": torch.zeros(7, 512), f"module.fc_{branch}.bias": torch.zeros(7)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecorderMeter, "__module__", "__main__")
        patch.setattr(sys.modules["__main__"], "RecorderMeter", RecorderMeter, raising=False)
        checkpoint = {"epoch": 3, "state_dict": state, "best_acc": torch.tensor(88.3), "recorder": RecorderMeter()}
        torch.save(checkpoint, path, _use_new_zipfile_serialization=False)
    path.write_bytes(as_from_a_gpu(path.read_bytes()))
    return path


def as_from_a_gpu(saved: bytes) -> bytes:
    """Name the places of the tensors as torch names them on the authors' machine."""
    places = {
        b"ctorch\nFloatStorage\n": b"ctorch.cuda\nFloatStorage\n",
        b"X\x03\x00\x00\x00cpu": b"X\x06\x00\x00\x00cuda:0",
    }
    for here, there in places.items():
        assert here in saved
        saved = saved.replace(here, there)
    return saved


@pytest.fixture(scope="module")
def extractor(published: Path) -> manet.ManetExtractor:
    return manet.build(Config(weights=published, device="cpu"))


@pytest.fixture(scope="module")
def hollow() -> dict[str, torch.Tensor]:
    """Every tensor in its shape, but with one number behind it: a small file."""
    return {name: torch.zeros((), dtype=own.dtype).expand(own.shape) for name, own in empty_state().items()}


def test_it_has_the_published_number_of_parameters():
    branches = sum(values.numel() for values in MANet().parameters())
    assert f"{(branches + classifiers(7)) / 1e6:.2f}" == "50.55"
    assert f"{(branches + classifiers(12_666)) / 1e6:.1f}" == "63.5"


def classifiers(classes: int) -> int:
    return 2 * (512 + 1) * classes


def test_it_gives_what_the_authors_network_gives(extractor: manet.ManetExtractor, drawn_faces: np.ndarray):
    embedded = extractor.embed(drawn_faces)
    assert embedded.shape == (2, 1024)
    assert embedded.dtype == np.float32
    np.testing.assert_allclose(embedded[:, list(AUTHORS)].T, list(AUTHORS.values()), rtol=1e-4)
    np.testing.assert_allclose(embedded.reshape(2, 2, 512).mean(axis=2), AUTHORS_MEANS, rtol=1e-4)


def test_a_face_is_embedded_alike_alone_and_in_company(extractor: manet.ManetExtractor, drawn_faces: np.ndarray):
    together = extractor.embed(drawn_faces)
    alone = np.concatenate([extractor.embed(drawn_faces[row : row + 1]) for row in (0, 1)])
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-3)


def test_rows_without_a_face_are_zeros_and_not_observed(
    extractor: manet.ManetExtractor, make_clip: Callable[..., Path], tmp_path: Path
):
    clip = make_clip(tmp_path / "clip.mp4", 0.3, size=(64, 64), fps=10, tone=None)
    landmarks = np.tile(np.array([[20, 25], [40, 25], [30, 35], [22, 45], [38, 45]], np.float32), (3, 1, 1))
    boxes = np.tile(np.array([4, 0, 60, 64], np.float32), (3, 1))
    seen = np.array([True, False, True])
    frames = extractor(FaceTrack(clip, np.arange(3) / 10, boxes, landmarks, seen, FaceConfig()))
    assert frames.values.shape == (3, 1024)
    assert frames.observed.tolist() == seen.tolist() == frames.values.any(axis=1).tolist()


def test_the_provenance_names_the_weights_by_content(extractor: manet.ManetExtractor, published: Path):
    digest = hashlib.sha256(published.read_bytes()).hexdigest()
    assert extractor.source.sources == {"Pretrained_on_MSCeleb.pth.tar": digest}


def test_what_may_stand_in_a_checkpoint_is_allowed_for_that_file_only(extractor: manet.ManetExtractor):
    names = {f"{allowed.__module__}.{allowed.__qualname__}" for allowed in torch.serialization.get_safe_globals()}
    assert not names & set(manet._TRAINING_CURVES)


def test_weights_saved_by_themselves_are_read_too(hollow: dict[str, torch.Tensor], tmp_path: Path):
    torch.save(hollow, tmp_path / "bare.pt")
    assert manet.build(Config(weights=tmp_path / "bare.pt")).names[511:513] == ("local_511", "global_000")


def test_a_stated_checksum_is_checked(hollow: dict[str, torch.Tensor], tmp_path: Path):
    torch.save(hollow, tmp_path / "own.pt")
    digest = hashlib.sha256((tmp_path / "own.pt").read_bytes()).hexdigest()
    assert manet.build(Config(weights=tmp_path / "own.pt", sha256=digest.upper())).source.sources == {"own.pt": digest}
    with pytest.raises(FormatError, match=r"have sha256 .*; expected 0000; the file is damaged"):
        manet.build(Config(weights=tmp_path / "own.pt", sha256="0000"))


@pytest.mark.parametrize("weights", [None, Path("nowhere.pth")])
def test_without_weights_nothing_is_computed(weights: Path | None):
    with pytest.raises(MissingDependency, match=r"manet has no weights.*acc88\.33\.pth.*non-commercial.*weights=PATH"):
        manet.build(Config(weights=weights))


def test_the_note_says_what_the_weights_may_be_used_for():
    assert "non-commercial" in Config.note
    assert "withdrawn" in Config.note


def test_another_networks_file_is_refused(tmp_path: Path):
    torch.save({"state_dict": {"module.features.weight": torch.zeros(1)}}, tmp_path / "other.pt")
    with pytest.raises(FormatError, match=r"lack 688 entries \(bn1.bias, .* 1 unknown ones \(features.weight\)"):
        manet.build(Config(weights=tmp_path / "other.pt"))


def test_missing_and_unknown_names_are_both_named(hollow: dict[str, torch.Tensor], tmp_path: Path):
    renamed = {name.replace("layer3_2.0.conv1.", "layer3_2.0.first."): values for name, values in hollow.items()}
    torch.save(renamed, tmp_path / "renamed.pt")
    with pytest.raises(FormatError, match=r"1 entries \(layer3_2.0.conv1.weight\).* 1 unknown .*layer3_2.0.first"):
        manet.build(Config(weights=tmp_path / "renamed.pt"))


def test_weights_of_another_width_are_refused(hollow: dict[str, torch.Tensor], tmp_path: Path):
    torch.save({**hollow, "conv1.weight": torch.zeros(64, 1, 7, 7)}, tmp_path / "grey.pt")
    with pytest.raises(FormatError, match="do not fit .*conv1.weight"):
        manet.build(Config(weights=tmp_path / "grey.pt"))


@pytest.mark.parametrize("content", [{"state_dict": [1]}, {"state_dict": None}])
def test_a_checkpoint_without_named_weights_is_refused(tmp_path: Path, content: Any):
    torch.save(content, tmp_path / "odd.pt")
    with pytest.raises(FormatError, match=r"hold a (list|NoneType) as state_dict; expected names and tensors"):
        manet.build(Config(weights=tmp_path / "odd.pt"))


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_that_would_run_code_does_not(tmp_path: Path, zipped: bool):
    checkpoint = {"state_dict": {}, "recorder": Malicious(tmp_path / "made")}
    torch.save(checkpoint, tmp_path / "evil.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(FormatError, match=r"cannot be read \(.*\); expected a state dict saved by torch"):
        manet.build(Config(weights=tmp_path / "evil.pth"))
    assert not (tmp_path / "made").exists()


def test_a_class_that_is_not_expected_is_named(tmp_path: Path):
    torch.save({"state_dict": {}, "recorder": FaceConfig()}, tmp_path / "own.pth")
    with pytest.raises(FormatError, match=r"asks for mmfeat.faces.track.FaceConfig, which could run code"):
        manet.build(Config(weights=tmp_path / "own.pth"))


def test_a_gpu_that_is_not_there_is_an_error(published: Path):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ConfigError, match="manet: device=cuda, but torch sees no GPU"):
        manet.build(Config(weights=published, device="cuda"))


@pytest.mark.gpu
def test_the_gpu_gives_what_the_cpu_gives(extractor: manet.ManetExtractor, published: Path, drawn_faces: np.ndarray):
    if not torch.cuda.is_available():
        pytest.skip("this machine has no GPU")
    there = manet.build(Config(weights=published, device="cuda")).embed(drawn_faces)
    np.testing.assert_allclose(there, extractor.embed(drawn_faces), rtol=1e-2)
