"""JPEG 2000: what its boxes say and Pillow does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from .decoded import Decoded
from .optional import needed
from .pillow_images import from_pillow

SIZE = b"\xff\x4f\xff\x51"  # the markers that a codestream begins with (ISO/IEC 15444-1, annex A)
SPACES = {12: "CMYK", 16: "sRGB", 17: "grey", 18: "sYCC"}
"""Enumerated colour spaces that are read (ISO/IEC 15444-1, table I.10)."""


def from_jpeg2000(path: Path, image: Image.Image) -> Decoded:
    """Samples of a JPEG 2000 file with their true depth; ``image`` is the file as Pillow opened it.

    Pillow shifts what it decodes to 8 or 16 bits, so white of 4 bits would be 240 of 255. Colours of more
    than 8 bits it rounds, and turns the brightest to 0: those are left to imagecodecs.

    Raises:
        ValueError: components of different depths, a colour space that is not read, or colours of more than 8
            bits where the package imagecodecs is not there.
    """
    data = path.read_bytes()
    start = data.find(SIZE)
    count = int.from_bytes(data[start + 40 : start + 42], "big")
    depths = {(data[start + 42 + 3 * i] & 0x7F) + 1 for i in range(count)} if start >= 0 else set()
    if len(depths) != 1:
        raise ValueError(f"components of {sorted(depths)} bits, expected one depth")
    bits = depths.pop()
    boxes = data[:start]
    space = boxes.find(b"colr")
    if space >= 0 and boxes[space + 4] == 1:
        number = int.from_bytes(boxes[space + 7 : space + 11], "big")
        if number not in SPACES:
            raise ValueError(f"colour space {number}, expected one of {SPACES}")
    decoded = from_pillow(image)
    if decoded.white and decoded.palette is None:
        spare = decoded.white.bit_length() - bits
        samples = decoded.samples >> spare if spare >= 0 else _deep(data, bits)
        decoded = replace(decoded, samples=samples, white=2**bits - 1)
    if decoded.alpha == "straight" and _premultiplied(boxes):
        decoded = replace(decoded, alpha="premultiplied")
    return decoded


def _deep(data: bytes, bits: int) -> np.ndarray:
    what = f"a JPEG 2000 picture in colours of {bits} bits"
    return needed("imagecodecs", what).jpeg2k_decode(data)


def _premultiplied(boxes: bytes) -> bool:
    """Whether a channel definition says so: type 2 (ISO/IEC 15444-1, I.5.3.6)."""
    place = boxes.find(b"cdef") + 4
    count = int.from_bytes(boxes[place : place + 2], "big") if place > 3 else 0
    kinds = [boxes[place + 4 + 6 * i : place + 6 + 6 * i] for i in range(count)]
    return b"\0\2" in kinds
