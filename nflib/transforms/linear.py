"""Learned mixing of the channels, the same at every position: InvertibleConv1x1 (by LU factors) and
FullConv1x1 (the matrix).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .base import Pulled, Transform, check_channels, positions
from .context import Context
from .precision import full_precision


class InvertibleConv1x1(Transform):
    """``z[:, i, j] = W x[:, i, j]`` with ``W = P L (U + diag(s))`` (Glow, section 3.2).

    P and the signs of s stay fixed; L (unit lower), U (strictly upper) and log|s| are learned, so W can never
    become singular and ``log_det = H*W*sum(log|s|)`` costs nothing. Starts as a random rotation.

    >>> conv = InvertibleConv1x1(3)
    >>> conv.set_weight(2 * torch.eye(3))
    >>> z, log_det = conv(torch.ones(1, 3, 2, 2))
    >>> round((log_det / torch.tensor(2.0).log()).item(), 3)  # log 2 of each of 3 channels at 4 positions
    12.0

    Args:
        channels: size C of dimension 1; ``x`` has shape (B, C) or (B, C, H, W).
        generator: makes the first rotation reproducible.
    """

    permutation: Tensor
    sign: Tensor

    def __init__(self, channels: int, generator: torch.Generator | None = None):
        super().__init__()
        self.register_buffer("permutation", torch.eye(channels))
        self.register_buffer("sign", torch.ones(channels))
        self.lower = nn.Parameter(torch.zeros(channels, channels))
        self.upper = nn.Parameter(torch.zeros(channels, channels))
        self.log_diagonal = nn.Parameter(torch.zeros(channels))
        self.set_weight(_rotation(channels, generator))

    @torch.no_grad()
    def set_weight(self, weight: Tensor) -> None:
        """Take over a given matrix (C, C), by its LU decomposition with row pivoting.

        Raises:
            ValueError: if the matrix is not square, of another size, or singular.
        """
        channels = len(self.sign)
        if weight.shape != (channels, channels):
            raise ValueError(f"weight must have shape ({channels}, {channels}), got {tuple(weight.shape)}")
        permutation, lower, upper = torch.linalg.lu(weight.to(torch.float64))
        diagonal = upper.diagonal()
        if not (diagonal.abs() > 0).all():
            raise ValueError("weight must be invertible, got a singular matrix")
        self.permutation.copy_(permutation)
        self.sign.copy_(diagonal.sign())
        self.lower.copy_(lower.tril(-1))
        self.upper.copy_(upper.triu(1))
        self.log_diagonal.copy_(diagonal.abs().log())

    def _factors(self) -> tuple[Tensor, Tensor]:
        lower = self.lower.tril(-1) + torch.eye(
            len(self.sign), dtype=self.lower.dtype, device=self.lower.device
        )
        upper = self.upper.triu(1) + torch.diag(self.sign * self.log_diagonal.exp())
        return lower, upper

    def weight(self) -> Tensor:
        """The matrix W, shape (C, C)."""
        lower, upper = self._factors()
        with full_precision(lower):
            return self.permutation @ lower @ upper

    def forward(self, x: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        check_channels(x, len(self.sign), "InvertibleConv1x1")
        return _mix(self.weight(), x), self._log_det(x)

    def inverse(self, z: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        check_channels(z, len(self.sign), "InvertibleConv1x1")
        return _mix(self._inverse_weight(*self._factors()), z), -self._log_det(z)

    def _inverse_weight(self, lower: Tensor, upper: Tensor) -> Tensor:
        half = torch.linalg.solve_triangular(lower, self.permutation.T, upper=False, unitriangular=True)
        return torch.linalg.solve_triangular(upper, half, upper=True)

    def pull_back(
        self, z: Tensor, of_z: Tensor, of_log_det: Tensor, context: Context, wanted: Sequence[Tensor]
    ) -> Pulled:
        lower, upper = self._factors()
        x = _mix(self._inverse_weight(lower, upper), z)
        of_weight = _outer(of_z, x)
        with full_precision(z):
            rows = self.permutation @ lower
            of_upper, of_lower, weight = (
                rows.T @ of_weight,
                self.permutation.T @ of_weight @ upper.T,
                rows @ upper,
            )
        of_log_diagonal = of_upper.diagonal() * upper.diagonal() + positions(z) * of_log_det.sum()
        found: list[tuple[Tensor, Tensor]] = [
            (self.lower, of_lower.tril(-1)),
            (self.upper, of_upper.triu(1)),
            (self.log_diagonal, of_log_diagonal),
        ]
        return Pulled(x, _mix(weight.T, of_z), found)

    def _log_det(self, x: Tensor) -> Tensor:
        return (positions(x) * self.log_diagonal.sum()).expand(len(x))

    def extra_repr(self) -> str:
        return f"channels={len(self.sign)}"


class FullConv1x1(Transform):
    """``z[:, i, j] = W x[:, i, j]`` with the matrix W itself as parameter (Glow, eq. 9; the published
    SRFlow).

    Each call needs ``log|det W|`` or an inverse, of cost C^3, and nothing keeps W invertible: prefer
    :class:`InvertibleConv1x1`. Starts as a random rotation. ``log_det = H*W*log|det W|``.

    >>> conv = FullConv1x1(3)
    >>> z, log_det = conv(torch.rand(1, 3, 2, 2))
    >>> abs(log_det.item()) < 1e-4  # a rotation
    True

    Args:
        channels: size C of dimension 1; ``x`` has shape (B, C) or (B, C, H, W).
        generator: makes the first rotation reproducible.
    """

    def __init__(self, channels: int, generator: torch.Generator | None = None):
        super().__init__()
        self.weight = nn.Parameter(_rotation(channels, generator).to(torch.get_default_dtype()))

    def forward(self, x: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        check_channels(x, len(self.weight), "FullConv1x1")
        return _mix(self.weight, x), self._log_det(x)

    def inverse(self, z: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        check_channels(z, len(self.weight), "FullConv1x1")
        return _mix(self._inverse_weight(), z), -self._log_det(z)

    def _inverse_weight(self) -> Tensor:
        return torch.linalg.inv(self.weight.double()).to(self.weight.dtype)

    def pull_back(
        self, z: Tensor, of_z: Tensor, of_log_det: Tensor, context: Context, wanted: Sequence[Tensor]
    ) -> Pulled:
        inverse = self._inverse_weight()
        x = _mix(inverse, z)
        return Pulled(
            x,
            _mix(self.weight.T, of_z),
            [(self.weight, _outer(of_z, x) + positions(z) * of_log_det.sum() * inverse.T)],
        )

    def _log_det(self, x: Tensor) -> Tensor:
        return (positions(x) * torch.linalg.slogdet(self.weight).logabsdet).expand(len(x))

    def extra_repr(self) -> str:
        return f"channels={len(self.weight)}"


def _rotation(channels: int, generator: torch.Generator | None) -> Tensor:
    """A random orthogonal matrix, float64."""
    return torch.linalg.qr(torch.randn(channels, channels, dtype=torch.float64, generator=generator))[0]


def _outer(of_z: Tensor, x: Tensor) -> Tensor:
    """The gradient of the matrix of :func:`_mix`: outer products summed over batch and positions, (C, C)."""
    with full_precision(x):
        return of_z.transpose(0, 1).flatten(1) @ x.transpose(0, 1).flatten(1).T


def _mix(weight: Tensor, x: Tensor) -> Tensor:
    with full_precision(x):
        return (weight @ x.flatten(2)).view_as(x) if x.dim() > 2 else x @ weight.T
