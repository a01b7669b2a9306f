"""Degradations that a model learned from unpaired images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from ..models import ImageModel
from ..noise import SeenContent
from .degrader import Degrader, as_8_bits


class Learned(Degrader):
    """What a trained model does to clean images. Images of any size and device; the result is where the image
    was.

    The strength is the paper's tau: it scales mean and deviation of DeFlow's latent shift (eq. 30), and all
    of LUD-VAE's latent.

    >>> import torch
    >>> from nflib.models import LUDVAE, LUDVAEConfig
    >>> degrade = Learned(LUDVAE(LUDVAEConfig(levels=1, width=6)).eval())
    >>> degrade(torch.rand(3, 8, 8), strength=0.5).shape
    torch.Size([3, 8, 8])

    Args:
        model: one whose purpose is to degrade, such as a :class:`~nflib.models.DeFlow` or a
            :class:`~nflib.models.LUDVAE`.
        tile: larger images are computed in tiles of this side, in pixels.

    Raises:
        ValueError: the model is of another kind, or the tile is no multiple of what the model needs.
    """

    def __init__(self, model: nn.Module, tile: int = 512):
        if not isinstance(model, ImageModel) or model.purpose != "degrade":
            raise ValueError(f"model is a {type(model).__name__}, expected one that degrades")
        if tile < 1 or tile % model.multiple:
            raise ValueError(f"tile must be a multiple of {model.multiple}, got {tile}")
        self.model: Any = model  # which has the samples that its purpose promises
        self.tile = tile

    @property
    def seen(self) -> SeenContent | None:
        return SeenContent.noted(getattr(self.model, "notes", {}))

    def each(self, clean: Tensor, strength: float, generators: Any) -> Tensor:
        return self(clean, strength, generators)  # all together is faster

    def _degrade(self, clean: Tensor, strength: float, n: int, generator: Any) -> Iterator[Tensor]:
        images = clean.to(next(self.model.parameters()))
        results = self.model.samples(images, strength, n, generator=generator, tile=self.tile)
        return (as_8_bits(result).to(clean) for result in results)
