"""Writing image files, without ever leaving half a file."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..files import write_bytes
from . import png
from .arrays import as_images
from .picture import Picture
from .resizing import resize
from .strips import strips

FORMATS = {
    **{".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG"},
    **{".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP", ".webp": "WEBP"},
}
DEEP = ("PNG", "TIFF")  # can be of 16 bits
ALPHA = (*DEEP, "WEBP")  # have transparency
GREY = (*DEEP, "JPEG", "BMP")  # have pictures of one channel
PROFILES = (*DEEP, "JPEG", "WEBP")  # have ICC profiles
DEPTH = "depth beyond 8 bits"  # as not_held calls it


def write(
    path: str | os.PathLike,
    image,
    bits: int | None = None,
    *,
    quality: int = 95,
    like: Picture | None = None,
) -> None:
    """Write an image file. It is whole or not there: written under a temporary name, then renamed.

    Args:
        path: ends in .png, .jpg, .jpeg, .jpe, .jfif, .tif, .tiff, .bmp or .webp. The folder must exist.
        image: one image, anything :func:`as_images` takes; rounded to the nearest level.
        bits: 8, or 16 for PNG and TIFF; by default those of ``like`` where the format has them, else 8.
        quality: of JPEG and WebP, 1 to 100.
        like: the picture that the image was made of (:func:`read_picture`). The file has its depth, profile
            and alpha, resized if the image has another size, and is grey if it was: the mean of the three
            channels. JPEG and BMP have 8 bits and no alpha; the image is put over white. What else a format
            cannot hold says ``not_held``.
    """
    path = Path(path)
    kind = kind_of(path)
    if bits is None:
        bits = like.bits if like is not None and kind in DEEP else 8
    if bits != 8 and not (bits == 16 and kind in DEEP):
        raise ValueError(f"{path}: bits must be 8, or 16 for .png and .tif, got {bits}")
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must be 1 to 100, got {quality}")
    batch = as_images(image)
    if len(batch) != 1:
        raise ValueError(f"{path}: expected one image, got {len(batch)}")
    pixels = batch[0].detach().cpu()
    if like is None:
        write_bytes(path, _encoded(_levels(pixels, bits), kind, quality=quality))
        return
    if like.grey:
        pixels = pixels.double().mean(0, keepdim=True)
    if like.alpha is not None:
        alpha = like.alpha
        if alpha.shape[1:] != pixels.shape[1:]:
            alpha = resize(alpha, size=pixels.shape[1:]).clamp(0, 1)
        pixels = torch.cat([pixels, alpha.to(pixels)]) if kind in ALPHA else pixels * alpha + (1 - alpha)
    profile = b"" if _profile_is_lost(like, kind) else like.profile
    write_bytes(path, _encoded(_levels(pixels, bits), kind, quality=quality, profile=profile))


def kind_of(path: str | os.PathLike) -> str:
    """The format in which a file of this name is written, such as "PNG".

    Raises:
        ValueError: none of this suffix is written.
    """
    suffix = Path(path).suffix
    if suffix.lower() not in FORMATS:
        raise ValueError(
            f"{path}: cannot write {suffix or 'a name without suffix'}, expected {' '.join(FORMATS)}"
        )
    return FORMATS[suffix.lower()]


def not_held(picture: Picture, path: str | os.PathLike, bits: int | None = None) -> tuple[str, ...]:
    """What of a picture a result written to ``path`` does not hold, in words; empty if it is all there.

    >>> not_held(Picture(torch.zeros(3, 2, 2), torch.ones(1, 2, 2), bits=16), "a.jpg")
    ('depth beyond 8 bits', 'transparency')

    Args:
        picture: that the result is made of.
        path: as for :func:`write`.
        bits: as for :func:`write`.
    """
    kind = kind_of(path)
    bits = bits or (picture.bits if kind in DEEP else 8)
    lost = [DEPTH] if bits < picture.bits else []
    lost += ["transparency"] if picture.alpha is not None and kind not in ALPHA else []
    lost += ["its one channel of grey, which becomes three"] if picture.grey and kind not in GREY else []
    lost += ["its colour profile"] if _profile_is_lost(picture, kind) else []
    return tuple(lost)


def _profile_is_lost(picture: Picture, kind: str) -> bool:
    of_grey = picture.profile[16:20] == b"GRAY"
    return bool(picture.profile) and (kind not in PROFILES or (of_grey and kind not in GREY))


def _levels(pixels: Tensor, bits: int) -> np.ndarray:
    """(C, H, W) in [0, 1] -> (H, W, C) of whole levels, rounded in double precision strip by strip."""
    channels, height, width = pixels.shape
    levels = np.empty((height, width, channels), np.uint8 if bits == 8 else np.uint16)
    for rows in strips(height, width):
        strip = pixels[:, rows].double() * (2**bits - 1)
        levels[rows] = strip.round().permute(1, 2, 0).numpy()
    return levels


def _encoded(levels: np.ndarray, kind: str, *, quality: int, profile: bytes = b"") -> bytes:
    file = io.BytesIO()
    if levels.dtype == np.uint16 and kind == "PNG":
        return png.encode(levels, profile)
    if levels.dtype == np.uint16:
        import tifffile

        tifffile.imwrite(
            file,
            levels if levels.shape[2] > 1 else levels[..., 0],
            photometric="rgb" if levels.shape[2] > 2 else "minisblack",
            extrasamples=["unassalpha"] if levels.shape[2] in (2, 4) else None,
            planarconfig="contig" if levels.shape[2] > 1 else None,
            compression="zlib",
            iccprofile=profile or None,
            metadata=None,
        )
        return file.getvalue()
    options: dict[str, Any] = {"quality": quality} if kind in ("JPEG", "WEBP") else {}
    options |= {"exact": True} if kind == "WEBP" else {}  # colours of transparent pixels stay
    options |= {"icc_profile": profile} if profile else {}
    if kind == "WEBP" and levels.shape[2] < 3:
        levels = np.concatenate([levels[..., :1].repeat(3, 2), levels[..., 1:]], 2)
    image = Image.fromarray(levels if levels.shape[2] > 1 else levels[..., 0])
    image.save(file, kind, **options)
    return file.getvalue()
