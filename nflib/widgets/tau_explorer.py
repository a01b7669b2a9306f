"""What the temperature tau does: on a line, and through an affine flow in the plane."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import traitlets as T

from ..closed_form.gaussian import UnpairedGaussian
from .base import Covariance, Explorer, Number, Vector, Whole, shared
from .picture import CLEAN, DEGRADED, NOISE, ellipse, normal_density, plane, square_root
from .prng import normals


class TauExplorer(Explorer):
    """``y = x + tau u`` (DeFlow, eq. 30): tau scales the mean and the standard deviation of the noise u.

    ``dimension=1``: the laws of x, y and x + tau u (clean variance 1) and single points on their way.
    ``dimension=2``: an affine flow; tau u is added in its latent space, and the data follow.

    With ``model`` (a DeFlow) and ``image``, as for :meth:`DegradationExplorer.of`: the flow and the noise are
    learned ones.

    Args:
        dimension: 1 or 2.
        tau: temperature, >= 0; 0 returns x, 1 gives the law of y.
        sigma: noise scale, >= 0; in clean (line) or latent (plane) standard deviations.
        mean_u: mean of the noise: a number on the line, two latent values in the plane.
        cov_u: (plane) latent noise covariance at sigma = 1, 2 x 2.
        cov_x: (plane) clean covariance in data space, 2 x 2; the flow whitens it.
        seed: of the points, 0 to 2^30.
    """

    dimension = shared(T.Enum((1, 2), 1))
    tau = shared(Number(0.5, min=0.0, max=10.0))
    sigma = shared(Number(0.7, min=0.0, max=10.0))
    seed = shared(Whole(1, min=0, max=2**30))

    def __new__(cls, *, dimension: int = 1, model=None, **state):
        if model is not None:
            from .degradation_explorer import DegradationExplorer

            return DegradationExplorer.of(model, **state)
        return super().__new__(TauPlane if dimension == 2 else TauLine)


class TauLine(TauExplorer):
    """TauExplorer(dimension=1)."""

    front_end = "tau_line"

    mean_u = shared(Number(1.0))

    def _model(self) -> UnpairedGaussian:
        return UnpairedGaussian(
            mean_x=0.0, cov_x=1.0, mean_u=self.mean_u, cov_u=self.sigma**2, multiplier=0.0, case=1
        )

    def _law(self, tau: float) -> tuple[float, float]:
        """Mean and variance of x + tau u."""
        model = self._model()
        mean, variance = model.mean_x + tau * model.mean_u, model.cov_x + tau**2 * model.cov_u
        return cast("float", mean), cast("float", variance)

    def readouts(self) -> dict[str, float]:
        (mean, variance), (mean_y, variance_y) = self._law(self.tau), self._law(1.0)
        ratio = variance / variance_y
        return {
            "mean_tau": mean,
            "var_tau": variance,
            "sd_tau": math.sqrt(variance),
            "kl": 0.5 * (ratio - 1 - math.log(ratio) + (mean - mean_y) ** 2 / variance_y),
        }

    def summary(self) -> str:
        shown = self.readouts()
        return (
            f"Densities of clean x, degraded y and x + tau u at tau = {self.tau:g}: mean "
            f"{shown['mean_tau']:.3f}, "
            f"variance {shown['var_tau']:.3f}, divergence from the law of y {shown['kl']:.3f} nats. "
            "Below, points x with arrows to x + tau u."
        )

    def draw(self, figure) -> None:
        laws, arrows = figure.subplots(2, 1, sharex=True)
        grid = np.linspace(min(-4, 2 * self.mean_u - 4), max(4, 2 * self.mean_u + 4), 400)
        laws.plot(grid, normal_density(grid, *self._law(0.0)), color=CLEAN, lw=2, label="clean x")
        laws.plot(grid, normal_density(grid, *self._law(1.0)), color=DEGRADED, lw=2, label="degraded y")
        laws.plot(
            grid,
            normal_density(grid, *self._law(self.tau)),
            color=NOISE,
            lw=2,
            ls="--",
            label=f"x + τ u, τ = {self.tau:g}",
        )
        laws.set(yticks=[], xlim=grid[[0, -1]])
        laws.legend(loc="upper left")
        points = np.sort(normals(9, 2 * self.seed))
        shifts = self.mean_u + self.sigma * normals(9, 2 * self.seed + 1)
        rows = np.arange(9, 0, -1)
        arrows.hlines(rows, points, points + shifts, color="#cccccc", lw=0.8)
        arrows.scatter(points + shifts, rows, s=18, facecolor="none", edgecolor=DEGRADED)
        arrows.quiver(
            points,
            rows,
            self.tau * shifts,
            0 * shifts,
            color=NOISE,
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.004,
        )
        arrows.scatter(points, rows, s=16, color=CLEAN)
        arrows.set(
            yticks=[], ylim=(0.2, 9.8), xlabel="value (clean sd = 1); dots x, rings x + u, arrows x + τ u"
        )


class TauPlane(TauExplorer):
    """TauExplorer(dimension=2)."""

    front_end = "tau_plane"

    mean_u = shared(Vector((0.8, 0.3), length=2))
    cov_u = shared(Covariance(((1.0, 0.6), (0.6, 0.6))))
    cov_x = shared(Covariance(((1.6, -0.7), (-0.7, 0.8))))

    def _law(self, tau: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean (2,) and covariance (2, 2) of z + tau u in the latent space."""
        return tau * np.array(self.mean_u), np.eye(2) + (tau * self.sigma) ** 2 * np.array(self.cov_u)

    def readouts(self) -> dict[str, float]:
        (mean, latent), (mean_y, latent_y) = self._law(self.tau), self._law(1.0)
        to_data = square_root(self.cov_x)
        data_mean, data = to_data @ mean, to_data @ latent @ to_data.T
        ratio = np.linalg.solve(latent_y, latent)
        gap = mean - mean_y
        return {
            "latent_var_1": latent[0, 0],
            "latent_var_2": latent[1, 1],
            "data_mean_1": data_mean[0],
            "data_mean_2": data_mean[1],
            "data_var_1": data[0, 0],
            "data_var_2": data[1, 1],
            "data_cov": data[0, 1],
            "kl": 0.5
            * (np.trace(ratio) - 2 - np.linalg.slogdet(ratio)[1] + gap @ np.linalg.solve(latent_y, gap)),
        }

    def summary(self) -> str:
        shown = self.readouts()
        return (
            f"Points of the latent space with arrows by tau u at tau = {self.tau:g}, and the same "
            "points as data: mean "
            f"{shown['data_mean_1']:.3f} and {shown['data_mean_2']:.3f}, variances "
            f"{shown['data_var_1']:.3f} and "
            f"{shown['data_var_2']:.3f}."
        )

    def draw(self, figure) -> None:
        z = normals(72, 2 * self.seed).reshape(-1, 2)
        u = np.array(self.mean_u) + self.sigma * normals(72, 2 * self.seed + 1).reshape(-1, 2) @ square_root(
            self.cov_u
        )
        spaces = (
            ("latent space: z and z + τ u", np.eye(2)),
            ("data space: x and y", square_root(self.cov_x)),
        )
        for axes, (title, to_data) in zip(figure.subplots(1, 2), spaces, strict=True):
            plane(axes, title)
            for tau, colour, style, label in (
                (0.0, CLEAN, "-", "clean"),
                (1.0, DEGRADED, "-", "degraded"),
                (self.tau, NOISE, "--", f"τ = {self.tau:g}"),
            ):
                mean, latent = self._law(tau)
                ellipse(
                    axes,
                    to_data @ latent @ to_data.T,
                    colour,
                    2.0,
                    to_data @ mean,
                    lw=2,
                    ls=style,
                    label=label,
                )
            start, step = z @ to_data.T, self.tau * u @ to_data.T
            axes.quiver(*start.T, *step.T, color=NOISE, angles="xy", scale_units="xy", scale=1, width=0.004)
            axes.scatter(*start.T, s=8, color=CLEAN, zorder=3)
        figure.axes[0].legend(loc="upper left", fontsize=8)
