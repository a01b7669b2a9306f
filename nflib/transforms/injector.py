"""AffineInjector: the context alone scales and shifts every channel."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from .base import Retraced, Transform, check_channels, sum_per_sample
from .conditioners import convnet
from .context import Context, matching_context
from .precision import as_precise_as
from .scales import BoundedScale, Scale


class Injector(Transform):
    """``z = scale * x + shift``. Subclasses have a ``scale``, and say how raw scale and shift follow from the
    context.
    """

    scale: Scale

    def _raw_and_shift(self, x: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def forward(self, x: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        z, log_scale = self.scale.apply(x, *self._raw_and_shift(x, context))
        return z, sum_per_sample(log_scale)

    def inverse(self, z: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        x, log_scale = self.scale.invert(z, *self._raw_and_shift(z, context))
        return x, -sum_per_sample(log_scale)

    def retrace(self, z: Tensor, context: Context = None) -> Retraced:
        x, z, log_scale = self.scale.retrace(z, *self._raw_and_shift(z, context))
        return Retraced((x,), z, sum_per_sample(log_scale))


class AffineInjector(Injector):
    """``z = scale(context) * x + shift(context)`` (SRFlow, eq. 4). ``log_det = sum(log scale)``; starts as
    the identity.

    >>> import torch
    >>> x, context = torch.rand(1, 3, 8, 8), torch.rand(1, 2, 8, 8)
    >>> z, log_det = AffineInjector(3, context_channels=2)(x, context)
    >>> torch.equal(z, x), log_det.tolist()  # new, and so the identity
    (True, [0.0])

    Args:
        channels: size C of dimension 1 of ``x``.
        context_channels: channels of the context, at least 1. It has the batch and positions of ``x``.
        net: factory ``(inputs, outputs) -> module``, ``mlp`` for vectors, ``convnet`` for images.
        scale: how raw outputs become scales; bounded by default.
    """

    def __init__(
        self,
        channels: int,
        context_channels: int,
        net: Callable[[int, int], nn.Module] = convnet,
        scale: Scale | None = None,
    ):
        super().__init__()
        self.channels, self.context_channels = channels, context_channels
        self.net = net(context_channels, 2 * channels)
        self.scale = BoundedScale() if scale is None else scale

    def _raw_and_shift(self, x: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        check_channels(x, self.channels, "AffineInjector")
        return as_precise_as(x, *self.net(matching_context(context, self.context_channels, x)).chunk(2, 1))

    def extra_repr(self) -> str:
        return f"channels={self.channels}, context_channels={self.context_channels}"
