"""Squeeze: trade resolution for channels."""

from __future__ import annotations

from torch import Tensor

from .base import Shape, Transform, zeros
from .context import Context


class Squeeze(Transform):
    """(B, C, H, W) -> (B, C*f*f, H/f, W/f). Channel c at offset (dy, dx) becomes channel
    ``c*f*f + f*dy + dx``.

    Moves values, changes none: ``log_det = 0``.

    >>> import torch
    >>> z, log_det = Squeeze()(torch.arange(16.0).view(1, 1, 4, 4))
    >>> z[0, :, 0, 0], z.shape
    (tensor([0., 1., 4., 5.]), torch.Size([1, 4, 2, 2]))

    Args:
        factor: f, at least 2. H and W must be multiples of it.
    """

    def __init__(self, factor: int = 2):
        super().__init__()
        if factor < 2:
            raise ValueError(f"factor must be at least 2, got {factor}")
        self.factor = factor

    def forward(self, x: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        batch, channels, height, width = self.latent_shape(x.shape)
        f = self.factor
        x = x.reshape(batch, channels // (f * f), height, f, width, f)
        return x.permute(0, 1, 3, 5, 2, 4).reshape(batch, channels, height, width), zeros(x)

    def inverse(self, z: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        f = self.factor
        batch, channels, height, width = z.shape
        if channels % (f * f):
            raise ValueError(
                f"Squeeze({f}).inverse needs a multiple of {f * f} channels, got shape {tuple(z.shape)}"
            )
        z = z.reshape(batch, channels // (f * f), f, f, height, width)
        return z.permute(0, 1, 4, 2, 5, 3).reshape(batch, channels // (f * f), height * f, width * f), zeros(
            z
        )

    def latent_shape(self, shape: Shape) -> Shape:
        f = self.factor
        if len(shape) != 4 or shape[2] % f or shape[3] % f:
            raise ValueError(
                f"Squeeze({f}) needs (B, C, H, W) with H and W multiples of {f}, got shape {tuple(shape)}"
            )
        batch, channels, height, width = shape
        return batch, channels * f * f, height // f, width // f

    def extra_repr(self) -> str:
        return f"factor={self.factor}"
