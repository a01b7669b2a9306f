"""What colours and textures a model has seen noise on: on others nothing says that it is right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..domain import GaussianBlur
from .flat_blocks import BLUR

WINDOW, MARGIN = 16, 8
# Of one photo; large ones are seen in so many places.
MOST_WINDOWS = 1024
# Shares of all windows that count as too rare to have been learned: on either side of the colours, and
# of the rough ones.
RARE_COLOUR, RARE_TEXTURE = 0.005, 0.01
# Of the image range: nearer than this to a colour that was seen is as good.
NEAR = 0.02
# A photo of which a larger share was never seen is another kind of photo.
OTHER_KIND = 0.1


@dataclass(frozen=True)
class SeenContent:
    """Colours and roughness of windows of photos, by what a blur leaves of them, so that noise hardly counts.

    >>> dark = SeenContent.of([torch.full((3, 64, 64), 0.2)])
    >>> dark.outside(torch.full((3, 64, 64), 0.8))
    {'too bright': 1.0}
    >>> dark.outside(torch.full((3, 64, 64), 0.2))
    {}

    Attributes:
        darkest, brightest: of the means of windows of 16 pixels, red, green and blue, in [0, 1].
        roughest: deviation in a window, in units of the image range.
    """

    darkest: tuple[float, ...]
    brightest: tuple[float, ...]
    roughest: float

    @classmethod
    def of(cls, photos: Iterable[Tensor]) -> SeenContent | None:
        """What photos (3, H, W) in [0, 1] show; those below 32 pixels are too small. None if all are."""
        return cls.of_windows(windows(photo) for photo in photos)

    @classmethod
    def of_windows(cls, found: Iterable[tuple[Tensor, Tensor]]) -> SeenContent | None:
        """The same, of ``windows`` of each photo."""
        colours, texture = (torch.cat(parts) for parts in zip(*found, strict=True))
        if not len(texture):
            return None
        low, high = (_quantile(colours, share) for share in (RARE_COLOUR, 1 - RARE_COLOUR))
        return cls(
            tuple(round(value, 4) for value in (low - NEAR).clamp(min=0).tolist()),
            tuple(round(value, 4) for value in (high + NEAR).clamp(max=1).tolist()),
            round(_quantile(texture[:, None], 1 - RARE_TEXTURE).item() + NEAR, 4),
        )

    @classmethod
    def noted(cls, notes: Mapping[str, Any]) -> SeenContent | None:
        """What a training noted in its model under "seen"; None if it did not, or what is there is none."""
        found: Any = notes.get("seen")
        try:
            darkest, brightest = (tuple(map(float, found[side])) for side in ("darkest", "brightest"))
            seen = cls(darkest, brightest, float(found["roughest"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        return seen if len(darkest) == len(brightest) == 3 else None

    def outside(self, photo: Tensor) -> dict[str, float]:
        """In what a photo (3, H, W) in [0, 1] is of another kind, and which share of its windows is: "too
        dark", "too bright", "too rough". Empty if it is less than a tenth in all, or the photo is too small
        to say.
        """
        colours, texture = windows(photo)
        if not len(texture):
            return {}
        dark = (colours < torch.tensor(self.darkest)).any(1)
        bright = (colours > torch.tensor(self.brightest)).any(1)
        rough = texture > self.roughest
        if (dark | bright | rough).float().mean() < OTHER_KIND:
            return {}
        shares = {"too dark": dark, "too bright": bright, "too rough": rough}
        return {what: part.float().mean().item() for what, part in shares.items() if part.any()}


def windows(photo: Tensor) -> tuple[Tensor, Tensor]:
    """Means (N, 3) and deviations (N,) of windows of a photo (3, H, W), evenly over it, after a blur; none if
    a side is below 32 pixels.
    """
    side = WINDOW + 2 * MARGIN
    if min(photo.shape[1:]) < side:
        return torch.zeros(0, 3), torch.zeros(0)
    pieces = photo.detach().cpu().unfold(1, side, WINDOW).unfold(2, side, WINDOW)
    rows, columns = pieces.shape[1:3]
    number = torch.arange(rows * columns)[:: -(-rows * columns // MOST_WINDOWS)]
    chosen = pieces[:, number // columns, number % columns].transpose(0, 1).float()
    smooth = GaussianBlur(BLUR)(chosen)[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    return smooth.mean((2, 3)), smooth.var((2, 3)).mean(1).sqrt()


def _quantile(values: Tensor, share: float) -> Tensor:
    """Along the first axis; torch's own takes no more than 16 million values."""
    ordered = values.sort(0).values
    return ordered[round(share * (len(ordered) - 1))]
