"""FaceNet embeddings of the aligned face: InceptionResnetV1 by facenet-pytorch, trained on VGGFace2 (512 dimensions).

The weights are a file that cannot be shipped here. They are taken from ``weights``, or from where facenet-pytorch keeps
them, or downloaded from its release when ``download`` says so; a network without trained weights is never used.
"""

from __future__ import annotations

import urllib.error
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mmfeat.errors import MissingDependency
from mmfeat.extractors._weights import checked_digest, load_strictly, pick_device, read_state
from mmfeat.faces import FaceTrack
from mmfeat.types import ByteImage, FloatArray, Frames, Modality, Provenance

if TYPE_CHECKING:
    from torch import nn

MODALITY: Modality = "vision"
VERSION = "1"

CROP_SIZE = 160  # px, what the network was trained on
DIMENSIONS = 512
WEIGHTS = "20180402-114759-vggface2.pt"
URL = f"https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/{WEIGHTS}"
# As pinned independently of each other by several public projects that use the file (docs/faces.md).
SHA256 = "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b"
_CLASSIFIER = ("logits.weight", "logits.bias")  # of the training's 8,631 persons; the embedding comes before it


@dataclass(frozen=True)
class Config:
    """Where the weights are and how the network is run."""

    weights: Path | None = None  # a state dict; None: where facenet-pytorch keeps its own
    sha256: str | None = None  # expected of the weights; None: the published one, for a file of the published name
    download: bool = False  # fetch the published weights if they are not there
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    device: Literal["auto", "cpu", "cuda"] = "auto"


class FacenetExtractor:
    """Embed the speaker's face in every frame of its track."""

    name = "facenet"
    modality = MODALITY
    frame_shift = None  # frames are as far apart as those of the video
    names = tuple(f"facenet_{index:03d}" for index in range(DIMENSIONS))

    def __init__(self, network: nn.Module, source: Provenance, precision: str, device: str) -> None:
        import torch

        self.source = source
        self._device = device
        self._dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self._network = _fused(network).to(device=device, dtype=self._dtype)

    def __call__(self, signal: FaceTrack) -> Frames:
        """Frames of one clip.

        Parameters
        ----------
        signal : FaceTrack

        Returns
        -------
        Frames
            One of unit length for every row of the track; zeros with ``observed`` False where there is no face.
        """
        return signal.described(CROP_SIZE, self.embed, self.names, self.source)

    def embed(self, crops: ByteImage) -> FloatArray:
        """Embed aligned faces.

        Parameters
        ----------
        crops : ByteImage, shape (n, 160, 160, 3)

        Returns
        -------
        FloatArray, shape (n, 512)
            float32, unit length.
        """
        import torch

        with torch.inference_mode():
            # Permuted, not copied: channels last in memory is also what convolutions are fastest with.
            faces = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2).to(torch.float32)
            # facenet-pytorch's fixed_image_standardization.
            embedded = self._network(((faces - 127.5) / 128).to(self._dtype)).to(torch.float32)
            # A bfloat16 network normalises to three digits only.
            result: FloatArray = torch.nn.functional.normalize(embedded, dim=1).cpu().numpy()
            return result


def build(config: Config) -> FacenetExtractor:
    """Find, check and load the weights.

    Raises
    ------
    MissingDependency
        If there are no weights, or they cannot be downloaded.
    FormatError
        If the file is not the expected one, or not weights of this network.
    ConfigError
        If a GPU is asked for and there is none.
    """
    device = pick_device(config.device, owner="facenet")
    path = _find_weights(config)
    expected = config.sha256 or (SHA256 if path.name == WEIGHTS else None)
    remedy = f"the file is damaged or another one: get it from {URL} again, or state the sum of your own as sha256="
    found = checked_digest(path, expected, owner="facenet", remedy=remedy)
    source = Provenance("facenet", VERSION, {"precision": config.precision}, {path.name: found})
    return FacenetExtractor(_load(path), source, config.precision, device)


def default_weights() -> Path:
    """Where facenet-pytorch keeps its weights: ``checkpoints`` in torch's cache folder."""
    import torch

    return Path(torch.hub.get_dir()).parent / "checkpoints" / WEIGHTS


def _find_weights(config: Config) -> Path:
    path = config.weights or default_weights()
    if path.is_file():
        return path
    if config.weights is None and config.download:
        _download(URL, path, config.sha256 or SHA256)
        return path
    raise MissingDependency(
        f"facenet has no weights at {path}; expected {WEIGHTS} (107 MB, trained on VGGFace2); get it from {URL} and "
        "put it there, or give its place as weights=PATH, or let it be fetched with download=true; hog needs no weights"
    )


def _download(url: str, path: Path, sha256: str) -> None:
    """Fetch with facenet-pytorch's own routine, which checks the sum before the file gets its name."""
    from facenet_pytorch.models.utils.download import download_url_to_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        download_url_to_file(url, str(path), hash_prefix=sha256, progress=False)
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise MissingDependency(
            f"facenet weights cannot be downloaded from {url} ({error}); expected a file with sha256 {sha256}; "
            f"get it by other means and put it at {path}"
        ) from error


def _load(path: Path) -> nn.Module:
    from facenet_pytorch import InceptionResnetV1

    network: nn.Module = InceptionResnetV1(pretrained=None).eval()
    state = read_state(path, owner="facenet")
    kept = {name: value for name, value in state.items() if name not in _CLASSIFIER}
    expected = f"a state dict of InceptionResnetV1 with {DIMENSIONS} outputs"
    load_strictly(network, kept, path, owner="facenet", expected=expected)
    return network


def _fused(network: nn.Module) -> nn.Module:
    """Work the batch normalisation into the convolution before it: the same numbers, fewer steps."""
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for module in network.modules():
        convolution, normalisation = getattr(module, "conv", None), getattr(module, "bn", None)
        if isinstance(convolution, nn.Conv2d) and isinstance(normalisation, nn.BatchNorm2d):
            module.conv, module.bn = fuse_conv_bn_eval(convolution, normalisation), nn.Identity()
    return network
