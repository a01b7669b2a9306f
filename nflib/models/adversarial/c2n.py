"""C2N: a generator of noise, trained against a critic (Jang et al., ICCV 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...images.jpeg import parse_stage
from ...units import randn
from .degrader import AdversarialDegrader, Source
from .translators import ResidualBlock


@dataclass(frozen=True)
class C2NConfig:
    """Size of a :class:`C2N`. The defaults are those that we take for the published ones; the critic's form
    is chosen here.

    >>> C2NConfig.small().width
    16

    Attributes:
        width: channels; what looks at the image has twice as many.
        style: numbers of the random vector that all pixels of an image share.
        blocks: residual blocks that look at the image.
        independent: residual blocks of each of the two paths of the noise that knows nothing of the image.
        dependent: the same of the noise that does.
        strides: of the critic that it is trained against
            (:class:`nflib.models.adversarial.PatchCriticConfig`).
        last_stage: what degraded images went through last, such as "jpeg:62"; empty for nothing.
    """

    width: int = 64
    style: int = 32
    blocks: int = 5
    independent: int = 3
    dependent: int = 2
    strides: tuple[int, ...] = (2, 2, 2, 1)
    last_stage: str = ""

    def __post_init__(self):
        parse_stage(self.last_stage)
        if min(self.width, self.style, self.blocks, self.independent, self.dependent) < 1:
            raise ValueError(f"widths and numbers of blocks must be at least 1, got {self}")

    @property
    def multiple(self) -> int:
        return 1

    @classmethod
    def small(cls) -> C2NConfig:
        """A size for a laptop."""
        return cls(width=16, style=4, blocks=1, independent=1, dependent=1, strides=(2, 2))


class C2N(AdversarialDegrader):
    """``y = x + noise(x, r, n)``: noise that is drawn, some of it by the image and some not.

    White noise n goes two ways (section 3 of the paper). As it is, it becomes the part that does not depend
    on the signal; moved and scaled at every pixel by what a network sees of the image, the part that does.
    Each way is the sum of two paths of residual blocks: one of 1x1 convolutions, which leave the pixels
    independent, and one of 3x3 convolutions, which tie them to their neighbours. A random vector r, one for
    each image, may set what all of its pixels share.

    Unlike the other degraders of this family it draws: each call makes another noise. The last convolution
    starts at zero, so that a new model makes none.

    >>> model, clean = C2N(C2NConfig.small()).eval(), torch.rand(1, 3, 8, 8)
    >>> torch.equal(model.degrade(clean), clean)  # new
    True
    """

    def __init__(self, config: C2NConfig = C2NConfig()):
        super().__init__()
        self.config = config
        width = config.width
        self.head = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), nn.PReLU(), nn.Conv2d(width, width, 3, padding=1)
        )
        self.merge = nn.Sequential(nn.Conv2d(width + config.style, 2 * width, 3, padding=1), nn.PReLU())
        self.look = nn.Sequential(*(ResidualBlock(2 * width) for _ in range(config.blocks)))
        self.independent = _Paths(width, config.independent)
        self.dependent = _Paths(width, config.dependent)
        self.tail = nn.Conv2d(width, 3, 1)
        for parameter in self.tail.parameters():
            nn.init.zeros_(parameter)

    def draw(self, clean: Tensor, generator: Source = None) -> tuple[Tensor, ...]:
        count, _, height, width = clean.shape
        style = randn((count, self.config.style, 1, 1), clean, generator)
        return style, randn((count, 2 * self.config.width, height, width), clean, generator)

    def change(self, clean: Tensor, draws: Sequence[Tensor]) -> Tensor:
        style, noise = draws
        seen = self.head(2 * clean - 1)
        seen = self.look(self.merge(torch.cat((seen, style.expand(-1, -1, *seen.shape[2:])), 1)))
        mean, scale = seen.chunk(2, 1)
        free, moved = noise.chunk(2, 1)
        return self.tail(self.independent(free) + self.dependent(mean + scale * moved))


class _Paths(nn.Module):
    """One path pixel by pixel, and one that sees neighbours, added."""

    def __init__(self, width: int, blocks: int):
        super().__init__()
        self.pixel = nn.Sequential(*(ResidualBlock(width, side=1) for _ in range(blocks)))
        self.spatial = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))

    def forward(self, noise: Tensor) -> Tensor:
        return self.pixel(noise) + self.spatial(noise)
