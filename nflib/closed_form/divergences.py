"""How different two laws are: Kullback-Leibler divergences and L1 distances of normal laws, in nats."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.special import erf
from torch import Tensor

__all__ = ["bretagnolle_huber", "crossings", "kl_gaussian", "kl_normal", "l1_normal", "mmd_normal", "pinsker"]


def kl_normal(
    mean: Tensor, log_sd: Tensor, other_mean: Tensor | float = 0.0, other_log_sd: Tensor | float = 0.0
) -> Tensor:
    """KL(N(mean, sd^2) || N(other_mean, other_sd^2)) element by element, in nats; the other law is N(0, 1) by
    default.

    Args:
        mean, log_sd, other_mean, other_log_sd: broadcast to one shape. These are logarithms of standard
            deviations.
    """
    other_log_sd = torch.as_tensor(other_log_sd, dtype=log_sd.dtype, device=log_sd.device)
    squares = (2 * log_sd).exp() + (mean - other_mean).square()
    return other_log_sd - log_sd - 0.5 + squares / (2 * (2 * other_log_sd).exp())


def kl_gaussian(mean, cov, other_mean, other_cov) -> float:
    """KL(N(mean, cov) || N(other_mean, other_cov)) in nats, for full covariances (d, d) and means (d,), or
    numbers for d = 1.

    Raises:
        ValueError: shapes that do not fit, or a covariance that is not positive definite.
    """
    mean, other_mean = (np.atleast_1d(np.asarray(m, float)) for m in (mean, other_mean))
    cov, other_cov = (np.atleast_2d(np.asarray(c, float)) for c in (cov, other_cov))
    d = len(mean)
    if other_mean.shape != (d,) or cov.shape != (d, d) or other_cov.shape != (d, d):
        raise ValueError(
            f"expected means ({d},) and covariances ({d}, {d}), got {other_mean.shape}, {cov.shape} and "
            f"{other_cov.shape}"
        )
    for name, matrix in (("cov", cov), ("other_cov", other_cov)):
        if not np.linalg.eigvalsh(matrix).min() > 0:
            raise ValueError(
                f"{name} must be positive definite, its smallest eigenvalue is "
                f"{np.linalg.eigvalsh(matrix).min():.3g}"
            )
    shift = other_mean - mean
    quadratic = shift @ np.linalg.solve(other_cov, shift)
    trace = np.trace(np.linalg.solve(other_cov, cov))
    return float((trace + quadratic - d + np.linalg.slogdet(other_cov)[1] - np.linalg.slogdet(cov)[1]) / 2)


def crossings(mean: float, sd: float, other_mean: float, other_sd: float) -> tuple[float, float]:
    """Where the densities of two normal laws of different deviations are equal, the smaller place first."""
    if not (sd > 0 and other_sd > 0) or sd == other_sd:
        raise ValueError(f"sd and other_sd must be positive and different, got {sd} and {other_sd}")
    # log p - log q is this polynomial
    a = 1 / (2 * other_sd**2) - 1 / (2 * sd**2)
    b = mean / sd**2 - other_mean / other_sd**2
    c = other_mean**2 / (2 * other_sd**2) - mean**2 / (2 * sd**2) + math.log(other_sd / sd)
    # a != 0, and the narrower law is the denser one at its mean: two real roots
    root = math.sqrt(b**2 - 4 * a * c)
    low, high = sorted(((-b - root) / (2 * a), (-b + root) / (2 * a)))
    return low, high


def l1_normal(mean: float, sd: float, other_mean: float, other_sd: float) -> float:
    """L1 distance of the densities of two normal laws of different deviations: 0 to 2, twice the total
    variation.
    """
    low, high = crossings(mean, sd, other_mean, other_sd)

    def below(place: float, m: float, s: float) -> float:
        return (1 + erf((place - m) / (s * math.sqrt(2)))) / 2

    between = [below(high, *law) - below(low, *law) for law in ((mean, sd), (other_mean, other_sd))]
    return float(2 * abs(between[0] - between[1]))


def mmd_normal(variance: float, other_variance: float, bandwidth: float) -> float:
    """Squared maximum mean discrepancy of two normal laws of one mean, kernel
    ``exp(-d^2 / (2 bandwidth^2))``.
    """

    def mean_kernel(total: float) -> float:
        return bandwidth / math.sqrt(bandwidth**2 + total)

    return (
        mean_kernel(2 * variance)
        + mean_kernel(2 * other_variance)
        - 2 * mean_kernel(variance + other_variance)
    )


def pinsker(kl: float) -> float:
    """Pinsker's bound of the L1 distance, ``sqrt(2 KL)``, KL in nats. Says nothing when above 2."""
    return math.sqrt(2 * kl)


def bretagnolle_huber(kl: float) -> float:
    """A bound of the L1 distance that is always below 2: ``2 sqrt(1 - exp(-KL))``, KL in nats."""
    return 2 * math.sqrt(1 - math.exp(-kl))
