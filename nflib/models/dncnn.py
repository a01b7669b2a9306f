"""DnCNN: a convolutional denoiser that predicts the noise (Zhang et al., TIP 2017), as LUD-VAE's authors
train it on their pairs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from .model import ImageModel


@dataclass(frozen=True)
class DnCNNConfig:
    """Size of a :class:`DnCNN`.

    >>> DnCNNConfig.small().layers
    7

    Attributes:
        layers: 3x3 convolutions, at least 2.
        width: channels between them.
        batch_norm: normalise after all convolutions but the first and the last.
    """

    layers: int = 17
    width: int = 64
    batch_norm: bool = True

    def __post_init__(self):
        if self.layers < 2 or self.width < 1:
            raise ValueError(
                f"layers must be at least 2 and width at least 1, got {self.layers} and {self.width}"
            )

    @property
    def multiple(self) -> int:
        return 1

    @classmethod
    def small(cls) -> DnCNNConfig:
        """A size for a laptop: 48,003 parameters, no normalisation, so that results do not depend on the
        batch.
        """
        return cls(layers=7, width=32, batch_norm=False)


class DnCNN(ImageModel):
    """Image minus predicted noise: (B, 3, H, W) in [0, 1] -> the same shape, not clipped.

    The last convolution starts at zero, so that a new network returns its input.

    >>> import torch
    >>> image, model = torch.rand(1, 3, 8, 8), DnCNN(DnCNNConfig(layers=3, width=4)).eval()
    >>> torch.equal(model(image), image)  # new
    True
    """

    purpose = "restore"

    def __init__(self, config: DnCNNConfig = DnCNNConfig()):
        super().__init__()
        self.config = config
        widths = [3, *[config.width] * (config.layers - 1), 3]
        self.convs = cast(
            Sequence[nn.Conv2d],
            nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in itertools.pairwise(widths)),
        )
        # eps and momentum of the published code: running statistics are almost those of the last batch
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(config.width, eps=1e-4, momentum=0.9) if config.batch_norm else nn.Identity()
            for _ in range(config.layers - 2)
        )
        for conv in self.convs:
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)
        nn.init.zeros_(self.convs[-1].weight)

    def forward(self, degraded: Tensor) -> Tensor:
        x = F.relu(self.convs[0](degraded))
        for conv, norm in zip(self.convs[1:-1], self.norms):
            x = F.relu(norm(conv(x)))
        return degraded - self.convs[-1](x)

    def example_loss(self, image: Tensor) -> Tensor:
        return (self(self.smaller(image)) - image).abs().mean()

    def example_result(self, image: Tensor) -> Tensor:
        return self(self.smaller(image))
