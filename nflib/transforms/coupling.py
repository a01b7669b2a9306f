"""AffineCoupling: half of the channels decides how the other half is scaled and shifted."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .base import Retraced, Transform, check_channels, sum_per_sample
from .conditioners import convnet
from .context import Context, with_context
from .precision import as_precise_as
from .scales import BoundedScale, Scale


class Coupling(Transform):
    """``z_a = x_a``, ``z_b = scale * x_b + shift``. Subclasses have ``channels`` and a ``scale``, and say how
    raw scale and shift follow from ``x_a`` and the context.
    """

    channels: int
    swap = False
    scale: Scale

    def _raw_and_shift(self, decides: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        check_channels(x, self.channels, type(self).__name__)
        first, last = x[:, : self.channels // 2], x[:, self.channels // 2 :]
        return (last, first) if self.swap else (first, last)

    def _join(self, decides: Tensor, changed: Tensor) -> Tensor:
        return torch.cat(self._order(decides, changed), 1)

    def _order(self, decides: Tensor, changed: Tensor) -> tuple[Tensor, Tensor]:
        return (changed, decides) if self.swap else (decides, changed)

    def forward(self, x: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        decides, changed = self._parts(x)
        changed, log_scale = self.scale.apply(changed, *self._raw_and_shift(decides, context))
        return self._join(decides, changed), sum_per_sample(log_scale)

    def inverse(self, z: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        decides, changed = self._parts(z)
        changed, log_scale = self.scale.invert(changed, *self._raw_and_shift(decides, context))
        return self._join(decides, changed), -sum_per_sample(log_scale)

    def retrace(self, z: Tensor, context: Context = None) -> Retraced:
        decides, changed = self._parts(z)
        decides = decides.detach().requires_grad_()
        before, changed, log_scale = self.scale.retrace(changed, *self._raw_and_shift(decides, context))
        return Retraced(
            self._order(decides, before), self._order(decides, changed), sum_per_sample(log_scale)
        )


class AffineCoupling(Coupling):
    """``z_a = x_a``, ``z_b = scale(x_a, context) * x_b + shift(x_a, context)`` (RealNVP; with context SRFlow,
    eq. 3).

    Invertible whatever the network is, because ``x_a`` passes unchanged. ``log_det = sum(log scale)``. Starts
    as the identity with the default scale and networks.

    >>> coupling, x = AffineCoupling(4), torch.rand(1, 4, 8, 8)
    >>> z, log_det = coupling(x)
    >>> torch.equal(z, x), log_det.tolist()  # new, and so the identity
    (True, [0.0])

    Args:
        channels: size C of dimension 1, at least 2. The first C//2 channels are ``x_a``.
        context_channels: channels of the context, 0 for none. It has the batch and positions of ``x`` (a
            tensor, or a pyramid of tensors from which the one with the right size is taken).
        net: factory ``(inputs, outputs) -> module`` of the network, ``mlp`` for vectors, ``convnet`` for
            images.
        swap: let the last C - C//2 channels decide over the first C//2 instead.
        scale: how raw outputs become scales; bounded by default.
    """

    def __init__(
        self,
        channels: int,
        context_channels: int = 0,
        net: Callable[[int, int], nn.Module] = convnet,
        swap: bool = False,
        scale: Scale | None = None,
    ):
        super().__init__()
        if channels < 2:
            raise ValueError(f"AffineCoupling needs at least 2 channels to couple, got {channels}")
        self.channels, self.context_channels, self.swap = channels, context_channels, swap
        sizes = (channels // 2, channels - channels // 2)
        decides, changed = reversed(sizes) if swap else sizes
        self.net = net(decides + context_channels, 2 * changed)
        self.scale = BoundedScale() if scale is None else scale

    def _raw_and_shift(self, decides: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        return as_precise_as(
            decides, *self.net(with_context(decides, context, self.context_channels)).chunk(2, 1)
        )

    def extra_repr(self) -> str:
        return f"channels={self.channels}, context_channels={self.context_channels}, swap={self.swap}"
