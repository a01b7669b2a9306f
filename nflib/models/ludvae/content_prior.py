"""A prior of the content latent, from which L2CN draws what nobody saw."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...units import randn
from .model import LUDVAE

# Crops whose spectra are added up at once.
TOGETHER = 16


class ContentPrior:
    """A Gaussian law of the content latent z that is the same at every place: of all such laws the most
    likely one for the contents of clean images.

    LUD-VAE's own prior of z is uniform on whatever the encoder can produce, from which nothing can be drawn;
    the paper names a PixelCNN for it, and trains none (section 4.7). This one has the mean and all
    covariances of z between channels, layers and places, and nothing beyond: what it draws has the spectrum
    of photos and no object, edge or flat place.

    >>> from nflib.models import LUDVAEConfig
    >>> model = LUDVAE(LUDVAEConfig(levels=1, width=6)).eval()
    >>> prior = ContentPrior(model, torch.rand(20, 3, 8, 8))
    >>> clean, degraded = prior.pairs(4, generator=torch.Generator().manual_seed(0))
    >>> clean.shape, degraded.shape
    (torch.Size([4, 3, 8, 8]), torch.Size([4, 3, 8, 8]))

    Args:
        model: whose content it is.
        clean: crops (N, 3, H, W), many more than the N layers of z have channels together.
        generator: of the pre-noise.
    """

    @torch.no_grad()
    def __init__(self, model: LUDVAE, clean: Tensor, generator: torch.Generator | None = None):
        self.model = model
        total: Any = 0
        spectrum: Any = 0
        for part in model.prenoise(clean, "clean", generator=generator).split(TOGETHER):
            latent = torch.cat(model.features(part), 1).double().cpu()
            waves = torch.fft.fft2(latent, norm="ortho").permute(2, 3, 1, 0)
            total, spectrum = total + latent.sum((0, 2, 3)), spectrum + waves @ waves.mH
        pixels = clean.shape[2] * clean.shape[3]
        mean = total / (len(clean) * pixels)
        spectrum = spectrum / len(clean)
        spectrum[0, 0] -= pixels * torch.outer(mean, mean)
        self.mean = mean.view(1, -1, 1, 1)
        powers, vectors = torch.linalg.eigh(spectrum)
        # the Hermitian root is one function of the spectrum, so that draws are real
        self.root = (vectors * powers.clamp(min=0).sqrt()[..., None, :]) @ vectors.mH

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> list[Tensor]:
        """n draws of z: of every layer (n, width, H, W), as :meth:`LUDVAE.features`. The borders of a draw
        meet.
        """
        height, width, channels = self.root.shape[:3]
        white = torch.fft.fft2(randn((n, channels, height, width), self.mean, generator), norm="ortho")
        waves = torch.einsum("hwcd,ndhw->nchw", self.root, white)
        drawn = torch.fft.ifft2(waves, norm="ortho").real + self.mean
        like = next(self.model.parameters())
        return list(drawn.to(like).split(self.model.config.width, 1))

    @torch.no_grad()
    def pairs(
        self, n: int, tau: float = 1.0, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """L2CN: n pairs of a clean and a degraded image that were never there, (n, 3, H, W) each.

        Args:
            n: how many.
            tau: strength, as for :meth:`LUDVAE.samples`.
            generator: same seed, same result.
        """
        features = self.sample(n, generator)
        clean = self.model.denoised(features)
        return clean, self.model.degraded(features, tau, self.model.white(clean, generator))
