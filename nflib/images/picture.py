"""A picture with what its file holds beside the colours, so that a result can be written like it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Picture:
    """The colours of a file, and what a result should keep: ``write(path, result, like=picture)``.

    >>> import torch
    >>> picture = Picture(torch.rand(3, 4, 5), grey=True, bits=16)
    >>> picture.bits, picture.alpha
    (16, None)

    Attributes:
        pixels: (3, H, W), float32 in [0, 1], RGB, upright. Grey is repeated. Transparent parts have the
            colours that the file gives them, nothing is put behind them.
        alpha: (1, H, W) in [0, 1], or None.
        profile: ICC profile of the colours, empty if there is none.
        grey: the file has one channel of colour, or a palette of greys.
        bits: 8 or 16, which of them holds all that the file has.
        lost: what a result cannot keep, in words, such as "EXIF data".
    """

    pixels: Tensor
    alpha: Tensor | None = None
    profile: bytes = b""
    grey: bool = False
    bits: int = 8
    lost: tuple[str, ...] = ()
