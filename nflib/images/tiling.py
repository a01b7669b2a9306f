"""Images of any size through networks that want certain sizes: padding by reflection, tiles with smooth seams."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def pad_to_multiple(x: Tensor, multiple: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Pad below and at the right by reflection until both sides are multiples; ``crop`` takes it back.

    Args:
        x: (..., H, W); may be smaller than what is added, then it is reflected again and again.
        multiple: at least 1.

    Returns:
        The padded tensor, and ``crop(y)``, which removes the padding from a result of the padded size or of a whole
        multiple of it (super-resolution).
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


def tiles(x: Tensor, size: int, overlap: int) -> tuple[list[Tensor], Callable[[Sequence[Tensor]], Tensor]]:
    """Cut an image into overlapping square tiles; ``join`` puts processed tiles together without visible seams.

    Across an overlap one tile fades into the next. Tiles that agree there come back bit for bit, so an unchanged image
    does too. Where tiles hold *independent noise*, fading averages it: draw such noise for the whole image instead.

    Args:
        x: (..., H, W); an image smaller than a tile is padded by reflection.
        size: side of a tile.
        overlap: pixels shared by neighbours, less than size; at the border of the image it can be more.

    Returns:
        The tiles, a list of (..., size, size), and ``join(processed)``, which takes them in the same order, all of the
        same size, that of the tiles or a whole multiple of it (super-resolution).
    """
    if not 0 <= overlap < size:
        raise ValueError(f"overlap must be from 0 to size - 1 = {size - 1}, got {overlap}")
    _check(x)
    height, width = x.shape[-2:]
    x = _reflect_to(x, max(height, size), max(width, size))
    tops, lefts = (_starts(n, size, size - overlap) for n in x.shape[-2:])
    pieces = [x[..., top : top + size, left : left + size] for top in tops for left in lefts]

    def join(processed: Sequence[Tensor]) -> Tensor:
        if len(processed) != len(pieces):
            raise ValueError(f"expected {len(pieces)} tiles, got {len(processed)}")
        scale = _scale(processed[0], size, size)
        columns = len(lefts)
        rows = [_fade(processed[i : i + columns], lefts, scale, -1) for i in range(0, len(processed), columns)]
        return _fade(rows, tops, scale, -2)[..., : scale * height, : scale * width]

    return pieces, join


def _starts(length: int, size: int, step: int) -> list[int]:
    """Where tiles start; the last one is moved back so that it ends at the border."""
    return [*range(0, length - size, step), length - size]


def _fade(pieces: Sequence[Tensor], starts: Sequence[int], scale: int, dim: int) -> Tensor:
    joined = pieces[0]
    for piece, start in zip(pieces[1:], starts[1:]):
        shared = joined.shape[dim] - scale * start
        ramp = (torch.arange(shared, dtype=piece.dtype, device=piece.device) + 0.5) / max(shared, 1)
        ramp = (ramp * ramp * (3 - 2 * ramp)).view(-1, *[1] * (-dim - 1))
        before, left = joined.split([scale * start, shared], dim)
        right, after = piece.split([shared, piece.shape[dim] - shared], dim)
        # left + w (right - left): exactly left where the two are equal, unlike w left + (1 - w) right
        joined = torch.cat([before, left + ramp * (right - left), after], dim)
    return joined


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
        raise ValueError(f"expected a result of {height}x{width} or a whole multiple, got {y.shape[-2]}x{y.shape[-1]}")
    return scale


def _check(x: Tensor) -> None:
    if x.dim() < 2 or 0 in x.shape:
        raise ValueError(f"x must have shape (..., H, W) of non-zero size, got {tuple(x.shape)}")
