"""Samples of a TIFF page, of every depth and layout: tifffile finds the parts, Pillow's libtiff unpacks
them.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA, ZSTD = 1, 5, 8, 32946, 32773, 34925, 50000
UNSIGNED, FLOAT, UNDEFINED = 1, 3, 4
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def sample_type(bits: int, sample_format: int, order: str) -> np.dtype | None:
    """Type of samples that fill whole bytes; None for fewer bits than that.

    Raises:
        ValueError: signed, complex, or of more bits than are read.
    """
    if sample_format == FLOAT and bits in (16, 32, 64):
        return np.dtype(f"{order}f{bits // 8}")
    if sample_format in (UNSIGNED, UNDEFINED) and 1 <= bits <= 16:
        return np.dtype(f"{order}u{bits // 8}") if bits in (8, 16) else None
    name = {1: "integers", 2: "signed integers", 3: "floats"}.get(sample_format, "complex samples")
    raise ValueError(f"{bits}-bit {name}, expected integers without sign of 1 to 16 bits, or floats")


def tiff_samples(page: Any, tags: dict[int, Any], order: str) -> np.ndarray:
    """(H, W, n) as stored, in the machine's own number formats.

    Args:
        page: of tifffile, with its file open.
        tags: code -> value, with whole defaults for 258, 259, 277, 284, 317 and 339.
        order: of bytes, "<" or ">".
    """
    height, width, count, bits = tags[257], tags[256], tags[277], tags[258]
    stored = sample_type(bits, tags[339], order)
    samples = np.zeros((height, width, count), np.uint16 if stored is None and bits > 8 else stored or "u1")
    together = 1 if tags[284] == 2 else count
    tiled = 322 in tags
    across, down = (tags[322], tags[323]) if tiled else (width, min(tags.get(278, height), height))
    if not (across > 0 and down > 0):
        raise ValueError(f"parts of {across}x{down} pixels")
    columns, rows = -(-width // across), -(-height // down)
    parts = zip(page.dataoffsets, page.databytecounts, strict=True)
    found = 0
    for number, (offset, length) in enumerate(parts):
        plane, place = divmod(number, columns * rows)
        if plane * together >= count:
            raise ValueError("more parts than the picture has")
        top, left = place // columns * down, place % columns * across
        # the last strip ends with the picture, a tile does not
        high = down if tiled else min(down, height - top)
        part = _part(_bytes(page, offset, length), tags, (high, across, together), stored)
        samples[top : top + high, left : left + across, plane * together : (plane + 1) * together] = part[
            : height - top, : width - left
        ]
        found += 1
    if found < columns * rows * (count // together):
        raise ValueError("has fewer parts than the picture needs")
    return samples


def _bytes(page: Any, offset: int, length: int) -> bytes:
    handle = page.parent.filehandle
    handle.seek(offset)
    data = handle.read(length)
    if len(data) < length:
        raise ValueError("is truncated")
    return data


def _part(data: bytes, tags: dict[int, Any], shape: tuple, stored: np.dtype | None) -> np.ndarray:
    """A strip or tile -> samples (h, w, n)."""
    height, width, count = shape
    row = -(-width * count * tags[258] // 8)
    if tags.get(266, 1) == 2:
        data = data.translate(REVERSED)
    data = _unpacked(data, tags[259], row, height)
    if len(data) < row * height:
        raise ValueError("is truncated")
    lines = np.frombuffer(data, np.uint8, row * height).reshape(height, row)
    predictor = tags[317]
    if stored is None:
        if predictor != 1:
            raise ValueError(f"a predictor with {tags[258]} bits, expected 8 or 16")
        return _from_bits(lines, tags[258], width * count).reshape(shape)
    if predictor == 3 and stored.kind == "f":
        # bytes of equal significance lie together, the most significant first (Adobe, TIFF technical note 3)
        size = stored.itemsize
        summed = lines.reshape(height, -1, count).cumsum(1, dtype=np.uint8)
        together = summed.reshape(height, size, width * count).swapaxes(1, 2)
        return np.ascontiguousarray(together).view(f">f{size}").reshape(shape)
    samples = np.ascontiguousarray(lines).view(stored).reshape(shape)
    if predictor == 2 and stored.kind == "u":
        return samples.cumsum(1, dtype=stored.newbyteorder("="))
    if predictor != 1:
        raise ValueError(f"predictor {predictor} with {stored} samples")
    return samples


def _from_bits(lines: np.ndarray, bits: int, count: int) -> np.ndarray:
    """Rows of bytes -> rows of so many numbers of ``bits`` bits each, the most significant first."""
    digits = np.unpackbits(lines, axis=1)[:, : bits * count].reshape(len(lines), count, bits)
    numbers = np.zeros((len(lines), count), np.uint16 if bits > 8 else np.uint8)
    for digit in np.moveaxis(digits, -1, 0):
        numbers = (numbers << 1) | digit
    return numbers


def _unpacked(data: bytes, compression: int, row: int, height: int) -> bytes:
    if compression == NONE:
        return data
    if compression in (DEFLATE, OLD_DEFLATE):
        return zlib.decompressobj().decompress(data, row * height)
    if compression in (LZW, PACKBITS, LZMA, ZSTD):
        return _by_libtiff(data, compression, row, height)
    raise ValueError(f"compression {compression}, which is not read")


def _by_libtiff(data: bytes, compression: int, row: int, height: int) -> bytes:
    """The part as a TIFF of its own, of rows of bytes, without any meaning that Pillow could change."""
    count = next(n for n in (4, 2, 1) if row % n == 0)  # samples a pixel: fewer pixels, which Pillow limits
    entries = [
        (256, row // count),
        (257, height),
        (258, 8),
        (259, compression),
        (262, 2 if count == 4 else 1),
    ]
    entries += [(273, 0), (277, count), (278, height), (279, len(data))]
    entries += [(338, 2)] if count > 1 else []
    bits_at = 8 + 2 + 12 * len(entries) + 4
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    for tag, value in entries:
        if tag == 258 and count > 1:
            eights = struct.pack("<2H", 8, 8) if count == 2 else struct.pack("<I", bits_at)
            head += struct.pack("<HHI", tag, 3, count) + eights
        else:
            head += struct.pack("<HHII", tag, 4, 1, bits_at + 8 if tag == 273 else value)
    file = head + bytes(4) + struct.pack("<4H", 8, 8, 8, 8) + data
    with Image.open(io.BytesIO(file), formats=["TIFF"]) as image:
        return image.tobytes()
