"""Degradations with known truth: what a method has to find out from unpaired photos, and can be scored
against.

Models after the one-line descriptions of the AIM 2019 and NTIRE 2020 challenge data in DeFlow and LUD-VAE
(which give no formulas), and of the noise of real low-light photos. Noise fields are filtered on a circle, by
FFT, so that their covariance is known exactly. In the formulas f = (fy, fx) is in cycles per pixel and every
filter K is scaled to ``mean(K^2) = 1``, so that it keeps the variance of white noise.

Each is a :class:`~nflib.degraders.Degrader`, called ``degrade(clean, strength=1.0, generator=None)``; the
strength multiplies the noise. ``noise`` is what is added before clipping and rounding, ``spectrum`` and
``covariance`` are its truth at strength 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..images.jpeg import JPEG
from ..units import randn
from .degrader import AdditiveNoise, as_batch

# On less than this the filters have hardly any frequencies to work with; smaller images are cut out of such a
# field.
SMALLEST_FIELD = 16


class _KnownNoise(AdditiveNoise):
    """Noise whose second moments are known."""

    def spectrum(self, height: int, width: int) -> Tensor:
        """Power spectrum of the noise on a (height, width) grid, float64: (3, 3, height, width) for pairs of
        channels, ``E[N_c(f) conj N_d(f)] / (height * width)`` with N the FFT. Its mean over f is the channel
        covariance.
        """
        raise NotImplementedError

    def covariance(self, height: int, width: int) -> Tensor:
        """Covariance of channel c at a pixel and d at (dy, dx) from it, circular: (3, 3, height, width),
        float64.
        """
        return torch.fft.ifft2(self.spectrum(height, width)).real


@dataclass(frozen=True)
class White(_KnownNoise):
    """Independent Gaussian noise of deviation sigma (image range): the model that real photos do not follow.

    >>> clean = torch.full((3, 64, 64), 0.5)
    >>> noise = White(0.1).noise(clean, torch.Generator().manual_seed(0))
    >>> round(noise.std().item(), 2)
    0.1
    """

    sigma: float = 12 / 255

    def noise(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.sigma * randn(as_batch(clean).shape, clean, generator).view_as(clean)

    def spectrum(self, height: int, width: int) -> Tensor:
        _check_grid(height, width)
        return self.sigma**2 * torch.eye(3, dtype=torch.float64)[:, :, None, None].expand(3, 3, height, width)


@dataclass(frozen=True)
class NTIRE(_KnownNoise):
    """NTIRE 2020-like: correlated high-frequency noise, a fine diagonal grain.

    ``n_c = sigma (sqrt(rho) m + sqrt(1 - rho) e_c)`` with m, e_R, e_G, e_B independent fields of the filter
    ``K(f) ~ (1 - exp(-2 pi^2 s^2 |f|^2)) (1 + 2 cos 2 pi (fx + fy)) / 3``: no low frequencies, then the mean
    of three neighbours along the diagonal.

    >>> truth = NTIRE().covariance(32, 32)[0, 0]
    >>> round(truth[0, 0].sqrt().item() * 255, 3)
    12.0
    >>> bool(truth[1, 1] > 0 > truth[1, -1])  # a grain along one of the diagonals
    True

    Attributes:
        sigma: deviation of the noise in each channel.
        rho: correlation between channels.
        s: in pixels; what a blur of this deviation keeps is taken out.
    """

    sigma: float = 12 / 255
    rho: float = 0.8
    s: float = 1.0

    def noise(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        field = _field(as_batch(clean), 4, self._filter, generator)
        noise = self.sigma * (math.sqrt(self.rho) * field[:, :1] + math.sqrt(1 - self.rho) * field[:, 1:])
        return noise.view_as(clean)

    @property
    def channel_covariance(self) -> Tensor:
        """(3, 3), float64: ``sigma^2 ((1 - rho) I + rho 1 1^T)``."""
        return self.sigma**2 * ((1 - self.rho) * torch.eye(3, dtype=torch.float64) + self.rho)

    def spectrum(self, height: int, width: int) -> Tensor:
        _check_grid(height, width)
        return self.channel_covariance[:, :, None, None] * self._filter(height, width) ** 2

    def _filter(self, height: int, width: int) -> Tensor:
        fy, fx = _frequencies(height, width)
        diagonal = (1 + 2 * torch.cos(2 * math.pi * (fx + fy))) / 3
        return _unit((1 - _gaussian(self.s, fy, fx)) * diagonal)


@dataclass(frozen=True)
class AIM(_KnownNoise):
    """AIM 2019-like: low-frequency colour blotches, column banding, and JPEG.

    ``n_R = z_l + z_1 + b, n_G = z_l - (z_1 + z_2)/2 + b, n_B = z_l + z_2 + b``, where z_l, z_1, z_2 are
    fields of the filter ``K(f) ~ exp(-2 pi^2 s^2 |f|^2)`` and b depends on the column only, filtered in the
    same way with s_band. The result is stored as JPEG with 4:2:0 colour. JPEG is not part of the noise, its
    spectrum or its covariance.

    >>> clean, generator = torch.full((3, 32, 32), 0.5), torch.Generator().manual_seed(0)
    >>> degraded = AIM(quality=90)(clean, strength=0.5, generator=generator)
    >>> degraded.shape, torch.equal(degraded, clean)
    (torch.Size([3, 32, 32]), False)

    Attributes:
        sigma, sigma_colour, sigma_band: deviations of z_l, of z_1 and z_2, and of b.
        s, s_band: blur in pixels.
        quality: of the JPEG at strength 1; strength t has ``100 - t (100 - quality)``, between 1 and 100.
        gain, offset: at strength t the colours are first moved a fraction t of the way from x to
            ``gain * x + offset``. Off by default; ``(.95, .98, .92)`` and ``(.01, -.01, .03)`` give a colour
            cast that channel statistics can take out.
    """

    sigma: float = 8 / 255
    sigma_colour: float = 4 / 255
    sigma_band: float = 3 / 255
    s: float = 2.0
    s_band: float = 1.5
    quality: int = 30
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def noise(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        batch = as_batch(clean)
        blotches = torch.einsum(
            "cd,bdhw->bchw", self._mix.to(batch), _field(batch, 3, self._filter, generator)
        )
        columns = _field(batch[:, :, :1], 1, self._band_filter, generator, rows=1)
        return (blotches + self.sigma_band * columns).view_as(clean)

    @property
    def channel_covariance(self) -> Tensor:
        """(3, 3), float64, blotches and bands together."""
        return self._mix @ self._mix.T + self.sigma_band**2

    def spectrum(self, height: int, width: int) -> Tensor:
        _check_grid(height, width)
        blotches = (self._mix @ self._mix.T)[:, :, None, None] * self._filter(height, width) ** 2
        bands = torch.zeros(height, width, dtype=torch.float64)
        # constant down a column: all the power is at fy = 0
        bands[0] = height * (self.sigma_band * self._band_filter(1, width)[0]) ** 2
        return blotches + bands

    @property
    def _mix(self) -> Tensor:
        mix = torch.tensor([[1, 1, 0], [1, -0.5, -0.5], [1, 0, 1]], dtype=torch.float64)
        return mix * torch.tensor([self.sigma, self.sigma_colour, self.sigma_colour], dtype=torch.float64)

    def _filter(self, height: int, width: int) -> Tensor:
        return _unit(_gaussian(self.s, *_frequencies(height, width)))

    def _band_filter(self, height: int, width: int) -> Tensor:
        return _unit(_gaussian(self.s_band, *_frequencies(height, width)))

    def _recolour(self, clean: Tensor, strength: float) -> Tensor:
        gain, offset = (
            torch.tensor(v, dtype=clean.dtype, device=clean.device).view(3, 1, 1)
            for v in (self.gain, self.offset)
        )
        return clean + strength * ((gain - 1) * clean + offset)

    def _finish(self, noisy: Tensor, strength: float) -> Tensor:
        quality = min(max(round(100 - strength * (100 - self.quality)), 1), 100)
        return JPEG(quality)(noisy)


@dataclass(frozen=True)
class Camera(_KnownNoise):
    """Camera-like: signal-dependent, spatially correlated noise, fitted to the low-light photos of RENOIR.

    ``n_c = g_c sqrt(a x_c + b) (k * w_c)`` with independent white w_c and the separable filter k = [.05 .25 1
    .25 .05] scaled to unit energy, in both directions.

    >>> dark, bright = torch.full((3, 1, 1), 0.1), torch.full((3, 1, 1), 0.9)
    >>> round((Camera().deviation(bright) / Camera().deviation(dark)).mean().item(), 2)
    2.59

    Attributes:
        a, b: variance of the noise for green, ``a x + b``.
        gain: g for red, green, blue (white balance amplifies red and blue).
    """

    a: float = 3.5e-3
    b: float = 1.4e-4
    gain: tuple[float, float, float] = (1.75, 1.0, 1.35)

    def deviation(self, clean: Tensor) -> Tensor:
        """Standard deviation of the noise at every value, shaped like clean."""
        batch = as_batch(clean)
        gain = torch.tensor(self.gain, dtype=clean.dtype, device=clean.device).view(3, 1, 1)
        return (gain * (self.a * batch + self.b).sqrt()).view_as(clean)

    def noise(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.deviation(clean) * _field(as_batch(clean), 3, self._filter, generator).view_as(clean)

    def spectrum(self, height: int, width: int) -> Tensor:
        """Power spectrum of ``noise / deviation``, which alone is stationary; as for every degradation
        otherwise.
        """
        _check_grid(height, width)
        return torch.eye(3, dtype=torch.float64)[:, :, None, None] * self._filter(height, width) ** 2

    def _filter(self, height: int, width: int) -> Tensor:
        fy, fx = _frequencies(height, width)
        turn = 2 * math.pi
        along_y, along_x = (1 + 0.5 * torch.cos(turn * f) + 0.1 * torch.cos(2 * turn * f) for f in (fy, fx))
        return _unit(along_y * along_x)


degrade_aim = AIM()
""":class:`AIM` with its usual numbers."""
degrade_ntire = NTIRE()
""":class:`NTIRE` with its usual numbers."""
degrade_camera = Camera()
""":class:`Camera` with its usual numbers."""


def degrade_white(clean: Tensor, sigma: float, generator: torch.Generator | None = None) -> Tensor:
    """clean (3, H, W) or (B, 3, H, W) with white Gaussian noise of deviation sigma (image range), as 8-bit
    images.
    """
    return White(sigma)(clean, generator=generator)


def _field(batch: Tensor, channels: int, kernel, generator, rows: int | None = None) -> Tensor:
    """(B, channels, H, W) of unit-variance noise with the given filter; ``rows=1`` makes it one row high."""
    height, width = (max(n, SMALLEST_FIELD) for n in batch.shape[-2:])
    height = rows or height
    white = randn((len(batch), channels, height, width), batch, generator)
    field = torch.fft.ifft2(torch.fft.fft2(white) * kernel(height, width).to(white)).real
    return field[..., : batch.shape[-2], : batch.shape[-1]]


def _frequencies(height: int, width: int) -> tuple[Tensor, Tensor]:
    """fy (height, 1) and fx (1, width) in cycles per pixel, float64."""
    return (
        torch.fft.fftfreq(height, dtype=torch.float64)[:, None],
        torch.fft.fftfreq(width, dtype=torch.float64)[None, :],
    )


def _gaussian(s: float, fy: Tensor, fx: Tensor) -> Tensor:
    """Frequency response of a Gaussian blur of deviation s pixels."""
    return torch.exp(-2 * math.pi**2 * s**2 * (fy**2 + fx**2))


def _unit(kernel: Tensor) -> Tensor:
    return kernel / kernel.square().mean().sqrt()


def _check_grid(height: int, width: int) -> None:
    if min(height, width) < SMALLEST_FIELD:
        raise ValueError(
            f"fields are at least {SMALLEST_FIELD}x{SMALLEST_FIELD}, smaller images are cut out, got "
            f"{height}x{width}"
        )
