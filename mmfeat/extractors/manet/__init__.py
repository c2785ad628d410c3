"""MA-Net embeddings of the aligned face: what its two branches see before they classify the expression (1024 numbers).

The checkpoints that its authors and GCNet's publish cannot be shipped here: they were trained on faces that may be used
for non-commercial research only. They are read from ``weights``; without them nothing is computed (docs/manet.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mmfeat.errors import FormatError, MissingDependency
from mmfeat.extractors._weights import checked_digest, load_strictly, pick_device, read_state
from mmfeat.faces import FaceTrack
from mmfeat.types import ByteImage, FloatArray, Frames, Modality, Provenance

if TYPE_CHECKING:
    from torch import nn

MODALITY: Modality = "vision"
VERSION = "1"

CROP_SIZE = 224  # px, what the network was trained on
DIMENSIONS = 1024
_PREFIX = "module."  # left by training on several GPUs
_CLASSIFIERS = ("fc_1.weight", "fc_1.bias", "fc_2.weight", "fc_2.bias")  # of 7 expressions, or of 12,666 persons
# The published files hold, beside the weights, the curves of their training: an object of the training script.
_TRAINING_CURVES = (
    "__main__.RecorderMeter",
    "numpy.dtype",
    "numpy.ndarray",
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
)


@dataclass(frozen=True)
class Config:
    """Where the weights are and what they are run on."""

    weights: Path | None = None  # a published checkpoint, or a state dict of the same network
    sha256: str | None = None  # expected of the weights; None: not checked, only recorded
    device: Literal["auto", "cpu", "cuda"] = "auto"

    note: ClassVar[str] = (
        "manet: the published weights come from MS-Celeb-1M, which was withdrawn, and RAF-DB, which is for "
        "non-commercial research only; so are features made with them, and the weights must not be passed on"
    )


class ManetExtractor:
    """Embed the speaker's face in every frame of its track."""

    name = "manet"
    modality = MODALITY
    frame_shift = None  # frames are as far apart as those of the video
    names = tuple(f"{branch}_{index:03d}" for branch in ("local", "global") for index in range(DIMENSIONS // 2))

    def __init__(self, network: nn.Module, source: Provenance, device: str) -> None:
        self.source = source
        self._device = device
        self._network = network.to(device)

    def __call__(self, signal: FaceTrack) -> Frames:
        """Frames of one clip.

        Parameters
        ----------
        signal : FaceTrack

        Returns
        -------
        Frames
            One for every row of the track; zeros with ``observed`` False where there is no face.
        """
        return signal.described(CROP_SIZE, self.embed, self.names, self.source)

    def embed(self, crops: ByteImage) -> FloatArray:
        """Embed aligned faces.

        Parameters
        ----------
        crops : ByteImage, shape (n, 224, 224, 3)

        Returns
        -------
        FloatArray, shape (n, 1024)
            float32: the local branch, then the global one.
        """
        import torch

        with torch.inference_mode():
            faces = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2)
            embedded: FloatArray = self._network(faces.to(torch.float32) / 255).cpu().numpy()
            return embedded


def build(config: Config) -> ManetExtractor:
    """Check and load the weights.

    Raises
    ------
    MissingDependency
        If there are no weights.
    FormatError
        If the file has another checksum than stated, or does not hold weights of this network.
    ConfigError
        If a GPU is asked for and there is none.
    """
    from mmfeat.extractors.manet.network import MANet

    device = pick_device(config.device, owner="manet")
    path = _require_weights(config.weights)
    remedy = "the file is damaged or another one: get it again, or state its own sum"
    found = checked_digest(path, config.sha256, owner="manet", remedy=remedy)
    network = MANet().eval()
    state = _published(read_state(path, owner="manet", blanks=_TRAINING_CURVES), path)
    load_strictly(network, state, path, owner="manet", expected="a checkpoint of MA-Net with two 512-wide branches")
    return ManetExtractor(network, Provenance("manet", VERSION, {}, {path.name: found}), device)


def _require_weights(path: Path | None) -> Path:
    if path is not None and path.is_file():
        return path
    lacking = "has no weights" if path is None else f"has no weights at {path}"
    raise MissingDependency(
        f"manet {lacking}; expected a checkpoint of MA-Net: GCNet's, trained on RAF-DB ([02-08]-[21-19]-model_best-"
        "acc88.33.pth), or its authors' (Pretrained_on_MSCeleb.pth.tar); the READMEs of github.com/zeroQiaoba/GCNet "
        "and github.com/zengqunzhao/MA-Net link to them (non-commercial research only); give its place as "
        "weights=PATH; hog needs no weights"
    )


def _published(checkpoint: Mapping[Any, Any], path: Path) -> dict[str, Any]:
    """Weights of the branches under the names that the network has, out of what the training script saved."""
    state = checkpoint.get("state_dict", checkpoint)
    if not isinstance(state, dict):
        raise FormatError(
            f"manet weights {path} hold a {type(state).__name__} as state_dict; expected names and tensors; "
            "give another file"
        )
    named = {str(name).removeprefix(_PREFIX): value for name, value in state.items()}
    return {name: value for name, value in named.items() if name not in _CLASSIFIERS}
