"""The unpaired Gaussian problem in closed form (DeFlow, appendix A, completed).

Clean samples ``x ~ N(mean_x, cov_x)`` and degraded samples ``y = x' + u`` with independent
``u ~ N(mean_u, cov_u)``, from different draws of x: no pairs. What can be known about the noise u?
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from ..flow import Flow

__all__ = [
    "ClippedNormal",
    "Moments",
    "RatioInterval",
    "StandardErrors",
    "UnpairedGaussian",
    "clipped_normal",
    "fit_moments",
    "fit_unpaired",
    "price_of_unpaired",
    "probability_of_case_two",
    "ratio_interval",
    "unclipped_moments",
]


class StandardErrors(NamedTuple):
    """Large-sample standard errors; shapes as the fields of :class:`UnpairedGaussian`.

    >>> errors = fit_unpaired([0.0, 2.0], [1.0, 5.0]).standard_errors(n=100, m=100)
    >>> round(errors.mean_x, 3), round(errors.mean_u, 3)
    (0.1, 0.224)
    """

    mean_x: float | np.ndarray
    cov_x: float | np.ndarray
    mean_u: float | np.ndarray
    cov_u: float | np.ndarray


@dataclass(frozen=True)
class UnpairedGaussian:
    """The maximum-likelihood answer. Floats for scalar data; arrays (d,) and (d, d) for vectors.

    >>> fit = fit_unpaired([0.0, 2.0], [1.0, 5.0])
    >>> fit.mean_u, fit.cov_u, fit.case
    (2.0, 3.0, 1)

    Attributes:
        mean_x, cov_x: of the clean data.
        mean_u, cov_u: of the noise.
        multiplier: KKT multiplier of the constraint "cov_u is not negative" (DeFlow, eq. 2, lambda_u), for
            the weighted objective. Zero in every direction in which the constraint is not active.
        case: 1 if the degraded data have at least the clean variance in every direction, so that the
            constraint is idle (eq. 17); 2 if some direction of cov_u was clipped at zero (eq. 21).
        weights: (w_x, w_y) of the objective ``w_x * mean NLL(x) + w_y * mean NLL(y)``.
    """

    mean_x: float | np.ndarray
    cov_x: float | np.ndarray
    mean_u: float | np.ndarray
    cov_u: float | np.ndarray
    multiplier: float | np.ndarray
    case: int
    weights: tuple[float, float] = (1.0, 1.0)

    @property
    def mean_y(self) -> float | np.ndarray:
        """Mean of the degraded data under the model."""
        return self.mean_x + self.mean_u

    @property
    def cov_y(self) -> float | np.ndarray:
        """Covariance of the degraded data under the model; in case 2 it is pooled and not that of
        the data."""
        return self.cov_x + self.cov_u

    def replace(self, **changes) -> UnpairedGaussian:
        """A copy with some fields changed."""
        return replace(self, **changes)

    def nll(self, x, y) -> float:
        """The objective at these parameters: ``w_x * mean NLL(x) + w_y * mean NLL(y)`` in nats, constants
        kept (eq. 1, corrected).
        """
        x, y, _ = _as_samples(x, y)
        w_x, w_y = self.weights
        return w_x * _mean_nll(x, self.mean_x, self.cov_x) + w_y * _mean_nll(y, self.mean_y, self.cov_y)

    def degrade(self, x: Any, tau: float = 1.0, generator: torch.Generator | None = None) -> Any:
        """``y = x + tau * u`` with fresh noise (eq. 30: tau scales mean and deviation of u). tau = 0 returns
        x.

        Args:
            x: (N,) for a scalar model, (N, d) for vectors; an array or a tensor. The result is of the same
                kind.
        """
        kind_is_tensor = isinstance(x, Tensor)
        values = x.detach().cpu().numpy() if kind_is_tensor else np.asarray(x, dtype=float)
        mean = np.atleast_1d(self.mean_u)
        if values.shape[1:] != np.shape(self.mean_u):
            raise ValueError(f"x must have shape (N, *{np.shape(self.mean_u)}), got {values.shape}")
        normal = torch.randn(len(values), len(mean), dtype=torch.float64, generator=generator).numpy()
        noise = (mean + normal @ _square_root(np.atleast_2d(self.cov_u))).reshape(values.shape)
        degraded = values + tau * noise
        return torch.as_tensor(degraded).to(x) if kind_is_tensor else degraded

    def standard_errors(self, n: int, m: int) -> StandardErrors:
        """Standard errors for n clean and m degraded samples, valid inside case 1 (from the Fisher
        information).

        For scalars ``Var(cov_u) = 2 s^2/n + 2 v^2/m`` with s = cov_x, v = cov_x + cov_u: the noise is known
        as badly as the *content* varies. Non-Gaussian data need ``(kurtosis - 1) s^2`` in place of ``2 s^2``.
        """
        _check_counts(n, m)
        s, v = np.atleast_2d(self.cov_x), np.atleast_2d(self.cov_y)
        errors = (
            np.sqrt(np.diag(s) / n),
            np.sqrt(_covariance_variance(s) / n),
            np.sqrt(np.diag(s) / n + np.diag(v) / m),
            np.sqrt(_covariance_variance(s) / n + _covariance_variance(v) / m),
        )
        scalar = np.ndim(self.mean_x) == 0
        return StandardErrors(*(float(e.squeeze()) if scalar else e for e in errors))

    def to_flow(self) -> Flow:
        """This model as a flow: one affine layer and a shifted Gaussian (appendix B, eq. 24 and 25), in
        float64.

        The layer is the symmetric whitening ``W = cov_x^(-1/2)``; data have shape (N, 1) for a scalar model.
        """
        from ..bases import DomainGaussian
        from ..flow import Flow
        from ..transforms import Affine

        whiten = np.linalg.inv(_square_root(np.atleast_2d(self.cov_x)))
        features = len(whiten)
        layer, base = Affine(features), DomainGaussian(features)
        flow = Flow(layer, base).double()
        latent_cov = whiten @ np.atleast_2d(self.cov_u) @ whiten
        with torch.no_grad():
            layer.weight.copy_(torch.as_tensor(whiten))
            layer.bias.copy_(torch.as_tensor(-whiten @ np.atleast_1d(self.mean_x)))
            base.mean[0].copy_(torch.as_tensor(whiten @ np.atleast_1d(self.mean_u)))
            base.factor[0].copy_(torch.as_tensor(_square_root(latent_cov)))
        return flow


def fit_unpaired(x, y, weighting: str | tuple[float, float] = "average") -> UnpairedGaussian:
    """Maximum likelihood for unpaired clean and degraded samples (DeFlow, eq. 5, 6, 17-23; any dimension).

    Args:
        x: clean samples, (N,) or (N, d); array or tensor. At least d + 1 of them, not all in one hyperplane.
        y: degraded samples, (M,) or (M, d). One is enough to be computed with, though not to learn from.
        weighting: "average" (DeFlow's eq. 29: each set counts the same), "count" (the likelihood: each sample
            counts the same), or a pair (w_x, w_y).

    Raises:
        ValueError: empty or non-finite data, wrong shapes, x without variance (its likelihood is unbounded),
            bad weights.
    """
    x, y, scalar = _as_samples(x, y)
    if weighting == "average":
        weights = (1.0, 1.0)
    elif weighting == "count":
        weights = (float(len(x)), float(len(y)))
    elif isinstance(weighting, str):
        raise ValueError(
            f'weighting must be "average", "count" or a pair of positive numbers, got {weighting!r}'
        )
    else:
        weights = weighting
    cov_x = _covariance(x)
    smallest, largest = np.linalg.eigvalsh(cov_x)[[0, -1]]
    if not smallest > (16 * np.finfo(float).eps) ** 2 * (x**2).max() or not smallest > 1e-14 * largest:
        raise ValueError(
            f"x has no variance in some direction ({len(x)} samples of {x.shape[1]} values): the "
            "likelihood is unbounded. "
            f"It needs at least {x.shape[1] + 1} samples that differ"
        )
    fit = fit_moments(x.mean(0), cov_x, y.mean(0), _covariance(y), weights=weights)
    if not scalar:
        return fit
    return replace(
        fit,
        mean_x=float(np.squeeze(fit.mean_x)),
        cov_x=float(np.squeeze(fit.cov_x)),
        mean_u=float(np.squeeze(fit.mean_u)),
        cov_u=float(np.squeeze(fit.cov_u)),
        multiplier=float(np.squeeze(fit.multiplier)),
    )


def fit_moments(
    mean_x, cov_x, mean_y, cov_y, *, weights: tuple[float, float] = (1.0, 1.0)
) -> UnpairedGaussian:
    """Maximum likelihood from the moments of the two sets, (d,) and (d, d), population covariances (divide by
    N and M).

    Whiten the clean covariance A, look at the degraded one B in these coordinates, and keep of every
    direction what it has more than 1: ``cov_u = L [L^-1 B L^-T - I]_+ L^T`` with ``A = L L^T``. Directions
    with less are pooled. Clipping in pixel coordinates instead is not maximum likelihood.
    """
    w_x, w_y = weights
    if not (w_x > 0 and w_y > 0 and math.isfinite(w_x + w_y)):
        raise ValueError(f"weights must be two positive numbers, got {weights}")
    a, b = np.asarray(cov_x, dtype=float), np.asarray(cov_y, dtype=float)
    lower = np.linalg.cholesky(a)
    eigenvalues, vectors = np.linalg.eigh(np.linalg.solve(lower, np.linalg.solve(lower, b).T))
    # Whitening rounds: a direction of equal variances must not fall into case 2 by the last digit.
    eigenvalues = np.where(np.abs(eigenvalues - 1) < 16 * np.finfo(float).eps, 1.0, eigenvalues)
    mix = lower @ vectors
    pooled = np.where(eigenvalues >= 1, 1.0, (w_x + w_y * eigenvalues) / (w_x + w_y))
    sigma_x = (mix * pooled) @ mix.T
    sigma_u = (mix * np.maximum(eigenvalues - 1, 0)) @ mix.T
    # Gradient of the objective with respect to cov_u at the answer: eq. (7), for matrices.
    unmix = np.linalg.inv(mix)
    slack = np.where(eigenvalues >= 1, 0.0, w_y * (pooled - eigenvalues) / (2 * pooled**2))
    return UnpairedGaussian(
        mean_x=np.asarray(mean_x, dtype=float),
        cov_x=sigma_x,
        mean_u=np.asarray(mean_y, dtype=float) - np.asarray(mean_x, dtype=float),
        cov_u=sigma_u,
        multiplier=(unmix.T * slack) @ unmix,
        case=1 if (eigenvalues >= 1).all() else 2,
        weights=(float(w_x), float(w_y)),
    )


def price_of_unpaired(ratio: Any) -> Any:
    """How many times the variance of the noise estimate exceeds that from pairs, N = M:
    ``(1 + (1+r)^2) / r^2``.

    Args:
        ratio: r = cov_u / cov_x, the noise-to-signal ratio, > 0.
    """
    return (1 + (1 + ratio) ** 2) / ratio**2


class RatioInterval(NamedTuple):
    """Confidence interval for r = cov_u/cov_x, the F statistic behind it, and the p-value of "there is no
    noise".

    >>> interval = ratio_interval(var_x=1.0, var_y=2.0, n=100, m=100)
    >>> f"{interval.low:.2f} to {interval.high:.2f}"  # the estimate is 1
    '0.35 to 1.97'
    """

    low: float
    high: float
    statistic: float
    p_value: float


def ratio_interval(var_x: float, var_y: float, n: int, m: int, level: float = 0.95) -> RatioInterval:
    """Exact interval for the noise-to-signal ratio r of scalar Gaussian data: ``F ~ (1 + r) F(m-1, n-1)``.

    Args:
        var_x, var_y: population variances of the two samples (divide by n and m).
        n, m: sample sizes, at least 2.
        level: coverage, between 0 and 1.
    """
    from scipy.stats import f

    _check_counts(n, m, least=2)
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    statistic = (m * var_y / (m - 1)) / (n * var_x / (n - 1))
    below, above = f.ppf([(1 - level) / 2, (1 + level) / 2], m - 1, n - 1)
    return RatioInterval(
        low=max(0.0, statistic / above - 1),
        high=max(0.0, statistic / below - 1),
        statistic=statistic,
        p_value=float(f.sf(statistic, m - 1, n - 1)),
    )


def probability_of_case_two(ratio: float, n: int, m: int) -> float:
    """Probability that chance gives the degraded set less variance than the clean one, at the true
    ratio r."""
    from scipy.stats import f

    _check_counts(n, m, least=2)
    # B < A for population variances  <=>  (1 + r) F < m (n-1) / ((m-1) n) for the unbiased ones
    return float(f.cdf(m * (n - 1) / ((m - 1) * n) / (1 + ratio), m - 1, n - 1))


class Moments(NamedTuple):
    """Mean and variance of an estimator.

    >>> exact = unclipped_moments(var_x=1.0, var_u=0.0, n=10, m=20)
    >>> round(exact.mean, 3)  # the smaller set loses more of its variance
    0.05
    """

    mean: float
    variance: float


def unclipped_moments(var_x: float, var_u: float, n: int, m: int) -> Moments:
    """Exact mean and variance of ``B - A``, the estimate of var_u before it is clipped at zero."""
    _check_counts(n, m)
    var_y = var_x + var_u
    return Moments(
        mean=(m - 1) * var_y / m - (n - 1) * var_x / n,
        variance=2 * var_x**2 * (n - 1) / n**2 + 2 * var_y**2 * (m - 1) / m**2,
    )


class ClippedNormal(NamedTuple):
    """Moments of ``max(0, T)`` for a normal T, the probability that it is zero, and its bias against the mean
    of T.

    >>> clipped = clipped_normal(mean=0.0, deviation=1.0)
    >>> round(clipped.bias, 3), clipped.prob_zero
    (0.399, 0.5)
    """

    mean: float
    second_moment: float
    prob_zero: float
    bias: float


def clipped_normal(mean: float, deviation: float) -> ClippedNormal:
    """``max(0, T)``, ``T ~ N(mean, deviation^2)``: the large-sample law of the estimate of var_u, clipped as
    it is.

    Near zero noise it is biased upwards, and at zero noise half of all data sets give exactly zero.
    """
    if not deviation > 0:
        raise ValueError(f"deviation must be positive, got {deviation}")
    ratio = mean / deviation
    above = 0.5 * math.erfc(-ratio / math.sqrt(2))
    density = math.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
    clipped = mean * above + deviation * density
    return ClippedNormal(
        mean=clipped,
        second_moment=(mean**2 + deviation**2) * above + mean * deviation * density,
        prob_zero=0.5 * math.erfc(ratio / math.sqrt(2)),
        bias=clipped - mean,
    )


def _as_samples(x, y) -> tuple[np.ndarray, np.ndarray, bool]:
    """Both as float64 (N, d), and whether they were scalars."""
    arrays = []
    for name, values in (("x", x), ("y", y)):
        values = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
        try:
            values = np.asarray(values, dtype=float)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must be an array of numbers of shape (N,) or (N, d): {error}") from None
        if values.ndim not in (1, 2) or 0 in values.shape:
            raise ValueError(f"{name} must have shape (N,) or (N, d) with N, d >= 1, got {values.shape}")
        if bad := int((~np.isfinite(values)).sum()):
            raise ValueError(f"{name} must be finite, got {bad} NaN or infinite values")
        arrays.append(values)
    x, y = arrays
    if x.ndim != y.ndim or x.shape[1:] != y.shape[1:]:
        raise ValueError(f"x and y must have samples of one length, got shapes {x.shape} and {y.shape}")
    return x.reshape(len(x), -1), y.reshape(len(y), -1), x.ndim == 1


def _covariance(samples: np.ndarray) -> np.ndarray:
    centred = samples - samples.mean(0)
    return centred.T @ centred / len(samples)


def _mean_nll(samples: np.ndarray, mean, covariance) -> float:
    covariance = np.atleast_2d(covariance)
    white = np.linalg.solve(np.linalg.cholesky(covariance), (samples - mean).T)
    log_det = np.linalg.slogdet(covariance)[1]
    return float(0.5 * ((white**2).sum(0).mean() + log_det + len(covariance) * math.log(2 * math.pi)))


def _covariance_variance(covariance: np.ndarray) -> np.ndarray:
    """n times the variance of each entry of a sample covariance of Gaussian data."""
    variances = np.diag(covariance)
    return np.outer(variances, variances) + covariance**2


def _square_root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root; tiny negative eigenvalues of a singular matrix count as zero."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(eigenvalues, 0))) @ vectors.T


def _check_counts(n: int, m: int, least: int = 1) -> None:
    if n < least or m < least:
        raise ValueError(f"n and m must be at least {least}, got {n} and {m}")
