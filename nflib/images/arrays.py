"""Arrays that users bring -> (B, 3, H, W) float tensors in [0, 1]."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .decoded import check_floats
from .pillow_images import from_pillow

WHITE_LEVEL = {"uint8": 255, "uint16": 65535}
FLOATS = ("float16", "bfloat16", "float32", "float64")


def as_images(images) -> Tensor:
    """Convert what users bring to images as nflib wants them.

    Args:
        images: a tensor (H, W), (C, H, W) or (B, C, H, W), or a numpy array (H, W), (H, W, C) or (B, H, W,
            C), or whatever numpy makes such an array of. C is 1 (grey), 2 (grey and alpha), 3 (RGB) or 4
            (RGBA). uint8 0..255, uint16 0..65535, or floats in [0, 1]. Or a Pillow image of any mode, read
            as :func:`read` reads its file.

    Returns:
        (B, 3, H, W), float64 for float64 and float32 for all else, on the device of a tensor. Grey is
        repeated. Transparent pixels are composited over white, as a page shows them. A tensor may share its
        memory.

    Raises:
        ValueError: wrong dtype or shape, zero size, NaN or infinite values, floats outside [0, 1].
    """
    if isinstance(images, Image.Image):
        return from_pillow(images).over_white()[None]
    if isinstance(images, Tensor):
        dtype = str(images.dtype).removeprefix("torch.")
        layout = "(H, W), (C, H, W) or (B, C, H, W)"
        channels_at = -3
    else:
        images = np.asarray(images)
        dtype = images.dtype.name
        layout = "(H, W), (H, W, C) or (B, H, W, C)"
        channels_at = -1
    if dtype not in WHITE_LEVEL and dtype not in FLOATS:
        raise ValueError(f"images must be uint8, uint16 or float, got {dtype}")
    shape = tuple(images.shape)
    if 0 in shape:
        raise ValueError(f"images must not be empty, got shape {shape}")
    if len(shape) not in (2, 3, 4) or (len(shape) > 2 and shape[channels_at] not in (1, 2, 3, 4)):
        kind = "a tensor" if channels_at == -3 else "an array"
        raise ValueError(f"images as {kind} must be {layout} with 1 to 4 channels C, got shape {shape}")

    if not isinstance(images, Tensor):
        # numpy first: torch takes neither foreign byte orders nor negative strides
        images = torch.tensor(np.ascontiguousarray(images, np.float64 if dtype == "float64" else np.float32))
        if images.dim() > 2:
            images = images.movedim(-1, -3)
    images = images if images.dtype == torch.float64 else images.float()
    images = images[None] if images.dim() == 2 else images
    images = images[None] if images.dim() == 3 else images
    if dtype in WHITE_LEVEL:
        images = images / WHITE_LEVEL[dtype]
    return _rgb(in_range(images))


def as_8_bits(image: Tensor) -> Tensor:
    """The values that an 8-bit file would hold, in [0, 1]."""
    return image.clamp(0, 1).mul_(255).round_().div_(255)


def in_range(x: Tensor, name: str = "images") -> Tensor:
    """Values that are finite and, but for rounding, in [0, 1]; they are clipped to it. All else is a
    ValueError.
    """
    check_floats(x, name)
    return x.clamp(0, 1) if x.min() < 0 or x.max() > 1 else x


def _rgb(x: Tensor) -> Tensor:
    """(B, 1..4, H, W) -> (B, 3, H, W)."""
    if x.shape[1] in (2, 4):
        colour, alpha = x[:, :-1], x[:, -1:]
        x = colour * alpha + (1 - alpha)
    return x if x.shape[1] == 3 else x.expand(-1, 3, -1, -1)
