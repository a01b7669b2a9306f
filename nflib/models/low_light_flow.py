"""LowLightFlow: bright images for a dark one, by a conditional flow in the manner of LLFlow (Wang et al.,
AAAI 2022).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..bases import StandardNormal
from ..images import pad_to_multiple
from ..transforms import Sequential, Squeeze
from ..transforms.precision import raised
from .conditional.condition import Conditioning, LevelFeatures
from .conditional.flow import ConditionalFlow, check_sizes
from .conditional.steps import Step
from .model import ImageModel, check_finite, check_samples
from .rrdb import fast_layout

# Below this, in the range [0, 1], a dark image is noise rather than colour.
FLOOR = 4 / 255


@dataclass(frozen=True)
class LowLightFlowConfig:
    """Size of a :class:`LowLightFlow`.

    >>> LowLightFlowConfig.small().multiple
    8

    Attributes:
        levels: L; level l of flow and encoder works at 1/2^l of the resolution.
        steps: conditional flow steps per level.
        hidden: width of the networks inside the steps.
        width: channels of the encoder.
        blocks: residual blocks of the encoder per level, on the way down and on the way up.
    """

    levels: int = 3
    steps: int = 12
    hidden: int = 64
    width: int = 64
    blocks: int = 4

    scale = 1  # results are as large as the input

    def __post_init__(self):
        if min(self.levels, self.steps, self.hidden, self.width, self.blocks) < 1:
            raise ValueError(f"levels, steps, hidden, width and blocks must be at least 1, got {self}")

    @property
    def multiple(self) -> int:
        return 2**self.levels

    @classmethod
    def small(cls) -> LowLightFlowConfig:
        """A size for a laptop."""
        return cls(steps=2, hidden=32, width=32, blocks=1)


class Known(NamedTuple):
    """What the model knows of dark images: the condition of the flow, and their estimated :func:`colour_map`
    (B, 3, H, W).
    """

    conditioning: Conditioning
    colours: Tensor


class LowLightFlow(ImageModel):
    """``p(bright | dark)``: a flow that is told about the dark image, over a latent that is normal around the
    colours of the scene.

    An encoder reads logarithm and colour map of the dark image. It tells the flow about the scene, and
    estimates the colour map of the bright image, which depends on the light but little: less 1, which is
    grey, and squeezed to the shape of the latent, it is the latent's mean. Its deviation is 1 everywhere.
    Unlike the published model the encoder is a pyramid of a few convolutions.

    Images are (B, 3, H, W) in [0, 1]. :meth:`nll`, :meth:`encode` and :meth:`decode` also take what
    :meth:`prepare` returns in place of the dark images: then the work on them is not done again.

    >>> model = LowLightFlow(LowLightFlowConfig(levels=1, steps=1, hidden=4, width=4, blocks=1)).eval()
    >>> model.enhance(torch.rand(1, 3, 8, 8), tau=0.5, n=2).shape
    torch.Size([2, 1, 3, 8, 8])
    """

    purpose = "enhance"
    repeated = (Step,)

    def __init__(self, config: LowLightFlowConfig = LowLightFlowConfig()):
        super().__init__()
        self.config = config
        self.encoder = _Encoder(config.levels, config.width, config.blocks)
        self.flow = ConditionalFlow(
            levels=config.levels,
            steps=config.steps,
            transitions=0,
            hidden=config.hidden,
            condition=config.width,
            splits=False,
        )
        self.squeeze = Sequential(*(Squeeze() for _ in range(config.levels)))

    def prepare(self, dark: Tensor) -> Known:
        """All that is known of dark images (B, 3, H, W), computed once."""
        maps, colours = self.encoder(dark)
        return Known(self.flow.prepare([LevelFeatures(one, one[:, :0]) for one in maps]), colours)

    def nll(self, bright: Tensor, dark: Tensor | Known, true_colours: Tensor | None = None) -> Tensor:
        """Negative log-likelihood in nats, shape (B,), of the values as they are: dequantise before.

        Args:
            bright: (B, 3, H, W), sides multiples of 2^levels.
            dark: the same scenes.
            true_colours: (B,), bool: where the mean of the latent is the colour map of the bright image
                itself, in place of the estimate. A share of such images in training makes latents colour
                maps, and their estimate worth something.
        """
        check_sizes(self.config, bright=bright, dark=dark)
        known = self._known(dark)
        colours = known.colours
        if true_colours is not None:
            colours = torch.where(
                true_colours.to(bright.device).view(-1, 1, 1, 1), colour_map(bright), colours
            )
        (z,), log_det = self.flow(bright, known.conditioning)
        return -StandardNormal().log_prob(z - self._mean(colours)) - log_det

    def encode(self, bright: Tensor, dark: Tensor | Known) -> Tensor:
        """The latent less its mean: standard normal for what the model holds likely. (B, 3 * 4^levels, H /
        2^levels, W / 2^levels).
        """
        check_sizes(self.config, bright=bright, dark=dark)
        known = self._known(dark)
        (z,), _ = self.flow(bright, known.conditioning)
        return z - self._mean(known.colours)

    def decode(self, latent: Tensor, dark: Tensor | Known) -> Tensor:
        """The values (B, 3, H, W) that :meth:`encode` takes to this latent. Not clipped; with gradients."""
        known = self._known(dark)
        return self.flow.inverse((latent + self._mean(known.colours),), known.conditioning)[0]

    def forward(self, dark: Tensor) -> Tensor:
        """The bright image of the most likely latent, (B, 3, H, W), of dark images of any size;
        not clipped."""
        padded, crop = pad_to_multiple(dark, 2**self.config.levels)
        known = self.prepare(padded)
        return crop(self.decode(torch.zeros_like(self._mean(known.colours)), known))

    @torch.no_grad()
    def enhance(
        self, dark: Tensor, tau: float = 0.0, n: int = 1, generator: torch.Generator | None = None
    ) -> Tensor:
        """n bright images for each dark one of any size: (n, B, 3, H, W), clipped to [0, 1].

        Args:
            dark: (B, 3, H, W) in [0, 1]. Sizes that do not fit are padded by reflection and cropped back.
            tau: temperature, multiplies the standard deviation of the latent; 0 is the most likely latent, n
                times.
        """
        check_samples(n, tau)
        padded, crop = pad_to_multiple(dark, 2**self.config.levels)
        known = self.prepare(padded)
        like = self._mean(known.colours)
        draws = (cast(Tensor, StandardNormal().sample(like, tau, generator)) for _ in range(n))
        bright = crop(torch.stack([self.decode(draw, known) for draw in draws]))
        check_finite(bright)
        return bright.clamp(0, 1)

    def _known(self, dark: Tensor | Known) -> Known:
        return self.prepare(dark) if isinstance(dark, Tensor) else dark

    def _mean(self, colours: Tensor) -> Tensor:
        """Mean of the latent for a colour map (B, 3, H, W)."""
        return self.squeeze(colours - 1)[0]

    def example_loss(self, image: Tensor) -> Tensor:
        return self.nll(image, image).mean()

    def example_result(self, image: Tensor) -> Tensor:
        return self(image)


def colour_map(image: Tensor) -> Tensor:
    """``(x + FLOOR) / (mean(x) + FLOOR)``, the mean over the channels: the colours without the light that
    falls on them, 1 for grey.

    FLOOR is there so that the noise of black has no colour.
    """
    return (image + FLOOR) / (image.mean(1, keepdim=True) + FLOOR)


class _Encoder(nn.Module):
    """A pyramid of residual blocks, down and up again: maps at 1/2, ..., 1/2^levels, and a colour map of full
    resolution.
    """

    def __init__(self, levels: int, width: int, blocks: int):
        super().__init__()
        self.first = nn.Conv2d(4 * 6, width, 3, padding=1)
        self.down = nn.ModuleList(
            nn.Sequential(*(_Residual(width) for _ in range(blocks))) for _ in range(levels)
        )
        self.up = nn.ModuleList(
            nn.Sequential(*(_Residual(width) for _ in range(blocks))) for _ in range(levels - 1)
        )
        self.colours = nn.Conv2d(width, 4 * 3, 3, padding=1)
        nn.init.zeros_(self.colours.weight)
        assert self.colours.bias is not None
        nn.init.zeros_(self.colours.bias)

    def forward(self, dark: Tensor) -> tuple[list[Tensor], Tensor]:
        logarithm = torch.log1p(dark / FLOOR) / math.log1p(1 / FLOOR)
        x = self.first(fast_layout(F.pixel_unshuffle(torch.cat((logarithm, colour_map(dark) - 1), 1), 2)))
        maps: list[Tensor] = []
        for level in self.down:
            x = level(x if not maps else F.avg_pool2d(x, 2))
            maps.append(x)
        for i in reversed(range(len(self.up))):
            maps[i] = self.up[i](maps[i] + F.interpolate(maps[i + 1], scale_factor=2, mode="nearest"))
        return maps, 1 + raised(F.pixel_shuffle(self.colours(maps[0]), 2))


class _Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.convs(F.relu(x))
