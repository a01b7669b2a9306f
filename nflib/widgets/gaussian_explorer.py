"""The unpaired Gaussian problem on a line."""

from __future__ import annotations

import math

import numpy as np
import traitlets as T

from ..closed_form.gaussian import fit_unpaired
from .base import Explorer, Number, Vector, Whole, shared
from .picture import CLEAN, CLIPPED, DEGRADED, INK, NOISE, normal_density
from .prng import normals

_MOST = 5000


class GaussianExplorer(Explorer):
    """Two unpaired samples, their variances A and B on a line, and the noise that maximum likelihood makes of
    them.

    Args:
        x, y: your own samples, (N,) and (M,), at most 5000 each (they are stored in the page); both or
            neither. Without them samples are drawn: ``x = signal_sd z``,
            ``y = signal_sd z' + mean_u + sigma e``.
        n, m: numbers of clean and degraded samples drawn, 2 to 5000.
        signal_sd, sigma, mean_u: standard deviation of the clean signal (> 0), of the noise (>= 0), mean of
            the noise.
        tau: strength of the noise added, ``x + tau u`` (DeFlow, eq. 30), >= 0.
        weighting: "average" or "count", as in :func:`nflib.closed_form.gaussian.fit_unpaired`.
        seed: of the samples drawn, 0 to 2^30.
        unit: of the values, as text; by default the clean standard deviation if that is 1.
    """

    front_end = "gaussian_explorer"

    x = shared(Vector(()))
    y = shared(Vector(()))
    n = shared(Whole(120, min=2, max=_MOST))
    m = shared(Whole(40, min=2, max=_MOST))
    signal_sd = shared(Number(1.0, min=1e-9))
    sigma = shared(Number(0.5, min=0.0))
    mean_u = shared(Number(0.0))
    tau = shared(Number(1.0, min=0.0))
    weighting = shared(T.Enum(("average", "count"), "average"))
    seed = shared(Whole(5, min=0, max=2**30))
    unit = shared(T.Unicode())

    def __init__(self, **state):
        super().__init__(**state)
        if "unit" not in state and self.signal_sd == 1 and not self.x:
            self.unit = "clean sd"
        if max(len(self.x), len(self.y)) > _MOST:
            raise ValueError(
                f"x and y must have at most {_MOST} samples each, got {len(self.x)} and {len(self.y)}"
            )
        if bool(self.x) != bool(self.y):
            raise ValueError(f"give both samples or neither, got {len(self.x)} of x and {len(self.y)} of y")
        fit_unpaired(*self.samples(), self.weighting)  # data without a maximum fail here, not in the browser

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """The clean and the degraded sample shown, (N,) and (M,)."""
        if self.x:
            return np.array(self.x), np.array(self.y)
        x = self.signal_sd * normals(self.n, 3 * self.seed)
        y = self.signal_sd * normals(self.m, 3 * self.seed + 1) + self.mean_u
        return x, y + self.sigma * normals(self.m, 3 * self.seed + 2)

    def readouts(self) -> dict[str, float]:
        x, y = self.samples()
        fit = fit_unpaired(x, y, self.weighting)
        return {
            "case": fit.case,
            "var_u": fit.cov_u,
            "sigma_u": math.sqrt(fit.cov_u),
            "se_var_u": fit.standard_errors(len(x), len(y)).cov_u,
            "var_x": fit.cov_x,
            "mean_u": fit.mean_u,
            "multiplier": fit.multiplier,
            "nll": fit.nll(x, y),
            "mean_tau": fit.mean_x + self.tau * fit.mean_u,
            "var_tau": fit.cov_x + self.tau**2 * fit.cov_u,
        }

    def summary(self) -> str:
        x, y = self.samples()
        shown = self.readouts()
        return (
            f"Clean sample with variance A = {x.var():.3f}, degraded sample with variance B = {y.var():.3f}: "
            f"case {shown['case']}, estimated noise variance {shown['var_u']:.3f}."
        )

    def draw(self, figure) -> None:
        x, y = self.samples()
        fit = fit_unpaired(x, y, self.weighting)
        laws, line = figure.subplots(2, 1, height_ratios=[3, 1])
        reach = 3.2 * max(math.sqrt(fit.cov_y), x.std())
        grid = np.linspace(min(fit.mean_x, fit.mean_y) - reach, max(fit.mean_x, fit.mean_y) + reach, 400)
        for values, colour in ((x, CLEAN), (y, DEGRADED)):
            laws.hist(values, bins=grid[::12], density=True, color=colour, alpha=0.2)
        laws.plot(grid, normal_density(grid, fit.mean_x, fit.cov_x), color=CLEAN, lw=2, label="clean x")
        laws.plot(grid, normal_density(grid, fit.mean_y, fit.cov_y), color=DEGRADED, lw=2, label="degraded y")
        now = normal_density(grid, fit.mean_x + self.tau * fit.mean_u, fit.cov_x + self.tau**2 * fit.cov_u)
        laws.plot(grid, now, color=NOISE, lw=2, ls="--", label=f"x + τ u, τ = {self.tau:g}")
        laws.margins(y=0.12)
        laws.set(yticks=[], xlabel=f"value ({self.unit})" if self.unit else "value", xlim=grid[[0, -1]])
        laws.legend(loc="upper left")

        colour = NOISE if fit.case == 1 else CLIPPED
        end = 1.25 * max(x.var(), y.var())
        line.axvspan(0, x.var(), color=CLIPPED, alpha=0.14, lw=0)
        line.axvspan(x.var(), end, color=NOISE, alpha=0.12, lw=0)
        line.plot([x.var(), y.var()], [0, 0], color=colour, lw=5, solid_capstyle="butt")
        line.plot(x.var(), 0, "o", color=CLEAN, ms=8)
        line.plot(y.var(), 0, "o", color=DEGRADED, ms=8)
        line.annotate(
            f"A = {x.var():.3f}", (x.var(), 0), (0, 8), textcoords="offset points", ha="right", color=CLEAN
        )
        line.annotate(
            f"B = {y.var():.3f}",
            (y.var(), 0),
            (0, -15),
            textcoords="offset points",
            ha="left",
            color=DEGRADED,
        )
        if fit.case == 2:
            line.plot([fit.cov_x] * 2, [-0.5, 0.5], color=INK, lw=2)
        title = "all of B − A is noise" if fit.case == 1 else "B < A: no noise, both pooled at the mark"
        line.set_title(f"case {fit.case}: {title}", fontsize=9, loc="left")
        line.set(xlim=(0, end), ylim=(-1, 1), yticks=[], xlabel="variance")
