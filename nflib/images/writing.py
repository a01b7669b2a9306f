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
LOSSY = ("JPEG", "WEBP")  # as they are written here
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
    batch = as_images(image)
    if len(batch) != 1:
        raise ValueError(f"{path}: expected one image, got {len(batch)}")
    pixels = batch[0].detach().cpu()
    writer = StripWriter(path, (pixels.shape[1], pixels.shape[2]), bits, quality=quality, like=like)
    writer.add(pixels)
    writer.write()


class StripWriter:
    """An image file that is written when its strips are there, of which only the levels are kept.

    Args:
        path, bits, quality, like: as for :func:`write`.
        size: height and width of the image.

    Raises:
        ValueError: as :func:`write`.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        size: tuple[int, int],
        bits: int | None = None,
        *,
        quality: int = 95,
        like: Picture | None = None,
    ):
        self.path, self.quality, self.like = Path(path), quality, like
        self.kind = kind_of(path)
        if bits is None:
            bits = like.bits if like is not None and self.kind in DEEP else 8
        if bits != 8 and not (bits == 16 and self.kind in DEEP):
            raise ValueError(f"{path}: bits must be 8, or 16 for .png and .tif, got {bits}")
        if not 1 <= quality <= 100:
            raise ValueError(f"quality must be 1 to 100, got {quality}")
        self.alpha = None if like is None else like.alpha
        if self.alpha is not None and self.alpha.shape[1:] != size:
            self.alpha = resize(self.alpha, size=size).clamp(0, 1)
        channels = 1 if like is not None and like.grey else 3
        channels += self.alpha is not None and self.kind in ALPHA
        self.levels = np.empty((*size, channels), np.uint8 if bits == 8 else np.uint16)
        self.top, self.most = 0, 2**bits - 1

    def add(self, strip: Tensor) -> None:
        """The next rows, (3, rows, W) in [0, 1]; (1, rows, W) of a grey image."""
        for part in strips(*strip.shape[1:]):
            pixels = strip[:, part]
            rows = slice(self.top, self.top + pixels.shape[1])
            if self.like is not None and self.like.grey:
                pixels = pixels.double().mean(0, keepdim=True)
            if self.alpha is not None:
                alpha = self.alpha[:, rows]
                pixels = (
                    torch.cat([pixels, alpha.to(pixels)])
                    if self.kind in ALPHA
                    else pixels * alpha + (1 - alpha)
                )
            self.levels[rows] = (pixels.double() * self.most).round().permute(1, 2, 0).numpy()
            self.top = rows.stop

    def write(self) -> None:
        """Write the file, if all its rows are there."""
        if self.top != len(self.levels):
            raise ValueError(f"{self.path}: expected {len(self.levels)} rows, got {self.top}")
        lost = self.like is None or _profile_is_lost(self.like, self.kind)
        profile = b"" if lost or self.like is None else self.like.profile
        write_bytes(self.path, _encoded(self.levels, self.kind, quality=self.quality, profile=profile))


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
    options: dict[str, Any] = {"quality": quality} if kind in LOSSY else {}
    options |= {"exact": True} if kind == "WEBP" else {}  # colours of transparent pixels stay
    options |= {"icc_profile": profile} if profile else {}
    if kind == "WEBP" and levels.shape[2] < 3:
        levels = np.concatenate([levels[..., :1].repeat(3, 2), levels[..., 1:]], 2)
    image = Image.fromarray(levels if levels.shape[2] > 1 else levels[..., 0])
    image.save(file, kind, **options)
    return file.getvalue()
