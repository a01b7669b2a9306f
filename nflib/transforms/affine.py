"""Affine: z = W x + b on vectors. The whole flow of DeFlow's appendix B, in any number of dimensions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .base import Transform, check_channels
from .context import Context
from .precision import full_precision


class Affine(Transform):
    """``z = W x + b`` for vectors, with a full matrix W (DeFlow, eq. 24; in one dimension a = W, b).

    Starts as the identity. ``log_det = log|det W|`` for every sample.

    >>> layer = Affine(2)
    >>> layer.weight.data = torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    >>> z, log_det = layer(torch.ones(1, 2))
    >>> z.tolist(), round(log_det.exp().item(), 4)
    ([[2.0, 2.0]], 2.0)

    Args:
        features: length D of the vectors; ``x`` has shape (B, D).
    """

    def __init__(self, features: int):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(features))
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        check_channels(x, len(self.bias), "Affine")
        log_det = torch.linalg.slogdet(self.weight).logabsdet
        with full_precision(x):
            return x @ self.weight.T + self.bias, log_det.expand(len(x))

    def inverse(self, z: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        check_channels(z, len(self.bias), "Affine")
        log_det = -torch.linalg.slogdet(self.weight).logabsdet
        return torch.linalg.solve(self.weight, (z - self.bias).T).T, log_det.expand(len(z))

    def extra_repr(self) -> str:
        return f"features={len(self.bias)}"
