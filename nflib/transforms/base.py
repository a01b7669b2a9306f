"""What a transform is: an invertible map from data to latent that knows its log-determinant."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .context import Context

Latent = Tensor | tuple[Tensor, ...]
Shape = tuple[int, ...]


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


class Sequential(Transform):
    """Transforms one after the other; the log-determinants add up.

    Args:
        transforms: applied first to last data -> latent. All but the last give a single tensor.
    """

    def __init__(self, *transforms: Transform):
        super().__init__()
        self.transforms = nn.ModuleList(transforms)

    def forward(self, x, context=None):
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
