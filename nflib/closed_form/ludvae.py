"""LUD-VAE where everything is in closed form: scalar images, normal latents, linear encoders and decoders.
All in nats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .divergences import kl_gaussian

__all__ = [
    "Elbo",
    "LinearLUDVAE",
    "Pairs",
    "compare_pairs",
    "encoded_variances",
    "matching_prenoise",
    "prenoise_kl",
]

LOG_TWO_PI = math.log(2 * math.pi)


class Elbo(NamedTuple):
    """Reconstruction term and KL term of an evidence lower bound; ``value`` is their difference.

    >>> Elbo(reconstruction=-1.0, kl=0.5).value
    -1.5
    """

    reconstruction: float
    kl: float

    @property
    def value(self) -> float:
        return self.reconstruction - self.kl


@dataclass(frozen=True)
class LinearLUDVAE:
    """``x = alpha z + gamma_x e`` and ``y = alpha z + beta z_n + gamma_y e'`` with independent standard
    normal z, z_n, e, e'.

    A pair (x, y) shares z, the content; z_n is the degradation (figure 2 of the paper).

    >>> model = LinearLUDVAE(alpha=1.0, beta=1.0, gamma_x=1.0, gamma_y=1.0)
    >>> bound = model.elbo(0.5, 1.0, *model.posterior(0.5, 1.0))
    >>> abs(bound.value - model.log_prob(0.5, 1.0)) < 1e-12
    True
    """

    alpha: float
    beta: float
    gamma_x: float
    gamma_y: float

    def __post_init__(self):
        if not (self.gamma_x > 0 and self.gamma_y > 0):
            raise ValueError(f"gamma_x and gamma_y must be positive, got {self.gamma_x} and {self.gamma_y}")

    def log_prob(self, x: float, y: float) -> float:
        """log p(x, y) of a pair."""
        a = self.alpha**2
        cov = np.array([[a + self.gamma_x**2, a], [a, a + self.beta**2 + self.gamma_y**2]])
        values = np.array([x, y])
        return float(-(values @ np.linalg.solve(cov, values) + np.linalg.slogdet(cov)[1]) / 2 - LOG_TWO_PI)

    def log_prob_x(self, x: float) -> float:
        """log p(x)."""
        variance = self.alpha**2 + self.gamma_x**2
        return -(x**2 / variance + math.log(variance) + LOG_TWO_PI) / 2

    def posterior(self, x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean (2,) and covariance (2, 2) of (z, z_n) given a pair."""
        cov = np.linalg.inv(self._precision)
        return cov @ np.array(
            [self.alpha * (x / self.gamma_x**2 + y / self.gamma_y**2), self.beta * y / self.gamma_y**2]
        ), cov

    def elbo(self, x: float, y: float, mean, cov) -> Elbo:
        """The bound (eq. 5) of a pair for q(z, z_n) = N(mean, cov); equal to :meth:`log_prob` at the
        posterior.
        """
        mean, cov = np.asarray(mean, float), np.asarray(cov, float)
        of_x = self._reconstruction(x, np.array([self.alpha, 0.0]), self.gamma_x, mean, cov)
        of_y = self._reconstruction(y, np.array([self.alpha, self.beta]), self.gamma_y, mean, cov)
        return Elbo(of_x + of_y, kl_gaussian(mean, cov, np.zeros(2), np.eye(2)))

    def elbo_factorised(self, x: float, y: float) -> Elbo:
        """The bound for the best q(z) q(z_n) of this pair: the posterior's mean, the inverses of its diagonal
        precisions.
        """
        return self.elbo(x, y, self.posterior(x, y)[0], np.diag(1 / np.diag(self._precision)))

    def elbo_x(self, x: float, mean_z: float, var_z: float, share: float = 0.5) -> Elbo:
        """The half of a clean image (eq. 10) for q(z) = N(mean_z, var_z), with a share of the content's KL.

        With half of it the two halves add up to the bound of the pair, but this one alone may exceed log
        p(x); with all of it it is a bound of log p(x).
        """
        of_x = self._reconstruction(
            x, np.array([self.alpha]), self.gamma_x, np.array([mean_z]), np.array([[var_z]])
        )
        return Elbo(of_x, share * kl_gaussian(mean_z, var_z, 0.0, 1.0))

    def elbo_y(
        self, y: float, mean_z: float, var_z: float, mean_n: float, var_n: float, *, share: float = 0.5
    ) -> Elbo:
        """The half of a degraded image (eq. 11) for q(z) = N(mean_z, var_z) and q(z_n) = N(mean_n, var_n)."""
        mean, cov = np.array([mean_z, mean_n]), np.diag([var_z, var_n])
        of_y = self._reconstruction(y, np.array([self.alpha, self.beta]), self.gamma_y, mean, cov)
        return Elbo(of_y, share * kl_gaussian(mean_z, var_z, 0.0, 1.0) + kl_gaussian(mean_n, var_n, 0.0, 1.0))

    def var_degradation(self) -> tuple[float, float]:
        """Variance of z_n given y alone, and given x and y."""
        return 1 - self.beta**2 / (self.alpha**2 + self.beta**2 + self.gamma_y**2), float(
            np.linalg.inv(self._precision)[1, 1]
        )

    def gaps(self) -> tuple[float, float, float]:
        """Mean of log p - ELBO at the best inference of three shapes: q(z|x,y) q(z_n|z,y), which is exact;
        q(z|x,y) q(z_n|x,y); and the paper's q(z|x,y) q(z_n|y) (eq. 6)."""
        cov = np.linalg.inv(self._precision)
        factorised = -math.log(1 - cov[0, 1] ** 2 / (cov[0, 0] * cov[1, 1])) / 2
        of_y, of_both = self.var_degradation()
        return 0.0, factorised, factorised + (of_y / of_both - 1) / 2

    @property
    def _precision(self) -> np.ndarray:
        x, y = 1 / self.gamma_x**2, 1 / self.gamma_y**2
        cross = self.alpha * self.beta * y
        return np.array([[1 + self.alpha**2 * (x + y), cross], [cross, 1 + self.beta**2 * y]])

    @staticmethod
    def _reconstruction(
        value: float, weights: np.ndarray, sd: float, mean: np.ndarray, cov: np.ndarray
    ) -> float:
        error = (value - weights @ mean) ** 2 + weights @ cov @ weights
        return float(-(error / sd**2 + math.log(sd**2) + LOG_TWO_PI) / 2)


def prenoise_kl(sigma_x: float, sigma_y: float, sigma: float) -> float:
    """Mean over noise n ~ N(0, sigma^2) of eq. 22, KL(N(n, sigma_y^2) || N(0, sigma_x^2)), per dimension.

    Smallest where the pre-noise of the two domains matches, at
    ``sigma_x = matching_prenoise(sigma_y, sigma)``.
    """
    if not (sigma_x > 0 and sigma_y > 0 and sigma >= 0):
        raise ValueError(
            f"sigma_x and sigma_y must be positive and sigma not negative, got {sigma_x}, {sigma_y} and "
            f"{sigma}"
        )
    return math.log(sigma_x / sigma_y) - 0.5 + (sigma_y**2 + sigma**2) / (2 * sigma_x**2)


def matching_prenoise(sigma_y: float, sigma: float) -> float:
    """The sigma_x at which clean images with pre-noise are as noisy as degraded ones:
    ``sqrt(sigma_y^2 + sigma^2)``.
    """
    return math.hypot(sigma_y, sigma)


def encoded_variances(variances, kl_weight: float) -> np.ndarray:
    """Variance that the decoder's mean has of each noise component at the optimum of a linear model
    (probabilistic PCA).

    The decoder's own variance, the weight of the KL term, makes up the rest: a weaker component is not
    encoded at all.
    """
    if not kl_weight > 0:
        raise ValueError(f"kl_weight must be positive, got {kl_weight}")
    return np.maximum(np.asarray(variances, float) - kl_weight, 0.0)


class Pairs(NamedTuple):
    """What denoisers learn from pairs for ``y = x + n`` with normal x and n, in one dimension.

    >>> pairs = compare_pairs(signal=3.0, noise=1.0)
    >>> pairs.bayes_error, pairs.n2c_clean_variance
    (0.75, 2.25)

    Attributes:
        n2c_clean_variance: of the clean half of N2C pairs, E[x | y], less than that of x.
        slope_c2n, slope_n2c: of the best linear denoiser of C2N pairs and of N2C pairs.
        bayes_error: mean squared error of the best denoiser.
        n2c_error: what the best denoiser of N2C pairs believes its error to be.
        n2c_noise_variance: of y - E[x | y], the noise that N2C pairs show.
    """

    n2c_clean_variance: float
    slope_c2n: float
    slope_n2c: float
    bayes_error: float
    n2c_error: float
    n2c_noise_variance: float


def compare_pairs(signal: float, noise: float) -> Pairs:
    """C2N against N2C pairs of a perfect model, for signal and noise variances."""
    if not (signal > 0 and noise > 0):
        raise ValueError(f"signal and noise must be positive, got {signal} and {noise}")
    total = signal + noise
    posterior = signal / total  # E[x | y] = posterior y
    # the best slope is the covariance of target and input over the variance of the input
    slope_c2n, slope_n2c = signal / total, posterior * total / total
    return Pairs(
        n2c_clean_variance=posterior**2 * total,
        slope_c2n=slope_c2n,
        slope_n2c=slope_n2c,
        bayes_error=signal * noise / total,
        n2c_error=(posterior - slope_n2c) ** 2 * total,
        n2c_noise_variance=(1 - posterior) ** 2 * total,
    )
