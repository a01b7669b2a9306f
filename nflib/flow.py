"""Flow: a transform and a base distribution. Dequantize: from grey levels to continuous values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .bases import Domain, StandardNormal
from .transforms.base import Latent, Transform
from .transforms.context import Context
from .units import rand

__all__ = ["Dequantize", "Flow"]


# Of the width of a level so much may be lost to rounding.
COARSEST = 0.01


class Flow(nn.Module):
    """A density: ``log p(x | context) = log p_base(f(x)) + log|det df/dx|`` (change of variables).

    >>> from nflib.transforms import Affine
    >>> flow = Flow(Affine(2))
    >>> flow.log_prob(torch.zeros(1, 2)).item() == StandardNormal().log_prob(torch.zeros(1, 2)).item()
    True
    >>> flow.sample((5, 2)).shape
    torch.Size([5, 2])

    Args:
        transform: f, data -> latent.
        base: distribution of the latent, :class:`~nflib.bases.StandardNormal` by default.
    """

    def __init__(self, transform: Transform, base: nn.Module | None = None):
        super().__init__()
        self.transform = transform
        self.base: Any = StandardNormal() if base is None else base

    def log_prob(self, x: Tensor, context: Context = None, domain: Domain = "clean") -> Tensor:
        """Log-density of x (B, ...) in nats, shape (B,). ``domain``: "clean", "degraded", or one of them per
        sample.
        """
        z, log_det = self.transform(x, context)
        return self.base.log_prob(z, domain) + log_det

    def encode(self, x: Tensor, context: Context = None) -> Latent:
        """Data -> latent: a tensor, or a tuple with one tensor per level."""
        return self.transform(x, context)[0]

    def decode(self, z: Latent, context: Context = None) -> Tensor:
        """Latent -> data."""
        return self.transform.inverse(z, context)[0]

    def sample(
        self,
        shape: tuple[int, ...],
        context: Context = None,
        domain: Domain = "clean",
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw data of the given shape, the batch included: (B, D) or (B, C, H, W). No gradients.

        Args:
            temperature: multiplies the standard deviation of the latents (and, in the degraded domain, the
                shift).
        """
        shapes = self.transform.latent_shape(shape)
        # a flow without a parameter, such as one that only moves values, has the usual dtype
        parameter = next(self.parameters(), torch.zeros(()))
        like = (
            tuple(parameter.new_empty(s) for s in shapes)
            if isinstance(shapes[0], tuple)
            else parameter.new_empty(shapes)
        )
        with torch.no_grad():
            return self.decode(self.base.sample(like, temperature, generator, domain), context)


class Dequantize(nn.Module):
    """Grey levels -> continuous values: ``k/255 -> (k + U)/256`` with U uniform on [0, 1).

    A continuous density on integers can be made as large as one likes; with U added, the mean log-density
    plus ``D*log(256)`` is a lower bound of the log-probability of the integers. ``bins`` is what
    :func:`~nflib.units.bits_per_dim` wants to know.

    >>> image, dequantize = torch.tensor([0.0, 0.5, 1.0]), Dequantize()
    >>> torch.equal(dequantize.inverse(dequantize(image)), (image * 255).round() / 255)
    True

    Args:
        levels: number of grey levels, 256 for 8-bit photos.
    """

    def __init__(self, levels: int = 256):
        super().__init__()
        if levels < 2:
            raise ValueError(f"levels must be at least 2, got {levels}")
        self.levels = levels

    @property
    def bins(self) -> int:
        return self.levels

    def forward(
        self, image: Tensor, generator: torch.Generator | Sequence[torch.Generator] | None = None
    ) -> Tensor:
        """image in [0, 1], any shape -> values in [0, 1) of the same shape. A sequence of generators has one
        for each image.
        """
        noise = rand(image.shape, image, generator)
        # U closer to 0 or 1 than rounding can tell would be taken for the next level, and 255 + U for the
        # value 1
        margin = 2 * self.levels * torch.finfo(image.dtype).eps
        if margin > COARSEST:
            raise ValueError(
                f"images of {image.dtype} are too coarse to be dequantised to {self.levels} levels, "
                "expected float32 or float64"
            )
        return ((image * (self.levels - 1)).round() + noise.clamp(margin, 1 - margin)) / self.levels

    def inverse(self, y: Tensor) -> Tensor:
        """Values -> the image of grey levels in [0, 1] they came from; values outside [0, 1) go to the
        nearest level.
        """
        return (y * self.levels).floor().clamp(0, self.levels - 1) / (self.levels - 1)

    def mean(self, image: Tensor) -> Tensor:
        """image in [0, 1] -> what its values are on average: ``(255 image + 1/2) / 256``."""
        return (image * (self.levels - 1) + 0.5) / self.levels

    def to_image(self, y: Tensor) -> Tensor:
        """Values -> images in [0, 1] that are not rounded: ``(256 y - 1/2) / 255``, undoes :meth:`mean`, and
        clips.
        """
        return ((y * self.levels - 0.5) / (self.levels - 1)).clamp(0, 1)

    def extra_repr(self) -> str:
        return f"levels={self.levels}"
