"""Image files: reading whatever users have."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PIL import Image, features
from torch import Tensor

from . import optional, tiff
from .decoded import Decoded
from .jpeg2000 import from_jpeg2000
from .listing import SUFFIXES
from .netpbm import from_netpbm
from .picture import Picture
from .pillow_images import from_pillow
from .png import from_png

# What Pillow may take a file for: the formats that are tested. Others run programs, or hold no pictures.
PILLOW_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "GIF", "JPEG2000", "AVIF")
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}

Result = TypeVar("Result")


def read(path: str | os.PathLike) -> Tensor:
    """Read an image file -> (3, H, W), float32 in [0, 1], RGB, upright.

    PNG, TIFF, JPEG, WebP, BMP, GIF, JPEG 2000, AVIF and the formats of Netpbm; HEIC and camera raw where
    their packages are (pillow-heif, rawpy). Integers of 1 to 16 bits go by their white level; floats must be
    in [0, 1] already. Grey is repeated, palettes are looked up, CMYK, YCbCr and Lab are converted without a
    colour profile, transparency is composited over white, an EXIF rotation is applied. Of several pages or
    frames the first is read. Colour profiles are ignored. Memory: at most 20 bytes a pixel for RGB of up to
    16 bits, the result's 12 included.

    Raises:
        ValueError: naming the file and what is wrong with it, whatever that is.
    """
    return _read(Path(path), Decoded.over_white)


def read_picture(path: str | os.PathLike) -> Picture:
    """Read an image file with all that a result made of it should keep: alpha apart, colour profile, depth,
    and whether it is grey. ``write(path, result, like=picture)`` gives it back.

    Otherwise, and in what it raises, as :func:`read`.
    """
    return _read(Path(path), Decoded.picture)


def stored_size(path: str | os.PathLike) -> tuple[int, int]:
    """Height and width of a picture as its file stores it, from the header where that says it; an EXIF
    rotation may exchange them.

    Raises:
        ValueError: as :func:`read`.
    """
    path = Path(path)
    if path.suffix.lower() not in optional.RAW_SUFFIXES:  # those hold a small picture too, which comes first
        try:
            with Image.open(path, formats=(*PILLOW_FORMATS, "TIFF", "PPM")) as image:
                return image.height, image.width
        except Exception:  # whatever is wrong, or strange: the real reader knows, and says so
            pass
    height, width = read(path).shape[1:]
    return height, width


def stored_format(path: str | os.PathLike) -> str:
    """The format of a picture by what its file holds, as Pillow calls it: "PNG", "JPEG", "TIFF", ...; empty
    where Pillow does not know it.
    """
    try:
        with Image.open(path, formats=(*PILLOW_FORMATS, "TIFF", "PPM")) as image:
            return {"MPO": "JPEG"}.get(image.format or "", image.format or "")
    except Exception:  # decoders raise nearly anything on broken files
        return ""


def _read(path: Path, convert: Callable[[Decoded], Result]) -> Result:
    if path.is_dir():
        raise ValueError(f"{path}: is a folder, expected an image file")
    if not path.is_file():
        raise ValueError(f"{path}: no such file, expected an image")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: is empty (0 bytes), expected an image file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Pillow's remarks on odd metadata and large images; errors stay errors
            return convert(_decode(path))
    except Image.UnidentifiedImageError:
        raise ValueError(
            f"{path}: not an image that can be read, expected one of {' '.join(SUFFIXES)}"
        ) from None
    except Exception as error:  # decoders raise nearly anything on broken files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path}: cannot be read as an image: {reason}") from error


def _decode(path: Path) -> Decoded:
    """By what the file begins with; only camera raw files are known by their suffix, many being TIFF."""
    with path.open("rb") as file:
        start = file.read(64)
    raw = start.startswith(optional.RAW_SIGNATURES) or start[8:10] == b"CR"
    if raw or path.suffix.lower() in optional.RAW_SUFFIXES or start[4:11] == b"ftypcrx":
        return optional.from_raw(path)
    most = 2 * (Image.MAX_IMAGE_PIXELS or math.inf)  # Pillow's own limit against decompression bombs
    if start[:4] in tiff.SIGNATURES:
        return tiff.from_tiff(path, most)
    if start[:1] == b"P" and start[1:2] in b"1234567fF" and start[2:3] in b" \t\r\n#":
        return from_netpbm(path, most)
    if start[4:8] == b"ftyp":
        brands = {start[i : i + 4] for i in range(8, min(int.from_bytes(start[:4], "big"), len(start)), 4)}
        if not brands & {b"avif", b"avis"} and brands & HEIF_BRANDS:
            return optional.from_heif(path)
        if brands & {b"avif", b"avis"} and not features.check("avif"):
            raise ValueError("is an AVIF picture, which needs the package pillow 11.3 or later, with AVIF")
    with Image.open(path, formats=PILLOW_FORMATS) as image:
        if image.format == "PNG":
            return from_png(path, image)
        return from_jpeg2000(path, image) if image.format == "JPEG2000" else from_pillow(image)
