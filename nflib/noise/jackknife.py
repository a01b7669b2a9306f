"""How far an estimate from two folders may be off by the choice of photos: photos are left out, in groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# This many groups of photos are enough for a standard error.
GROUPS = 20
LEVEL = 0.95


def groups_of(photos: Tensor) -> Tensor:
    """Photo numbers (N,) -> the numbers of at most 20 groups of whole photos, from 0."""
    return photos.unique(return_inverse=True)[1] % GROUPS


class Scatter(NamedTuple):
    """How far an estimate may be off.

    >>> round(Scatter(torch.tensor(1.0), torch.tensor(1000.0)).half_width.item(), 2)
    1.96

    Attributes:
        error: standard error, shaped like the estimate, float64.
        freedom: degrees of freedom of Student's t, likewise.
    """

    error: Tensor
    freedom: Tensor

    @property
    def half_width(self) -> Tensor:
        """Half of the 95 % interval."""
        from scipy.stats import t

        return torch.from_numpy(np.asarray(t.ppf((1 + LEVEL) / 2, self.freedom.numpy()))) * self.error


def jackknife(
    estimate: Callable[[int | None, int | None], Tensor], clean: int, degraded: int
) -> Scatter | None:
    """How far an estimate may be off by the choice of photos: the delete-a-group jackknife on both sides.

    Pixels and windows of one photo have content, and often a noise, in common: photos are what is
    independent. Welch's degrees of freedom.

    Args:
        estimate: ``estimate(g, None)`` is what is found without the group g of clean photos, any shape, and
            ``estimate(None, g)`` without one of degraded ones.
        clean, degraded: how many groups there are.

    Returns:
        None where there are less than two groups on a side.
    """
    if min(clean, degraded) < 2:
        return None
    total = parts = torch.zeros(())
    for number, left_out in (
        (clean, [estimate(g, None) for g in range(clean)]),
        (degraded, [estimate(None, g) for g in range(degraded)]),
    ):
        found = torch.stack(left_out).double()
        square = (number - 1) / number * (found - found.mean(0)).square().sum(0)
        total, parts = total + square, parts + square.square() / (number - 1)
    freedom = torch.where(parts > 0, total.square() / parts, float(clean + degraded - 2))
    return Scatter(total.sqrt(), freedom)
