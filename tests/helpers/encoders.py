"""Picture files written byte by byte after their specifications, independent of the code that reads them."""

from __future__ import annotations

import struct
import zlib

import numpy as np


def packed(rows: np.ndarray, bits: int, order: str = ">") -> bytes:
    """Rows of numbers -> bytes, each row beginning with a new one; floats have 16, 32 or 64 bits."""
    if rows.dtype.kind == "f":
        return rows.astype(f"{order}f{bits // 8}").tobytes()
    if bits in (8, 16):
        return rows.astype(f"{order}u{bits // 8}").tobytes()
    lines = []
    for row in rows:
        digits = "".join(f"{int(number):0{bits}b}" for number in row)
        digits += "0" * (-len(digits) % 8)
        lines.append(int(digits, 2).to_bytes(len(digits) // 8, "big"))
    return b"".join(lines)


# PNG


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def filtered(lines: list[bytes], size: int) -> bytes:
    """Every row with the next of the five filters of PNG, section 9.2."""
    result, above = b"", bytes(len(lines[0])) if lines else b""
    for number, line in enumerate(lines):
        kind, out = number % 5, bytearray()
        for i, value in enumerate(line):
            a = line[i - size] if i >= size else 0
            b, c = above[i], above[i - size] if i >= size else 0
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            out.append((value - (0, a, b, (a + b) // 2, nearest)[kind]) % 256)
        result, above = result + bytes([kind]) + bytes(out), line
    return result


def png(samples: np.ndarray, bits: int, colour: int, *, interlaced: bool = False, more: bytes = b"") -> bytes:
    """(H, W, n) -> PNG of this depth and colour type; ``more`` are chunks before the pixels."""
    height, width, count = samples.shape
    passes = [(0, 0, 1, 1)]
    if interlaced:  # Adam7
        passes = [
            *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
            *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
        ]
    data = b""
    for top, left, down, across in passes:
        part = samples[top::down, left::across]
        if part.size:
            lines = [packed(row.reshape(1, -1), bits) for row in part]
            data += filtered(lines, max(bits * count // 8, 1))
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + more
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def exif(orientation: int) -> bytes:
    """An EXIF block that says how the picture is turned."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)


# TIFF

TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II"}


def lzw(data: bytes) -> bytes:
    """TIFF's LZW without any compression: codes of 9 bits, the table cleared before it grows beyond them."""
    codes = []
    for i, value in enumerate(data):
        codes += [256] if i % 200 == 0 else []
        codes.append(value)
    digits = "".join(f"{code:09b}" for code in [*(codes or [256]), 257])
    digits += "0" * (-len(digits) % 8)
    return int(digits, 2).to_bytes(len(digits) // 8, "big")


def packbits(data: bytes) -> bytes:
    parts = [data[i : i + 100] for i in range(0, len(data), 100)]
    return b"".join(bytes([len(part) - 1]) + part for part in parts)


def differences(part: np.ndarray, bits: int, order: str, predictor: int) -> bytes:
    """Of neighbours in a row: predictor 2 of whole numbers; 3 of floats, the bytes of equal weight together
    (Adobe's TIFF technical note 3).
    """
    if predictor == 3:
        heavy_first = np.frombuffer(part.astype(f">f{bits // 8}").tobytes(), np.uint8)
        by_weight = np.moveaxis(heavy_first.reshape(*part.shape[:2], part.shape[2], -1), -1, 1)
        part, bits = by_weight.reshape(len(part), -1, part.shape[2]), 8
    part = part.astype(f"u{bits // 8}")
    return packed(np.concatenate([part[:, :1], part[:, 1:] - part[:, :-1]], 1), bits, order)


CODECS = {1: bytes, 5: lzw, 8: zlib.compress, 32773: packbits}


def tiff(
    samples: np.ndarray,
    bits: int,
    photometric: int,
    *,
    order: str = "<",
    planar: bool = False,
    tiled: bool = False,
    compression: int = 1,
    predictor: int = 1,
    tags: dict[int, tuple[int, list]] | None = None,
) -> bytes:
    """(H, W, n) of whole numbers or floats -> TIFF after TIFF 6.0. ``tags``: code -> type and values."""
    height, width, count = samples.shape
    down, across = (16, 16) if tiled else (5, width)
    parts = []
    for plane in [samples[..., i : i + 1] for i in range(count)] if planar else [samples]:
        for top in range(0, height, down):
            for left in range(0, width, across):
                part = plane[top : top + down, left : left + across]
                if tiled:
                    missing = [(0, 16 - part.shape[0]), (0, 16 - part.shape[1]), (0, 0)]
                    part = np.pad(part, missing, mode="edge")
                if predictor == 1:
                    data = packed(part.reshape(len(part), -1), bits, order)
                else:
                    data = differences(part, bits, order, predictor)
                parts.append(CODECS[compression](data))
    entries = {
        **{256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * count), 259: (3, [compression])},
        **{262: (3, [photometric]), 277: (3, [count]), 284: (3, [2 if planar else 1])},
        317: (3, [predictor]),
        339: (3, [3 if samples.dtype.kind == "f" else 1] * count),
        **({322: (4, [16]), 323: (4, [16])} if tiled else {278: (4, [5])}),
        324 if tiled else 273: (4, [0] * len(parts)),
        325 if tiled else 279: (4, [len(part) for part in parts]),
        **(tags or {}),
    }

    def file(offsets: list[int]) -> tuple[bytes, int]:
        entries[324 if tiled else 273] = (4, offsets)
        directory, extra = struct.pack(f"{order}H", len(entries)), b""
        after = 8 + 2 + 12 * len(entries) + 4
        for code, (kind, values) in sorted(entries.items()):
            number = len(values) // len(TYPES[kind])
            body = values if kind == 2 else struct.pack(f"{order}{TYPES[kind][0] * len(values)}", *values)
            if len(body) > 4:
                place = struct.pack(f"{order}I", after + len(extra))
                extra += body + b"\0" * (len(body) % 2)
            else:
                place = body.ljust(4, b"\0")
            directory += struct.pack(f"{order}HHI", code, kind, number) + place
        head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
        return head + directory + bytes(4) + extra, after + len(extra)

    start = file([0] * len(parts))[1]
    ends = np.cumsum([start] + [len(part) for part in parts])
    return file([int(end) for end in ends[:-1]])[0] + b"".join(parts)


# BMP


def bmp(
    rows: bytes, width: int, height: int, bits: int, *, palette: bytes = b"", masks: tuple[int, ...] = ()
) -> bytes:
    """Rows as they are stored (from the bottom up, or down where the height is negative) -> BMP."""
    size = 108 if masks else 40
    header = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, 3 if masks else 0, 0, 0, 0, 0, 0)
    if masks:
        header += struct.pack("<4I", *masks) + b"BGRs" + bytes(48)
    start = 14 + size + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(rows), 0, 0, start) + header + palette + rows
