"""PNG of 16 bits, which Pillow halves: read with its decoder all the same, written here."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .decoded import Decoded
from .pillow_images import from_pillow, loaded, orientation
from .strips import strips

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
"""Colour types of the PNG specification, section 11.2."""


def from_png(path: Path, image: Image.Image) -> Decoded:
    """Samples of a PNG file of any depth and colour type; ``image`` is the file as Pillow opened it."""
    with path.open("rb") as file:
        header = file.read(26)
    bits, colour = header[24], header[25]
    if bits < 16:
        # 2 and 4 bits of grey come stretched to 8, but their transparent colour does not
        return from_pillow(image, white=2**bits - 1 if colour == GREY and bits in (2, 4) else None)
    profile, lost = loaded(image)
    key = image.info.get("transparency")
    samples = _by_bytes(path, colour) if colour in (GREY, GREY_ALPHA) else _by_halves(image, path)
    return Decoded(
        samples,
        "grey" if colour in (GREY, GREY_ALPHA) else "rgb",
        white=65535,
        alpha="straight" if colour in (GREY_ALPHA, RGB_ALPHA) else "none",
        key=() if key is None else key if isinstance(key, tuple) else (key,),
        profile=profile,
        lost=lost,
    ).upright(orientation(image))


def _by_bytes(path: Path, colour: int) -> np.ndarray:
    """Grey of 16 bits, with and without alpha, read as the 8-bit picture whose pixels have as many bytes: the
    filters of PNG work on bytes, so only the header has to say so.
    """
    data = bytearray(path.read_bytes())
    data[24:26] = bytes([8, GREY_ALPHA if colour == GREY else RGB_ALPHA])
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        return np.asarray(image).view(">u2")


def _by_halves(image: Image.Image, path: Path) -> np.ndarray:
    """RGB of 16 bits, with and without alpha. Pillow unpacks either byte order, keeping the byte that is
    significant in it: told the wrong order, it keeps the others.
    """
    samples = np.empty((image.height, image.width, len(image.mode)), np.uint16)
    for rows, high in _strips(image):
        samples[rows] = high * np.uint16(256)
    with Image.open(path, formats=["PNG"]) as other:
        swapped: list[Any] = [tile._replace(args=f"{other.mode};16L") for tile in other.tile]
        other.tile = swapped
        for rows, low in _strips(other):
            samples[rows] += low
    return samples


def _strips(image: Image.Image) -> Iterator[tuple[slice, np.ndarray]]:
    """The rows of an image, few at a time: all of them at once would be copied twice on their way."""
    for rows in strips(image.height, image.width):
        yield rows, np.asarray(image.crop((0, rows.start, image.width, rows.stop)))


def encode(pixels: np.ndarray, profile: bytes) -> bytes:
    """(H, W, 1 to 4) of 0..65535 -> a 16-bit PNG file (PNG specification: sections 5 and 11.2, filter "Up" of
    9.2).
    """
    height, width, channels = pixels.shape
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    filtered[1:, 1:] = rows[1:] - rows[:-1]  # modulo 256, as the filter wants
    colour = (GREY, GREY_ALPHA, RGB, RGB_ALPHA)[channels - 1]
    return (
        SIGNATURE
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
        + (_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)) if profile else b"")
        + _chunk(b"IDAT", zlib.compress(filtered.data, 6))
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
