"""Results of flows on images that are too large to be computed at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..bases import StandardNormal
from ..images import pad_to_multiple
from .deflow import DeFlow
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
    check_tiles(tile, overlap, multiple)
    if max(lr.shape[2:]) <= tile:
        return model.super_resolve(lr, tau, n, generator)
    check_samples(n, tau)
    padded, crop = pad_to_multiple(lr, multiple)
    shape = (len(lr), 3, config.scale * padded.shape[2], config.scale * padded.shape[3])
    like = tuple(lr.new_empty(s) for s in model.flow.transform.latent_shape(shape))
    draws = [model.flow.base.sample(like, tau, generator) for _ in range(n)]

    def decoded(window: Window) -> Iterator[Tensor]:
        context = model.prepare(window(padded))
        for draw in draws:
            yield model.flow.decode(tuple(window(z) for z in draw), context)

    return model.to_image(crop(joined(decoded, lr.new_zeros(n, *shape), config.scale, tile, overlap)))


@torch.no_grad()
def degrade_tiled(
    model: DeFlow, clean: Tensor, tau: float = 1.0, n: int = 1, generator: torch.Generator | None = None, tile: int = 512, overlap: int = 128
) -> Tensor:
    """n results of ``model.degrade`` for each image, computed tile by tile: (n, B, 3, H, W) in [0, 1].

    The noise of the condition and the random numbers of the latent shifts of the whole image are drawn first, in the order of ``degrade``, so that
    the first result is what ``degrade`` returns. The n results share the condition and the latents of the clean image. Tiles as
    in :func:`super_resolve_tiled`.

    Args:
        model: any DeFlow.
        clean: (B, 3, H, W) in [0, 1].
        tau: strength; scales mean and deviation of the shift. 0 returns the input n times, exactly.
        tile: side of a tile in pixels.
        overlap: of neighbouring tiles in pixels; exact where the networks reach no further than a quarter of it.
    """
    multiple = 2**model.config.levels
    check_tiles(tile, overlap, multiple)
    check_samples(n, tau)
    if tau == 0:
        return clean.expand(n, *clean.shape)
    padded, crop = pad_to_multiple(clean, multiple)
    condition = model.condition(padded, generator)
    like = tuple(clean.new_empty(s) for s in model.flow.transform.latent_shape(tuple(padded.shape)))
    draws = [StandardNormal().sample(like, generator=generator) for _ in range(n)]

    def degraded(window: Window) -> Iterator[Tensor]:
        context = model.prepare(window(condition))
        latents = model.encode(window(padded), context)
        base = model.base(context)
        for draw in draws:
            shift = base.shift_of(tuple(window(white) for white in draw), tau)
            yield model.decode(tuple(z + u for z, u in zip(latents, shift)), context)

    return model.to_image(crop(joined(degraded, clean.new_zeros(n, *padded.shape), 1, tile, overlap)), "degraded")


# Cuts the tile that is being computed out of any map of the image, whatever its resolution.
Window = Callable[[Tensor], Tensor]


def joined(compute: Callable[[Window], Iterator[Tensor]], results: Tensor, scale: int, tile: int, overlap: int) -> Tensor:
    """Fill ``results`` (n, B, C, scale*H, scale*W), zeros, with the n results that ``compute`` gives for each tile."""
    height, width = (side // scale for side in results.shape[-2:])
    total = results.new_zeros(results.shape[-2:])
    rows, columns = (_windows(side, tile, overlap, scale) for side in (height, width))
    for top, bottom, down in rows:
        for left, right, across in columns:

            def window(x: Tensor) -> Tensor:
                ratio = x.shape[-2] / height
                return x[..., int(ratio * top) : int(ratio * bottom), int(ratio * left) : int(ratio * right)]

            weight = (down[:, None] * across).to(total)
            for result, part in zip(results, compute(window), strict=True):
                window(result).add_(weight * part)
            window(total).add_(weight)
    return results.div_(total)


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


def usual_overlap(tile: int, most: int, multiple: int) -> int:
    """A quarter of a tile, but not more than ``most``, beyond which hardly anything is seen; a multiple of ``multiple``.

    Raises:
        ValueError: the tile itself is no multiple.
    """
    if tile < 1 or tile % multiple:
        raise ValueError(f"tile must be a multiple of {multiple}, got {tile}")
    return min(most, tile // (4 * multiple) * multiple)


def check_tiles(tile: int, overlap: int, multiple: int) -> None:
    if tile % multiple or overlap % multiple or not 0 <= overlap < tile:
        raise ValueError(f"tile and overlap must be multiples of {multiple}, overlap smaller than tile, got {tile} and {overlap}")


def check_samples(n: int, tau: float) -> None:
    if n < 1 or not tau >= 0:
        raise ValueError(f"n must be at least 1 and tau not negative, got {n} and {tau}")
