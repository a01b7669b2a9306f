"""What every way to degrade an image is: one call, the same checks, the same promises."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..images.arrays import as_8_bits, in_range
from ..noise import SeenContent
from ..transforms.precision import raised


class Degrader:
    """A way to degrade images: what all of them check and promise. A kind of its own says in ``_degrade``
    what it does.

    >>> class Dimmer(Degrader):
    ...     def _degrade(self, clean, strength, n, generator):
    ...         return (as_8_bits(clean / (1 + strength)) for _ in range(n))
    >>> Dimmer()(torch.full((3, 1, 1), 0.8), strength=1.0).flatten() * 255
    tensor([102., 102., 102.])

    """

    @property
    def seen(self) -> SeenContent | None:
        """What was on the photos that it was learned from; None if it was not learned, or nobody noted it."""
        return None

    def __call__(
        self, clean: Tensor, strength: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Clean images (3, H, W) or (B, 3, H, W) in [0, 1] -> degraded ones of the same shape, with the
        values of an 8-bit file.

        Strength 0 returns a copy of the input. Same generator state, same result. What has less than single
        precision is computed in it, and the result is rounded.

        Raises:
            ValueError: clean is not finite or not in [0, 1], or the strength is out of range or so large that
                the result is not finite.
        """
        return next(self.samples(clean, strength, 1, generator))

    def each(self, clean: Tensor, strength: float, generators: Sequence[torch.Generator]) -> Tensor:
        """Images (B, 3, H, W), each degraded with its generator, as one call for each would."""
        return torch.cat(
            [
                self(image[None], strength, generator)
                for image, generator in zip(clean, generators, strict=True)
            ]
        )

    def samples(
        self, clean: Tensor, strength: float = 1.0, n: int = 1, generator: torch.Generator | None = None
    ) -> Iterator[Tensor]:
        """n degraded versions, one after the other; the first is what a call returns. May share work between
        them.
        """
        batch = as_batch(_precise(clean))
        if not (strength >= 0 and math.isfinite(strength)):
            raise ValueError(f"strength must be a number, 0 or more, got {strength}")
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        if strength == 0:
            return (clean.clone() for _ in range(n))
        batch = in_range(batch, "clean")
        return (
            _finite(degraded, strength).reshape(clean.shape).to(clean.dtype)
            for degraded in self._degrade(batch, strength, n, generator)
        )

    def _degrade(
        self, clean: Tensor, strength: float, n: int, generator: torch.Generator | None
    ) -> Iterator[Tensor]:
        """n degraded versions of (B, 3, H, W)."""
        raise NotImplementedError


class AdditiveNoise(Degrader):
    """clean + strength * noise -> an 8-bit image.

    >>> class Haze(AdditiveNoise):
    ...     def noise(self, clean, generator=None):
    ...         return torch.full_like(clean, 10 / 255)
    >>> Haze()(torch.zeros(3, 1, 1), strength=2.0).flatten() * 255
    tensor([20., 20., 20.])
    """

    def _degrade(
        self, clean: Tensor, strength: float, n: int, generator: torch.Generator | None
    ) -> Iterator[Tensor]:
        recoloured = self._recolour(clean, strength)
        for _ in range(n):
            yield self._finish(recoloured + strength * self.noise(clean, generator), strength)

    def noise(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The noise at strength 1, before clipping and rounding, shaped like clean."""
        raise NotImplementedError

    def _recolour(self, clean: Tensor, strength: float) -> Tensor:
        return clean

    def _finish(self, noisy: Tensor, strength: float) -> Tensor:
        return as_8_bits(noisy)


def _precise(clean: Tensor) -> Tensor:
    return raised(clean) if isinstance(clean, Tensor) and clean.is_floating_point() else clean


def _finite(degraded: Tensor, strength: float) -> Tensor:
    if not torch.isfinite(degraded).all():
        raise ValueError(f"strength {strength:g} is more than can be computed: the result is not finite")
    return degraded


def as_batch(clean: Tensor) -> Tensor:
    """Images (3, H, W) or (B, 3, H, W) of single or double precision as a batch; anything else is a
    ValueError.
    """
    if not isinstance(clean, Tensor):
        raise ValueError(
            f"clean must be a tensor, got {type(clean).__name__}; nflib.images.as_images makes one of it"
        )
    if clean.dim() not in (3, 4) or clean.shape[-3] != 3 or 0 in clean.shape or not clean.is_floating_point():
        raise ValueError(
            f"clean must be a floating tensor (3, H, W) or (B, 3, H, W), got {clean.dtype} "
            f"{tuple(clean.shape)}"
        )
    if raised(clean) is not clean:
        raise ValueError(f"clean must be float32 or float64, got {clean.dtype}, too coarse for noise")
    return clean if clean.dim() == 4 else clean[None]
