"""A denoising auto-encoder as domain map: what survives noise and a narrow code is taken for content."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ..data.sampling import patches
from ..units import progress, randn
from .maps import Map, _checked

BLOCK = 4


@dataclass(frozen=True)
class Autoencode(Map):
    """The map of a :class:`DenoisingAutoencoder` in a model's configuration: its size. The weights are part
    of the model.

    >>> Autoencode(code=6).build()(torch.rand(1, 3, 8, 8)).shape
    torch.Size([1, 3, 8, 8])

    Attributes:
        code: numbers for each block of 4x4 pixels.
        width: channels of the networks.
    """

    code: int = 12
    width: int = 32

    def __post_init__(self):
        if min(self.code, self.width) < 1:
            raise ValueError(f"code and width must be at least 1, got {self.code} and {self.width}")

    @property
    def has_weights(self) -> bool:
        return True

    def build(self) -> DenoisingAutoencoder:
        return DenoisingAutoencoder(self.code, self.width).requires_grad_(False)

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        raise ValueError(
            "an auto-encoder has to be trained before it is a map: use DenoisingAutoencoder, or build() "
            "and its fit"
        )


class DenoisingAutoencoder(nn.Module):
    """Blocks of 4x4 pixels -> a narrow code -> blocks, trained to undo white noise (Vincent et al. 2008).

    The code has ``code`` numbers for the 48 of a block, so it cannot pass on everything. Input and output are
    images (B, 3, H, W) of the same size, any size. Put :class:`AddNoise` before it to use it as it was
    trained.

    >>> h = DenoisingAutoencoder(code=6, width=8)
    >>> h(torch.rand(1, 3, 10, 7)).shape, h.encoder(torch.rand(1, 3, 8, 8)).shape
    (torch.Size([1, 3, 10, 7]), torch.Size([1, 6, 2, 2]))

    Args:
        code: numbers per block.
        width: channels of the networks.
        generator: of the first weights.
    """

    def __init__(self, code: int = 12, width: int = 32, generator: torch.Generator | None = None):
        super().__init__()
        values = 3 * BLOCK**2
        self.encoder = nn.Sequential(nn.PixelUnshuffle(BLOCK), _LinearPlus(values, width, code, generator))
        self.decoder = nn.Sequential(_LinearPlus(code, width, values, generator), nn.PixelShuffle(BLOCK))

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        height, width = _checked(images).shape[-2:]
        whole = pad(images, (0, -width % BLOCK, 0, -height % BLOCK), mode="replicate")
        return self.decoder(self.encoder(whole - 0.5))[..., :height, :width] + 0.5

    def fit(
        self,
        images: Mapping[str, Tensor] | Iterable[Tensor],
        sigma: float = 0.1,
        steps: int = 800,
        generator: torch.Generator | None = None,
    ) -> DenoisingAutoencoder:
        """Train on crops of images: from the image plus white noise to the image, as it is. No pairs, no
        clean images needed.

        Give it images of both domains. Under a minute on one CPU thread with the default number of steps.

        Args:
            images: (3, H, W) in [0, 1], at least 48x48.
            sigma: deviation of the noise in units of the image range, more than the degradation's own.
            steps: of Adam, 16 crops of 48x48 each; the rate falls from 3e-3 to zero along a cosine.
            generator: of crops and noise; same seed, same weights.

        Returns:
            Itself.
        """
        images = list(images.values() if isinstance(images, Mapping) else images)
        optimiser = torch.optim.Adam(self.parameters(), lr=3e-3)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: (1 + math.cos(math.pi * step / steps)) / 2
        )
        device = next(self.parameters()).device
        for _ in progress(range(steps), "auto-encoder"):
            crops = patches(images, 48, 16, generator).to(device)
            error = (self(crops + sigma * randn(crops.shape, crops, generator)) - crops).square().mean()
            optimiser.zero_grad()
            error.backward()
            optimiser.step()
            schedule.step()
        return self.requires_grad_(False)


class _LinearPlus(nn.Module):
    """A linear map of each position, and a network that corrects it: the linear part (principal components)
    is learnt at once.
    """

    def __init__(self, inputs: int, width: int, outputs: int, generator: torch.Generator | None):
        super().__init__()
        self.linear = nn.Conv2d(inputs, outputs, 1)
        nn.init.orthogonal_(self.linear.weight, generator=generator)
        assert self.linear.bias is not None
        nn.init.zeros_(self.linear.bias)
        last = _conv(width, outputs, generator)
        nn.init.zeros_(last.weight)
        self.network = nn.Sequential(
            _conv(inputs, width, generator), nn.ReLU(), _conv(width, width, generator), nn.ReLU(), last
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + self.network(x)


def _conv(inputs: int, outputs: int, generator: torch.Generator | None) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate")
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=generator)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv
