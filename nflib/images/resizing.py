"""Bicubic resizing with anti-aliasing, after the conventions of super-resolution papers (MATLAB's
imresize)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
from torch import Tensor

from .strips import around, strips

# Rows of a smaller image around a strip of it that the kernel may see: it needs two.
REACH = 4


def resize(x: Tensor, factor: float | None = None, size: Sequence[int] | None = None) -> Tensor:
    """Bicubic resize as MATLAB's ``imresize`` does it: a = -1/2, widened by 1/factor when shrinking, edges
    mirrored.

    Pixel centres are aligned, each output is a weighted mean of inputs (weights sum to one), rows and columns
    separately. Results may leave [0, 1] by a little at edges: clamp them before they are stored.

    Args:
        x: (..., H, W), floating.
        factor: output size is ``ceil(factor * size)``.
        size: output (H, W); give this or the factor.

    Returns:
        (..., H', W'), same dtype and device. Differentiable.
    """
    if (factor is None) == (size is None):
        raise ValueError("give either factor or size")
    if x.dim() < 2 or 0 in x.shape or not x.is_floating_point():
        raise ValueError(
            f"x must be a floating tensor (..., H, W) of non-zero size, got {x.dtype} of shape "
            f"{tuple(x.shape)}"
        )
    if size is None:
        assert factor is not None
        if not (factor > 0 and math.isfinite(factor)):
            raise ValueError(f"factor must be positive, got {factor}")
        # 1e-9: 30 * 0.1 must be 3 and not 4 by the last digit
        size = [math.ceil(n * factor - 1e-9) for n in x.shape[-2:]]
        factors = [factor, factor]
    else:
        if len(size) != 2 or min(size) < 1:
            raise ValueError(f"size must be two positive numbers (H, W), got {size}")
        factors = [new / old for new, old in zip(size, x.shape[-2:])]
    for dim in sorted(
        (-2, -1), key=lambda d: factors[d]
    ):  # MATLAB: the dimension that shrinks most goes first
        x = _resize_one(x, dim, size[dim], factors[dim])
    return x


def shrunk_strips(
    x: Tensor, scale: int, convert: Callable[[Tensor], Tensor] = lambda part: part
) -> Iterator[tuple[slice, Tensor]]:
    """``resize(convert(x), 1 / scale)`` strip by strip: rows of the result, and what is in them.

    Args:
        x: (..., H, W).
        scale: by how much the result is smaller, a whole number.
        convert: pixel by pixel, applied to what is looked at.
    """
    height = x.shape[-2]
    for rows in strips(math.ceil(height / scale), scale**2 * (x.numel() // height), multiple=REACH):
        wider, above, _ = around(rows, REACH, math.ceil(height / scale))
        part = resize(convert(x[..., scale * wider.start : scale * wider.stop, :]), 1 / scale)
        yield rows, part.narrow(-2, REACH - above, rows.stop - rows.start)


def _resize_one(x: Tensor, dim: int, length: int, factor: float) -> Tensor:
    if factor == 1 and length == x.shape[dim]:
        return x
    shrink = min(factor, 1.0)
    centre = (torch.arange(length, dtype=torch.float64) + 0.5) / factor - 0.5
    taps = math.ceil(4 / shrink) + 2
    index = (centre - 2 / shrink).floor()[:, None] + torch.arange(taps)
    weights = _cubic((centre[:, None] - index) * shrink)
    weights = weights / weights.sum(1, keepdim=True)
    used = [k for k in range(taps) if weights[:, k].any()]
    weights = weights.to(x)
    index = _mirror(index.long(), x.shape[dim]).to(x.device)
    shape = [length if d == dim % x.dim() else 1 for d in range(x.dim())]
    # tap by tap: a matrix of H x H' weights would be nearly all zeros
    total = sum(x.index_select(dim, index[:, k]) * weights[:, k].view(shape) for k in used)
    return cast("Tensor", total)


def _cubic(t: Tensor) -> Tensor:
    """Keys' kernel with a = -1/2, support (-2, 2)."""
    t = t.abs()
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return torch.where(t <= 1, near, torch.where(t <= 2, far, torch.zeros_like(t)))


def _mirror(index: Tensor, length: int) -> Tensor:
    """... 1 0 | 0 1 ... n-1 | n-1 n-2 ...: the edge pixel is repeated."""
    index = index % (2 * length)
    return torch.where(index < length, index, 2 * length - 1 - index)
