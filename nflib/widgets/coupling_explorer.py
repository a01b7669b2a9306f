"""Same marginals, many couplings: what unpaired data leave open."""

from __future__ import annotations

import math

import numpy as np

from ..closed_form.couplings import GaussianCoupling
from .base import Explorer, Number, Whole, shared
from .picture import CLEAN, INK, NAIVE, NOISE
from .prng import normals


class CouplingExplorer(Explorer):
    """Pairs (x, y) with fixed marginals N(0, 1) and N(mean_u, 1 + sigma^2) and any correlation c.

    Unpaired data cannot tell them apart; a denoiser trained on them can. Its error on the additive truth is
    ``(1 + c^2 - 2 c rho) / (1 - rho^2)`` times the best one, with ``rho = 1/sqrt(1 + sigma^2)``: 1 at c = rho
    and ``2/(1 + rho)`` at c = 1, optimal transport.

    Args:
        c: correlation of the pairs, -1 to 1.
        sigma: noise standard deviation in clean ones, > 0.
        mean_u: mean of the noise.
        seed: of the pairs shown, 0 to 2^30.
    """

    front_end = "coupling_explorer"

    c = shared(Number(0.3, min=-1.0, max=1.0))
    sigma = shared(Number(1.0, min=0.01, max=10.0))
    mean_u = shared(Number(0.0))
    seed = shared(Whole(1, min=0, max=2**30))

    def _coupling(self, c: float) -> GaussianCoupling:
        return GaussianCoupling(0.0, 1.0, self.mean_u, 1 + self.sigma**2, c)

    def _truth(self) -> GaussianCoupling:
        return GaussianCoupling.additive(0.0, 1.0, self.mean_u, self.sigma**2)

    def _excess(self, c: float) -> float:
        truth = self._truth()
        return truth.denoising_error(self._coupling(c).denoiser_slope) / truth.denoising_error(
            truth.denoiser_slope
        )

    def readouts(self) -> dict[str, float]:
        coupling = self._coupling(self.c)
        return {
            "rho": self._truth().correlation,
            "cost": coupling.cost,
            "var_y_given_x": coupling.conditional(0.0)[1],
            "slope": coupling.denoiser_slope,
            "excess": self._excess(self.c),
            "excess_transport": self._excess(1.0),
        }

    def summary(self) -> str:
        shown = self.readouts()
        return (
            f"Pairs of clean x and degraded y with correlation {self.c:.3f} and unchanged margins. "
            f"Mean squared distance {shown['cost']:.3f}; a denoiser trained on them has "
            f"{shown['excess']:.3f} times "
            f"the best error on additive noise, whose correlation is {shown['rho']:.3f}."
        )

    def draw(self, figure) -> None:
        coupling, rho = self._coupling(self.c), self._truth().correlation
        pairs, curve = figure.subplots(1, 2)
        x, second = normals(300, 2 * self.seed), normals(300, 2 * self.seed + 1)
        mean, variance = coupling.conditional(x)
        pairs.scatter(x, mean + math.sqrt(variance) * second, s=5, color=INK, alpha=0.5, lw=0)
        reach = 3.2 * max(1.5, math.sqrt(coupling.var_y))
        y = np.array([self.mean_u - reach, self.mean_u + reach])
        pairs.plot(
            coupling.denoiser_slope * (y - self.mean_u), y, color=NOISE, lw=2, label="denoiser E[x | y]"
        )
        pairs.set(xlim=(-reach, reach), ylim=y, xlabel="clean x", ylabel="degraded y", aspect="equal")
        pairs.legend(loc="upper left", fontsize=8)
        grid = np.linspace(-1, 1, 201)
        curve.plot(grid, [self._excess(c) for c in grid], color=INK)
        curve.plot(rho, 1, "o", color=CLEAN, label=f"additive, c = {rho:.2f}")
        curve.plot(1, self._excess(1.0), "o", color=NAIVE, label="optimal transport, c = 1")
        curve.plot(self.c, self._excess(self.c), "v", color=NOISE, ms=8, label=f"here, c = {self.c:.2f}")
        curve.set(
            ylim=(0, max(4.0, min(12.0, 1.1 * self._excess(self.c)))), xlabel="correlation c of the pairs"
        )
        curve.set_title("error on the additive truth (best = 1)", fontsize=9)
        curve.legend(loc="upper right", fontsize=8)
