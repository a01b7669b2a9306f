"""Split: give off half of the channels as a finished latent."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .base import Retraced, Shape, Transform, check_channels, sum_per_sample
from .conditioners import convnet
from .context import Context, with_context
from .precision import as_precise_as
from .scales import BoundedScale, Scale


class Split(Transform):
    """``x -> (x_a, z)`` with ``z = scale(x_a, context) * x_b + shift(x_a, context)`` (RealNVP and Glow's
    multi-scale design).

    A bijection: the part given off is normalised given the part that stays, so under the model every latent
    is standard normal, whatever level it left at. ``log_det = sum(log scale)``.

    >>> (kept, latent), log_det = Split(4, keep=1)(torch.rand(2, 4, 8, 8))
    >>> kept.shape, latent.shape
    (torch.Size([2, 1, 8, 8]), torch.Size([2, 3, 8, 8]))

    Args:
        channels: size C of dimension 1. The first ``keep`` channels stay, the others are given off.
        keep: how many channels stay, C - C//2 by default.
        context_channels, net, scale: as in :class:`AffineCoupling`.
    """

    def __init__(
        self,
        channels: int,
        keep: int | None = None,
        context_channels: int = 0,
        net: Callable[[int, int], nn.Module] = convnet,
        scale: Scale | None = None,
    ):
        super().__init__()
        self.keep = channels - channels // 2 if keep is None else keep
        if not 0 < self.keep < channels:
            raise ValueError(f"keep must be between 1 and {channels - 1}, got {self.keep}")
        self.channels, self.context_channels = channels, context_channels
        self.net = net(self.keep + context_channels, 2 * (channels - self.keep))
        self.scale = BoundedScale() if scale is None else scale

    def forward(self, x: Tensor, context: Context = None) -> tuple[tuple[Tensor, Tensor], Tensor]:
        check_channels(x, self.channels, "Split")
        stays, leaves = x[:, : self.keep], x[:, self.keep :]
        latent, log_scale = self.scale.apply(leaves, *self._raw_and_shift(stays, context))
        return (stays, latent), sum_per_sample(log_scale)

    def inverse(self, z: tuple[Tensor, Tensor], context: Context = None) -> tuple[Tensor, Tensor]:
        stays, latent = z
        leaves, log_scale = self.scale.invert(latent, *self._raw_and_shift(stays, context))
        return torch.cat((stays, leaves), 1), -sum_per_sample(log_scale)

    def retrace(self, z: tuple[Tensor, Tensor], context: Context = None) -> Retraced:
        stays, latent = z
        stays = stays.detach().requires_grad_()
        leaves, latent, log_scale = self.scale.retrace(latent, *self._raw_and_shift(stays, context))
        return Retraced((stays, leaves), (stays, latent), sum_per_sample(log_scale))

    def _raw_and_shift(self, stays: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        return as_precise_as(
            stays, *self.net(with_context(stays, context, self.context_channels)).chunk(2, 1)
        )

    def latent_shape(self, shape: Shape) -> tuple[Shape, Shape]:
        batch, _, *rest = shape
        return (batch, self.keep, *rest), (batch, self.channels - self.keep, *rest)

    def extra_repr(self) -> str:
        return f"channels={self.channels}, keep={self.keep}, context_channels={self.context_channels}"
