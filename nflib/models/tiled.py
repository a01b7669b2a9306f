"""Sampling images that are too large to be decoded at once."""

from __future__ import annotations

import torch
from torch import Tensor

from ..images import pad_to_multiple
from .srflow import SRFlow


@torch.no_grad()
def super_resolve_tiled(
    model: SRFlow, lr: Tensor, tau: float = 0.8, n: int = 1, generator: torch.Generator | None = None, tile: int = 128, overlap: int = 32
) -> Tensor:
    """What ``model.super_resolve`` returns, computed tile by tile: (n, B, 3, scale*h, scale*w), clipped to [0, 1].

    The latents of the whole image are drawn first, as ``super_resolve`` draws them, and each tile is decoded from its window of
    them. So neighbouring tiles agree, up to what a network misses beyond the border of its tile. Of an overlap the outer
    quarters are therefore not used, and in the middle one tile fades into the next. The memory that grows with the image is
    that of the latents and the results.

    Args:
        model: any SRFlow.
        lr: (B, 3, h, w) in [0, 1].
        tau, n, generator: as in :meth:`SRFlow.super_resolve`.
        tile: side of a tile in low-resolution pixels; an image that is smaller in both directions is computed as a whole.
        overlap: of neighbouring tiles, in low-resolution pixels; exact where the networks reach no further than a quarter of it.
    """
    config = model.config
    multiple = max(2**config.levels // config.scale, 1)
    if tile % multiple or overlap % multiple or not 0 <= overlap < tile:
        raise ValueError(f"tile and overlap must be multiples of {multiple}, overlap smaller than tile, got {tile} and {overlap}")
    if max(lr.shape[2:]) <= tile:
        return model.super_resolve(lr, tau, n, generator)
    if n < 1 or not tau >= 0:
        raise ValueError(f"n must be at least 1 and tau not negative, got {n} and {tau}")
    padded, _ = pad_to_multiple(lr, multiple)
    shape = (len(lr), 3, config.scale * padded.shape[2], config.scale * padded.shape[3])
    like = tuple(lr.new_empty(s) for s in model.flow.transform.latent_shape(shape))
    draws = [model.flow.base.sample(like, tau, generator) for _ in range(n)]
    rows, columns = (_windows(side, tile, overlap, config.scale) for side in padded.shape[2:])
    results, total = [lr.new_zeros(shape) for _ in draws], lr.new_zeros(shape[2:])
    for top, bottom, down in rows:
        for left, right, across in columns:

            def window(x: Tensor) -> Tensor:
                ratio = x.shape[2] / padded.shape[2]
                return x[:, :, int(ratio * top) : int(ratio * bottom), int(ratio * left) : int(ratio * right)]

            weight = (down[:, None] * across).to(lr)
            context = model.prepare(window(padded))
            for result, draw in zip(results, draws):
                window(result).add_(weight * model.flow.decode(tuple(window(z) for z in draw), context))
            window(total[None, None]).add_(weight)
    height, width = (config.scale * side for side in lr.shape[2:])
    return torch.stack([(result / total)[..., :height, :width] for result in results]).clamp(0, 1)


def _windows(length: int, tile: int, overlap: int, scale: int) -> list[tuple[int, int, Tensor]]:
    """Start and end of the tiles along one side, the last one moved back to end at the border, and the weights of their results."""
    size = min(tile, length)
    windows = []
    for start in [*range(0, length - size, tile - overlap), length - size]:
        position = (torch.arange(scale * size, dtype=torch.float64) + 0.5) / scale
        before = position if start > 0 else torch.full_like(position, torch.inf)
        after = size - position if start + size < length else torch.full_like(position, torch.inf)
        share = ((torch.minimum(before, after) - overlap / 4) / max(overlap / 2, 1)).clamp(0, 1)
        windows.append((start, start + size, share * share * (3 - 2 * share)))
    return windows
