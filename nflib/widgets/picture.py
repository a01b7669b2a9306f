"""The pictures shown where scripts do not run: matplotlib, drawn from the numbers of
nflib.closed_form.gaussian.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

# Okabe-Ito, with the meanings of static/plot.mjs.
CLEAN, DEGRADED, NOISE, NAIVE, CLIPPED, INK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#222222"


def png(draw) -> bytes:
    """A PNG, 6.5 inches wide on white, of what ``draw(figure)`` draws."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with rc_context(
        {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}
    ):
        figure = Figure(figsize=(6.5, 3.1), layout="constrained", facecolor="white")
        draw(figure)
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()


def normal_density(x: Any, mean: float | np.ndarray, variance: float | np.ndarray) -> Any:
    """Density of N(mean, variance) at x."""
    return np.exp(-0.5 * (x - mean) ** 2 / variance) / np.sqrt(2 * np.pi * variance)


def square_root(covariance) -> np.ndarray:
    """Symmetric square root of a positive semi-definite matrix, (2, 2)."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def ellipse(axes, covariance, colour: str, radius: float = 1.0, centre=(0.0, 0.0), **style) -> None:
    """The ellipse ``centre + radius * covariance^(1/2) * (unit circle)``."""
    angle = np.linspace(0, 2 * np.pi, 181)
    points = np.asarray(centre)[:, None] + radius * square_root(covariance) @ np.stack(
        [np.cos(angle), np.sin(angle)]
    )
    axes.plot(*points, color=colour, **style)


def plane(axes, title: str) -> None:
    """Axes of a panel with two data coordinates: one scale, lines through the origin."""
    axes.set_title(title, fontsize=9)
    axes.set_aspect("equal", adjustable="datalim")
    axes.axhline(0, color="#e4e4e4", lw=0.8, zorder=0)
    axes.axvline(0, color="#e4e4e4", lw=0.8, zorder=0)
