"""What Pillow decodes -> :class:`~nflib.images.decoded.Decoded`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from .decoded import Decoded


@dataclass(frozen=True)
class Mode:
    """What a mode of Pillow means.

    >>> Mode("grey", alpha="straight").white
    255
    """

    kind: str
    white: int | None = 255
    alpha: str = "none"


MODES = {
    "1": Mode("grey", 1),
    "L": Mode("grey"),
    "LA": Mode("grey", alpha="straight"),
    "La": Mode("grey", alpha="premultiplied"),
    "I;16": Mode("grey", 65535),
    "I;16L": Mode("grey", 65535),
    "I;16B": Mode("grey", 65535),
    "I;16N": Mode("grey", 65535),
    "F": Mode("grey", None),
    "P": Mode("palette"),
    "PA": Mode("palette", alpha="straight"),
    "RGB": Mode("rgb"),
    "RGBX": Mode("rgb"),
    "RGBA": Mode("rgb", alpha="straight"),
    "RGBa": Mode("rgb", alpha="premultiplied"),
    "CMYK": Mode("cmyk"),
    "YCbCr": Mode("ycbcr"),
    "LAB": Mode("cielab"),
    "HSV": Mode("hsv"),
}


def from_pillow(image: Image.Image, white: int | None = None) -> Decoded:
    """Samples of a Pillow image and what they mean; palette indices stay indices, inks stay inks. An
    EXIF orientation is undone.

    Args:
        image: of any mode; of an animation the frame that it is at.
        white: where a decoder stretched fewer bits to 8 (grey PNG of 2 and 4 bits): what was white before.

    Raises:
        ValueError: a mode whose range is not known, such as I, 32-bit integers.
    """
    profile, lost = loaded(image)
    if image.mode not in MODES:
        raise ValueError(f"a Pillow image of mode {image.mode}, expected one of {', '.join(MODES)}")
    mode = MODES[image.mode]
    samples = np.asarray(image)
    samples = samples.astype(np.uint8) if samples.dtype == bool else samples
    samples = samples[..., None] if samples.ndim == 2 else samples
    if image.mode == "RGBX":
        samples = samples[..., :3]
    if white is not None:
        samples = samples // np.uint8(255 // white)
    palette = _palette(image) if mode.kind == "palette" else None
    return Decoded(
        samples,
        mode.kind,
        white=mode.white if white is None else white,
        alpha=mode.alpha,
        key=_key(image),
        palette=palette,
        profile=profile,
        lost=lost,
    ).upright(orientation(image))


def loaded(image: Image.Image) -> tuple[bytes, tuple[str, ...]]:
    """Load an image; its profile, and what of its file is not in it, in words."""
    # an animation cannot be asked once it is loaded, and metadata may come after the samples
    lost = ["all but the first page or frame"] if getattr(image, "is_animated", False) else []
    image.load()
    lost += ["EXIF data"] if "exif" in image.info else []
    return image.info.get("icc_profile") or b"", tuple(lost)


def orientation(image: Image.Image) -> int:
    """What the EXIF data of a loaded image says, 1 to 8; Pillow drops it where it turned the image."""
    return image.getexif().get(274, 1)


def _key(image: Image.Image) -> tuple[int, ...]:
    """The transparent colour of an image without alpha or palette, as its samples hold it."""
    key = image.info.get("transparency")
    if key is None or image.mode not in ("1", "L", "I;16", "I;16B", "RGB"):
        return ()
    if isinstance(key, bytes):
        return ()
    key = key if isinstance(key, tuple) else (key,)
    return tuple(int(value != 0) for value in key) if image.mode == "1" else key


def _palette(image: Image.Image) -> np.ndarray:
    order = "RGBA" if image.palette is not None and image.palette.mode == "RGBA" else "RGB"
    table = np.array(image.getpalette(order), np.float64).reshape(-1, len(order)) / 255
    clear = image.info.get("transparency")
    if clear is None or order == "RGBA" or image.mode == "PA":
        return table
    alpha = np.ones((len(table), 1))
    if isinstance(clear, bytes):
        values = np.frombuffer(clear, np.uint8)[: len(table)]
        alpha[: len(values), 0] = values / 255
    elif clear < len(table):
        alpha[clear] = 0
    return np.concatenate([table, alpha], 1)
