"""A small U of residual blocks that restores photos: plain convolutions, quick to train on a CPU."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from ..images import pad_to_multiple
from .model import ImageModel


@dataclass(frozen=True)
class RestorationNetConfig:
    """Size of a :class:`RestorationNet`.

    >>> RestorationNetConfig.small().multiple
    4

    Attributes:
        width: channels at full resolution; every level below has half the resolution and twice as many.
        levels: resolutions, at least 1.
        blocks: residual blocks at each level on the way down and on the way up; at the lowest twice as many.
    """

    width: int = 64
    levels: int = 4
    blocks: int = 2

    def __post_init__(self):
        if min(self.width, self.levels, self.blocks) < 1:
            raise ValueError(f"width, levels and blocks must be at least 1, got {self}")

    @property
    def multiple(self) -> int:
        return 2 ** (self.levels - 1)

    @classmethod
    def small(cls) -> RestorationNetConfig:
        """A size for a laptop: 215,635 parameters."""
        return cls(width=16, levels=3, blocks=1)


class _Block(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = _zero(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.last(F.relu(self.first(x)))


class RestorationNet(ImageModel):
    """Image plus a correction: (B, 3, H, W) in [0, 1] -> the same shape, not clipped; any size.

    A U-Net (Ronneberger et al. 2015) whose ways down and up are residual blocks without normalisation (Lim et
    al. 2017) and whose skips are added. Grouped convolutions, which restorers for GPUs have, train several
    times slower on a CPU, so that all are plain. The last convolution of each block and of the net starts at
    zero: a new network returns its input.

    >>> import torch
    >>> image, model = torch.rand(1, 3, 9, 7), RestorationNet(RestorationNetConfig(width=4, levels=2)).eval()
    >>> torch.equal(model(image), image)  # new
    True
    """

    purpose = "restore"
    repeated = (_Block,)

    def __init__(self, config: RestorationNetConfig = RestorationNetConfig()):
        super().__init__()
        self.config = config
        widths = [config.width * 2**level for level in range(config.levels)]
        self.head = nn.Conv2d(3, widths[0], 3, padding=1)
        self.encoders = nn.ModuleList(_blocks(width, config.blocks) for width in widths[:-1])
        self.downs = nn.ModuleList(nn.Conv2d(width, 2 * width, 2, 2) for width in widths[:-1])
        self.bottom = _blocks(widths[-1], 2 * config.blocks)
        self.ups = nn.ModuleList(nn.Conv2d(2 * width, 4 * width, 1) for width in widths[:-1])
        self.decoders = nn.ModuleList(_blocks(width, config.blocks) for width in widths[:-1])
        self.tail = _zero(nn.Conv2d(widths[0], 3, 3, padding=1))

    def forward(self, degraded: Tensor) -> Tensor:
        padded, crop = pad_to_multiple(degraded, self.multiple)
        x, skips = self.head(padded), []
        for encoder, down in zip(self.encoders, self.downs):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.bottom(x)
        for decoder, up in reversed(list(zip(self.decoders, self.ups))):
            x = decoder(F.pixel_shuffle(up(x), 2) + skips.pop())
        return crop(padded + self.tail(x))

    def example_loss(self, image: Tensor) -> Tensor:
        return (self(self.smaller(image)) - image).abs().mean()

    def example_result(self, image: Tensor) -> Tensor:
        return self(self.smaller(image))


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(channels) for _ in range(count)))


def _zero(conv: nn.Conv2d) -> nn.Conv2d:
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)
    return conv
