"""How well the noise can be known without pairs: on a line its sampling law, in the plane its covariance."""

from __future__ import annotations

import math

import numpy as np
import traitlets as T

from ..closed_form.gaussian import clipped_normal, fit_moments, price_of_unpaired
from .base import Covariance, Explorer, Number, Whole, shared
from .picture import (
    CLEAN,
    CLIPPED,
    DEGRADED,
    INK,
    NAIVE,
    NOISE,
    ellipse,
    normal_density,
    plane,
    square_root,
)


class SigmaExplorer(Explorer):
    """What unpaired samples tell about noise of standard deviation sigma.

    ``dimension=1``: the law of the estimated noise variance (clean variance 1), the part of it clipped to
    zero, and the price of being unpaired. ``dimension=2``: clean and degraded covariance; the noise is
    clipped after whitening.

    Args:
        dimension: 1 or 2.
        sigma: noise standard deviation; > 0 on the line (in clean standard deviations), >= 0 in the plane.
        n: (line) samples in each set, 2 to 10^7.
        angle: (plane) degrees by which the content of the degraded set is turned, -90 to 90.
        cov_x: (plane) clean covariance, 2 x 2.
    """

    dimension = shared(T.Enum((1, 2), 1))

    def __new__(cls, *, dimension: int = 1, **state):
        return super().__new__(SigmaPlane if dimension == 2 else SigmaLine)


class SigmaLine(SigmaExplorer):
    """SigmaExplorer(dimension=1)."""

    front_end = "sigma_line"

    sigma = shared(Number(0.3, min=0.01, max=10.0))
    n = shared(Whole(100, min=2, max=10**7))

    def readouts(self) -> dict[str, float]:
        ratio = self.sigma**2
        law = clipped_normal(ratio, self._deviation())
        price = price_of_unpaired(ratio)
        return {
            "ratio": ratio,
            "deviation": self._deviation(),
            "deviation_paired": ratio * math.sqrt(2 / self.n),
            "price": price,
            "prob_zero": law.prob_zero,
            "mean_var_u": law.mean,
            "n_for_ten_percent": 200 * price,
        }

    def _deviation(self) -> float:
        """Large-sample standard deviation of B - A."""
        return math.sqrt(2 / self.n * (1 + (1 + self.sigma**2) ** 2))

    def summary(self) -> str:
        shown = self.readouts()
        return (
            f"Law of the estimated noise variance around the truth {shown['ratio']:.4g}: standard deviation "
            f"{shown['deviation']:.4g} unpaired, {shown['deviation_paired']:.4g} from {self.n} pairs; "
            f"{shown['prob_zero']:.1%} of estimates are zero. The price of being unpaired is "
            f"{shown['price']:.4g}."
        )

    def draw(self, figure) -> None:
        shown = self.readouts()
        ratio, deviation = shown["ratio"], shown["deviation"]
        law, price = figure.subplots(1, 2)
        grid = np.linspace(ratio - 3.5 * deviation, ratio + 3.5 * deviation, 400)
        density = normal_density(grid, ratio, deviation**2)
        law.fill_between(grid, density, where=grid >= 0, color=NOISE, alpha=0.25, lw=0)
        law.fill_between(grid, density, where=grid <= 0, color=CLIPPED, alpha=0.25, lw=0)
        law.plot(grid, density, color=NOISE, lw=2, label="unpaired")
        paired = normal_density(grid, ratio, shown["deviation_paired"] ** 2)
        law.plot(grid, np.minimum(paired, 2 * density.max()), color=NAIVE, ls="--", label=f"{self.n} pairs")
        law.axvline(ratio, color=INK, ls=":", lw=1)
        if shown["prob_zero"] > 5e-4:
            law.plot(
                [0, 0],
                [0, shown["prob_zero"] * density.max()],
                color=CLIPPED,
                lw=5,
                label=f"{shown['prob_zero']:.1%} exactly 0",
            )
        law.set(
            yticks=[], xlabel="estimated noise variance (clean variance 1)", ylim=(0, 1.9 * density.max())
        )
        law.legend(loc="upper right", fontsize=8)
        ratios = np.geomspace(1e-3, max(4, ratio), 200)
        price.loglog(ratios, price_of_unpaired(ratios), color=INK)
        price.plot(ratio, shown["price"], "o", color=NOISE, ms=7)
        price.annotate(
            f"{shown['price']:,.0f} ×",
            (ratio, shown["price"]),
            (8, 5),
            textcoords="offset points",
            color=NOISE,
        )
        price.set(xlabel="noise-to-signal ratio r")
        price.set_title("price of being unpaired", fontsize=9)


class SigmaPlane(SigmaExplorer):
    """SigmaExplorer(dimension=2)."""

    front_end = "sigma_plane"

    sigma = shared(Number(0.5, min=0.0, max=10.0))
    angle = shared(Number(50.0, min=-90.0, max=90.0))
    cov_x = shared(Covariance(((2.0, 0.8), (0.8, 0.6))))

    def covariances(self) -> tuple[np.ndarray, np.ndarray]:
        """Clean A, and degraded B: the clean one turned by the angle (other content) plus white noise; (2, 2)
        each.
        """
        a, turn = np.array(self.cov_x), math.radians(self.angle)
        rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        b = rotation @ a @ rotation.T + self.sigma**2 * np.eye(2)
        return a, (b + b.T) / 2

    def _naive(self) -> np.ndarray:
        a, b = self.covariances()
        values, vectors = np.linalg.eigh(b - a)
        return (vectors * np.maximum(values, 0)) @ vectors.T

    def _whitened(self) -> np.ndarray:
        a, b = self.covariances()
        inverse_root = np.linalg.inv(square_root(a))
        return inverse_root @ b @ inverse_root

    def readouts(self) -> dict[str, float]:
        a, b = self.covariances()
        fit, naive = fit_moments(np.zeros(2), a, np.zeros(2), b), self._naive()
        small, big = np.linalg.eigvalsh(self._whitened())

        def loss(cov_x, cov_u) -> float:
            pairs = ((a, cov_x), (b, cov_x + cov_u))
            return sum(
                0.5 * (np.linalg.slogdet(model)[1] + np.trace(np.linalg.solve(model, data)))
                for data, model in pairs
            )

        cov_u = np.asarray(fit.cov_u)
        return {
            "rank": int(small > 1 + 1e-9) + int(big > 1 + 1e-9),
            "lambda_1": big,
            "lambda_2": small,
            "u_11": cov_u[0, 0],
            "u_22": cov_u[1, 1],
            "u_12": cov_u[0, 1],
            "naive_11": naive[0, 0],
            "naive_22": naive[1, 1],
            "naive_12": naive[0, 1],
            "excess": loss(a, naive) - loss(fit.cov_x, fit.cov_u),
        }

    def summary(self) -> str:
        shown = self.readouts()
        return (
            "Covariance ellipses of clean and degraded data, the same after whitening with variances "
            f"{shown['lambda_1']:.3f} and {shown['lambda_2']:.3f}, and the noise: maximum likelihood "
            "gives variances "
            f"{shown['u_11']:.3f} and {shown['u_22']:.3f} in {shown['rank']} of 2 directions, "
            f"clipping B - A gives {shown['naive_11']:.3f} and {shown['naive_22']:.3f}."
        )

    def draw(self, figure) -> None:
        a, b = self.covariances()
        fit = fit_moments(np.zeros(2), a, np.zeros(2), b)
        data, white, noise = figure.subplots(1, 3)
        plane(data, "data: A and B")
        ellipse(data, a, CLEAN, lw=2, label="A, clean")
        ellipse(data, b, DEGRADED, lw=2, label="B, degraded")
        plane(white, "whitened: A is the unit circle")
        ellipse(white, np.eye(2), CLEAN, lw=2)
        ellipse(white, self._whitened(), DEGRADED, lw=2)
        plane(noise, "the noise")
        ellipse(noise, self.sigma**2 * np.eye(2), INK, lw=1, ls=":", label="truth")
        ellipse(noise, self._naive(), NAIVE, lw=2, ls="--", label="clip of B − A")
        ellipse(noise, fit.cov_u, NOISE, lw=2, label="maximum likelihood")
        for axes in (data, noise):
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), fontsize=8)
