"""LUD-VAE: a degradation learned from unpaired images by a variational autoencoder (Zheng et al., TPAMI
2022).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...images.tiling import Window, joined, overlap_of
from ...noise.spectrum import SIDE
from ...transforms.precision import full_precision, raised
from ...units import rand, randn
from ..model import check_samples
from ..recoloured import RecolouredModel
from .config import LUDVAEConfig
from .levels import ConvBlock, Level, Shape, Source
from .white import WhiteNoise


class Terms(NamedTuple):
    """The two terms of the loss: mean squared error over all images, and KL in nats per value of a degraded
    image.
    """

    reconstruction: Tensor
    kl: Tensor


class LUDVAE(RecolouredModel):
    """``p(clean | z)`` and ``p(degraded | z, z_n)`` with a content latent z and a degradation latent z_n (eq.
    2).

    The content latent is a deterministic function of the image with pre-noise, the feature maps a_1..a_N of
    one encoder. The degradation latent has N layers of ``width`` channels per pixel; another encoder sees the
    degraded image as it is. A clean image has no z_n: its decoder adds nothing where the degraded one's adds
    z_n. Images are (B, 3, H, W) in [0, 1], of any size.

    Three ways to a pair (figure 4 of the paper). :meth:`degrade` is C2N: a real clean image and what the
    model makes of it, with z_n from the prior. :meth:`denoise` is N2C: a real degraded image and its content
    decoded without z_n; the clean side is then a conditional mean, smoother than photos are, and whoever
    learns from such pairs learns this model's denoiser again. L2CN draws z from its prior; here that is the
    uniform law on whatever the encoder can produce, from which nothing can be drawn. With another one, fitted
    afterwards, :class:`~nflib.models.ContentPrior` does it.

    >>> model, clean = LUDVAE(LUDVAEConfig(levels=1, width=6)).eval(), torch.rand(1, 3, 8, 8)
    >>> model.samples(clean, tau=0.5, n=3).shape
    torch.Size([3, 1, 3, 8, 8])
    >>> torch.equal(model.degrade(clean, tau=0), clean)
    True
    """

    purpose = "degrade"
    repeated = (ConvBlock,)

    def __init__(self, config: LUDVAEConfig = LUDVAEConfig()):
        super().__init__()
        self.config = config
        width, count = config.width, config.levels
        self.content_in, self.degradation_in = nn.Conv2d(3, width, 1), nn.Conv2d(3, width, 1)
        self.content = cast(Sequence[ConvBlock], nn.ModuleList(ConvBlock(width) for _ in range(count)))
        self.degradation = cast(Sequence[ConvBlock], nn.ModuleList(ConvBlock(width) for _ in range(count)))
        shaped = [config.shaped and i == count - 1 for i in range(count)]
        self.levels = cast(
            Sequence[Level],
            nn.ModuleList(Level(width, i, count, config.priors, shaped[i]) for i in range(count)),
        )
        self.out = nn.Conv2d(width, 3, 1)
        self._prepare_colours()

    def shape_noise(self, taps: Tensor) -> None:
        """Tell a model with ``shaped=True`` the spectrum of the degradation: the filter (3, 3, 15, 15) of
        :func:`~nflib.noise.noise_filter`. Pre-noise and the finest layer of z_n then have it; before, they
        are white.

        For noise that does not depend on the content, clean images with pre-noise and degraded ones with
        theirs have one law then (the inference invariant condition, eq. 8), whatever ``sigma_degraded`` is.
        """
        if not self.config.shaped or tuple(taps.shape) != (3, 3, SIDE, SIDE):
            raise ValueError(
                f"needs shaped=True and taps (3, 3, {SIDE}, {SIDE}), got shaped={self.config.shaped} "
                f"and {tuple(taps.shape)}"
            )
        self._shape.set(taps)

    @property
    def _shape(self) -> Shape:
        shape = self.levels[-1].shape
        assert shape is not None
        return shape

    def loss(
        self,
        clean: Tensor,
        degraded: Tensor,
        kl_weight: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """``reconstruction + kl_weight * kl`` of :meth:`terms`, a scalar, in squared units of the image
        range.

        For as many clean as degraded images it is, up to a constant, ``2 kl_weight`` times the mean over all
        images of :meth:`negative_elbo` per value, with a decoder of variance ``kl_weight``: noise weaker than
        that is not worth encoding.

        Args:
            kl_weight: ``config.kl_weight`` by default; smaller at the beginning of a training, as published.
        """
        terms = self.terms(clean, degraded, generator)
        return terms.reconstruction + (self.config.kl_weight if kl_weight is None else kl_weight) * terms.kl

    def terms(
        self,
        clean: Tensor,
        degraded: Tensor,
        generator: Source = None,
        prenoised: tuple[Tensor, Tensor] | None = None,
    ) -> Terms:
        """The terms of the published loss for unpaired images of one size; one of the two batches may be
        empty.

        Args:
            generator: one for all, or one for each image, the clean ones first.
            prenoised: what the content encoder sees of the two batches, by default :meth:`prenoise` of them.
        """
        of_clean = of_degraded = generator
        if isinstance(generator, Sequence):
            of_clean, of_degraded = generator[: len(clean)], generator[len(clean) :]
        for name, images in (("clean", clean), ("degraded", degraded)):
            _check(name, images)
        if prenoised is None:
            prenoised = (
                self.prenoise(clean, "clean", generator=of_clean),
                self.prenoise(degraded, "degraded", generator=of_degraded),
            )
        output, kl = self._reconstruct(torch.cat(prenoised), degraded, of_degraded)
        error = F.mse_loss(output, torch.cat((clean, degraded)))
        return Terms(error, kl.sum() / max(degraded.numel(), 1))

    @torch.no_grad()
    def negative_elbo(
        self,
        images: Tensor,
        domain: str,
        generator: torch.Generator | None = None,
        prenoised: Tensor | None = None,
    ) -> Tensor:
        """One draw of ``-ELBO_x`` or ``-ELBO_y`` (eq. 10 and 11) in nats, shape (B,), without the constant KL
        of the content.

        Args:
            domain: "clean" or "degraded".
            prenoised: what the content encoder sees, by default :meth:`prenoise` of the images.
        """
        _check("images", images)
        if prenoised is None:
            prenoised = self.prenoise(images, domain, generator=generator)
        output, kl = self._reconstruct(prenoised, images if domain == "degraded" else images[:0], generator)
        variance = self.config.kl_weight
        density = ((output - images).square() / variance + math.log(2 * math.pi * variance)).flatten(1).sum(
            1
        ) / 2
        return density + kl if domain == "degraded" else density

    def prenoise(
        self,
        images: Tensor,
        domain: str,
        sigma: float | Tensor | None = None,
        generator: Source = None,
    ) -> Tensor:
        """h of images (eq. 20): the images with noise on top, not clipped.

        Args:
            domain: "clean" or "degraded".
            sigma: one for all, or (B, 1, 1, 1), one for each; the domain's ``sigma_clean`` or
                ``sigma_degraded`` by default.
        """
        if domain not in ("clean", "degraded"):
            raise ValueError(f'domain must be "clean" or "degraded", got {domain!r}')
        if sigma is None:
            sigma = self.config.sigma_clean if domain == "clean" else self.config.sigma_degraded
        if not torch.as_tensor(sigma >= 0).all():
            raise ValueError(f"sigma must not be negative, got {sigma}")
        if not self.config.shaped:
            return images + sigma * randn(images.shape, images, generator)
        # a margin of white noise: at the border it is like everywhere
        white = randn(
            (len(images), 3, images.shape[2] + SIDE - 1, images.shape[3] + SIDE - 1), images, generator
        )
        with full_precision(images):
            return images + sigma * F.conv2d(white, self._shape.colour.to(images))

    def degrade(
        self,
        clean: Tensor,
        tau: float = 1.0,
        generator: torch.Generator | None = None,
        prenoised: Tensor | None = None,
        sigma: float | None = None,
        *,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Tensor:
        """C2N: degrade clean images. (B, 3, H, W) in [0, 1].

        Arguments as for :meth:`samples`, of which this is the first.
        """
        return self.samples(
            clean, tau, prenoised=prenoised, sigma=sigma, generator=generator, tile=tile, overlap=overlap
        )[0]

    @torch.no_grad()
    def samples(
        self,
        clean: Tensor,
        tau: float = 1.0,
        n: int = 1,
        *,
        prenoised: Tensor | None = None,
        sigma: float | None = None,
        generator: torch.Generator | None = None,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Tensor:
        """C2N: n degraded versions of each clean image, (n, B, 3, H, W) in [0, 1]. They share the pre-noise.

        The random numbers of a place do not depend on the tiles (``WhiteNoise``). So neighbouring tiles
        agree, up to what a network misses beyond the border of its tile.

        Args:
            clean: (B, 3, H, W) in [0, 1].
            tau: strength; multiplies the degradation latent, mean and noise, as published. 0 returns the
                input exactly, unless ``prenoised`` is given: then the reconstruction without degradation.
            n: how many.
            prenoised: what the content encoder sees, by default :meth:`prenoise` of the images.
            sigma: of the pre-noise, a number; by default it is drawn from ``sigma_drawn`` for each image, or
                ``sigma_clean``.
            generator: same seed, same result.
            tile: side of the tiles in which larger images are computed, in pixels; by default there is one.
            overlap: of neighbouring tiles. Exact if a quarter of it is what the networks see around a pixel:
                8 for each level, and 7 more for shaped noise.

        Raises:
            ValueError: an argument out of range.
        """
        _check("clean", clean)
        overlap = overlap_of(tile, overlap, most=self.largest_overlap)
        check_samples(n, tau)
        if prenoised is None:
            if tau == 0:
                return clean.expand(n, *clean.shape).clone()
            prenoised = self.prenoise(clean, "clean", self._drawn(sigma, clean, generator), generator)
        shape = (len(clean), self.config.width, *clean.shape[2:])
        draws = [WhiteNoise(shape, len(self.levels), clean, generator) for _ in range(n)]

        def degraded(window: Window) -> Iterator[Tensor]:
            features = self.features(window(prenoised))
            for white in draws:
                yield self.translate(window(clean), features, tau, white.cut(window))

        results = joined(degraded, clean.new_zeros(n, *clean.shape), tile=tile, overlap=overlap)
        return self.finished(self.to_image(self.limited(results, clean, tau), "degraded"))

    def _drawn(
        self,
        sigma: float | None,
        clean: Tensor,
        generator: torch.Generator | Sequence[torch.Generator] | None,
    ) -> float | Tensor | None:
        """The deviation of C2N's pre-noise: as asked for, or one for each image, (B, 1, 1, 1)."""
        if sigma is not None or not self.config.sigma_drawn:
            return sigma
        low, high = self.config.sigma_drawn
        return low + (high - low) * rand((len(clean), 1, 1, 1), clean, generator)

    def white(self, images: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, ...]:
        """White noise for one draw of z_n, the top layer's first."""
        shape = (len(images), self.config.width, *images.shape[2:])
        return tuple(randn(shape, images, generator) for _ in self.levels)

    def translate(self, clean: Tensor, features: list[Tensor], tau: float, white: Sequence[Tensor]) -> Tensor:
        """The deterministic part of :meth:`degrade`, not clipped: from :meth:`features` of the image with
        pre-noise and :meth:`white`.
        """
        output = self._noisy(features, tau, white)
        return clean + output - self._decode(features) if self.config.difference else output

    def features(self, prenoised: Tensor) -> list[Tensor]:
        """The content latent a_1..a_N of images with pre-noise, (B, width, H, W) each."""
        return _chain(self.content_in, self.content, prenoised)

    @torch.no_grad()
    def denoise(
        self,
        degraded: Tensor,
        generator: Source = None,
        prenoised: Tensor | None = None,
        sigma: float | None = None,
    ) -> Tensor:
        """N2C: the clean image that the content of a degraded one decodes to. In [0, 1].

        Args:
            generator, prenoised: as in :meth:`degrade`.
            sigma: of the pre-noise, ``sigma_degraded`` by default. The published N2C images of AIM and NTIRE
                were made with 0.
        """
        _check("degraded", degraded)
        if prenoised is None:
            prenoised = self.prenoise(self.match(degraded), "degraded", sigma, generator)
        return self.denoised(self.features(prenoised))

    def denoised(self, features: list[Tensor]) -> Tensor:
        """The clean images that :meth:`features` stand for, in [0, 1]."""
        return self._decode(features).clamp(0, 1)

    def degraded(self, features: list[Tensor], tau: float, white: Sequence[Tensor]) -> Tensor:
        """The degraded images that :meth:`features` and :meth:`white` stand for, in [0, 1]."""
        return self.finished(self.to_image(self._noisy(features, tau, white), "degraded"))

    def _noisy(self, features: list[Tensor], tau: float, white: Sequence[Tensor]) -> Tensor:
        """What features decode to with z_n from the prior, not clipped."""
        draws = iter(white)
        return self._decode(features, lambda level, state: tau * level.draw(state, next(draws)))

    def example_loss(self, image: Tensor) -> Tensor:
        """Half of the images are degraded, the larger half."""
        half = (len(image) + 1) // 2
        return self.loss(image[half:], image[:half])

    def example_result(self, image: Tensor) -> Tensor:
        return self.degrade(image)

    def _reconstruct(self, content: Tensor, degraded: Tensor, generator: Source) -> tuple[Tensor, Tensor]:
        """Reconstructions of all images and the KL of each degraded one, which come last. Clean ones have no
        part in z_n.
        """
        kl = content.new_zeros(len(degraded))
        if not len(degraded):
            return self._decode(self.features(content)), kl
        evidence = _chain(self.degradation_in, self.degradation, degraded)

        def posterior(level: Level, state: Tensor) -> Tensor:
            nonlocal kl
            z, divergence = level.infer(state[-len(degraded) :], evidence.pop(), generator)
            kl = kl + divergence.flatten(1).sum(1)
            return z

        return self._decode(self.features(content), posterior), kl

    def _decode(
        self, features: list[Tensor], latent: Callable[[Level, Tensor], Tensor] | None = None
    ) -> Tensor:
        """Images of content features; ``latent`` draws one layer of z_n for all images or for the last ones,
        given the state that the layer's laws depend on. Without it z_n is nothing, and whatever concerns it
        is left out.
        """
        state, upper = features[-1], features[-1]
        for level, content in zip(self.levels, reversed(features)):
            if level.join is not None:
                state = level.join(state, content)
            z = None if latent is None else latent(level, state if self.config.priors == "content" else upper)
            if z is not None and level.chain is not None:
                upper = level.chain(z if level.carry is None else level.carry(upper, z))
            if z is not None and level.shape is not None:
                z = level.shape.coloured(z)
            state = level.decoder(level.merge(state, z))
        # images: bfloat16 has no 256 grey levels
        with full_precision(state):
            return self.out(raised(state))


def _chain(first: nn.Module, blocks: Sequence[nn.Module], images: Tensor) -> list[Tensor]:
    """Outputs of the blocks of an encoder, the first block's first."""
    outputs = [first(images)]
    for block in blocks:
        outputs.append(block(outputs[-1]))
    return outputs[1:]


def _check(name: str, images: Tensor) -> None:
    if (
        not isinstance(images, Tensor)
        or images.dim() != 4
        or images.shape[1] != 3
        or not images.is_floating_point()
    ):
        found = (
            f"{images.dtype} of shape {tuple(images.shape)}"
            if isinstance(images, Tensor)
            else type(images).__name__
        )
        raise ValueError(f"{name} must be a floating tensor (B, 3, H, W), got {found}")
