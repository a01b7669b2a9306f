"""Weighted means over windows, the common ground of SSIM, AKLD and the statistics of photos."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from torch import Tensor


def gaussian_taps(size: int, deviation: float) -> list[float]:
    """Weights of a row of ``size`` (odd) positions, summing to one."""
    taps = [math.exp(-((k - size // 2) ** 2) / (2 * deviation**2)) for k in range(size)]
    return [tap / sum(taps) for tap in taps]


def window_mean(x: Tensor, taps: Sequence[float]) -> Tensor:
    """Means with weights ``taps`` down and across, of windows inside x: (..., H, W) -> (..., H - n + 1, W - n
    + 1).
    """
    for dim in (-2, -1):
        length = x.shape[dim] - len(taps) + 1
        x = cast("Tensor", sum(tap * x.narrow(dim, k, length) for k, tap in enumerate(taps)))
    return x
