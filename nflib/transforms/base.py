"""What a transform is: an invertible map from data to latent that knows its log-determinant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .context import Context, tensors
from .precision import full_precision

Latent = Tensor | tuple[Tensor, ...]
Shape = tuple[int, ...]
# A latent as a transform takes it. Subclasses say whether that is one tensor or a tuple.
Taken = Any


class Retraced(NamedTuple):
    """What :meth:`Transform.retrace` finds.

    >>> from nflib.transforms import Squeeze
    >>> retraced = Squeeze().retrace(torch.arange(4.0).view(1, 4, 1, 1))
    >>> [tuple(part.shape) for part in retraced.parts], retraced.z.requires_grad
    ([(1, 1, 2, 2)], True)

    Attributes:
        parts: the input, as leaves that ask for a gradient. Several parts follow one another in dimension 1.
        z: the output again, this time with a graph back to the parts, the context and the parameters. A
            tensor may come in parts too.
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

    >>> class Negative(Transform):
    ...     def forward(self, x, context=None):
    ...         return -x, zeros(x)
    ...     def inverse(self, z, context=None):
    ...         return -z, zeros(z)
    >>> Negative()(torch.ones(2, 3))[1]
    tensor([0., 0.])
    """

    def forward(self, x: Tensor, context: Context = None) -> tuple[Latent, Tensor]:
        raise NotImplementedError

    def inverse(self, z: Taken, context: Context = None) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def latent_shape(self, shape: Shape) -> Shape | tuple[Shape, ...]:
        """Shape of ``z`` for ``x`` of the given shape, the batch included. A tuple of shapes for several
        latents.
        """
        return tuple(shape)

    def stages(self) -> tuple[Transform, ...]:
        """The transforms that this one is made of, one after the other and with the same context; itself if
        it is one piece.
        """
        return (self,)

    def retrace(self, z: Taken, context: Context = None) -> Retraced:
        """Go from an output without graph back to the input, and from there once more to the output, with a
        graph.

        Reversible training calls this with gradients enabled. Transforms with a network override it, so that
        one evaluation of the network serves both ways.
        """
        with torch.no_grad():
            x = self.inverse(z, context)[0]
        x.requires_grad_()
        return Retraced((x,), *self(x, context))

    def pull_back(
        self, z: Taken, of_z: Taken, of_log_det: Tensor, context: Context, wanted: Sequence[Tensor]
    ) -> Pulled:
        """Go from an output and its gradients to the input and the gradients of everything: one step of
        reversible training.

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
        raise ValueError(
            f"{name} was made for {channels} channels in dimension 1, got a tensor of shape {tuple(x.shape)}"
        )


class Pulled(NamedTuple):
    """What :meth:`~nflib.transforms.Transform.pull_back` finds: the input, its gradient, and other tensors,
    each with its own.

    >>> from nflib.transforms import Squeeze
    >>> z, of_z = torch.arange(4.0).view(1, 4, 1, 1), torch.ones(1, 4, 1, 1)
    >>> Squeeze().pull_back(z, of_z, torch.zeros(1), None, []).x.flatten()
    tensor([0., 1., 2., 3.])
    """

    x: Tensor
    of_x: Tensor
    of_others: list[tuple[Tensor, Tensor]]


def gradients_of(retraced: Retraced, of_z: Taken, of_log_det: Tensor, wanted: Sequence[Tensor]) -> Pulled:
    """The gradients, by autograd, of what :meth:`~nflib.transforms.Transform.retrace` found, with respect to
    the input and to ``wanted``.
    """
    outputs, of_outputs = tensors(retraced.z), tensors(of_z)
    if len(of_outputs) < len(outputs):
        of_outputs = of_z.split([part.shape[1] for part in outputs], 1)
    pairs = zip((*outputs, retraced.log_det), (*of_outputs, of_log_det), strict=True)
    reached = [(out, of_out) for out, of_out in pairs if out.requires_grad]
    inputs = (*retraced.parts, *wanted)
    with full_precision(
        of_log_det
    ):  # autocast is for forward passes: every gradient has the precision of its tensor
        found = torch.autograd.grad(
            [out for out, _ in reached], inputs, [of_out for _, of_out in reached], allow_unused=True
        )
    count = len(retraced.parts)
    of_parts = [
        torch.zeros_like(part) if of_part is None else of_part for part, of_part in zip(retraced.parts, found)
    ]
    of_wanted = [
        (tensor, gradient) for tensor, gradient in zip(wanted, found[count:]) if gradient is not None
    ]
    return Pulled(_joined([part.detach() for part in retraced.parts]), _joined(of_parts), of_wanted)


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts, 1) if len(parts) > 1 else parts[0]
