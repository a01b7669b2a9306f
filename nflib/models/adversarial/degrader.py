"""What degraders share that are trained against a critic: one call, any size, any strength."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ...images import pad_to_multiple
from ...images.tiling import Window, joined, overlap_of
from ..model import ImageModel, check_samples

Source = torch.Generator | Sequence[torch.Generator] | None
"""One generator for a batch, or one for each image."""


class AdversarialDegrader(ImageModel):
    """Base class: a network of its own says in ``change`` what is added to a clean image.

    What is random is drawn by ``draw`` for the whole image, before anything is computed; a network that draws
    nothing makes one degraded image of a clean one, however often it is asked.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Nothing:
    ...     multiple: int = 1
    ...     last_stage: str = ""
    >>> class Haze(AdversarialDegrader):
    ...     config = Nothing()
    ...     def change(self, clean, draws):
    ...         return torch.full_like(clean, 0.1)
    >>> Haze().samples(torch.zeros(1, 3, 2, 2), tau=2.0, n=4).mean()
    tensor(0.2000)
    """

    purpose = "degrade"

    def change(self, clean: Tensor, draws: Sequence[Tensor]) -> Tensor:
        """What makes clean images (B, 3, H, W) degraded ones, of the same shape, in units of the image
        range; not clipped.
        """
        raise NotImplementedError

    def draw(self, clean: Tensor, generator: Source = None) -> tuple[Tensor, ...]:
        """All that is random about one degraded version of each image: maps (B, C, H, W), and vectors
        (B, C, 1, 1) of the whole image.
        """
        return ()

    def degraded(self, clean: Tensor, generator: Source = None) -> Tensor:
        """Degraded versions of clean images (B, 3, H, W), not clipped, as the critic sees them; sides are
        multiples of ``multiple``.
        """
        return clean + self.change(clean, self.draw(clean, generator))

    def degrade(self, clean: Tensor, tau: float = 1.0, generator: Source = None) -> Tensor:
        """Degraded versions of clean images, (B, 3, H, W) in [0, 1]: the first of :meth:`samples`."""
        return self.samples(clean, tau, generator=generator)[0]

    @torch.no_grad()
    def samples(
        self,
        clean: Tensor,
        tau: float = 1.0,
        n: int = 1,
        *,
        generator: Source = None,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Tensor:
        """n degraded versions of each clean image, (n, B, 3, H, W) in [0, 1]; all alike where the network
        draws nothing.

        Args:
            clean: (B, 3, H, W) in [0, 1].
            tau: strength; multiplies what is added. 0 returns the input, exactly.
            n: how many.
            generator: same seed, same result.
            tile: side of the tiles in which larger images are computed, in pixels; by default there is one.
            overlap: of neighbouring tiles.

        Raises:
            ValueError: an argument out of range.
        """
        overlap = overlap_of(tile, overlap, most=self.largest_overlap, multiple=self.multiple)
        check_samples(n, tau)
        if tau == 0:
            return clean.expand(n, *clean.shape).clone()
        padded, crop = pad_to_multiple(clean, self.multiple)
        draws = [self.draw(padded, generator) for _ in range(n)]

        def made(window: Window) -> Iterator[Tensor]:
            part = window(padded)
            for one in draws:
                maps = [map_ if map_.shape[2:] == (1, 1) else window(map_) for map_ in one]
                yield part + tau * self.change(part, maps)

        results = joined(made, padded.new_zeros(n, *padded.shape), tile=tile, overlap=overlap)
        return self.finished(crop(results).clamp(0, 1))

    def example_loss(self, image: Tensor) -> Tensor:
        """Without the critic."""
        return (self.degraded(image) - image).square().mean()

    def example_result(self, image: Tensor) -> Tensor:
        return self.degrade(image)
