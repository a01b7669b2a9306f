"""What models of a noise share that is added to the values of an image and knows nothing but its colours."""

from __future__ import annotations

import torch
from torch import Tensor

from ..images.tiling import overlap_of
from ..transforms.precision import raised
from .model import ImageModel, check_samples


class NoiseModel(ImageModel):
    """Base class: a model of its own says in ``noise`` what is added.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Nothing:
    ...     multiple: int = 1
    ...     last_stage: str = ""
    >>> class Haze(NoiseModel):
    ...     config = Nothing()
    ...     def noise(self, clean, generator=None):
    ...         return torch.full_like(clean, 0.1)
    >>> Haze().samples(torch.zeros(1, 3, 1, 1), tau=2.0, n=4).mean()
    tensor(0.2000)
    """

    purpose = "degrade"

    def noise(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Noise of strength 1 for clean images (B, 3, H, W), of the same shape, in units of the
        image range.
        """
        raise NotImplementedError

    @torch.no_grad()
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
            tau: strength; multiplies the noise, not the last stage. 0 returns the input, exactly.
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
            return clean.expand(n, *clean.shape).clone()
        precise = raised(clean)
        noisy = precise.new_empty(n, *clean.shape)
        for one in noisy:
            torch.add(precise, self.noise(precise, generator), alpha=tau, out=one)
        return self.finished(noisy.clamp_(0, 1)).to(clean.dtype)

    def degrade(self, clean: Tensor, tau: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Noisy versions of clean images, (B, 3, H, W) in [0, 1]: the first of :meth:`samples`."""
        return self.samples(clean, tau, generator=generator)[0]

    def example_result(self, image: Tensor) -> Tensor:
        return self.degrade(image)
