"""Bicubic enlargement and a small network that refines it: super-resolution where an RRDBNet is too much."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from ..images import resize
from .model import ImageModel


@dataclass(frozen=True)
class RefinementConfig:
    """Size of a :class:`RefinementNet`.

    >>> RefinementConfig(scale=4).blocks
    8

    Attributes:
        scale: by how much the output is larger than the input, 2, 4, 8 or 16.
        channels: width of the network.
        blocks: residual blocks of two 3x3 convolutions.
    """

    scale: int = 2
    channels: int = 32
    blocks: int = 8

    def __post_init__(self):
        if self.scale not in (2, 4, 8, 16):
            raise ValueError(f"scale must be 2, 4, 8 or 16, got {self.scale}")
        if min(self.channels, self.blocks) < 1:
            raise ValueError(f"channels and blocks must be at least 1, got {self}")

    @property
    def multiple(self) -> int:
        return 1


class RefinementNet(ImageModel):
    """``bicubic(lr) + shuffle(network(lr))``: (B, 3, h, w) in [0, 1] -> (B, 3, scale*h, scale*w), not
    clipped.

    All convolutions are on the grid of the low resolution; the last gives scale^2 values for each of its
    pixels and channels, which are laid out as pixels of the high resolution (Shi et al. 2016). It starts at
    zero, so that a new network is bicubic enlargement as :func:`nflib.images.resize` does it, exactly.

    >>> import torch
    >>> lr, net = torch.rand(1, 3, 8, 8), RefinementNet(RefinementConfig(scale=2, channels=4, blocks=1))
    >>> torch.equal(net(lr), resize(lr, 2))  # new
    True
    """

    purpose = "restore"

    purpose = "restore"

    def __init__(self, config: RefinementConfig = RefinementConfig()):
        super().__init__()
        self.config = config
        self.first = nn.Conv2d(3, config.channels, 3, padding=1)
        self.blocks = nn.ModuleList(_Residual(config.channels) for _ in range(config.blocks))
        self.last = nn.Conv2d(config.channels, 3 * config.scale**2, 3, padding=1)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, lr: Tensor) -> Tensor:
        x = F.relu(self.first(lr))
        for block in self.blocks:
            x = block(x)
        return resize(lr, self.config.scale) + F.pixel_shuffle(self.last(x), self.config.scale)

    @property
    def scale(self) -> int:
        return self.config.scale

    def example_loss(self, image: Tensor) -> Tensor:
        return (self(self.smaller(image)) - image).abs().mean()

    def example_result(self, image: Tensor) -> Tensor:
        return self(self.smaller(image))


class _Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.convs[1](F.relu(self.convs[0](x)))
