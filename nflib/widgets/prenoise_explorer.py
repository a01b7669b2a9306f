"""LUD-VAE's pre-noise for one value: what clean and degraded images look like through it, and what is left of
the content.
"""

from __future__ import annotations

import math

import numpy as np

from ..closed_form.divergences import kl_gaussian, mmd_normal
from ..closed_form.ludvae import matching_prenoise, prenoise_kl
from .base import Explorer, Number, shared
from .picture import CLEAN, DEGRADED, INK, NAIVE, normal_density

_LARGEST = 60


class PrenoiseExplorer(Explorer):
    """The laws of h(x) = x + n_x and h(y) = x + n + n_y around a clean value, for white noise n of deviation
    ``sigma``.

    All in grey levels. With ``sigma_x^2 = sigma_y^2 + sigma^2`` the two laws agree on average over n (KL and
    MMD are zero), but not for a given n; more pre-noise makes this smaller, and takes content away.

    Args:
        sigma_x, sigma_y: deviations of the pre-noise on clean and on degraded images, > 0.
        sigma: deviation of the degradation's noise, >= 0.
        content: deviation of the content that the pre-noise covers, > 0.
    """

    front_end = "prenoise_explorer"

    sigma_x = shared(Number(15.0, min=1e-3))
    sigma_y = shared(Number(10.0, min=1e-3))
    sigma = shared(Number(16.0, min=0.0))
    content = shared(Number(20.0, min=1e-3))

    def readouts(self) -> dict[str, float]:
        clean, degraded = self.sigma_x**2, self.sigma_y**2 + self.sigma**2
        return {
            "match": matching_prenoise(self.sigma_y, self.sigma),
            "kl": kl_gaussian(0, degraded, 0, clean),
            "kl_given": prenoise_kl(self.sigma_x, self.sigma_y, self.sigma),
            "mmd": mmd_normal(clean, degraded, math.sqrt(clean + degraded)),
            "content_x": self._kept(clean),
            "content_y": self._kept(degraded),
        }

    def _kept(self, variance: float) -> float:
        """Mutual information of a value and itself with noise on top, in nats."""
        return np.log1p(self.content**2 / variance) / 2

    def summary(self) -> str:
        shown = self.readouts()
        return (
            f"Laws of a clean and of a degraded value with pre-noise {self.sigma_x:.3g} and "
            f"{self.sigma_y:.3g} grey levels, noise "
            f"{self.sigma:.3g}: KL {shown['kl']:.3f} nats on average over the noise, "
            f"{shown['kl_given']:.3f} given the noise; "
            f"{shown['content_x']:.3f} nats of the content are left. They match at {shown['match']:.3g}."
        )

    def draw(self, figure) -> None:
        shown = self.readouts()
        laws, trade = figure.subplots(1, 2)
        grid = np.linspace(-115, 115, 400)
        laws.plot(grid, normal_density(grid, 0, self.sigma_x**2), color=CLEAN, lw=2, label="h(x)")
        laws.plot(
            grid,
            normal_density(grid, 0, self.sigma_y**2 + self.sigma**2),
            color=DEGRADED,
            lw=2,
            ls="--",
            label="h(y), any noise",
        )
        for side in (-1, 1):
            label = "h(y), noise ±σ" if side == 1 else None
            laws.plot(
                grid,
                0.5 * normal_density(grid, side * self.sigma, self.sigma_y**2),
                color=DEGRADED,
                lw=1,
                alpha=0.6,
                label=label,
            )
        laws.set(yticks=[], xlabel="grey levels from the clean value", ylim=(0, None))
        laws.legend(loc="upper left", fontsize=8)
        line = np.linspace(1, _LARGEST, 200)
        trade.plot(line, np.log1p(self.sigma**2 / line**2) / 2, color=NAIVE, label="KL given the noise")
        trade.plot(line, self._kept(line**2 + self.sigma**2), color=INK, label="content left")
        trade.plot(self.sigma_y, shown["kl_given"], "o", color=NAIVE)
        trade.plot(self.sigma_y, shown["content_x"], "o", color=INK)
        trade.set(xlabel="σ_y, grey levels", ylabel="nats per value", ylim=(0, 2.5), xlim=(0, _LARGEST))
        trade.set_title("lines: matching σ_x", fontsize=9)
        trade.legend(loc="upper right", fontsize=8)
