"""What every image model says about itself, so that whoever uses models need not know which there are."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ..images.jpeg import parse_stage
from ..noise.local import limited

Purpose = Literal["degrade", "restore", "super-resolve", "enhance", "generate"]
"""The type of a purpose: one of :data:`PURPOSES`."""
PURPOSES: tuple[Purpose, ...] = ("degrade", "restore", "super-resolve", "enhance", "generate")
"""What models can be for; :class:`ImageModel` says what each purpose asks of a model."""


class ImageModel(nn.Module):
    """Base class of the models of :mod:`nflib.models`.

    To add one: make a frozen dataclass for its configuration, with a property ``multiple``, inherit from this
    class, set ``purpose`` and write ``example_loss`` and ``example_result``. What the purpose asks for:

    - "degrade": ``samples(clean, tau, n, generator=, tile=, overlap=) -> (n, B, 3, H, W)`` in [0, 1];
      strength 0 returns the input. ``config.last_stage`` is the text of the JPEG stage that degraded images
      go through last (:func:`nflib.images.parse_stage`), or empty; samples are :meth:`finished`.
    - "restore" and "enhance": ``model(degraded) -> (B, 3, scale * H, scale * W)``, one answer.
    - "super-resolve":
      ``super_resolve(lr, tau, n, generator, tile=, overlap=) -> (n, B, 3, scale * H, scale * W)``, and
      ``super_resolve_strips`` with the same arguments, which gives the same strip by strip.
    - "generate": ``sample(n, ...)``.

    How it is trained is a row of :data:`nflib.training.TRAININGS`.

    >>> from nflib.models import DnCNN, DnCNNConfig
    >>> model = DnCNN(DnCNNConfig.small())
    >>> isinstance(model, ImageModel), model.purpose
    (True, 'restore')

    Attributes:
        purpose: what the model is for.
        config: a frozen dataclass that rebuilds the model.
        notes: what whoever made its file wrote down (:func:`nflib.load`).
        repeated: classes of the blocks that it repeats, which are compiled one by one.
        largest_overlap: of neighbouring tiles, beyond which hardly anything is seen of a tile's border, in
            pixels of the input.
    """

    purpose: ClassVar[Purpose]
    repeated: ClassVar[tuple[type[nn.Module], ...]] = ()
    largest_overlap: ClassVar[int] = 128
    config: Any
    notes: dict[str, Any]

    @property
    def multiple(self) -> int:
        """Sides of the images that the networks take are multiples of this; others are padded and cropped
        back.
        """
        return self.config.multiple

    @property
    def scale(self) -> int:
        """By how much results are larger than what the model is given."""
        return 1

    def example_loss(self, image: Tensor) -> Tensor:
        """A loss like that of its training, a scalar, on results (B, 3, H, W) in [0, 1]: to count and time
        what a step takes.
        """
        raise NotImplementedError

    def example_result(self, image: Tensor) -> Tensor:
        """Results of the shape (B, 3, H, W) of ``image``, made as its users make them."""
        raise NotImplementedError

    def limited(self, degraded: Tensor, clean: Tensor, tau: float) -> Tensor:
        """Degraded images (n, B, 3, H, W) of clean ones (B, 3, H, W), changed in place: without noise that is
        stronger than any that was seen in training. ``config.most_noise`` says what that is, for each
        channel, at strength 1.

        Content unlike that of the training photos can make a learned noise explode.
        """
        if not self.config.most_noise or tau == 0:
            return degraded
        most = tuple(tau * most for most in self.config.most_noise)
        for one in degraded:
            one.copy_(limited(one - clean, most).add_(clean))
        return degraded

    def finished(self, degraded: Tensor) -> Tensor:
        """Degraded images (..., 3, H, W) after the last stage that the configuration knows of, such as JPEG;
        without one as they are. Every model that degrades ends its samples with this.

        Raises:
            ValueError: they are not finite, which too large a strength leads to.
        """
        check_finite(degraded)
        stage = parse_stage(self.config.last_stage)
        return degraded if stage is None else stage(degraded.flatten(0, -4)).view(degraded.shape)

    def smaller(self, image: Tensor) -> Tensor:
        """What the model might be given for such results, (B, 3, H/scale, W/scale): as good as any where only
        time and cost count.
        """
        return image[:, :, :: self.scale, :: self.scale]


def check_samples(n: int, tau: float) -> None:
    """Raise ValueError unless there can be so many results of this strength or temperature."""
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    if not 0 <= tau < math.inf:
        raise ValueError(f"tau must not be negative nor infinite, got {tau}")


def check_finite(results: Tensor) -> None:
    """Raise ValueError if results of a model are not finite."""
    if not torch.isfinite(results).all():
        raise ValueError(
            "what the model made is not finite: its strength or temperature is too high, or its weights are "
            "damaged"
        )
