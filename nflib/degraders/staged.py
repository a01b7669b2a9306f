"""A known last stage, such as JPEG, and plain functions, as degraders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..images.jpeg import JPEG
from .degrader import Degrader, as_8_bits


@dataclass(frozen=True)
class Stage(Degrader):
    """A stage without chance, whole at every strength but 0: what a camera or a web page does last.

    >>> stage = Stage(JPEG(62))
    >>> clean = torch.rand(3, 16, 16)
    >>> torch.equal(stage(clean), JPEG(62)(clean)), torch.equal(stage(clean, strength=0), clean)
    (True, True)

    Attributes:
        stage: :class:`nflib.images.JPEG`.
    """

    stage: JPEG

    def _degrade(
        self, clean: Tensor, strength: float, n: int, generator: torch.Generator | None
    ) -> Iterator[Tensor]:
        return (self.stage(clean) for _ in range(n))


@dataclass(frozen=True)
class Function(Degrader):
    """A function ``f(clean, strength, generator)`` as a degrader.

    >>> darker = Function(lambda clean, strength, generator: clean / (1 + strength))
    >>> darker(torch.full((3, 1, 1), 0.8)).flatten() * 255
    tensor([102., 102., 102.])

    Attributes:
        function: images (B, 3, H, W) in [0, 1], a strength and a generator (or None) -> images of the same
            shape, which are clipped to [0, 1] and rounded to 8 bits. To be computed by worker processes it
            must be one that can be pickled, so no lambda.
    """

    function: Callable[[Tensor, float, torch.Generator | None], Tensor]

    def _degrade(
        self, clean: Tensor, strength: float, n: int, generator: torch.Generator | None
    ) -> Iterator[Tensor]:
        for _ in range(n):
            degraded = self.function(clean, strength, generator)
            if not isinstance(degraded, Tensor) or degraded.shape != clean.shape:
                found = tuple(degraded.shape) if isinstance(degraded, Tensor) else type(degraded).__name__
                raise ValueError(
                    f"the function made {found} of {tuple(clean.shape)}, expected the same shape"
                )
            yield as_8_bits(degraded).to(clean)
