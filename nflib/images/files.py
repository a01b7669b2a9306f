"""Image files: reading whatever users have, writing without ever leaving half a file."""

from __future__ import annotations

import io
import math
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image, ImageFile
from torch import Tensor

from ..files import write_bytes
from .arrays import as_images

if TYPE_CHECKING:
    import tifffile

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP"}
SUFFIXES = (*FORMATS, ".webp")
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read(path: str | os.PathLike) -> Tensor:
    """Read an image file -> (3, H, W), float32 in [0, 1], RGB, upright.

    8 bits go by 1/255 and 16 bits by 1/65535 (16-bit grey with alpha keeps its upper 8 bits only); float TIFF
    must be in [0, 1] already. Grey is repeated, palettes are looked up, CMYK is converted without a colour
    profile, transparency is composited over white, an EXIF rotation is applied. Of several pages or frames
    the first is read. Colour profiles are ignored.

    Raises:
        ValueError: naming the file and what is wrong with it, whatever that is.
    """
    path = Path(path)
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
            return as_images(_decode(path))[0].float().contiguous()
    except Image.UnidentifiedImageError:
        raise ValueError(
            f"{path}: not an image that can be read, expected one of {' '.join(SUFFIXES)}"
        ) from None
    except Exception as error:  # decoders raise nearly anything on broken files
        raise ValueError(f"{path}: cannot be read as an image: {error}") from error


def write(path: str | os.PathLike, image, bits: int = 8, quality: int = 95) -> None:
    """Write an image file. It is whole or not there: written under a temporary name, then renamed.

    Args:
        path: ends in .png, .jpg, .jpeg, .tif, .tiff or .bmp. The folder must exist.
        image: one image, anything :func:`as_images` takes; rounded to the nearest level.
        bits: 8, or 16 for PNG (true 16-bit RGB, written here since Pillow has no such images).
        quality: of JPEG, 1 to 100.
    """
    path = Path(path)
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise ValueError(
            f"{path}: cannot write {path.suffix or 'a name without suffix'}, expected {' '.join(FORMATS)}"
        )
    if bits != 8 and (bits, kind) != (16, "PNG"):
        raise ValueError(f"{path}: bits must be 8, or 16 for .png, got {bits}")
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must be 1 to 100, got {quality}")
    batch = as_images(image)
    if len(batch) != 1:
        raise ValueError(f"{path}: expected one image, got {len(batch)}")
    pixels = (batch[0].detach().cpu().double() * (2**bits - 1)).round().permute(1, 2, 0).numpy()
    if bits == 16:
        data = _png16(pixels)
    else:
        file = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(
            file, kind, **({"quality": quality} if kind == "JPEG" else {})
        )
        data = file.getvalue()
    write_bytes(path, data)


def list_images(folder: str | os.PathLike) -> list[Path]:
    """The image files directly in a folder, known by their suffix, sorted by name. Hidden files are left out.

    Raises:
        ValueError: no such folder, or no images in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    files = [
        f
        for f in folder.iterdir()
        if f.suffix.lower() in SUFFIXES and not f.name.startswith(".") and f.is_file()
    ]
    if not files:
        raise ValueError(f"{folder}: no images in this folder, expected files ending in {' '.join(SUFFIXES)}")
    return sorted(files)


def _decode(path: Path) -> np.ndarray:
    """File -> (H, W) or (H, W, C), uint8, uint16 or float, upright."""
    try:
        image = Image.open(path)
    except Image.UnidentifiedImageError:
        with path.open("rb") as file:
            if file.read(4) not in TIFF_SIGNATURES:
                raise
        return _decode_tiff(path)  # float RGB and the like, which Pillow does not know
    with image:
        tags: Any = getattr(image, "tag_v2", {})
        if image.format == "TIFF" and max(tags.get(258, (1,))) > 8 and tags.get(284) == 2:
            return _decode_tiff(path)  # Pillow takes separate planes of 16 bits for 8 bits
        low_bytes = _low_bytes(path, image)
        image.load()
        orientation = image.getexif().get(274, 1)
        has_alpha = "transparency" in image.info or image.mode in ("LA", "PA", "La", "RGBa")
        if image.mode in ("L", "F", "I", "RGB", "RGBA") or image.mode.startswith("I;16"):
            shown = image.convert("RGBA") if has_alpha and image.mode in ("L", "RGB") else image
        else:
            shown = image.convert("RGBA" if has_alpha else "L" if image.mode == "1" else "RGB")
        pixels = np.asarray(shown)
    if low_bytes is not None:
        pixels = pixels[..., : low_bytes.shape[-1]].astype(np.uint16) * 256 + low_bytes
    elif pixels.dtype == np.int32:
        if pixels.min() < 0 or pixels.max() > 65535:
            raise ValueError(f"32-bit integers from {pixels.min()} to {pixels.max()}, expected 8 or 16 bits")
        pixels = pixels.astype(np.uint16)
    return _upright(pixels, orientation)


def _low_bytes(path: Path, image: ImageFile.ImageFile) -> np.ndarray | None:
    """The lower bytes of 16-bit RGB or RGBA, of which Pillow keeps the upper ones; None for any other image.

    Pillow unpacks either byte order, keeping the byte that is significant in it. Told the wrong order, it
    keeps the others.
    """
    if image.mode not in ("RGB", "RGBA") or not image.tile:
        return None
    with Image.open(path) as other:
        swapped: list[Any] = []
        for codec, box, offset, arguments in other.tile:
            packing, *rest = (arguments,) if isinstance(arguments, str) else arguments or ("",)
            if not isinstance(packing, str) or packing[-4:-1] != ";16":
                return None
            native = "L" if np.little_endian else "B"
            order = {"N": native}.get(packing[-1], packing[-1])
            packing = packing[:-1] + ("L" if order == "B" else "B")
            tile = (codec, box, offset, packing if isinstance(arguments, str) else (packing, *rest))
            swapped.append(type(other.tile[0])(*tile) if hasattr(other.tile[0], "_fields") else tile)
        if packing.startswith("LA"):
            return None
        other.tile = swapped
        other.load()
        return np.asarray(other)


def _decode_tiff(path: Path) -> np.ndarray:
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = cast("tifffile.TiffPage", file.pages[0])
        most = 2 * (Image.MAX_IMAGE_PIXELS or math.inf)  # Pillow's own limit against decompression bombs
        if page.imagewidth * page.imagelength > most:
            raise ValueError(f"{page.imagewidth}x{page.imagelength} pixels, more than {most}")
        pixels = page.asarray()
        if page.axes == "SYX":
            pixels = pixels.transpose(1, 2, 0)
        orientation = page.tags.get(274)
        return _upright(pixels, int(orientation.value) if orientation else 1)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo the EXIF orientation, 1 to 8; anything else counts as upright."""
    turn = {
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: p.swapaxes(0, 1)[:, ::-1],
        7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
        8: lambda p: p.swapaxes(0, 1)[::-1],
    }.get(orientation)
    return turn(pixels) if turn else pixels


def _png16(pixels: np.ndarray) -> bytes:
    """(H, W, 3) of 0..65535 -> a 16-bit RGB PNG file (PNG specification: sections 5 and 11.2, filter "Up" of
    9.2).
    """
    height, width, _ = pixels.shape
    rows = np.frombuffer(pixels.astype(">u2").tobytes(), np.uint8).reshape(height, -1)
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    filtered[1:, 1:] = rows[1:] - rows[:-1]  # modulo 256, as the filter wants

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(filtered.tobytes(), 6))
        + chunk(b"IEND", b"")
    )
