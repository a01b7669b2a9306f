"""Transforms one after the other, and a transform run the other way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from .base import Latent, Shape, Taken, Transform, zeros
from .context import Context
from .reversible import Recomputation


class Sequential(Transform):
    """Transforms one after the other; the log-determinants add up.

    >>> from nflib.transforms import AffineCoupling, Squeeze
    >>> chain = Sequential(Squeeze(), AffineCoupling(12))
    >>> chain.latent_shape((1, 3, 8, 8)), len(chain)
    ((1, 12, 4, 4), 2)

    Args:
        transforms: applied first to last data -> latent. All but the last give a single tensor.
        reversible: in training keep what comes out of the last one alone, and recompute everything before it
            from that, see :class:`~nflib.transforms.reversible.Recomputation`: memory does not grow with the
            number of transforms.
    """

    def __init__(self, *transforms: Transform, reversible: bool = False):
        super().__init__()
        self.transforms = cast(Sequence[Transform], nn.ModuleList(transforms))
        self.recomputation = Recomputation() if reversible else None

    def forward(self, x: Tensor, context: Context = None) -> tuple[Latent, Tensor]:
        if self.recomputation is not None and self.training and torch.is_grad_enabled():
            return self.recomputation(self.stages(), x, context)
        log_det = zeros(x)
        for transform in self.transforms:
            x, term = transform(x, context)
            log_det = log_det + term
        return x, log_det

    def inverse(self, z: Taken, context: Context = None) -> tuple[Tensor, Tensor]:
        log_det = zeros(z)
        for transform in reversed(self.transforms):
            z, term = transform.inverse(z, context)
            log_det = log_det + term
        return z, log_det

    def latent_shape(self, shape: Shape) -> Shape | tuple[Shape, ...]:
        for transform in self.transforms:
            shape = cast(Shape, transform.latent_shape(shape))  # only the last may give several
        return shape

    def stages(self) -> tuple[Transform, ...]:
        return tuple(stage for transform in self.transforms for stage in transform.stages())

    def __len__(self) -> int:
        return len(self.transforms)

    def __getitem__(self, index: int) -> Transform:
        return self.transforms[index]


class Inverse(Transform):
    """The given transform, run the other way. For transforms with one latent of the same shape as the data.

    >>> from nflib.transforms import Squeeze
    >>> Inverse(Squeeze())(torch.arange(4.0).view(1, 4, 1, 1))[0].squeeze()
    tensor([[0., 1.],
            [2., 3.]])
    """

    def __init__(self, transform: Transform):
        super().__init__()
        self.transform = transform

    def forward(self, x: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        return self.transform.inverse(x, context)

    def inverse(self, z: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        return self.transform(z, context)
