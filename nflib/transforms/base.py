"""What a transform is: an invertible map from data to latent that knows its log-determinant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .context import Context
from .reversible import Pulled, Recomputation, gradients_of

Latent = Tensor | tuple[Tensor, ...]
Shape = tuple[int, ...]


class Retraced(NamedTuple):
    """What :meth:`Transform.retrace` finds.

    Attributes:
        parts: the input, as leaves that ask for a gradient. Several parts follow one another in dimension 1.
        z: the output again, this time with a graph back to the parts, the context and the parameters. A tensor may come in parts too.
        log_det: with the same graph, shape (B,).
    """

    parts: tuple[Tensor, ...]
    z: Latent
    log_det: Tensor


class Transform(nn.Module):
    """An invertible map, called data -> latent.

    ``t(x, context)`` returns ``(z, log_det)`` and ``t.inverse(z, context)`` returns ``(x, log_det)``.
    ``log_det`` has shape (B,), is in nats and belongs to the direction that was called:
    ``log|det dz/dx|`` for ``t(x)``, ``log|det dx/dz|`` for ``t.inverse(z)``.

    ``x`` is a batch of vectors (B, D) or of images (B, C, H, W). The channels are always dimension 1.
    """

    def forward(self, x: Tensor, context: Context = None) -> tuple[Latent, Tensor]:
        raise NotImplementedError

    def inverse(self, z: Latent, context: Context = None) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def latent_shape(self, shape: Shape) -> Shape | tuple[Shape, ...]:
        """Shape of ``z`` for ``x`` of the given shape, the batch included. A tuple of shapes for several latents."""
        return tuple(shape)

    def stages(self) -> tuple[Transform, ...]:
        """The transforms that this one is made of, one after the other and with the same context; itself if it is one piece."""
        return (self,)

    def retrace(self, z: Latent, context: Context = None) -> Retraced:
        """From an output without graph back to the input, and from there once more to the output, with a graph.

        Reversible training calls this with gradients enabled. Transforms with a network override it, so that one evaluation of the
        network serves both ways.
        """
        with torch.no_grad():
            x = self.inverse(z, context)[0]
        x.requires_grad_()
        return Retraced((x,), *self(x, context))

    def pull_back(self, z: Latent, of_z: Latent, of_log_det: Tensor, context: Context, wanted: Sequence[Tensor]) -> Pulled:
        """From an output and its gradients to the input and the gradients of everything: one step of reversible training.

        By :meth:`retrace` and autograd. Transforms whose gradients are short formulas override it with these.

        Args:
            z, of_z: the output, and the gradient of the loss with respect to it; without graph.
            of_log_det: the gradient of the loss with respect to log_det, shape (B,).
            context: as for the transform; what needs a gradient is a leaf.
            wanted: tensors of the context and parameters that need one.
        """
        with torch.enable_grad():
            retraced = self.retrace(z, context)
        return gradients_of(retraced, of_z, of_log_det, wanted)


class Sequential(Transform):
    """Transforms one after the other; the log-determinants add up.

    Args:
        transforms: applied first to last data -> latent. All but the last give a single tensor.
        reversible: in training keep what comes out of the last one alone, and recompute everything before it from that, see
            :class:`~nflib.transforms.reversible.Recomputation`: memory does not grow with the number of transforms.
    """

    def __init__(self, *transforms: Transform, reversible: bool = False):
        super().__init__()
        self.transforms = nn.ModuleList(transforms)
        self.recomputation = Recomputation() if reversible else None

    def forward(self, x, context=None):
        if self.recomputation is not None and self.training and torch.is_grad_enabled():
            return self.recomputation(self.stages(), x, context)
        log_det = zeros(x)
        for transform in self.transforms:
            x, term = transform(x, context)
            log_det = log_det + term
        return x, log_det

    def inverse(self, z, context=None):
        log_det = zeros(z)
        for transform in reversed(self.transforms):
            z, term = transform.inverse(z, context)
            log_det = log_det + term
        return z, log_det

    def latent_shape(self, shape):
        for transform in self.transforms:
            shape = transform.latent_shape(shape)
        return shape

    def stages(self):
        return tuple(stage for transform in self.transforms for stage in transform.stages())

    def __len__(self) -> int:
        return len(self.transforms)

    def __getitem__(self, index: int) -> Transform:
        return self.transforms[index]


class Inverse(Transform):
    """The given transform, run the other way. For transforms with one latent of the same shape as the data."""

    def __init__(self, transform: Transform):
        super().__init__()
        self.transform = transform

    def forward(self, x, context=None):
        return self.transform.inverse(x, context)

    def inverse(self, z, context=None):
        return self.transform(z, context)


def zeros(x: Latent) -> Tensor:
    """A zero log-determinant, shape (B,), for a batch (or a tuple of latents of one batch)."""
    first = x[0] if isinstance(x, Sequence) else x
    while not isinstance(first, Tensor):
        first = first[0]
    return first.new_zeros(first.shape[0])


def sum_per_sample(x: Tensor) -> Tensor:
    """Sum over everything but the batch: (B, ...) -> (B,)."""
    return x.flatten(1).sum(1)


def sum_per_channel(x: Tensor) -> Tensor:
    """Sum over everything but dimension 1: (B, C, ...) -> (C,)."""
    return x.sum([d for d in range(x.dim()) if d != 1])


def positions(x: Tensor) -> int:
    """How many positions share the channels: 1 for (B, C), H*W for (B, C, H, W)."""
    return x[0, 0].numel()


def per_channel(parameter: Tensor, x: Tensor) -> Tensor:
    """View a (C,) tensor so that it broadcasts over (B, C, ...)."""
    return parameter.view(1, -1, *[1] * (x.dim() - 2))


def check_channels(x: Tensor, channels: int, name: str) -> None:
    """One clear error when dimension 1 is not what the transform was made for."""
    if x.dim() < 2 or x.shape[1] != channels:
        raise ValueError(f"{name} was made for {channels} channels in dimension 1, got a tensor of shape {tuple(x.shape)}")
