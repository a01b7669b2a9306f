"""How much likelier a vector is under N(0, S) than under N(0, I), with a gradient that costs one inverse."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class LogRatio(torch.autograd.Function):
    """``log N(z; 0, S) - log N(z; 0, I)`` in nats, for vectors z (..., C) and covariances S (..., C, C).

    ``dS`` is ``(v v^T - S^-1) / 2`` with ``v = S^-1 z``, and ``dz`` is ``z - v``: the gradient through a
    Cholesky factor is the same, and takes three times as long.

    >>> LogRatio.apply(torch.zeros(1), 4 * torch.eye(1)).item()  # log of 1/2
    -0.6931471824645996
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, covariance: Tensor) -> Tensor:
        root = torch.linalg.cholesky(covariance)
        solved = torch.cholesky_solve(z.unsqueeze(-1), root).squeeze(-1)
        ctx.save_for_backward(z, root, solved)
        volume = root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return (z * (z - solved)).sum(-1) / 2 - volume

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        z, root, solved = ctx.saved_tensors
        weight = gradients[0].unsqueeze(-1)
        outer = solved.unsqueeze(-1) * solved.unsqueeze(-2)
        return weight * (z - solved), weight.unsqueeze(-1) * (outer - torch.cholesky_inverse(root)) / 2
