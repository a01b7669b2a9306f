"""Glow: an unconditional multi-scale flow for images (Kingma and Dhariwal, NeurIPS 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ..flow import Flow
from ..transforms import (
    ActNorm,
    AffineCoupling,
    InvertibleConv1x1,
    Multiscale,
    Sequential,
    Split,
    Squeeze,
    Transform,
    convnet,
)
from ..transforms.base import Latent
from .model import ImageModel


@dataclass(frozen=True)
class GlowConfig:
    """Size of a :class:`Glow`.

    >>> GlowConfig(levels=4).multiple
    16

    Attributes:
        levels: L, at least 2; the sides of the images are multiples of 2^L.
        steps: flow steps per level, K.
        hidden: width of the coupling networks.
        channels: of the images.
        reversible: training keeps of each level what leaves it, and recomputes what is inside
            (:class:`~nflib.transforms.reversible.Recomputation`): memory does not grow with the steps.
    """

    levels: int = 3
    steps: int = 8
    hidden: int = 64
    channels: int = 3
    reversible: bool = False

    def __post_init__(self):
        if self.levels < 2 or min(self.steps, self.hidden, self.channels) < 1:
            raise ValueError(f"levels must be at least 2, steps, hidden and channels at least 1, got {self}")

    @property
    def multiple(self) -> int:
        return 2**self.levels

    @property
    def image_channels(self) -> int:
        return self.channels


class Glow(ImageModel):
    """Levels of squeeze, K steps of ActNorm, 1x1 convolution and coupling, and a split after all levels but
    the last.

    >>> model = Glow(GlowConfig(levels=2, steps=1, hidden=4))
    >>> [tuple(z.shape) for z in model.encode(torch.rand(2, 3, 8, 8))]
    [(2, 6, 4, 4), (2, 24, 2, 2)]
    >>> model.sample(2, (8, 12)).shape
    torch.Size([2, 3, 8, 12])
    """

    purpose = "generate"
    repeated = (AffineCoupling,)

    def __init__(self, config: GlowConfig = GlowConfig()):
        super().__init__()
        self.config = config
        net = partial(convnet, hidden=config.hidden)
        channels, levels = config.channels, []
        for level in range(config.levels):
            channels *= 4
            # Neighbouring couplings change different halves, whatever the 1x1 convolution between them
            # learns.
            steps: list[Transform] = [
                layer
                for k in range(config.steps)
                for layer in (
                    ActNorm(channels),
                    InvertibleConv1x1(channels),
                    AffineCoupling(channels, net=net, swap=bool(k % 2)),
                )
            ]
            if level < config.levels - 1:
                steps.append(Split(channels, net=net))
                channels -= channels // 2
            levels.append(Sequential(Squeeze(), *steps, reversible=config.reversible))
        self.flow = Flow(Multiscale(levels))

    def nll(self, image: Tensor) -> Tensor:
        """Negative log-likelihood in nats, shape (B,), of (B, C, H, W) values: dequantise before
        (``nflib.flow.Dequantize``).
        """
        return -self.flow.log_prob(image)

    def encode(self, image: Tensor) -> Latent:
        """A tuple with one latent per level, the finest first."""
        return self.flow.encode(image)

    def decode(self, latents: Latent) -> Tensor:
        """Images of latents, not clipped."""
        return self.flow.decode(latents)

    def sample(
        self, n: int, size: tuple[int, int], tau: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """n images (n, C, H, W) of the given height and width, not clipped.

        Args:
            tau: temperature, multiplies the standard deviation of the latents.
        """
        return self.flow.sample((n, self.config.channels, *size), temperature=tau, generator=generator)

    def example_loss(self, image: Tensor) -> Tensor:
        return self.nll(image).mean()

    def example_result(self, image: Tensor) -> Tensor:
        shapes = self.flow.transform.latent_shape(tuple(image.shape))
        return self.decode(tuple(torch.randn(shape, device=image.device) for shape in shapes))
