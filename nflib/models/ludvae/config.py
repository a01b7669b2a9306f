"""Size and form of a LUD-VAE, as published and small."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...images.jpeg import parse_stage

PRIORS = ("content", "latents")


@dataclass(frozen=True)
class LUDVAEConfig:
    """Size and form of a :class:`LUDVAE`.

    >>> LUDVAEConfig(decoder_sd=0.5).kl_weight
    0.25

    Attributes:
        levels: N, 1 to 5: layers of the degradation latent.
        width: channels of every feature map and of each layer of the latent.
        priors: what the priors below the top layer depend on. "content": on the state of the decoder, content
            and upper layers together, as in the published code, which makes noise possible that depends on
            the signal. "latents": on the upper layers only (eq. 12 and 13 of the paper).
        sigma_clean, sigma_degraded: deviations of the pre-noise h of the two domains (sigma_x and sigma_y of
            eq. 20), in units of the image range. For white noise of deviation s they match if
            ``sigma_clean^2 = sigma_degraded^2 + s^2``.
        sigma_drawn: two numbers: C2N draws the deviation of its pre-noise from between them, for each image;
            empty for ``sigma_clean``. Published C2N images were made with other deviations than those of the
            training; for SIDD the paper says 30 to 70 grey levels (section 4.5).
        shaped: the pre-noise has the spectrum of the degradation's noise, and so has the finest layer of the
            latent, see :meth:`LUDVAE.shape_noise`. Published is white, which covers correlated noise only if
            it is strong, and then covers the content too.
        decoder_sd: deviation of the decoder's likelihood, in units of the image range. Its square is the
            weight of the KL term.
        difference: C2N adds to the clean image what the latent changes in the decoder's output. Published is
            False, the output itself: then the image also carries what the decoder could not reconstruct.
        matched: the model sees degraded images in the colours of clean ones (``LUDVAE.set_colours``), as
            published for AIM.
        last_stage: what degraded images went through last, such as "jpeg:62"; empty for nothing. The model
            knows clean and degraded images after it, and samples go through it.
        most_noise: the strongest that the noise may be at any place, of each channel
            (:meth:`~nflib.models.ImageModel.limited`); empty for no limit.
    """

    levels: int = 3
    width: int = 128
    priors: str = "content"
    sigma_clean: float = 15 / 255
    sigma_degraded: float = 10 / 255
    sigma_drawn: tuple[float, ...] = ()
    shaped: bool = False
    decoder_sd: float = 0.01
    difference: bool = False
    matched: bool = False
    last_stage: str = ""
    most_noise: tuple[float, ...] = ()

    def __post_init__(self):
        parse_stage(self.last_stage)
        if not 1 <= self.levels <= 5 or self.width < 6:
            raise ValueError(
                f"levels must be 1 to 5 and width at least 6, got {self.levels} and {self.width}"
            )
        if self.sigma_drawn and not _is_range(self.sigma_drawn):
            raise ValueError(f"sigma_drawn must be two numbers from low to high, got {self.sigma_drawn}")
        if self.priors not in PRIORS:
            raise ValueError(f'priors must be "content" or "latents", got {self.priors!r}')
        if not (self.sigma_clean >= 0 and self.sigma_degraded >= 0 and self.decoder_sd > 0):
            raise ValueError(
                "sigma_clean and sigma_degraded must not be negative and decoder_sd must be positive, "
                f"got {self.sigma_clean}, {self.sigma_degraded} and {self.decoder_sd}"
            )

    @property
    def multiple(self) -> int:
        """Any size will do: the layers of the latent all have the resolution of the image."""
        return 1

    @property
    def kl_weight(self) -> float:
        """Final weight of the KL term beside the mean squared error: the variance of the decoder."""
        return self.decoder_sd**2

    @classmethod
    def small(cls, deviation: float) -> LUDVAEConfig:
        """A size for a laptop, for noise of this deviation (:func:`~nflib.noise.noise_filter` finds it):
        61,628 parameters.

        The pre-noise is strong: then content hardly passes noise on, and the latent has to carry it. Being
        shaped, it leaves the content at other frequencies alone.
        """
        sigma = 2.5 * deviation
        return cls(
            levels=2,
            width=16,
            sigma_clean=math.hypot(sigma, deviation),
            sigma_degraded=sigma,
            shaped=True,
            difference=True,
        )

    @classmethod
    def aim(cls) -> LUDVAEConfig:
        """Published for the AIM 2019 data, the degraded images having the colours of the clean ones
        (:class:`nflib.data.ColourMatch`).

        The published code adds the pre-noise before it matches the colours, so that its ``sigma_degraded``
        comes out as about 11/255.
        """
        return cls(matched=True)

    @classmethod
    def ntire(cls) -> LUDVAEConfig:
        """Published for the NTIRE 2020 data. The published C2N images were made with sigma 10/255."""
        return cls(sigma_clean=8 / 255, sigma_degraded=3 / 255, sigma_drawn=(10 / 255, 10 / 255))

    @classmethod
    def sidd(cls) -> LUDVAEConfig:
        """Published for SIDD, C2N with sigma uniform in [30, 70]/255, drawn per image."""
        return cls(sigma_clean=40 / 255, sigma_degraded=20 / 255, sigma_drawn=(30 / 255, 70 / 255))

    @classmethod
    def dnd(cls) -> LUDVAEConfig:
        """Published for DND. C2N with sigma uniform in [10, 30]/255 and tau uniform in [1, 3], drawn per
        image.
        """
        return cls(sigma_clean=20 / 255, sigma_degraded=10 / 255, sigma_drawn=(10 / 255, 30 / 255))

    @classmethod
    def lol(cls) -> LUDVAEConfig:
        """Published for low light, the clean domain being darkened photos
        (:func:`nflib.degraders.darken`)."""
        return cls(sigma_clean=3 / 255, sigma_degraded=2 / 255)


def _is_range(numbers: tuple[float, ...]) -> bool:
    return len(numbers) == 2 and 0 <= numbers[0] <= numbers[1] < math.inf
