"""How the variance of a noise depends on the value it is added to: a smooth curve, the photographer's
photon-transfer curve, fitted to flat windows.

A camera's noise rises with the light along a line; film grain is strongest in the mid-tones. The curve is
linear between even knots, never negative, and its bends are penalised. How much is found by leaving photos
out; where a line does as well, it is a line.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

KNOTS = 17
# What a bend costs, beside the mean squared error in units of its own scatter; "constant" and "line" are the
# curves without slope and without bends. The simplest comes first.
SHAPES = ("constant", "line", 1.0, 0.1, 0.01, 0.001)
FOLDS = 10
# Fits after the first weigh every window by the variance that the fit before expects there.
REWEIGHTED = 2
# Beyond these shares of the windows, darkest and brightest, nothing is known of the noise.
SEEN = (0.01, 0.99)


def hats(values: Tensor, knots: int = KNOTS) -> Tensor:
    """The weights of linear interpolation between even knots of [0, 1]: (...) -> (..., knots)."""
    place = values.clamp(0, 1) * (knots - 1)
    below = place.floor().clamp(max=knots - 2)
    above = place - below
    weights = torch.zeros(*values.shape, knots, dtype=values.dtype, device=values.device)
    weights.scatter_(-1, below.long()[..., None], (1 - above)[..., None])
    return weights.scatter_(-1, below.long()[..., None] + 1, above[..., None])


def interpolated(curves: Tensor, values: Tensor) -> Tensor:
    """Curves (C, knots) at values (..., C, H, W): linear between the knots, constant beyond [0, 1]."""
    knots = curves.shape[-1]
    place = values.clamp(0, 1) * (knots - 1)
    below = place.floor().clamp(max=knots - 2)
    channel = knots * torch.arange(len(curves), device=values.device).view(-1, 1, 1)
    index, flat = below.long() + channel, curves.to(values).flatten()
    return torch.lerp(flat[index], flat[index + 1], place - below)


class TransferFit:
    """Curves fitted to the variances within windows, and to all of them but one group of photos.

    >>> light = torch.linspace(0.1, 0.9, 200, dtype=torch.float64)[:, None]
    >>> fit = TransferFit(light, 0.02 * light + 0.01, torch.arange(200) % 10)
    >>> round(fit.curve()[0, 8].item(), 4)  # in the middle
    0.02

    Args:
        values: of the windows in each channel, (N, C).
        variances: within them, less those of the content, (N, C), may be negative.
        groups: of photos, (N,), from 0.
        content: variance of the content there, (N, C), which scatters too; none by default.
    """

    def __init__(self, values: Tensor, variances: Tensor, groups: Tensor, content: Tensor | None = None):
        self.values, self.variances, self.groups = values, variances, groups
        self.content = torch.zeros_like(values) if content is None else content
        self.number = int(groups.max()) + 1
        self._parts = [self._prepared(c) for c in range(values.shape[1])]

    def curve(self, without: int | None = None) -> Tensor:
        """The curves, (C, KNOTS); of all photos, or without one group."""
        found = []
        for c, (sums, scale, shape) in enumerate(self._parts):
            solved = scale * _solved(_total(sums, without), shape)
            found.append(_calm(torch.from_numpy(solved), self.values[:, c]))
        return torch.stack(found)

    def _prepared(self, c: int) -> tuple[list, float, str | float]:
        """Sums of every group, the unit of the variances, and the shape of the curve."""
        weights = hats(self.values[:, c]).numpy()
        scale = max(float((self.variances[:, c] + self.content[:, c]).mean()), 1e-12)
        wanted, content = (self.variances[:, c] / scale).numpy(), (self.content[:, c] / scale).numpy()
        groups = self.groups.numpy()
        expected = np.ones(len(wanted))
        for _ in range(REWEIGHTED + 1):
            # never more than a hundred times as much as another
            trust = np.maximum(expected, max(0.1 * expected.max(), 1e-9)) ** -2
            sums = [_sums(weights, wanted, trust, groups == g) for g in range(self.number)]
            expected = weights @ _solved(_total(sums), "line") + content
        return sums, scale, _chosen(sums)


def _sums(weights: np.ndarray, wanted: np.ndarray, trust: np.ndarray, mine: np.ndarray) -> tuple:
    """Normal equations of some windows: matrix, right side, sum of squares, sum of weights."""
    weighted = weights[mine] * trust[mine, None]
    return (
        weighted.T @ weights[mine],
        weighted.T @ wanted[mine],
        float(trust[mine] @ wanted[mine] ** 2),
        float(trust[mine].sum()),
    )


def _total(sums: list, without: int | None = None) -> tuple:
    kept = [part for g, part in enumerate(sums) if g != without]
    return tuple(sum(part[k] for part in kept) for k in range(4))


def _solved(total: tuple, shape: str | float) -> np.ndarray:
    """The knots of the best curve of a shape that is nowhere negative."""
    from scipy.optimize import nnls

    matrix, right, _, weight = total
    knots = len(matrix)
    basis = np.eye(knots)
    if shape == "constant":
        basis = np.ones((knots, 1))
    elif shape == "line":
        basis = np.stack((np.linspace(1, 0, knots), np.linspace(0, 1, knots)), 1)
    else:
        bends = np.diff(basis, 2, axis=0)
        matrix = matrix + shape * weight * bends.T @ bends
    matrix, right = basis.T @ matrix @ basis, basis.T @ right
    matrix = matrix + 1e-9 * np.trace(matrix) / len(matrix) * np.eye(len(matrix))
    root = np.linalg.cholesky(matrix)
    return basis @ nnls(root.T, np.linalg.solve(root, right))[0]


def _chosen(sums: list) -> str | float:
    """The shape whose curve says most about photos that it was not fitted to. A line is left for a curve with
    bends only if that is better by more than the standard error.
    """
    folds = [_total(sums[g::FOLDS]) for g in range(min(FOLDS, len(sums)))]
    folds = [fold for fold in folds if fold[3] > 0]
    if len(folds) < 3:
        return "line"
    errors = {}
    for shape in SHAPES:
        curves = [_solved(_total(folds, without), shape) for without in range(len(folds))]
        errors[shape] = np.array([_error(fold, curve) for fold, curve in zip(folds, curves)])
    best: str | float = SHAPES[0]
    for shape in SHAPES[1:]:
        gain = errors[best] - errors[shape]
        needed = 0.0 if shape == "line" else np.sqrt(len(gain)) * gain.std(ddof=1)
        if gain.sum() > needed:
            best = shape
    return best


def _error(fold: tuple, curve: np.ndarray) -> float:
    matrix, right, squares, _ = fold
    return float(squares - 2 * curve @ right + curve @ matrix @ curve)


def _calm(curve: Tensor, values: Tensor) -> Tensor:
    """A curve that beyond the values it was fitted to is never higher than among them."""
    low, high = values.quantile(torch.tensor(SEEN, dtype=values.dtype))
    knots = torch.linspace(0, 1, len(curve), dtype=curve.dtype)
    among = torch.cat((torch.stack((low, high)), knots[(knots > low) & (knots < high)])).to(curve)
    highest = (hats(among, len(curve)) @ curve).max()
    return torch.where((knots < low) | (knots > high), curve.clamp(max=highest), curve)
