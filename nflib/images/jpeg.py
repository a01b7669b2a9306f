"""JPEG as a stage: images as they come back from a JPEG file, and such a stage as a text."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

SUBSAMPLINGS = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
"""Chroma subsampling -> Pillow's number for it."""


@dataclass(frozen=True)
class JPEG:
    """Images as they come back from a JPEG file: ``stage(images)``. No randomness, no gradient.

    The tables are those of annex K of the JPEG standard (ITU-T T.81), scaled by the quality as libjpeg does.

    >>> stage = JPEG(62)
    >>> stage(torch.rand(3, 20, 30)).shape, str(stage)
    (torch.Size([3, 20, 30]), 'jpeg:62')

    Attributes:
        quality: 1 to 100.
        subsampling: of the colour differences, "4:4:4" (none), "4:2:2" (across) or "4:2:0" (across and down).

    Raises:
        ValueError: the quality or the subsampling is none of these.
    """

    quality: int
    subsampling: str = "4:2:0"

    def __post_init__(self):
        if not (isinstance(self.quality, int) and 1 <= self.quality <= 100):
            raise ValueError(f"quality must be a whole number from 1 to 100, got {self.quality!r}")
        if self.subsampling not in SUBSAMPLINGS:
            raise ValueError(f"subsampling must be {', '.join(SUBSAMPLINGS)}, got {self.subsampling!r}")

    def __call__(self, images: Tensor) -> Tensor:
        """Images (3, H, W) or (B, 3, H, W) in [0, 1] -> the same shape, with the values of 8-bit files."""
        if images.dim() == 4:
            return torch.stack([self(image) for image in images])
        levels = images.detach().clamp(0, 1).mul_(255).round_().to(torch.uint8)
        pixels = levels.permute(1, 2, 0).cpu().numpy()
        file = io.BytesIO()
        Image.fromarray(pixels).save(
            file, "JPEG", quality=self.quality, subsampling=SUBSAMPLINGS[self.subsampling]
        )
        with Image.open(file) as decoded:
            return torch.from_numpy(np.array(decoded)).permute(2, 0, 1).to(images).div_(255)

    def __str__(self) -> str:
        """The text that :func:`parse_stage` reads."""
        usual = self.subsampling == "4:2:0"
        return f"jpeg:{self.quality}" + ("" if usual else f":{self.subsampling.replace(':', '')}")


def parse_stage(text: str) -> JPEG | None:
    """The stage that a text stands for, such as "jpeg:62" or "jpeg:62:444"; None for "" and "none".

    >>> parse_stage("jpeg:62:444")
    JPEG(quality=62, subsampling='4:4:4')

    Raises:
        ValueError: it is no such text.
    """
    if text in ("", "none"):
        return None
    kind, *numbers = text.split(":")
    short = {name.replace(":", ""): name for name in SUBSAMPLINGS}
    quality, subsampling = (*numbers, "420")[:2] if numbers else ("", "420")
    right = kind == "jpeg" and len(numbers) in (1, 2) and subsampling in short
    if not (right and quality.isascii() and quality.isdigit() and 1 <= int(quality) <= 100):
        raise ValueError(
            f"{text}: expected jpeg:QUALITY or jpeg:QUALITY:SUBSAMPLING, with a quality from 1 to 100 and "
            f"{', '.join(short)}, such as jpeg:62 or jpeg:62:444"
        )
    return JPEG(int(quality), short[subsampling])
