"""What unpaired data leave open: joint laws of (x, y) with the same two marginals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["GaussianCoupling"]


@dataclass(frozen=True)
class GaussianCoupling:
    """A joint Gaussian of scalars x and y with given marginals and any correlation c between -1 and 1.

    Unpaired data say everything about the marginals and nothing about c. The additive model ``y = x + u``
    (DeFlow) is ``c = sqrt(var_x / var_y)``; optimal transport, the limit of a deterministic translator, is
    ``c = 1``.

    >>> pairs = GaussianCoupling.additive(mean_x=0.0, var_x=1.0, mean_u=0.0, var_u=3.0)
    >>> pairs.correlation, pairs.cost, pairs.denoiser_slope
    (0.5, 3.0, 0.25)
    """

    mean_x: float
    var_x: float
    mean_y: float
    var_y: float
    correlation: float

    def __post_init__(self):
        if not (self.var_x > 0 and self.var_y > 0):
            raise ValueError(f"variances must be positive, got {self.var_x} and {self.var_y}")
        if not -1 <= self.correlation <= 1:
            raise ValueError(f"correlation must be between -1 and 1, got {self.correlation}")

    @classmethod
    def additive(cls, mean_x: float, var_x: float, mean_u: float, var_u: float) -> GaussianCoupling:
        """``y = x + u`` with u independent of x."""
        return cls(mean_x, var_x, mean_x + mean_u, var_x + var_u, math.sqrt(var_x / (var_x + var_u)))

    def conditional(self, x) -> tuple:
        """Mean (like x) and variance of y given x."""
        slope = self.correlation * math.sqrt(self.var_y / self.var_x)
        return self.mean_y + slope * (x - self.mean_x), self.var_y * (1 - self.correlation**2)

    @property
    def cost(self) -> float:
        """``E (y - x)^2``: what transport minimises."""
        spread = self.var_x + self.var_y - 2 * self.correlation * math.sqrt(self.var_x * self.var_y)
        return (self.mean_y - self.mean_x) ** 2 + spread

    @property
    def denoiser_slope(self) -> float:
        """Slope of ``E[x | y]``, the best denoiser for pairs from this coupling."""
        return self.correlation * math.sqrt(self.var_x / self.var_y)

    def denoising_error(self, slope: float) -> float:
        """Mean squared error on pairs from this coupling of the denoiser with the right mean and the given
        slope.
        """
        return (
            self.var_x
            - 2 * slope * self.correlation * math.sqrt(self.var_x * self.var_y)
            + slope**2 * self.var_y
        )

    def sample(self, n: int, generator: torch.Generator | None = None) -> tuple[np.ndarray, np.ndarray]:
        """n pairs, as two arrays (n,)."""
        first, second = torch.randn(2, n, dtype=torch.float64, generator=generator).numpy()
        x = self.mean_x + math.sqrt(self.var_x) * first
        mean, variance = self.conditional(x)
        return x, mean + math.sqrt(variance) * second
