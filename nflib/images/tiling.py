"""Images of any size through networks that want certain sizes: padding by reflection, windows that fade into
each other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..units import progress


def pad_to_multiple(x: Tensor, multiple: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Pad below and at the right by reflection until both sides are multiples; ``crop`` takes it back.

    Args:
        x: (..., H, W); may be smaller than what is added, then it is reflected again and again.
        multiple: at least 1.

    Returns:
        The padded tensor, and ``crop(y)``, which removes the padding from a result of the padded size or of a
        whole multiple of it (super-resolution).
    """
    if multiple < 1:
        raise ValueError(f"multiple must be at least 1, got {multiple}")
    _check(x)
    height, width = x.shape[-2:]
    padded = _reflect_to(x, multiple * math.ceil(height / multiple), multiple * math.ceil(width / multiple))

    def crop(y: Tensor) -> Tensor:
        scale = _scale(y, *padded.shape[-2:])
        return y[..., : scale * height, : scale * width]

    return padded, crop


def _reflect_to(x: Tensor, height: int, width: int) -> Tensor:
    for dim, length in ((-2, height), (-1, width)):
        n = x.shape[dim]
        if length > n:
            # 0 1 .. n-1 n-2 .. 1 0 1 ..: the edge is not repeated; a single line is all there is
            index = torch.arange(length, device=x.device) % max(2 * n - 2, 1)
            x = x.index_select(dim, torch.minimum(index, 2 * n - 2 - index))
    return x


def _scale(y: Tensor, height: int, width: int) -> int:
    scale = y.shape[-1] // width
    if scale < 1 or tuple(y.shape[-2:]) != (scale * height, scale * width):
        raise ValueError(
            f"expected a result of {height}x{width} or a whole multiple, got {y.shape[-2]}x{y.shape[-1]}"
        )
    return scale


def _check(x: Tensor) -> None:
    if x.dim() < 2 or 0 in x.shape:
        raise ValueError(f"x must have shape (..., H, W) of non-zero size, got {tuple(x.shape)}")


# Cuts the tile that is being computed out of any map of the image, whatever its resolution.
Window = Callable[[Tensor], Tensor]


def joined(
    compute: Callable[[Window], Iterator[Tensor]],
    results: Tensor,
    *,
    scale: int = 1,
    tile: int | None = None,
    overlap: int = 0,
) -> Tensor:
    """Fill ``results`` (n, B, C, scale*H, scale*W), zeros, with the n results that ``compute`` gives for each
    window.

    Of an overlap the outer quarters are not used, where a network misses what lies beyond its window; in the
    middle one window fades into the next. Where windows hold independent noise, fading would average it: draw
    such noise for the whole image, and cut it.

    Args:
        compute: called with a function that cuts the window out of any map of the image, whatever its
            resolution.
        scale: by how much results are larger than the image.
        tile: side of a window, in pixels of the image; None, or one that holds the image, computes it as a
            whole.
        overlap: of neighbouring windows, in pixels of the image.
    """
    shape = tuple(results.shape)
    for rows, strip in joined_strips(compute, shape, results, scale=scale, tile=tile, overlap=overlap):
        results[..., rows, :] = strip
    return results


def joined_strips(
    compute: Callable[[Window], Iterator[Tensor]],
    shape: tuple[int, ...],
    like: Tensor,
    *,
    scale: int = 1,
    tile: int | None = None,
    overlap: int = 0,
) -> Iterator[tuple[slice, Tensor]]:
    """The n results that :func:`joined` fills, from top to bottom in strips of whole rows: which rows, and
    (n, B, C, rows, scale*W). Only a row of windows is held.

    Args:
        compute, scale, tile, overlap: as for :func:`joined`.
        shape: (n, B, C, scale*H, scale*W).
        like: a tensor with the dtype and device of the results.
    """
    height, width = (side // scale for side in shape[-2:])
    tile = max(height, width) if tile is None else tile
    rows, columns = (_windows(side, tile, overlap, scale) for side in (height, width))
    tops = [top for top, _, _ in rows[1:]] + [height]
    tiles = list(itertools.product(zip(rows, tops), enumerate(columns)))
    strip = like.new_zeros(0)
    above = like.new_zeros(*shape[:-2], 0, shape[-1])  # what the windows above have of this row of windows
    for ((top, bottom, down), after), (number, (left, right, across)) in (
        progress(tiles, "tiles") if len(tiles) > 1 else tiles
    ):
        if number == 0:
            strip = like.new_zeros(*shape[:-2], scale * (bottom - top), shape[-1])
            strip[..., : above.shape[-2], :] = above

        def window(
            x: Tensor, top: int = top, bottom: int = bottom, left: int = left, right: int = right
        ) -> Tensor:
            ratio = x.shape[-2] / height
            return x[..., int(ratio * top) : int(ratio * bottom), int(ratio * left) : int(ratio * right)]

        weight = (down[:, None] * across).to(strip)
        for result, part in zip(strip, compute(window), strict=True):
            result[..., scale * left : scale * right].addcmul_(weight, part.to(result))
        if number == len(columns) - 1:
            final = scale * (after - top)
            yield slice(scale * top, scale * after), strip[..., :final, :]
            above = strip[..., final:, :]


def _windows(length: int, tile: int, overlap: int, scale: int) -> list[tuple[int, int, Tensor]]:
    """Start and end of the tiles along one side, the last one moved back to end at the border, and the
    weights of their results, which are one together.
    """
    size = min(tile, length)
    windows = []
    total = torch.zeros(scale * length, dtype=torch.float64)
    for start in [*range(0, length - size, tile - overlap), length - size]:
        position = (torch.arange(scale * size, dtype=torch.float64) + 0.5) / scale
        before = position if start > 0 else torch.full_like(position, torch.inf)
        after = size - position if start + size < length else torch.full_like(position, torch.inf)
        share = ((torch.minimum(before, after) - overlap / 4) / max(overlap / 2, 1)).clamp(0, 1)
        weight = share * share * (3 - 2 * share)
        total[scale * start : scale * (start + size)] += weight
        windows.append((start, start + size, weight))
    return [(start, end, weight / total[scale * start : scale * end]) for start, end, weight in windows]


def overlap_of(tile: int | None, overlap: int | None, *, most: int, multiple: int = 1) -> int:
    """The overlap of tiles that a caller asks for, or else a quarter of a tile, but not more than ``most``;
    both fit the model.

    Raises:
        ValueError: tile or overlap is no multiple, or the overlap does not leave anything of a tile.
    """
    if tile is None:
        return 0
    if overlap is None:
        if tile < 1 or tile % multiple:
            raise ValueError(f"tile must be a multiple of {multiple}, got {tile}")
        return min(most // multiple * multiple, tile // (4 * multiple) * multiple)
    if tile % multiple or overlap % multiple or not 0 <= overlap < tile:
        raise ValueError(
            f"tile and overlap must be multiples of {multiple}, overlap smaller than tile, got {tile} "
            f"and {overlap}"
        )
    return overlap
