"""Degradations that a model learned from unpaired images."""

from __future__ import annotations

from torch import nn

from ..data.degrader import Degrader, as_8_bits
from ..models import LUDVAE, DeFlow
from ..models.ludvae_tiled import degrade_tiled_ludvae
from ..models.tiled import degrade_tiled, usual_overlap

# How a model of each class degrades: (model, clean, strength, n, generator, tile, overlap) -> (n, B, 3, H, W).
SAMPLERS = {DeFlow: degrade_tiled, LUDVAE: degrade_tiled_ludvae}


class Learned(Degrader):
    """What a trained model does to clean images. Images of any size and device; the result is where the image was.

    The strength is the paper's tau: it scales mean and deviation of DeFlow's latent shift (eq. 30), and all of LUD-VAE's latent.

    Args:
        model: a :class:`~nflib.models.DeFlow` or a :class:`~nflib.models.LUDVAE`.
        tile: larger images are computed in tiles of this side, in pixels.

    Raises:
        ValueError: the model is of another kind, or the tile is no multiple of 2^levels.
    """

    def __init__(self, model: nn.Module, tile: int = 512):
        if type(model) not in SAMPLERS:
            raise ValueError(f"model is a {type(model).__name__}, expected one that degrades: {', '.join(c.__name__ for c in SAMPLERS)}")
        self.model, self.tile = model, tile
        self.overlap = usual_overlap(tile, 128, 2**model.config.levels)

    def each(self, clean, strength, generators):
        return self(clean, strength, generators)  # all together is faster

    def _degrade(self, clean, strength, n, generator):
        images = clean.to(next(self.model.parameters()))
        results = SAMPLERS[type(self.model)](self.model, images, strength, n, generator, self.tile, self.overlap)
        return (as_8_bits(result).to(clean) for result in results)
