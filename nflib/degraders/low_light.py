"""Photos taken with too little light, as LUD-VAE models them (eq. 25 and 26 of the paper), and such photos
with known noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .composed import Composed
from .degrader import Degrader
from .simulated import Camera


def darken(images: Tensor, gain: Tensor | float, gamma: Tensor | float) -> Tensor:
    """``gain * images^gamma``, rounded to 8 bits.

    Args:
        images: (..., 3, H, W) in [0, 1].
        gain, gamma: numbers, or tensors that broadcast.
    """
    return (gain * images**gamma * 255).round() / 255


@dataclass(frozen=True)
class LowLight(Degrader):
    """:func:`darken` with gain and gamma drawn uniformly for each image: ``degrade(clean, strength=1.0,
    generator=None)``.

    The darkened photos are the clean domain from which the noise of real low-light photos is learned; the
    degraded result is then paired with the bright original.

    >>> degrade = LowLight(gain=(0.5, 0.5), gamma=(2.0, 2.0))
    >>> degrade(torch.full((3, 1, 1), 0.8)).flatten() * 255  # 0.5 of 0.8 squared
    tensor([82., 82., 82.])

    Attributes:
        gain, gamma: smallest and largest value at strength 1, as published. Strength t moves both a fraction
            t of the way from 1, so that 0 returns the input exactly.
    """

    gain: tuple[float, float] = (0.15, 0.4)
    gamma: tuple[float, float] = (1.5, 2.5)

    def _degrade(
        self, clean: Tensor, strength: float, n: int, generator: torch.Generator | None
    ) -> Iterator[Tensor]:
        source = clean.device if generator is None else generator.device
        for _ in range(n):
            uniform = torch.rand(
                (2, len(clean), 1, 1, 1), generator=generator, dtype=clean.dtype, device=source
            ).to(clean.device)
            gain, gamma = (
                1 + strength * (low + (high - low) * u - 1)
                for (low, high), u in zip((self.gain, self.gamma), uniform)
            )
            yield darken(clean, gain.clamp_min(0), gamma)


degrade_low_light = Composed(LowLight(), Camera(a=1.5e-3, b=3e-5))
"""Photos in low light with known truth: of bright x first ``d = c x^gamma``, then the noise of a camera, of
deviation ``g_c sqrt(a d_c + b)``. At a typical d of 0.07 that is 3 (green) to 5 (red) of 18 grey levels."""
