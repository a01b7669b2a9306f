"""What every metric does with its images first: check them, and bring them to the colour space it is defined
in.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..images.arrays import in_range
from ..images.strips import strips

# MATLAB's rgb2ycbcr: BT.601, 16 (black) to 235 (white).
LUMA = (65.481, 128.553, 24.966)
# MATLAB's rgb2gray: the same standard without the offset.
GREY = (0.298936021293776, 0.587043074451121, 0.114020904255103)
# Side of the images that networks of perceptual distances take.
SMALLEST = 32


def valid(images: Tensor, name: str = "images", channels: tuple[int, ...] = (1, 3)) -> Tensor:
    """Images (B, C, H, W) in [0, 1], but for rounding; anything else is a ValueError that says what was
    found.

    Metrics compute in float64, strip by strip: as a whole a photo of 48 megapixels would take a gigabyte.
    """
    if not isinstance(images, Tensor):
        raise ValueError(
            f"{name} must be a tensor, got {type(images).__name__}; nflib.images.as_images makes one"
        )
    if (
        images.dim() != 4
        or 0 in images.shape
        or images.shape[1] not in channels
        or not images.is_floating_point()
    ):
        raise ValueError(
            f"{name} must be a floating tensor (B, C, H, W) with C = {' or '.join(map(str, channels))}, "
            f"got {images.dtype} of shape {tuple(images.shape)}"
        )
    return in_range(images.detach(), name)


def double(x: Tensor) -> Tensor:
    """float64, on the same device where it has such numbers (Apple's has not)."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def valid_pair(images: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Two batches of the same shape on the same device, as :func:`valid` makes them."""
    images, reference = valid(images), valid(reference, "reference")
    if images.shape != reference.shape:
        raise ValueError(
            f"images and reference must have the same shape, got {tuple(images.shape)} and "
            f"{tuple(reference.shape)}"
        )
    return images, reference.to(images.device)


def network_pair(images: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """A pair for the networks of perceptual distances: as :func:`valid_pair` makes it, RGB, and not smaller
    than they take.
    """
    images, reference = valid_pair(images, reference)
    if images.shape[1] != 3 or min(images.shape[-2:]) < SMALLEST:
        raise ValueError(
            f"images must be (B, 3, H, W), at least {SMALLEST}x{SMALLEST}, got {tuple(images.shape)}"
        )
    return images, reference


def crop_border(images: Tensor, border: int) -> Tensor:
    """Leave out ``border`` pixels on every side. Super-resolution tables often crop as many as the scale.

    Args:
        images: (..., H, W).
        border: 0 changes nothing.
    """
    if border < 0 or 2 * border >= min(images.shape[-2:]):
        height, width = images.shape[-2:]
        raise ValueError(
            f"border must be at least 0 and leave something of {width}x{height} pixels, got {border}"
        )
    return images[..., border : images.shape[-2] - border, border : images.shape[-1] - border]


def luma(images: Tensor) -> Tensor:
    """The Y of YCbCr as MATLAB and most super-resolution tables have it (BT.601, black 16/255, white
    235/255).

    Args:
        images: (B, 3, H, W) in [0, 1], RGB.

    Returns:
        (B, 1, H, W). Pass it to :func:`~nflib.metrics.psnr` or :func:`~nflib.metrics.ssim` for "Y channel"
        numbers; its range being smaller, PSNR comes out higher than on RGB.
    """
    return (_weighted(images, LUMA) + 16) / 255


def grey(images: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 1, H, W), MATLAB's rgb2gray, without its rounding. Grey images are returned as they
    are.
    """
    return images if images.shape[1] == 1 else _weighted(images, GREY)


def levels(images: Tensor, channel: Callable[[Tensor], Tensor]) -> Tensor:
    """A channel of images, rounded to 8 bits: (B, 3, H, W) in [0, 1] -> (B, 1, H, W), uint8.

    Args:
        images: as :func:`valid` lets them through.
        channel: what makes it of float64 images, in [0, 1], such as :func:`luma`.
    """
    batch, _, height, width = images.shape
    result = double(images[:, :1, :1, :1]).new_empty(batch, 1, height, width, dtype=torch.uint8)
    for rows in strips(height, images.numel() // height):
        result[..., rows, :] = (channel(double(images[..., rows, :])) * 255).round()
    return result


def _weighted(images: Tensor, weights: tuple[float, ...]) -> Tensor:
    if images.dim() != 4 or images.shape[1] != 3:
        raise ValueError(f"images must be (B, 3, H, W), got shape {tuple(images.shape)}")
    return torch.einsum("c,bchw->bhw", torch.tensor(weights).to(images), images)[:, None]
