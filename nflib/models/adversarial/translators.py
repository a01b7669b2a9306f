"""Degraders that translate: one degraded image for one clean one. FSSR, DASR, CycleGAN and CinCGAN differ in
what they are trained for (:mod:`nflib.training`), not in what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...images.jpeg import parse_stage
from .critic import PatchCritic, PatchCriticConfig
from .degrader import AdversarialDegrader
from .losses import wavelet_details

TRANSLATOR_NORMS = ("none", "instance")


@dataclass(frozen=True)
class TranslatorConfig:
    """Size and form of a :class:`TranslatorNet`, and of the critic that it is trained against.

    >>> TranslatorConfig(halvings=2).multiple
    4

    Attributes:
        width: channels at full resolution; the critic's first convolution has as many.
        blocks: residual blocks.
        halvings: how often the resolution is halved, and the width doubled, before the blocks.
        norm: "instance" normalises every convolution but the last over its image; then large images, which
            are computed in tiles, are normalised tile by tile. "none" does not.
        residual: the result is added to the image, and starts at zero; else it goes through a sigmoid.
        strides: of the critic (:class:`nflib.models.adversarial.PatchCriticConfig`).
        last_stage: what degraded images went through last, such as "jpeg:62"; empty for nothing.
    """

    width: int = 64
    blocks: int = 8
    halvings: int = 0
    norm: str = "none"
    residual: bool = False
    strides: tuple[int, ...] = (2, 2, 2, 1)
    last_stage: str = ""

    def __post_init__(self):
        parse_stage(self.last_stage)
        if min(self.width, self.blocks) < 1 or self.halvings < 0:
            raise ValueError(f"width and blocks must be at least 1 and halvings at least 0, got {self}")
        if self.norm not in TRANSLATOR_NORMS:
            raise ValueError(f"norm must be one of {', '.join(TRANSLATOR_NORMS)}, got {self.norm!r}")

    @property
    def multiple(self) -> int:
        return 2**self.halvings

    @classmethod
    def small(cls) -> Self:
        """A size for a laptop: it adds to the image, and its critic sees little more than a noise's
        correlation."""
        return cls(width=24, blocks=3, halvings=0, norm="none", residual=True, strides=(2, 2))


@dataclass(frozen=True)
class FSSRConfig(TranslatorConfig):
    """Size of an :class:`FSSR`, as published by default: eight residual blocks of 64 channels. That the
    critic has four strided or plain convolutions is chosen here.

    >>> FSSRConfig().blocks, FSSRConfig.small().blocks
    (8, 3)
    """


@dataclass(frozen=True)
class DASRConfig(TranslatorConfig):
    """Size of a :class:`DASR`; by default the degrader has the size of FSSR's, from which it is derived.

    >>> DASRConfig().width, DASRConfig.small().width
    (64, 24)
    """

    strides: tuple[int, ...] = (2, 2, 1)


@dataclass(frozen=True)
class CycleGANConfig(TranslatorConfig):
    """Size of a :class:`CycleGAN`, as published by default for crops of 256: two halvings, nine residual
    blocks, instance normalisation, a critic of 70x70 pixels.

    >>> CycleGANConfig().blocks, CycleGANConfig().multiple
    (9, 4)
    """

    blocks: int = 9
    halvings: int = 2
    norm: str = "instance"


@dataclass(frozen=True)
class CinCGANConfig(TranslatorConfig):
    """Size of a :class:`CinCGAN`; by default as we take the published one to be: six residual blocks of 64
    channels at full resolution.

    >>> CinCGANConfig().blocks
    6
    """

    blocks: int = 6


class ResidualBlock(nn.Module):
    """``x + conv(activate(conv(x)))``, the shape of x.

    >>> ResidualBlock(4)(torch.zeros(1, 4, 8, 8)).shape
    torch.Size([1, 4, 8, 8])

    Args:
        width: channels.
        side: of the convolutions, odd.
        norm: "none" or "instance".
    """

    def __init__(self, width: int, side: int = 3, norm: str = "none"):
        super().__init__()
        norms = [[nn.InstanceNorm2d(width)] if norm == "instance" else [] for _ in range(2)]
        convs = [nn.Conv2d(width, width, side, padding=side // 2) for _ in range(2)]
        self.net = nn.Sequential(convs[0], *norms[0], nn.PReLU(), convs[1], *norms[1])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x)


class TranslatorNet(nn.Module):
    """A network of residual blocks from images to images of one size: (B, 3, H, W) in [0, 1] -> the same
    shape; sides are multiples of ``config.multiple``. In [0, 1] too, unless it is residual.

    >>> image, net = torch.rand(1, 3, 8, 8), TranslatorNet(TranslatorConfig.small())
    >>> torch.equal(net(image), image)  # new, and residual
    True
    """

    def __init__(self, config: TranslatorConfig):
        super().__init__()
        self.config = config
        width = config.width
        self.head = _convolution(3, width, config.norm)
        self.downs = nn.Sequential(
            *(
                _convolution(width << i, width << (i + 1), config.norm, stride=2)
                for i in range(config.halvings)
            )
        )
        deep = width << config.halvings
        self.body = nn.Sequential(*(ResidualBlock(deep, norm=config.norm) for _ in range(config.blocks)))
        self.ups = nn.ModuleList(
            _convolution(width << (i + 1), width << i, config.norm) for i in reversed(range(config.halvings))
        )
        self.tail = nn.Conv2d(width, 3, 3, padding=1)
        if config.residual:
            for parameter in self.tail.parameters():
                nn.init.zeros_(parameter)

    def forward(self, images: Tensor) -> Tensor:
        x = self.body(self.downs(self.head(2 * images - 1)))
        for up in self.ups:
            x = up(F.interpolate(x, scale_factor=2, mode="nearest"))
        x = self.tail(x)
        return images + x if self.config.residual else torch.sigmoid(x)


def _convolution(width: int, wider: int, norm: str, stride: int = 1) -> nn.Sequential:
    norms = [nn.InstanceNorm2d(wider)] if norm == "instance" else []
    return nn.Sequential(nn.Conv2d(width, wider, 3, stride, 1), *norms, nn.PReLU())


class Translator(AdversarialDegrader):
    """Base class: what is added is the difference between the image and what a network makes of it.

    Nothing is drawn: the same image is degraded in the same way every time.

    >>> clean = torch.rand(1, 3, 8, 8)
    >>> one, other = FSSR(FSSRConfig(width=4, blocks=1)).eval().samples(clean, n=2)
    >>> torch.equal(one, other)
    True
    """

    def __init__(self, config: TranslatorConfig):
        super().__init__()
        self.config = config
        self.net = TranslatorNet(config)

    def change(self, clean: Tensor, draws: Sequence[Tensor]) -> Tensor:
        return self.net(clean) - clean


class FSSR(Translator):
    """Frequency separation (Fritsche, Gu and Timofte, ICCV workshops 2019): a critic sees only what a blur
    leaves of an image, and the blurred image is tied to the clean one. So colours and shapes stay.

    >>> clean = torch.rand(1, 3, 8, 8)
    >>> torch.equal(FSSR(FSSRConfig.small()).eval().degrade(clean), clean)  # new
    True
    """

    def __init__(self, config: FSSRConfig = FSSRConfig()):
        super().__init__(config)


class DASR(Translator):
    """Domain-distance aware degradation (Wei et al., CVPR 2021): the critic sees the detail bands of a
    wavelet, and what it thinks of a made image weighs the pairs of a restorer.

    The critic is part of the model, since :meth:`domain_weights` are its.

    >>> model, clean = DASR(DASRConfig.small()).eval(), torch.rand(1, 3, 16, 16)
    >>> model.domain_weights(clean).shape
    torch.Size([1, 1, 16, 16])
    """

    def __init__(self, config: DASRConfig = DASRConfig()):
        super().__init__(config)
        self.critic = PatchCritic(
            PatchCriticConfig(inputs=9, width=config.width, strides=config.strides, norm="none")
        )

    def judged(self, images: Tensor) -> Tensor:
        """Logits of the critic for images (B, 3, H, W) of even sides."""
        return self.critic(wavelet_details(images) + 0.5)  # details lie around zero

    @torch.no_grad()
    def domain_weights(self, degraded: Tensor) -> Tensor:
        """How real every place of made images (B, 3, H, W) looks, (B, 1, H, W) in [0, 1]: by so much its
        error is to count where a restorer learns from it. Sides are even and at least 16.
        """
        share = torch.sigmoid(self.judged(degraded))
        return F.interpolate(share, size=degraded.shape[2:], mode="bilinear", align_corners=False)


class CycleGAN(Translator):
    """Zhu et al. (ICCV 2017): two translators, there and back, each against a critic; an image that went both
    ways should be what it was. This is the one that degrades.

    >>> clean = torch.rand(1, 3, 8, 8)
    >>> torch.equal(CycleGAN(CycleGANConfig.small()).eval().degrade(clean), clean)  # new
    True
    """

    def __init__(self, config: CycleGANConfig = CycleGANConfig()):
        super().__init__(config)


class CinCGAN(Translator):
    """Cycle in cycle (Yuan et al., CVPR workshops 2018), its inner cycle: a denoiser against a critic of
    clean images, and this degrader, which is to undo what the denoiser did and never meets a critic.

    >>> clean = torch.rand(1, 3, 8, 8)
    >>> torch.equal(CinCGAN(CinCGANConfig.small()).eval().degrade(clean), clean)  # new
    True
    """

    def __init__(self, config: CinCGANConfig = CinCGANConfig()):
        super().__init__(config)
