"""Distances between sets of samples, and between the noise of real and generated images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..images.strips import around, strips
from ..images.windows import window_mean
from .inputs import double, valid, valid_pair

# OpenCV's fixed 7-tap Gaussian, which is what a 7x7 blur with unspecified deviation means there.
TAPS = (0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125)


@dataclass(frozen=True)
class GaussianKernel:
    """``k(a, b) = sum over bandwidths of exp(-|a - b|^2 / (2 bandwidth^2))``: a sum, not a mean.

    >>> GaussianKernel((1.0, 2.0))(torch.tensor([0.0, 1.0]))
    tensor([2.0000, 1.4890])
    """

    bandwidths: tuple[float, ...]

    def __post_init__(self):
        if not self.bandwidths or not all(b > 0 for b in self.bandwidths):
            raise ValueError(f"bandwidths must be positive numbers, at least one, got {self.bandwidths}")

    def __call__(self, squared_distance: Tensor) -> Tensor:
        return cast("Tensor", sum(torch.exp(-squared_distance / (2 * b**2)) for b in self.bandwidths))


def mmd(x: Tensor, y: Tensor, kernel=None, estimator: str = "unbiased") -> Tensor:
    """*Squared* maximum mean discrepancy of two sets (Gretton et al. 2012). Lower is closer.

    It depends on the kernel and its bandwidth, and is comparable only between results that share both.

    Args:
        x, y: (N, ...) and (M, ...), one sample a row; all but the first dimension are flattened.
        kernel: a :class:`GaussianKernel`, or any function of the squared distance. By
            default a Gaussian whose bandwidth is the median distance of the pooled samples; where all
            samples are equal it is any.
        estimator: "unbiased" leaves out the distance of a sample to itself; its mean is zero for equal laws,
            so that it can be negative. "biased" includes it; never negative, but positive on average for
            equal laws: ``(1/N + 1/M) (k(0) - E k)``.

    Returns:
        A scalar, float64.

    Raises:
        ValueError: too few samples, or the median distance is 0 although not all samples are equal.
    """
    if estimator not in ("unbiased", "biased"):
        raise ValueError(f'estimator must be "unbiased" or "biased", got {estimator!r}')
    x, y = _rows(x, "x"), _rows(y, "y")
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"x and y must have samples of the same size, got {x.shape[1]} and {y.shape[1]} values"
        )
    if estimator == "unbiased" and min(len(x), len(y)) < 2:
        raise ValueError(f"the unbiased estimator needs two samples in each set, got {len(x)} and {len(y)}")
    kernel = kernel or _median_kernel(x, y)
    xx, yy, xy = (kernel(_squared_distance(a, b)) for a, b in ((x, x), (y, y), (x, y)))
    if estimator == "biased":
        return xx.mean() + yy.mean() - 2 * xy.mean()
    within = sum((k.sum() - k.diagonal().sum()) / (len(k) * (len(k) - 1)) for k in (xx, yy))
    return within - 2 * xy.mean()


def _median_kernel(x: Tensor, y: Tensor) -> GaussianKernel:
    bandwidth = median_distance(x, y).item()
    if bandwidth == 0:
        if not (torch.cat((x, y)) == x[0]).all():
            raise ValueError(
                "half of the pairs of samples are equal, so that their median distance is no bandwidth: "
                "give a kernel, such as GaussianKernel((1.0,))"
            )
        bandwidth = 1.0
    return GaussianKernel((bandwidth,))


def median_distance(x: Tensor, y: Tensor) -> Tensor:
    """The median heuristic: median distance over all pairs of distinct samples of the pooled set."""
    pooled = torch.cat([_rows(x, "x"), _rows(y, "y")])
    upper = torch.triu_indices(len(pooled), len(pooled), 1)
    # the mean of the two in the middle, which torch's own median is not
    return _squared_distance(pooled, pooled)[upper[0], upper[1]].sqrt().quantile(0.5)


def akld(fakes: Tensor, real: Tensor, clean: Tensor) -> Tensor:
    """Average KL divergence of noise maps (Yue et al. 2020, as their code DANet computes it), in nats. Lower
    is better.

    At each pixel the variance of the noise is a 7x7 Gaussian average of the squared difference to the clean
    image. ``r = var_fake / var_real`` is clamped to [0.1, 10], and the KL divergence of two centred normal
    laws, ``(log(1/r) + r - 1) / 2 = KL(fake || real)``, is averaged over pixels, channels and fakes.

    The clamp makes "no noise at all" score 0.7013, and the worst possible result 3.3487. Correlation and
    shape of the noise play no role.

    Args:
        fakes: (L, B, C, H, W) or (B, C, H, W) in [0, 1], degraded images made from ``clean``.
        real: (B, C, H, W), the real degraded image.
        clean: (B, C, H, W), its clean partner: pairs are needed.

    Returns:
        (B,)
    """
    real, clean = valid_pair(real, clean)
    fakes = fakes[None] if isinstance(fakes, Tensor) and fakes.dim() == 4 else fakes
    if not isinstance(fakes, Tensor) or fakes.dim() != 5 or fakes.shape[1:] != clean.shape:
        found = tuple(fakes.shape) if isinstance(fakes, Tensor) else type(fakes).__name__
        raise ValueError(f"fakes must be (L, {', '.join(map(str, clean.shape))}), got {found}")
    total: Any = 0
    for fake in fakes:
        fake = valid(fake, "fakes").to(clean.device)
        for rows in strips(clean.shape[2], clean.numel() // clean.shape[2], multiple=2 * len(TAPS)):
            ratio = (_variance(fake, clean, rows) / _variance(real, clean, rows)).clamp(0.1, 10)
            total = total + ((ratio - 1 - ratio.log()) / 2).flatten(1).sum(1)
    return cast("Tensor", total / (clean[0].numel() * len(fakes)))


def _variance(noisy: Tensor, clean: Tensor, rows: slice) -> Tensor:
    """Rows of the :func:`local_variance` of a noise."""
    wider, above, _ = around(rows, len(TAPS) // 2, clean.shape[2])
    found = local_variance(double(noisy[..., wider, :]) - double(clean[..., wider, :]))
    return found.narrow(2, len(TAPS) // 2 - above, rows.stop - rows.start)


def local_variance(noise: Tensor) -> Tensor:
    """7x7 Gaussian average of the squared values, edges mirrored, at least 1e-10; (B, C, H, W), H and W at
    least 4.
    """
    if min(noise.shape[-2:]) < 4:
        raise ValueError(f"images must be at least 4x4, got {noise.shape[-1]}x{noise.shape[-2]}")
    squares = pad(noise.square(), (3, 3, 3, 3), mode="reflect")
    return window_mean(squares, TAPS).clamp_min(1e-10)


def _rows(x: Tensor, name: str) -> Tensor:
    if not isinstance(x, Tensor) or x.dim() < 2 or 0 in x.shape or not x.is_floating_point():
        found = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"{name} must be a floating tensor (samples, ...), got {found}")
    if not torch.isfinite(x).all():
        raise ValueError(f"{name} must be finite, got NaN or infinite values")
    return double(x.detach()).flatten(1)


def _squared_distance(a: Tensor, b: Tensor) -> Tensor:
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square()
