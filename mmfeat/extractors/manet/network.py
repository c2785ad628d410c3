"""The network of MA-Net without its classifiers.

Zhao, Liu and Wang, Learning Deep Global Multi-scale and Local Attention Features for Facial Expression Recognition in
the Wild, IEEE TIP 30, 2021; the attention is CBAM (Woo et al., ECCV 2018). Modules are named as in the published
checkpoints, so that those load as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIZE = 224  # px, side of the face
WIDTH = 512  # of each of the two branches
_QUADRANT = 14  # of the 28 x 28 places after the shared layers
_PARTS = 4  # of the channels, in a multi-scale block
_REDUCTION = 16  # of the channels, inside the channel gate


class MANet(nn.Module):
    """A shared trunk, a branch that looks at the quarters of the face, and one that looks at the whole."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = _layer(PlainBlock, 64, 64, stride=1)
        self.layer2 = _layer(PlainBlock, 64, 128, stride=2)
        for quarter in range(1, 5):  # each has weights of its own
            self.add_module(f"layer3_1_p{quarter}", _layer(AttentionBlock, 128, 256, stride=2))
            self.add_module(f"layer4_1_p{quarter}", _layer(AttentionBlock, 256, 512, stride=1))
        self.layer3_2 = _layer(MultiScaleBlock, 128, 256, stride=2)
        self.layer4_2 = _layer(MultiScaleBlock, 256, 512, stride=2)

    def forward(self, faces: Tensor) -> Tensor:
        """Embed faces.

        Parameters
        ----------
        faces : Tensor, shape (n, 3, 224, 224)
            RGB in [0, 1].

        Returns
        -------
        Tensor, shape (n, 1024)
            512 numbers of the local branch, then 512 of the global one: what the two classifiers would see.
        """
        shared = self.layer2(self.layer1(self.maxpool(torch.relu(self.bn1(self.conv1(faces))))))
        whole = self.layer4_2(self.layer3_2(shared)).mean(dim=(2, 3))
        return torch.cat((self._local(shared), whole), dim=1)

    def _local(self, shared: Tensor) -> Tensor:
        """(n, 512); the mean over four equal quarters is that over the map they were cut from."""
        rows = shared.split(_QUADRANT, dim=2)
        quarters = [quarter for row in rows for quarter in row.split(_QUADRANT, dim=3)]  # upper two, lower two
        seen = [
            self.get_submodule(f"layer4_1_p{number}")(self.get_submodule(f"layer3_1_p{number}")(quarter))
            for number, quarter in enumerate(quarters, start=1)
        ]
        return torch.stack([each.mean(dim=(2, 3)) for each in seen]).mean(dim=0)


class PlainBlock(nn.Module):
    """Two convolutions and a way around them, as in ResNet-18."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv3x3(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = _conv3x3(outputs, outputs), nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        return torch.relu(self._changed(x) + self.downsample(x))

    def _changed(self, x: Tensor) -> Tensor:
        changed: Tensor = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return changed


class AttentionBlock(PlainBlock):
    """A plain block that weighs its channels, then its places, before the way around joins in."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, stride)
        self.cbam = nn.Sequential()
        self.cbam.add_module("ChannelGate", ChannelGate(outputs))
        self.cbam.add_module("SpatialGate", SpatialGate())

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        return torch.relu(self.cbam(self._changed(x)) + self.downsample(x))


class MultiScaleBlock(nn.Module):
    """After one convolution, quarters of the channels see more and more of the picture, from first to last and back.

    A quarter is joined by what came of the one before it. The two directions have weights of their own and are added.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv3x3(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        width = outputs // _PARTS
        for direction in (1, 2):
            for part in range(1, _PARTS + 1):
                self.add_module(f"conv{direction}_2_{part}", _conv3x3(width, width))
                self.add_module(f"bn{direction}_2_{part}", nn.BatchNorm2d(width))
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        parts = torch.relu(self.bn1(self.conv1(x))).chunk(_PARTS, dim=1)
        forth = self._chain(parts, 1, range(_PARTS))
        back = self._chain(parts, 2, range(_PARTS - 1, -1, -1))
        return torch.relu(forth + back + self.downsample(x))

    def _chain(self, parts: tuple[Tensor, ...], direction: int, order: range) -> Tensor:
        done: dict[int, Tensor] = {}
        before: Tensor | None = None
        for part in order:
            joined = parts[part] if before is None else torch.relu(before) + parts[part]
            convolution = self.get_submodule(f"conv{direction}_2_{part + 1}")
            before = self.get_submodule(f"bn{direction}_2_{part + 1}")(convolution(joined))
            done[part] = before
        return torch.cat([done[part] for part in range(_PARTS)], dim=1)


class ChannelGate(nn.Module):
    """Weighs channels by their mean and their largest value."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = channels // _REDUCTION
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(channels, narrow), nn.ReLU(), nn.Linear(narrow, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to the same shape."""
        weights = torch.sigmoid(self.mlp(x.mean(dim=(2, 3))) + self.mlp(x.amax(dim=(2, 3))))
        return x * weights[:, :, None, None]


class SpatialGate(nn.Module):
    """Weighs places by the largest and the mean value over their channels."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = nn.Sequential()
        self.spatial.add_module("conv", nn.Conv2d(2, 1, kernel_size=7, padding=3, bias=False))
        self.spatial.add_module("bn", nn.BatchNorm2d(1))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to the same shape."""
        pooled = torch.stack((x.amax(dim=1), x.mean(dim=1)), dim=1)
        return x * torch.sigmoid(self.spatial(pooled))


def _layer(block: type[nn.Module], inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(block(inputs, outputs, stride), block(outputs, outputs, 1))


def _conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    convolution = nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))
