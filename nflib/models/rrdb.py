"""RRDBNet: the convolutional network of ESRGAN, a super-resolver by itself and the encoder of the conditional
flows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .model import ImageModel


@dataclass(frozen=True)
class RRDBConfig:
    """Size of an :class:`RRDBNet`.

    >>> RRDBConfig(scale=8).blocks
    23

    Attributes:
        scale: by how much the output is larger than the input, a power of two; 1 keeps the size.
        channels: width of the trunk.
        growth: channels that each convolution of a dense block adds.
        blocks: number of residual-in-residual blocks.
    """

    scale: int = 4
    channels: int = 64
    growth: int = 32
    blocks: int = 23

    def __post_init__(self):
        if self.scale not in (1, 2, 4, 8, 16):
            raise ValueError(f"scale must be 1, 2, 4, 8 or 16, got {self.scale}")
        if min(self.channels, self.growth, self.blocks) < 1:
            raise ValueError(f"channels, growth and blocks must be at least 1, got {self}")

    @property
    def multiple(self) -> int:
        return 1


class Features(NamedTuple):
    """What the trunk knows of a low-resolution image (B, 3, h, w).

    ``last`` is the trunk's output (B, C, h, w); ``ups`` its upsampled maps at 2, 4, ... times the resolution;
    ``taps`` the outputs of chosen blocks one after the other in the channels (B, T*C, h, w).
    """

    last: Tensor
    ups: tuple[Tensor, ...]
    taps: Tensor


class DenseBlock(nn.Module):
    """Five convolutions that each see all earlier ones; a fifth of the result is added to the input."""

    def __init__(self, channels: int, growth: int):
        super().__init__()
        widths = [growth] * 4 + [channels]
        self.convs = cast(
            Sequence[nn.Conv2d],
            nn.ModuleList(
                nn.Conv2d(channels + i * growth, width, 3, padding=1) for i, width in enumerate(widths)
            ),
        )
        for conv in self.convs:  # small starts keep a deep trunk near the identity (ESRGAN, section 3.1)
            nn.init.kaiming_normal_(conv.weight, a=0, mode="fan_in")
            with torch.no_grad():
                conv.weight.mul_(0.1)
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for conv in self.convs[:-1]:
            seen = torch.cat((seen, _activate(conv(seen))), 1)
        return x + 0.2 * self.convs[-1](seen)


class RRDBNet(ImageModel):
    """Residual-in-residual dense blocks, then nearest-neighbour upsampling and convolutions (ESRGAN, section
    3.1).

    ``net(lr)`` maps (B, 3, h, w) in [0, 1] to (B, 3, scale*h, scale*w), not clipped.
    ``net.features(lr, taps)`` gives the maps that a conditional flow is told (SRFlow, section 3.3).

    >>> net = RRDBNet(RRDBConfig(scale=4, channels=4, growth=2, blocks=1))
    >>> net(torch.rand(1, 3, 5, 6)).shape
    torch.Size([1, 3, 20, 24])
    """

    purpose = "restore"
    repeated = (DenseBlock,)

    def __init__(self, config: RRDBConfig = RRDBConfig()):
        super().__init__()
        self.config = config
        width = config.channels
        self.conv_first = nn.Conv2d(3, width, 3, padding=1)
        self.trunk = nn.ModuleList(_ResidualInResidual(width, config.growth) for _ in range(config.blocks))
        self.trunk_conv = nn.Conv2d(width, width, 3, padding=1)
        self.upconvs = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1) for _ in range(config.scale.bit_length() - 1)
        )
        self.hr_conv = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, lr: Tensor) -> Tensor:
        features = self.features(lr)
        top = features.ups[-1] if features.ups else features.last
        return self.conv_last(_activate(self.hr_conv(top)))

    def features(self, lr: Tensor, taps: tuple[int, ...] = (), ups: int | None = None) -> Features:
        """The maps inside the network.

        Args:
            lr: (B, 3, h, w).
            taps: 0-based numbers of the blocks whose outputs are wanted.
            ups: how many upsampled maps are wanted, all by default.
        """
        x = fast_layout(self.conv_first(lr))
        tapped = {}
        for i, block in enumerate(self.trunk):
            x = block(x)
            tapped[i] = x
        last = x + self.trunk_conv(x)
        maps: list[Tensor] = []
        for conv in self.upconvs[:ups]:
            x = maps[-1] if maps else last
            maps.append(_activate(conv(F.interpolate(x, scale_factor=2, mode="nearest"))))
        empty = last.new_empty(len(last), 0, *last.shape[2:])
        return Features(last, tuple(maps), torch.cat([empty, *(tapped[i] for i in taps)], 1))

    @property
    def scale(self) -> int:
        return self.config.scale

    def example_loss(self, image: Tensor) -> Tensor:
        return (self(self.smaller(image)) - image).abs().mean()

    def example_result(self, image: Tensor) -> Tensor:
        return self(self.smaller(image))


class _ResidualInResidual(nn.Module):
    def __init__(self, channels: int, growth: int):
        super().__init__()
        self.dense = nn.Sequential(*(DenseBlock(channels, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.2 * self.dense(x)


def fast_layout(x: Tensor) -> Tensor:
    """Images in the order of memory in which convolutions on a CPU are fastest: channels last. Not measured
    on a GPU.
    """
    return x if x.device.type == "cuda" else x.contiguous(memory_format=torch.channels_last)


def _activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)
