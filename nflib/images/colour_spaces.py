"""Colours as files hold them -> RGB: inks, luminance with colour differences, Lab, hue."""

from __future__ import annotations

import numpy as np

COLOURS = {"grey": 1, "palette": 1, "rgb": 3, "cmyk": 4, "ycbcr": 3, "cielab": 3, "icclab": 3, "hsv": 3}
"""Kind -> samples a pixel. "cielab" and "icclab" are the two ways to store Lab, see :func:`to_rgb`."""

# White of D50, which Lab in files refers to, and XYZ under it -> linear sRGB (Bradford's adaptation to D65:
# the inverse of the primaries in the sRGB profile of the ICC).
WHITE_D50 = np.array([0.96422, 1.0, 0.82521])
SRGB_OF_D50 = np.array(
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
)


def to_rgb(kind: str, samples: np.ndarray, white: int | None) -> np.ndarray:
    """Samples (..., n) -> float32 in [0, 1], (..., 3), or (..., 1) for grey. Colour profiles are not used.

    - "cmyk": (1 - ink) (1 - black).
    - "ycbcr": the full-range form of ITU-R BT.601, as JFIF and TIFF have it.
    - "cielab": TIFF 6.0, section 23, and Pillow; L up to white, a and b signed, in 1/256 at 16 bits.
    - "icclab": L up to 255 or 0xFF00, a and b offset by half the range (ICC.1).
    - "hsv": hue, saturation and value, each up to white.

    Args:
        kind: one of ``COLOURS``, but "palette".
        samples: as stored.
        white: the largest value that a sample may have; None for floats, which go up to 1.

    Raises:
        ValueError: Lab of other than 8 or 16 bits, or luminance with colour differences as floats.
    """
    if kind in ("cielab", "icclab"):
        return _from_lab(samples, white, signed=kind == "cielab")
    values = samples.astype(np.float32)
    if kind == "ycbcr":
        if white is None:
            raise ValueError("YCbCr as floats, expected integers")
        return _from_ycbcr(values, white)
    if white not in (None, 1):
        values /= np.float32(white)
    if kind == "cmyk":
        return (1 - values[..., :3]) * (1 - values[..., 3:])
    return _from_hsv(values) if kind == "hsv" else values


def _from_ycbcr(values: np.ndarray, white: int) -> np.ndarray:
    luminance, blue, red = np.moveaxis(values, -1, 0)
    blue, red = blue - (white + 1) // 2, red - (white + 1) // 2
    green = luminance - (0.114 * 1.772 * blue + 0.299 * 1.402 * red) / 0.587
    rgb = np.stack([luminance + 1.402 * red, green, luminance + 1.772 * blue], -1)
    return (rgb / np.float32(white)).clip(0, 1)


def _from_hsv(values: np.ndarray) -> np.ndarray:
    hue, saturation, value = np.moveaxis(values, -1, 0)
    turn = (hue[..., None] * 6 + np.array([5, 3, 1], np.float32)) % 6
    return value[..., None] * (1 - saturation[..., None] * np.minimum(turn, 4 - turn).clip(0, 1))


def _from_lab(samples: np.ndarray, white: int | None, *, signed: bool) -> np.ndarray:
    if white not in (255, 65535):
        raise ValueError("Lab that is not of 8 or 16 bits")
    unit = (white + 1) // 256
    stored = samples.astype(np.float64)
    half = (white + 1) // 2
    lightness = stored[..., 0] * (100 / (white if signed else 255 * unit))
    centred = np.where(stored >= half, stored - white - 1, stored) if signed else stored - half
    middle = (lightness + 16) / 116
    nodes = np.stack(
        [middle + centred[..., 1] / (500 * unit), middle, middle - centred[..., 2] / (200 * unit)], -1
    )
    xyz = np.where(nodes > 6 / 29, nodes**3, 3 * (6 / 29) ** 2 * (nodes - 4 / 29)) * WHITE_D50
    linear = (xyz @ SRGB_OF_D50.T).clip(0, 1)
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return rgb.astype(np.float32)
