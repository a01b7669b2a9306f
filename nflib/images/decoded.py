"""A picture as a decoder hands it over, described once, and converted in one place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .colour_spaces import COLOURS, to_rgb
from .picture import Picture
from .strips import strips

# Arithmetic in float32 leaves values like 1.0000001: these are clipped. Anything further out is a mistake and
# said so.
ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Decoded:
    """Samples of a picture and what they mean. Decoders describe, and only this class converts.

    >>> ink = Decoded(np.array([[[0], [255]]], np.uint8), "grey", white=255, inverted=True)
    >>> ink.over_white()[0]
    tensor([[1., 0.]])

    Attributes:
        samples: (H, W, n) as stored, unsigned integers or floats: the colours, and the alpha if there is one.
        kind: of the colours, a name of :data:`~nflib.images.colour_spaces.COLOURS`.
        white: the largest value of a sample, None for floats, which go up to 1.
        alpha: "none", "straight", or "premultiplied" (colours were multiplied by it).
        inverted: of grey, 0 is white.
        key: the colour, as stored, that is transparent.
        palette: (m, 3) or (m, 4) in [0, 1], what the indices of the kind "palette" stand for.
        profile: ICC profile.
        lost: what of the file is not here, in words.

    Raises:
        ValueError: samples do not fit the description, or have no agreed meaning.
    """

    samples: np.ndarray
    kind: str
    white: int | None = None
    alpha: str = "none"
    inverted: bool = False
    key: tuple[int, ...] = ()
    palette: np.ndarray | None = None
    profile: bytes = b""
    lost: tuple[str, ...] = ()

    def __post_init__(self):
        wanted = COLOURS[self.kind] + (self.alpha != "none")
        if self.samples.ndim != 3 or self.samples.shape[2] != wanted or 0 in self.samples.shape:
            raise ValueError(f"samples of shape {self.samples.shape}, expected (H, W, {wanted})")
        if self.alpha == "premultiplied" and (self.inverted or self.kind not in ("grey", "rgb")):
            kind = "grey with 0 as white" if self.inverted else self.kind
            raise ValueError(f"{kind} multiplied by its alpha has no agreed meaning; expected straight alpha")
        if self.white is None:
            check_floats(self.samples)

    @property
    def grey(self) -> bool:
        """Whether the file can hold nothing but grey."""
        if self.palette is not None:
            return bool((self.palette[:, :1] == self.palette[:, :3]).all())
        return self.kind == "grey"

    @property
    def bits(self) -> int:
        """8 or 16: which of them holds the samples. A palette is a list of colours of 8 bits, or of 16."""
        if self.palette is not None:
            levels = self.palette * 255
            return 8 if np.allclose(levels, levels.round(), atol=1e-6) else 16
        return 8 if self.white is not None and self.white <= 255 else 16

    def upright(self, orientation: int) -> Decoded:
        """With an EXIF orientation, 1 to 8, undone; anything else counts as upright."""
        turn = {
            2: lambda p: p[:, ::-1],
            3: lambda p: p[::-1, ::-1],
            4: lambda p: p[::-1],
            5: lambda p: p.swapaxes(0, 1),
            6: lambda p: p.swapaxes(0, 1)[:, ::-1],
            7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
            8: lambda p: p.swapaxes(0, 1)[::-1],
        }.get(orientation)
        return replace(self, samples=turn(self.samples)) if turn else self

    def over_white(self) -> Tensor:
        """(3, H, W), float32 in [0, 1], transparent parts over white, as a page shows them."""
        height, width, _ = self.samples.shape
        result = torch.empty(3, height, width)
        for rows, colours, alpha in self._strips():
            shown = colours if alpha is None else colours * alpha + (1 - alpha)
            result[:, rows] = torch.from_numpy(shown).movedim(-1, 0)
        return result

    def picture(self) -> Picture:
        """Colours and alpha apart, and what else a result should keep."""
        height, width, _ = self.samples.shape
        pixels, opacity = torch.empty(3, height, width), None
        for rows, colours, alpha in self._strips():
            pixels[:, rows] = torch.from_numpy(colours).movedim(-1, 0)
            if alpha is not None:
                opacity = torch.empty(1, height, width) if opacity is None else opacity
                opacity[:, rows] = torch.from_numpy(alpha).movedim(-1, 0)
        space = self.profile[16:20]
        fits = space == b"RGB " or (space == b"GRAY" and self.grey)
        lost = [*self.lost]
        if self.profile and not fits:
            lost.append(f"its {space.decode('ascii', 'replace').strip()} profile")
        if self.kind in ("cmyk", "cielab", "icclab"):
            lost.append("colours beyond RGB")
        if self.white is None:
            lost.append("floats, which become 16 bits")
        return Picture(
            pixels, opacity, self.profile if fits else b"", grey=self.grey, bits=self.bits, lost=tuple(lost)
        )

    def _strips(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray | None]]:
        """Rows, their colours (h, W, 3 or 1) in [0, 1] and, if there is any, their alpha (h, W, 1)."""
        height, width, _ = self.samples.shape
        for rows in strips(height, width):
            yield rows, *self._converted(self.samples[rows])

    def _converted(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        stored = samples[..., : COLOURS[self.kind]]
        alpha = None
        if self.alpha != "none":
            alpha = to_rgb("grey", samples[..., -1:], self.white).clip(0, 1)
        elif self.key:
            alpha = (stored != np.array(self.key)).any(-1, keepdims=True).astype(np.float32)
        if self.palette is not None:
            if int(stored.max()) >= len(self.palette):
                raise ValueError(f"colour {stored.max()} of a palette of {len(self.palette)}")
            entries = self.palette.astype(np.float32)[stored[..., 0]]
            if entries.shape[-1] == 4:
                alpha = entries[..., 3:] if alpha is None else alpha * entries[..., 3:]
            return entries[..., :3], alpha
        colours = to_rgb(self.kind, stored, self.white)
        if self.alpha == "premultiplied" and alpha is not None:
            colours = np.divide(colours, alpha, out=np.zeros_like(colours), where=alpha > 0)
        if self.inverted:
            colours = 1 - colours
        return colours.clip(0, 1), alpha


def check_floats(values: np.ndarray | Tensor, name: str = "images") -> None:
    """Refuse what is not finite or not in [0, 1], but for rounding.

    Raises:
        ValueError: saying what was found.
    """
    low, high = values.min().item(), values.max().item()  # NaN if anything is
    if not (math.isfinite(low) and math.isfinite(high)):
        finite = torch.isfinite(values) if isinstance(values, Tensor) else np.isfinite(values)
        raise ValueError(f"{name} must be finite, got {int((~finite).sum())} NaN or infinite values")
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise ValueError(
            f"{name} must lie in [0, 1], got values from {low:.7g} to {high:.7g}; "
            "clamp them, or pass 0..255 as uint8 and 0..65535 as uint16"
        )
