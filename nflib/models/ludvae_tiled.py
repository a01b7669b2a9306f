"""Degrading images that are too large for LUD-VAE to be computed at once."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from .ludvae import LUDVAE
from .tiled import Window, check_samples, check_tiles, joined


@torch.no_grad()
def degrade_tiled_ludvae(
    model: LUDVAE, clean: Tensor, tau: float = 1.0, n: int = 1, generator: torch.Generator | None = None, tile: int = 512,
    overlap: int = 128,
) -> Tensor:
    """n results of ``model.degrade`` for each image, computed tile by tile: (n, B, 3, H, W) in [0, 1].

    All random numbers of the whole image are drawn first, in the order of ``degrade``, so that the first result is what
    ``degrade`` returns. The n results share the pre-noise. Tiles as in :func:`~nflib.models.tiled.super_resolve_tiled`.

    Args:
        model: any LUDVAE.
        clean: (B, 3, H, W) in [0, 1].
        tau: as in :meth:`LUDVAE.degrade`; 0 returns the input n times, exactly.
        tile: side of a tile in pixels.
        overlap: of neighbouring tiles in pixels. Exact if a quarter of it is what the networks see around a pixel: 8
            for each level, and 7 more for shaped noise.
    """
    check_tiles(tile, overlap, 1)
    check_samples(n, tau)
    if tau == 0:
        return clean.expand(n, *clean.shape)
    prenoised = model.prenoise(clean, "clean", generator=generator)
    draws = [model.white(clean, generator) for _ in range(n)]

    def degraded(window: Window) -> Iterator[Tensor]:
        features = model.features(window(prenoised))
        for white in draws:
            yield model.translate(window(clean), features, tau, [window(layer) for layer in white])

    return joined(degraded, clean.new_zeros(n, *clean.shape), 1, tile, overlap).clamp(0, 1)
