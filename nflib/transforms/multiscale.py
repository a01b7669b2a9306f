"""Multiscale: levels that each work at half the resolution and give off a latent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from .base import Shape, Transform, zeros
from .context import Context


class Multiscale(Transform):
    """Levels one after the other; all but the last end in a transform to ``(kept, latent)``, such as
    :class:`Split`.

    The latent is a tuple with one tensor per level, the finest first. ``inverse`` takes such a tuple.

    >>> from nflib.transforms import Sequential, Split, Squeeze
    >>> flow = Multiscale([Sequential(Squeeze(), Split(12)), Squeeze()])
    >>> flow.latent_shape((1, 3, 8, 8))
    ((1, 6, 4, 4), (1, 24, 2, 2))

    Args:
        levels: at least two transforms; all but the last return a pair, whose first part goes on to the next
            level.
    """

    def __init__(self, levels: Sequence[Transform]):
        super().__init__()
        if len(levels) < 2:
            raise ValueError(f"Multiscale needs at least 2 levels, got {len(levels)}")
        self.levels = cast(Sequence[Transform], nn.ModuleList(levels))

    def forward(self, x: Tensor, context: Context = None) -> tuple[tuple[Tensor, ...], Tensor]:
        latents, log_det = [], zeros(x)
        for level in self.levels[:-1]:
            (x, latent), term = level(x, context)
            latents.append(latent)
            log_det = log_det + term
        z, term = self.levels[-1](x, context)
        return (*latents, z), log_det + term

    def inverse(self, z: tuple[Tensor, ...], context: Context = None) -> tuple[Tensor, Tensor]:
        if len(z) != len(self.levels):
            raise ValueError(f"expected one latent per level, {len(self.levels)}, got {len(z)}")
        x, log_det = self.levels[-1].inverse(z[-1], context)
        for level, latent in zip(reversed(self.levels[:-1]), reversed(z[:-1])):
            x, term = level.inverse((x, latent), context)
            log_det = log_det + term
        return x, log_det

    def latent_shape(self, shape: Shape) -> tuple[Shape, ...]:
        shapes = []
        for level in self.levels[:-1]:
            shape, latent = cast(tuple[Shape, Shape], level.latent_shape(shape))
            shapes.append(latent)
        return (*shapes, cast(Shape, self.levels[-1].latent_shape(shape)))
