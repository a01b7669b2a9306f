"""Spline: a monotone rational-quadratic curve for the values of each channel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Transform, check_channels, sum_per_sample
from .context import Context

# No bin is narrower or lower than this share of the range.
LEAST = 1e-4


class Spline(Transform):
    """``z = s_c(x)`` for every value of channel c: a monotone curve of quadratics over quadratics between
    knots, the identity outside of ``[-bound, bound]`` (Durkan et al., Neural Spline Flows, arXiv 1906.04032,
    eq. 4).

    Knots, and the slopes at the inner ones, are learned; it starts as the identity. ``log_det`` is the sum of
    the logarithms of the slopes at all values.

    >>> spline = Spline(1, bins=2, bound=1.0)
    >>> spline.heights.data = torch.tensor([[0.0, 1.0]])  # the inner knot goes down
    >>> z, log_det = spline(torch.tensor([[-2.0], [0.0], [1.0]]))
    >>> z.detach().flatten()
    tensor([-2.0000, -0.4620,  1.0000])

    Args:
        channels: size C of dimension 1; ``x`` has shape (B, C) or (B, C, H, W).
        bins: between the outer knots.
        bound: the outer knots are at ``-bound`` and ``bound``, of x and of z.

    Attributes:
        widths, heights: (C, bins), shares of the range by softmax.
        log_slopes: (C, bins - 1), at the inner knots; the outer ones have slope 1.

    Raises:
        ValueError: fewer than two bins, or a bound that is not positive.
    """

    def __init__(self, channels: int, bins: int = 16, bound: float = 5.0):
        super().__init__()
        if bins < 2 or not bound > 0:
            raise ValueError(f"bins must be at least 2 and bound positive, got {bins} and {bound}")
        self.bound = bound
        self.widths = nn.Parameter(torch.zeros(channels, bins))
        self.heights = nn.Parameter(torch.zeros(channels, bins))
        self.log_slopes = nn.Parameter(torch.zeros(channels, bins - 1))

    @torch.no_grad()
    def set_knots(self, knots: Tensor, results: Tensor) -> None:
        """Go through knots (C, bins - 1), in the order of their size and within the bound, and what becomes
        of them, shaped alike. Those that are too near to each other are moved apart. Slopes are the means of
        those at both sides.
        """
        slopes = []
        for raw, inner in ((self.widths, knots), (self.heights, results)):
            shares = F.pad(inner / self.bound, (1, 1), value=1.0)
            shares[:, 0] = -1
            shares = (shares.diff(dim=1) / 2).clamp(min=2 * LEAST)
            shares = shares / shares.sum(1, keepdim=True)
            raw.copy_(((shares - LEAST) / (1 - LEAST * shares.shape[1])).log())
            slopes.append(shares.log())
        rise = slopes[1] - slopes[0]
        self.log_slopes.copy_((rise[:, 1:] + rise[:, :-1]) / 2)

    def forward(self, x: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        values, knots, corners, slopes = self._prepared(x)
        left, width, low, height, first, last = _bins(values, knots, corners, slopes)
        share = ((values - left) / width).clamp(0, 1)
        rise, both = height / width, share * (1 - share)
        below = rise + (first + last - 2 * rise) * both
        inside = low + height * (rise * share.square() + first * both) / below
        slope = rise.square() * (last * share.square() + 2 * rise * both + first * (1 - share).square())
        log_slope = slope.log() - 2 * below.log()
        outside = values.abs() > self.bound
        return (
            _as_before(torch.where(outside, values, inside), x),
            sum_per_sample(_as_before(torch.where(outside, 0.0, log_slope), x)),
        )

    def inverse(self, z: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        values, knots, corners, slopes = self._prepared(z)
        low, height, left, width, first, last = _bins(values, corners, knots, slopes)
        rise, up = height / width, (values - low).clamp(min=0).minimum(height)
        bend = up * (first + last - 2 * rise)
        a, b, c = height * (rise - first) + bend, height * first - bend, -rise * up
        share = 2 * c / (-b - (b.square() - 4 * a * c).clamp(min=0).sqrt())
        both = share * (1 - share)
        below = rise + (first + last - 2 * rise) * both
        slope = rise.square() * (last * share.square() + 2 * rise * both + first * (1 - share).square())
        outside = values.abs() > self.bound
        return (
            _as_before(torch.where(outside, values, left + share * width), z),
            sum_per_sample(_as_before(torch.where(outside, 0.0, 2 * below.log() - slope.log()), z)),
        )

    def _prepared(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Values as (C, N), and knots, what they become and slopes there, (C, bins + 1) each."""
        check_channels(x, len(self.widths), "Spline")
        values = x.transpose(0, 1).flatten(1).contiguous()
        knots, corners = (self._edges(raw.to(x.dtype)) for raw in (self.widths, self.heights))
        return values, knots, corners, F.pad(self.log_slopes.to(x.dtype), (1, 1)).exp()

    def _edges(self, raw: Tensor) -> Tensor:
        shares = LEAST + (1 - LEAST * raw.shape[1]) * raw.softmax(1)
        return self.bound * (2 * F.pad(shares.cumsum(1), (1, 0)) - 1)

    def extra_repr(self) -> str:
        channels, bins = self.widths.shape
        return f"channels={channels}, bins={bins}, bound={self.bound:g}"


def _bins(values: Tensor, edges: Tensor, others: Tensor, slopes: Tensor) -> tuple[Tensor, ...]:
    """The bin of each value: its start and size, those on the other side, and slopes at both ends."""
    number = torch.searchsorted(edges.detach(), values.detach(), right=True) - 1
    number = number.clamp(0, edges.shape[1] - 2)
    start, end = edges.gather(1, number), edges.gather(1, number + 1)
    other, other_end = others.gather(1, number), others.gather(1, number + 1)
    return (
        start,
        end - start,
        other,
        other_end - other,
        slopes.gather(1, number),
        slopes.gather(1, number + 1),
    )


def _as_before(values: Tensor, x: Tensor) -> Tensor:
    """(C, N) -> the shape (B, C, ...) of x."""
    return values.view(x.shape[1], x.shape[0], *x.shape[2:]).transpose(0, 1)
