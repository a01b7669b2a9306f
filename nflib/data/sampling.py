"""Small pieces of photos: random patches, and responses of a filter that sees noise but little content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor


def patches(
    images: Mapping[str, Tensor] | Iterable[Tensor],
    size: int,
    n: int,
    generator: torch.Generator | None = None,
    augment: bool = True,
) -> Tensor:
    """Random square crops, every position in every image being equally likely.

    Args:
        images: (C, H, W) tensors, or a mapping to such, each at least ``size`` on both sides.
        size: side of a patch in pixels.
        n: number of patches.
        augment: turn each by one of the eight flips and quarter turns.

    Returns:
        (n, C, size, size)
    """
    images = list(images.values() if isinstance(images, Mapping) else images)
    if size < 1 or n < 0:
        raise ValueError(f"size must be at least 1 and n not negative, got size {size}, n {n}")
    if not images:
        raise ValueError("images must not be empty")
    for image in images:
        if image.dim() != 3 or min(image.shape[1:]) < size:
            raise ValueError(
                f"images must be (C, H, W) with H and W at least {size}, got shape {tuple(image.shape)}"
            )
    device = "cpu" if generator is None else generator.device

    def integers(high: int) -> Tensor:
        return torch.randint(high, (n,), generator=generator, device=device).cpu()

    columns = torch.tensor([image.shape[2] - size + 1 for image in images])
    last = torch.tensor(
        [(image.shape[1] - size + 1) * (image.shape[2] - size + 1) for image in images]
    ).cumsum(0)
    position = integers(int(last[-1]))
    which = torch.searchsorted(last, position, right=True)
    position = position - torch.cat([last.new_zeros(1), last])[which]
    turns = integers(8) if augment else torch.zeros(n, dtype=torch.long)
    out = images[0].new_empty(n, images[0].shape[0], size, size)
    for i, (k, p, turn) in enumerate(zip(which.tolist(), position.tolist(), turns.tolist())):
        top, left = divmod(p, int(columns[k]))
        crop = images[k][:, top : top + size, left : left + size]
        crop = crop.flip(-1) if turn >= 4 else crop
        out[i] = torch.rot90(crop, turn % 4, (-2, -1))
    return out


def high_pass(images: Tensor) -> Tensor:
    """Diagonal differences ``(a - b - c + d) / 2`` of all 2x2 blocks (the Haar HH band).

    The weights sum to zero, so flat content and ramps vanish; their squares sum to one, so white noise of
    deviation sigma keeps its deviation, and the responses to white noise are independent of each other. Edges
    of the content remain.

    Args:
        images: (..., H, W), H and W at least 2; an odd last row or column is left out.

    Returns:
        (..., H // 2, W // 2)
    """
    if images.dim() < 2 or min(images.shape[-2:]) < 2:
        raise ValueError(
            f"images must be (..., H, W) with H and W at least 2, got shape {tuple(images.shape)}"
        )
    height, width = (n // 2 * 2 for n in images.shape[-2:])
    images = images[..., :height, :width]
    a, b = images[..., ::2, ::2], images[..., ::2, 1::2]
    c, d = images[..., 1::2, ::2], images[..., 1::2, 1::2]
    return (a - b - c + d) / 2
