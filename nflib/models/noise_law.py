"""The law of a noise in image units, in closed form: how strong it is by colour, and how it is correlated.

:func:`nflib.training.train_law` finds it in two folders without pairs. Nothing is trained, there are no
blocks and no borders.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..images.tiling import overlap_of
from ..noise.variogram import REACH, filtered_noise
from .model import ImageModel, check_samples


@dataclass(frozen=True)
class NoiseLawConfig:
    """Form of a :class:`NoiseLaw`.

    >>> NoiseLawConfig(reach=3).multiple
    1

    Attributes:
        reach: of the noise's correlation, in pixels to every side.
    """

    reach: int = REACH

    def __post_init__(self):
        if self.reach < 0:
            raise ValueError(f"reach must not be negative, got {self.reach}")

    @property
    def multiple(self) -> int:
        return 1


class NoiseLaw(ImageModel):
    """``y_c = x_c + sqrt(a_c x_c + b_c) n_c``, where n is white noise through a colour filter.

    >>> law = NoiseLaw()
    >>> law.set(gain=torch.zeros(3), floor=torch.full((3,), 0.01), taps=torch.eye(3)[..., None, None])
    >>> grey = torch.full((1, 3, 64, 64), 0.5)
    >>> round(law.degrade(grey, generator=torch.Generator().manual_seed(0)).std().item(), 2)
    0.1

    Attributes:
        gain: a, (3,), how the variance rises with the value; in units of the image range.
        floor: b, (3,), the variance at black.
        taps: of the filter, (3, 3, k, k).
    """

    purpose = "degrade"

    def __init__(self, config: NoiseLawConfig = NoiseLawConfig()):
        super().__init__()
        self.config = config
        side = 2 * config.reach + 1
        self.gain = nn.Parameter(torch.zeros(3), requires_grad=False)
        self.floor = nn.Parameter(torch.zeros(3), requires_grad=False)
        self.taps = nn.Parameter(torch.zeros(3, 3, side, side), requires_grad=False)

    def set(self, *, gain: Tensor, floor: Tensor, taps: Tensor) -> None:
        """Say what the noise is like; a filter that is smaller than the model's is put in its middle."""
        margin = (self.taps.shape[-1] - taps.shape[-1]) // 2
        self.gain.copy_(gain)
        self.floor.copy_(floor)
        self.taps.copy_(nn.functional.pad(taps.to(self.taps), (margin,) * 4))

    def deviation(self, values: Tensor) -> Tensor:
        """Deviation of the noise at values (..., 3, H, W) or colours (..., 3, 1, 1), in units of the image
        range.
        """
        gain, floor = (part.view(3, 1, 1).to(values) for part in (self.gain, self.floor))
        return (gain * values + floor).clamp(min=0).sqrt()

    def samples(
        self,
        clean: Tensor,
        tau: float = 1.0,
        n: int = 1,
        *,
        generator: torch.Generator | None = None,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Tensor:
        """n noisy versions of each clean image, (n, B, 3, H, W) in [0, 1].

        Args:
            clean: (B, 3, H, W) in [0, 1].
            tau: strength; multiplies the noise. 0 returns the input, exactly.
            n: how many.
            generator: same seed, same result.
            tile, overlap: as of other models; what one call takes is little beyond the images, so that there
                are no tiles.

        Raises:
            ValueError: an argument out of range.
        """
        overlap_of(tile, overlap, most=self.largest_overlap)
        check_samples(n, tau)
        if tau == 0:
            return clean.expand(n, *clean.shape)
        strength = tau * self.deviation(clean)
        noisy = [clean + strength * filtered_noise(clean, self.taps, generator) for _ in range(n)]
        return torch.stack(noisy).clamp(0, 1)

    def degrade(self, clean: Tensor, tau: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Noisy versions of clean images, (B, 3, H, W) in [0, 1]: the first of :meth:`samples`."""
        return self.samples(clean, tau, generator=generator)[0]

    def example_loss(self, image: Tensor) -> Tensor:
        return (self.degrade(image) - image).square().mean()

    def example_result(self, image: Tensor) -> Tensor:
        return self.degrade(image)
