"""The formats of Netpbm: PBM, PGM, PPM, PAM, and PFM with floats. Pillow brings all of them to 8 bits or
32.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .decoded import Decoded

PAM_KINDS = {
    "BLACKANDWHITE": ("grey", "none"),
    "GRAYSCALE": ("grey", "none"),
    "RGB": ("rgb", "none"),
    "BLACKANDWHITE_ALPHA": ("grey", "straight"),
    "GRAYSCALE_ALPHA": ("grey", "straight"),
    "RGB_ALPHA": ("rgb", "straight"),
}


class Header(NamedTuple):
    """What a Netpbm file says of itself.

    >>> Header(width=3, height=2, depth=1, kind="grey", alpha="none", largest="255", start=11).start
    11

    Attributes:
        largest: the largest value, or of PFM the scale, as written.
        start: of the samples in the file.
    """

    width: int
    height: int
    depth: int
    kind: str
    alpha: str
    largest: str
    start: int


def from_netpbm(path: Path, most: float) -> Decoded:
    """Samples of the first picture of a Netpbm file, of at most so many pixels.

    Raises:
        ValueError: the header or the samples are not as the format says.
    """
    data = path.read_bytes()
    form = data[:2].decode("ascii", "replace")
    header = _pam_header(data) if form == "P7" else _header(data, form)
    if header.width * header.height > most:
        raise ValueError(f"{header.width}x{header.height} pixels, more than {most}")
    shape = (header.height, header.width, header.depth)
    if min(shape) < 1:
        raise ValueError(f"{header.width}x{header.height} pixels, expected at least 1x1")
    if form in ("Pf", "PF"):
        order = "<" if header.largest.startswith("-") else ">"
        floats = _binary(data, header, f"{order}f4")
        return Decoded(floats.reshape(shape)[::-1], header.kind)  # rows from the bottom up
    if form == "P1":
        digits = re.sub(rb"#[^\n\r]*|\s", b"", data[header.start :])[: header.width * header.height]
        samples = np.frombuffer(digits, np.uint8) - ord("0")
    elif form == "P4":
        packed = np.frombuffer(data, np.uint8, offset=header.start)
        row = -(-header.width // 8)
        packed = packed[: row * header.height]
        if len(packed) < row * header.height:
            raise ValueError("is truncated")
        samples = np.unpackbits(packed.reshape(header.height, row), axis=1)[:, : header.width]
    elif form in ("P2", "P3"):
        text = re.sub(rb"#[^\n\r]*", b"", data[header.start :]).split(None, int(np.prod(shape)))
        samples = np.array([int(word) for word in text[: int(np.prod(shape))]], np.uint32)
    else:
        samples = _binary(data, header, ">u2" if int(header.largest) > 255 else "u1")
    white = int(header.largest)
    if samples.size < np.prod(shape):
        raise ValueError("is truncated")
    if not 1 <= white <= 65535 or samples.max() > white:
        raise ValueError(f"samples up to {samples.max()}, expected up to {white} of at most 65535")
    return Decoded(
        samples.reshape(shape), header.kind, white=white, alpha=header.alpha, inverted=form in ("P1", "P4")
    )


def _binary(data: bytes, header: Header, kind: str) -> np.ndarray:
    count = header.height * header.width * header.depth
    if len(data) - header.start < count * np.dtype(kind).itemsize:
        raise ValueError("is truncated")
    return np.frombuffer(data, kind, count, header.start)


def _header(data: bytes, form: str) -> Header:
    """Numbers between white space and comments; one white space ends the last."""
    numbers = 2 if form in ("P1", "P4") else 3
    separated = rb"(?:\s|#[^\n\r]*[\n\r])+"
    found = re.match(rb"P." + (separated + rb"([-+.0-9eE]+)") * numbers + rb"(?:#[^\n\r]*[\n\r])?\s", data)
    if not found:
        raise ValueError(f"its header is none of {form}")
    width, height = int(found[1]), int(found[2])
    largest = found[3].decode() if numbers == 3 else "1"
    depth = 3 if form in ("P3", "P6", "PF") else 1
    return Header(width, height, depth, "rgb" if depth == 3 else "grey", "none", largest, found.end())


def _pam_header(data: bytes) -> Header:
    head, end, _ = data.partition(b"ENDHDR\n")
    lines = [line.split() for line in head.decode("ascii", "replace").splitlines()[1:]]
    fields = {line[0]: line[1] for line in lines if len(line) > 1 and not line[0].startswith("#")}
    kind, alpha = PAM_KINDS.get(fields.get("TUPLTYPE", ""), ("", ""))
    if not end or not kind or not {"WIDTH", "HEIGHT", "DEPTH", "MAXVAL"} <= set(fields):
        raise ValueError(
            f"PAM with TUPLTYPE {fields.get('TUPLTYPE')}, expected one of {', '.join(PAM_KINDS)}"
        )
    width, height, depth = (int(fields[name]) for name in ("WIDTH", "HEIGHT", "DEPTH"))
    return Header(width, height, depth, kind, alpha, fields["MAXVAL"], len(head) + len(end))
