"""TIFF files -> :class:`~nflib.images.decoded.Decoded`: what the tags say of the samples."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from .decoded import Decoded
from .pillow_images import from_pillow
from .tiff_samples import NONE, tiff_samples

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
DNG_VERSION = 50706
COUNTS = {258: 1, 259: 1, 277: 1, 284: 1, 317: 1, 339: 1}
"""Tag -> its default: bits, compression, samples a pixel, layout, predictor, sample format."""
KINDS = {0: "grey", 1: "grey", 2: "rgb", 3: "palette", 5: "cmyk", 6: "ycbcr", 8: "cielab", 9: "icclab"}
"""Photometric interpretation -> kind of colours."""
ALPHAS = {1: "premultiplied", 2: "straight"}
FAX, JPEG = (2, 3, 4), (6, 7)

# its remarks on odd files go nowhere, unless a program asks for them: what is wrong ends in one error
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def from_tiff(path: Path, most: float) -> Decoded:
    """Samples of the first page of a TIFF file, of at most so many pixels.

    Raises:
        ValueError: what the tags say is not read, or is contradictory.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        tags = COUNTS | {tag.code: tag.value for tag in page.tags}
        if DNG_VERSION in tags:
            raise ValueError("is a camera raw file (DNG); name it .dng")
        if tags[256] * tags[257] > most:
            raise ValueError(f"{tags[256]}x{tags[257]} pixels, more than {most}")
        for code in (258, 339):
            tags[code] = _the_same(tags[code], "bits" if code == 258 else "sample format")
        lost = ("all but the first page or frame",) if len(file.pages) > 1 else ()
        kind = KINDS.get(tags.get(262, 2 if tags[277] > 2 else 1))
        if kind is None:
            raise ValueError(f"photometric interpretation {tags.get(262)}, expected one of {[*KINDS]}")
        if tags[259] in (*FAX, *JPEG):
            decoded = _by_pillow(path, tags)
        else:
            samples = tiff_samples(page, tags, cast("str", file.byteorder))
            decoded = _described(kind, tags, samples).upright(tags.get(274, 1))
    return replace(decoded, profile=tags.get(34675, b""), lost=lost)


def _the_same(values: Any, name: str) -> int:
    values = set(values) if isinstance(values, tuple) else {values}
    if len(values) != 1:
        raise ValueError(f"samples of different {name}: {sorted(values)}")
    return int(values.pop())


def _by_pillow(path: Path, tags: dict[int, Any]) -> Decoded:
    """Fax and JPEG, whose samples only libtiff knows; turned upright by Pillow itself."""
    photometric = tags.get(262, 1)
    fax = tags[259] in FAX and tags[258] == 1 and photometric in (0, 1)
    jpeg = tags[259] in JPEG and tags[258] == 8 and photometric in (1, 2, 6)
    if not (fax or jpeg) or tags[277] not in (1, 3) or tags[284] == 2:
        raise ValueError(
            f"compression {tags[259]} with photometric interpretation {photometric}, {tags[277]} samples of "
            f"{tags[258]} bits, which is not read"
        )
    with Image.open(path, formats=["TIFF"]) as image:
        return from_pillow(image)


def _described(kind: str, tags: dict[int, Any], samples: np.ndarray) -> Decoded:
    colours = {"grey": 1, "palette": 1, "cmyk": 4}.get(kind, 3)
    if kind == "cmyk" and tags.get(332, 1) != 1:
        raise ValueError("inks other than cyan, magenta, yellow and black")
    if kind == "ycbcr":
        _check_ycbcr(tags)
    extra = tags.get(338, ())
    extra = extra if isinstance(extra, tuple) else (extra,)
    if samples.shape[2] < colours:
        raise ValueError(f"{samples.shape[2]} samples a pixel, expected {colours}")
    alphas = [(colours + i, ALPHAS[use]) for i, use in enumerate(extra) if use in ALPHAS]
    if alphas and alphas[0][0] >= samples.shape[2]:
        raise ValueError(f"{samples.shape[2]} samples a pixel and extra samples {extra}")
    channels = [*range(colours), *(channel for channel, _ in alphas[:1])]
    if samples.shape[2] != len(channels):
        samples = samples[..., channels]
    return Decoded(
        samples,
        kind,
        white=None if samples.dtype.kind == "f" else 2 ** tags[258] - 1,
        alpha=alphas[0][1] if alphas else "none",
        inverted=tags.get(262) == 0,
        palette=_palette(tags) if kind == "palette" else None,
    )


def _check_ycbcr(tags: dict[int, Any]) -> None:
    half, white = 2 ** (tags[258] - 1), 2 ** tags[258] - 1
    coefficients = _numbers(tags.get(529), (0.299, 0.587, 0.114))
    ends = _numbers(tags.get(532), (0, white, half, white, half, white))
    if tags[259] == NONE and tuple(tags.get(530, (2, 2))) != (1, 1):
        raise ValueError("YCbCr with fewer samples of colour than of luminance, without JPEG compression")
    if not np.allclose(coefficients, (0.299, 0.587, 0.114), atol=2e-3):
        raise ValueError(f"YCbCr coefficients {coefficients}, expected those of BT.601")
    if ends != (0, white, half, white, half, white):
        raise ValueError(f"YCbCr between reference values {ends}, expected the full range")


def _numbers(value: Any, default: tuple) -> tuple[float, ...]:
    """Rational numbers, which come as one numerator and one denominator after the other."""
    if value is None:
        return default
    return tuple(a / b if b else 0.0 for a, b in zip(value[::2], value[1::2]))


def _palette(tags: dict[int, Any]) -> np.ndarray:
    """The three rows of the colour map, (m, 3) in [0, 1]. White is 65535; writers that shift 8 bits up, or
    leave them as they are, are known by having nothing below, or nothing above.
    """
    table = np.array(tags[320], np.float64).reshape(3, -1).T
    if table.max() < 256:
        return table / 255
    return table / (65280 if not (table % 256).any() else 65535)
