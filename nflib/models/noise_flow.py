"""A flow of the noise itself: strength by colour, a curve for its values, a colour filter. Hundreds of
numbers.

:func:`nflib.training.train_noise_flow` finds them in two folders without pairs. What the law of a noise
(:class:`~nflib.models.NoiseLaw`) says of second moments is said here of whole distributions: tails, skewness,
impulses.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..bases import StandardNormal
from ..images.jpeg import parse_stage
from ..noise.flat_blocks import BRIGHTEST, DARKEST
from ..noise.transfer import KNOTS, interpolated
from ..noise.variogram import filtered_noise
from ..transforms import CircularConvolution, Spline
from ..transforms.base import sum_per_sample
from ..transforms.filter import circular_filter, frequency_response
from .noise_law import NoiseLaw
from .noise_model import NoiseModel

# The least deviation, a hundredth of a grey level.
LEAST = 0.01 / 255
# The filter starts with at least this share of the mean power at every frequency: that of the law is silent
# at some, where the likelihood would be infinite or none.
FLOOR, GRID = 0.1, 64
# Moments of the curve are sums over a grid of the normal law from -RANGE to RANGE.
RANGE, POINTS = 8.0, 801
# Within this there are nine tenths of it.
INNER = 1.645
# The curve takes several times the memory of what it is given: so many rows of an image at a time.
ROWS = 256


@dataclass(frozen=True)
class NoiseFlowConfig:
    """Form of a :class:`NoiseFlow`.

    >>> NoiseFlowConfig(reach=3).multiple
    1

    Attributes:
        bins: of the curve of each channel, and the bound up to which it is one, in deviations of the noise.
        bound: see bins.
        reach: of the filter, in pixels to every side; the noise is correlated twice as far.
        last_stage: what degraded images went through last, such as "jpeg:62"; empty for nothing.
    """

    bins: int = 20
    bound: float = 10.0
    reach: int = 4
    last_stage: str = ""

    def __post_init__(self):
        parse_stage(self.last_stage)
        if self.reach < 0:
            raise ValueError(f"reach must not be negative, got {self.reach}")

    @property
    def multiple(self) -> int:
        return 1


class NoiseFlow(NoiseModel):
    """``y_c = x_c + unit_c(x_c) s_c(K * n)_c``: white noise n through a colour filter K that keeps the
    variance, a monotone curve s for each channel, in its middle 0, and a unit that depends on the value.

    Each step can be undone, so that the density of a noise is known (:meth:`log_prob`), as in Noise Flow
    (Abdelhamed et al., ICCV 2019, arXiv 1908.08453), whose couplings are the curve and the filter here. What
    leaves [0, 1] is clipped. New, it makes white Gaussian noise of 12 grey levels.

    >>> model = NoiseFlow()
    >>> noise = 12 / 255 * torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    >>> nats = model.log_prob(noise, torch.full((1, 3, 1, 1), 0.5)) / noise.numel()
    >>> round(nats.item(), 1)  # of white noise -log(12 / 255 sqrt(2 pi e)) on average
    1.6

    Attributes:
        curve: the unit of the noise at even knots of [0, 1], (3, 17), held; the law's deviation.
        bend: (3, 3), the logarithm of what the unit is beside the curve, by powers of ``2 value - 1``.
        spline: from noise in this unit, but for a shift, to the normal law.
        mixing: the filter, whose taps are used in units that keep the variance (:meth:`filter`).
    """

    curve: Tensor

    def __init__(self, config: NoiseFlowConfig = NoiseFlowConfig()):
        super().__init__()
        self.config = config
        self.register_buffer("curve", torch.full((3, KNOTS), 12 / 255))
        self.bend = nn.Parameter(torch.zeros(3, 3))
        self.spline = Spline(3, config.bins, config.bound)
        self.mixing = CircularConvolution(3, config.reach)

    @torch.no_grad()
    def start(self, law: NoiseLaw, *, floor: float = FLOOR) -> None:
        """Become a law: its strength, and as much of its filter as this one reaches.

        Args:
            law: of a noise.
            floor: the least power of a frequency, in units of the mean. With 0 the noise of grey photos stays
                grey, and :meth:`log_prob` may not be finite.
        """
        strength = law.taps.square().sum((1, 2, 3)).sqrt()
        values = torch.linspace(0, 1, KNOTS).to(law.taps).expand(3, 1, KNOTS)
        self.curve.copy_((law.deviation(values)[:, 0] * strength[:, None]).clamp(min=LEAST))
        self.bend.zero_()
        unit = (law.taps / strength.clamp(min=LEAST).view(3, 1, 1, 1)).double()
        half = frequency_response(unit, GRID, GRID)
        values, vectors = torch.linalg.eigh(half @ half.mH)
        root = (vectors * values.clamp(min=floor).sqrt()[..., None, :]) @ vectors.mH
        taps = torch.fft.irfft2(root.permute(2, 3, 0, 1).conj(), s=(GRID, GRID))
        reach = self.config.reach
        taps = taps.roll((reach, reach), (2, 3))[..., : 2 * reach + 1, : 2 * reach + 1]
        self.mixing.taps.copy_(taps)
        self.mixing.taps.copy_(self.filter())

    def deviation(self, values: Tensor) -> Tensor:
        """Deviation of the noise, clipped as middle grey clips it, at values (..., 3, H, W) or colours
        (..., 3, 1, 1), in units of the image range.
        """
        return self.unit(values) * self.moments()[1].view(3, 1, 1).to(values)

    def unit(self, values: Tensor) -> Tensor:
        """What the curve's results are multiplied by, at values (..., 3, H, W) or colours (..., 3, 1, 1)."""
        place = 2 * values.clamp(DARKEST, BRIGHTEST) - 1  # beyond, it was not seen
        first, second, third = (part.view(3, 1, 1) for part in self.bend.to(values).unbind(1))
        return interpolated(self.curve, values) * (first + place * (second + place * third)).exp()

    def filter(self) -> Tensor:
        """Taps (3, 3, k, k) of the filter, which keeps the variance of white noise in every channel."""
        taps = self.mixing.taps
        return taps / taps.square().sum((1, 2, 3), keepdim=True).sqrt().clamp(min=LEAST)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean of what the curve makes of the inner nine tenths of the normal law, which is taken out, and
        deviation of all of it, (3,) each.

        The deviation is that on middle grey, clipped: how much lies beyond black and white nobody can see.
        Impulses do not move the mean: most pixels keep their value.
        """
        points = torch.linspace(-RANGE, RANGE, POINTS).to(self.bend)
        weights = torch.softmax(-points.square() / 2, 0)
        inner = weights * (points.abs() < INNER)
        found = self.spline.inverse(points.view(1, 1, -1).expand(1, 3, -1))[0][0]
        mean = (inner * found).sum(1) / inner.sum()
        most = 0.5 / self.unit(torch.full((3, 1, 1), 0.5).to(points))[:, 0]
        found = (found - mean[:, None]).clamp(-most, most)
        return mean, (weights * (found - (weights * found).sum(1, keepdim=True)).square()).sum(1).sqrt()

    def normal(self, noise: Tensor, colours: Tensor) -> tuple[Tensor, Tensor]:
        """Noise (B, 3, H, W) at colours that broadcast to it -> what the filter made, standard normal in
        itself, and the log-determinant, (B,).
        """
        mean, unit = self.moments()[0].view(3, 1, 1).to(noise), self.unit(colours)
        found, log_det = self.spline(mean + noise / unit)
        return found, log_det - sum_per_sample(unit.log().expand_as(noise))

    def log_prob(self, noise: Tensor, colours: Tensor) -> Tensor:
        """Log-density in nats, (B,), of noise (B, 3, H, W) on places of some colours (B, 3, 1, 1), as if its
        opposite borders met. Unclipped, and without the last stage.
        """
        found, of_values = self.normal(noise, colours)
        white, of_filter = circular_filter(found, self.filter(), inverse=True)
        return StandardNormal().log_prob(white) + of_values + of_filter

    def noise(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        white = filtered_noise(clean, self.filter(), generator)
        made = torch.cat([self.spline.inverse(part)[0] for part in white.split(ROWS, 2)], 2)
        return self.unit(clean) * (made - self.moments()[0].view(3, 1, 1))

    def example_loss(self, image: Tensor) -> Tensor:
        return -self.log_prob(image - image.mean((2, 3), keepdim=True), image[:, :, :1, :1]).mean()
