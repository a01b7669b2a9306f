"""Photos taken with too little light, as LUD-VAE models them: eq. 26 of the paper without its noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def darken(images: Tensor, gain: Tensor | float, gamma: Tensor | float) -> Tensor:
    """``gain * images^gamma``, rounded to 8 bits.

    Args:
        images: (..., 3, H, W) in [0, 1].
        gain, gamma: numbers, or tensors that broadcast.
    """
    return (gain * images**gamma * 255).round() / 255


@dataclass(frozen=True)
class LowLight:
    """:func:`darken` with gain and gamma drawn uniformly for each image: ``degrade(clean, strength=1.0,
    generator=None)``.

    The darkened photos are the clean domain from which the noise of real low-light photos is learned; the degraded
    result is then paired with the bright original.

    Attributes:
        gain, gamma: smallest and largest value at strength 1, as published. Strength t moves both a fraction t of the
            way from 1, so that 0 returns the input exactly.
    """

    gain: tuple[float, float] = (0.15, 0.4)
    gamma: tuple[float, float] = (1.5, 2.5)

    def __call__(self, clean: Tensor, strength: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        if not isinstance(clean, Tensor) or clean.dim() not in (3, 4) or clean.shape[-3] != 3 or not clean.is_floating_point():
            found = f"{clean.dtype} {tuple(clean.shape)}" if isinstance(clean, Tensor) else type(clean).__name__
            raise ValueError(f"clean must be a floating tensor (3, H, W) or (B, 3, H, W), got {found}")
        if not (strength >= 0 and math.isfinite(strength)):
            raise ValueError(f"strength must be a number, 0 or more, got {strength}")
        if strength == 0:
            return clean
        shape = (2, *clean.shape[:-3], 1, 1, 1)
        source = clean.device if generator is None else generator.device
        uniform = torch.rand(shape, generator=generator, dtype=clean.dtype, device=source).to(clean.device)
        gain, gamma = (1 + strength * (low + (high - low) * u - 1) for (low, high), u in zip((self.gain, self.gamma), uniform))
        return darken(clean, gain.clamp_min(0), gamma)
