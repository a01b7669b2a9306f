"""The law of a noise in image units, in closed form: how strong it is by colour, and how it is correlated.

:func:`nflib.training.train_law` finds it in two folders without pairs. Nothing is trained, there are no
blocks and no borders.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..images.jpeg import parse_stage
from ..images.strips import strips
from ..noise.transfer import KNOTS, interpolated
from ..noise.variogram import REACH, filtered_noise
from .noise_model import NoiseModel


@dataclass(frozen=True)
class NoiseLawConfig:
    """Form of a :class:`NoiseLaw`.

    >>> NoiseLawConfig(reach=3).multiple
    1

    Attributes:
        reach: of the noise's correlation, in pixels to every side.
        knots: of the curves that say how strong it is by colour, evenly from 0 to 1.
        last_stage: what happens to noisy images, such as "jpeg:62"; empty for nothing.
    """

    reach: int = REACH
    knots: int = KNOTS
    last_stage: str = ""

    def __post_init__(self):
        if self.reach < 0:
            raise ValueError(f"reach must not be negative, got {self.reach}")
        if self.knots < 2:
            raise ValueError(f"knots must be at least 2, got {self.knots}")
        parse_stage(self.last_stage)

    @property
    def multiple(self) -> int:
        return 1


class NoiseLaw(NoiseModel):
    """``y_c = x_c + sqrt(v_c(x_c)) n_c``: n is white noise through a colour filter, of deviation 1 in each
    channel, and v the photon-transfer curves. Then comes the last stage, if there is one.

    >>> law = NoiseLaw()
    >>> law.set(variance=torch.full((3, 17), 0.01), taps=torch.eye(3)[..., None, None])
    >>> grey = torch.full((1, 3, 64, 64), 0.5)
    >>> round(law.degrade(grey, generator=torch.Generator().manual_seed(0)).std().item(), 2)
    0.1

    Attributes:
        variance: v, (3, knots), on even knots of [0, 1] and linear between them, in units of the image range.
        taps: of the filter, (3, 3, k, k).
    """

    spread: Tensor

    def __init__(self, config: NoiseLawConfig = NoiseLawConfig()):
        super().__init__()
        self.config = config
        side = 2 * config.reach + 1
        self.variance = nn.Parameter(torch.zeros(3, config.knots), requires_grad=False)
        self.taps = nn.Parameter(torch.zeros(3, 3, side, side), requires_grad=False)
        self.register_buffer("spread", torch.ones(2))

    @property
    def strengths(self) -> tuple[float, float]:
        """How strong the noise of single photos is, in units of the law: from about the weakest tenth to the
        strongest.
        """
        low, high = self.spread.tolist()
        return low, high

    def set(self, *, variance: Tensor, taps: Tensor, strengths: tuple[float, float] | None = None) -> None:
        """Say what the noise is like; a filter that is smaller than the model's is put in its middle.

        Args:
            variance: (3, knots), not negative.
            taps: (3, 3, k, k), k odd. They are scaled so that unit white noise keeps its variance in each
                channel; where nothing passes, nothing does.
            strengths: weakest and strongest of single photos; what they were if they are not told.
        """
        energy = taps.square().sum((1, 2, 3), keepdim=True)
        taps = torch.where(energy > 0, taps / energy.clamp(min=1e-30).sqrt(), 0.0)
        margin = (self.taps.shape[-1] - taps.shape[-1]) // 2
        self.variance.copy_(variance)
        self.taps.copy_(nn.functional.pad(taps.to(self.taps), (margin,) * 4))
        if strengths is not None:
            self.spread.copy_(torch.tensor(strengths))

    def deviation(self, values: Tensor) -> Tensor:
        """Deviation of the noise at values (..., 3, H, W) or colours (..., 3, 1, 1), in units of the image
        range. What the last stage does is not in it.
        """
        return interpolated(self.variance, values).sqrt()

    def correlation(self, lags: int = 4) -> Tensor:
        """Correlation of channel c of the noise at a pixel and d at (dy, dx) from it, both up to ``lags``:
        (3, 3, 2 lags + 1, 2 lags + 1), float64. 1 at lag 0 of a channel with itself.
        """
        taps = self.taps.double()
        side = taps.shape[-1] + lags
        waves = torch.fft.fft2(taps, s=(side, side))
        covariance = torch.fft.ifft2(torch.einsum("ckhw,dkhw->cdhw", waves.conj(), waves)).real
        places = torch.arange(-lags, lags + 1, device=taps.device)
        return covariance[..., places[:, None], places]

    def noise(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        noise = filtered_noise(clean, self.taps, generator)
        for rows in strips(clean.shape[2], clean.numel() // clean.shape[2]):
            noise[:, :, rows] *= self.deviation(clean[:, :, rows])
        return noise

    def example_loss(self, image: Tensor) -> Tensor:
        return (self.degrade(image) - image).square().mean()
