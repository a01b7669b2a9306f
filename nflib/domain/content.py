"""What a domain map destroys: the variance of the image that cannot be predicted from h any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

ROUNDING = 1 / (12 * 255**2)  # variance of 8-bit rounding: finer detail of h counts as lost
ROWS = 32


@dataclass(frozen=True)
class LinearPrediction:
    """Best linear prediction of an image from h: each pixel from the (2 radius + 1)^2 values of h around it,
    all channels.

    The variance of what is left, image minus prediction, is an upper bound of Var(image | h); a network that
    reads h can do better. Where h is s times smaller than the image, each of the s x s places under a pixel
    of h has its own weights.

    >>> images = torch.rand(2, 3, 8, 8)
    >>> h = [image.mean(0, keepdim=True) for image in images]
    >>> LinearPrediction.fit(h, images, radius=1).predict(h[0]).shape
    torch.Size([3, 8, 8])

    Attributes:
        weights: (C (2 radius + 1)^2 + 1, 3 s^2), float64; the last row is a constant.
        radius: of the window, in pixels of h.
        scale: s.
    """

    weights: Tensor
    radius: int
    scale: int

    @classmethod
    def fit(cls, conditions: Iterable[Tensor], images: Iterable[Tensor], radius: int = 2) -> LinearPrediction:
        """Least squares, as if h were stored in 8 bits: the variance of rounding is added to that of each
        value of h.

        Args:
            conditions: h of each image, (C, h, w).
            images: (C', s h, s w), the same s for all.
            radius: of the window, in pixels of h.
        """
        pairs = list(zip(conditions, images, strict=True))
        if not pairs:
            raise ValueError("images must not be empty")
        scale = pairs[0][1].shape[-1] // pairs[0][0].shape[-1]
        gram: Any = 0
        cross: Any = 0
        for h, image in pairs:
            if (h.shape[-2] * scale, h.shape[-1] * scale) != tuple(image.shape[-2:]):
                raise ValueError(
                    f"images must be {scale} times as large as h, got {tuple(image.shape)} for h of "
                    f"{tuple(h.shape)}"
                )
            targets = torch.nn.functional.pixel_unshuffle(image.double(), scale).movedim(0, -1)
            for top, rows in _windows(h, radius):
                gram = gram + rows.T @ rows
                cross = cross + rows.T @ targets[top : top + ROWS].flatten(0, 1)
        ridge = torch.full((len(gram),), ROUNDING * gram[-1, -1].item(), dtype=gram.dtype)
        ridge[-1] = 0
        return cls(torch.linalg.solve(gram + ridge.diag(), cross), radius, scale)

    def predict(self, condition: Tensor) -> Tensor:
        """h (C, h, w) -> the predicted image (C', s h, s w), in the dtype of h."""
        width = condition.shape[-1]
        strips = [
            (rows @ self.weights).view(-1, width, self.weights.shape[1])
            for _, rows in _windows(condition, self.radius)
        ]
        return torch.nn.functional.pixel_shuffle(torch.cat(strips).movedim(-1, 0), self.scale).to(
            condition.dtype
        )


def _windows(h: Tensor, radius: int) -> Iterator[tuple[int, Tensor]]:
    """(first row, (positions, values)) of strips of rows: one image's windows at once would fill
    the memory."""
    side = 2 * radius + 1
    extended = pad(h.double()[None], (radius,) * 4, mode="replicate")[0].unfold(1, side, 1).unfold(2, side, 1)
    for top in range(0, h.shape[1], ROWS):
        rows = extended[:, top : top + ROWS].permute(1, 2, 0, 3, 4).flatten(2).flatten(0, 1)
        yield top, torch.cat([rows, rows.new_ones(len(rows), 1)], 1)
