"""The spectrum of a noise, found in images that are no pairs, and filters that give it to white noise and
take it away.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .flat_blocks import flat_blocks, has_borders
from .gain import NoiseGain, fit_noise_gain

WINDOW = 16
SIDE = WINDOW - 1
GRID = 32
FLATTEST = 0.02
ROUNDING = 1e-10


def noise_filter(clean: Tensor, degraded: Tensor, flattest: float = FLATTEST) -> tuple[Tensor, float]:
    """Filter and deviation of the noise that degraded images have and clean ones have not.

    In the flattest windows there is little but noise (:func:`nflib.noise.flat_blocks`). What the mean spectra
    of those windows, all pairs of channels, have more in the degraded images is taken for the noise's; what
    would be negative is set to zero. The filter is its symmetric root: white noise through it has this
    spectrum. Noise that depends on the signal is that of the flattest windows.

    Args:
        clean, degraded: (N, 3, H, W) and (M, 3, H', W') in [0, 1], crops or whole photos, sides at least 16.
        flattest: share of the windows that is used.

    Returns:
        The filter (3, 3, 15, 15), float64, scaled so that unit white noise keeps its variance (mean of the
        channels), as ``conv2d`` takes it, and the deviation of the noise in units of the image range.

    Raises:
        ValueError: images too small, all windows dark or bright, or the degraded ones have no more power than
            the clean ones at any frequency.
    """
    borders = has_borders(degraded)
    excess = _cross_spectrum(degraded, "degraded", flattest, True) - _cross_spectrum(
        clean, "clean", flattest, borders
    )
    values, vectors = torch.linalg.eigh(excess)
    if not (values > ROUNDING).any():
        raise ValueError(
            "degraded has no more power than clean at any frequency: there is no noise to be found"
        )
    root = (vectors * values.clamp(min=0).sqrt()[..., None, :]) @ vectors.mH
    taps = torch.fft.fftshift(torch.fft.ifft2(root.permute(2, 3, 0, 1)).real, (-2, -1))
    taps = taps[..., 1:, 1:]  # odd, with the centre in the middle
    deviation = taps.square().sum((1, 2, 3)).mean().sqrt()
    return taps / deviation, deviation.item()


def window_gain(clean: Tensor, degraded: Tensor, flattest: float = FLATTEST) -> NoiseGain:
    """Deviation of the noise in each channel of the same windows, and how it depends on their colours.

    Arguments and errors as for :func:`noise_filter`.
    """
    (means, variances), (_, of_clean) = (
        (pieces.mean((-2, -1)), pieces.var((-2, -1)))
        for pieces in (
            _flat_windows(degraded, "degraded", flattest, True),
            _flat_windows(clean, "clean", flattest, has_borders(degraded)),
        )
    )
    excess = (variances.mean(0) - of_clean.mean(0)).clamp(min=ROUNDING)
    return fit_noise_gain(means, variances, of_clean.mean(0), excess.sqrt())


def posterior_filters(taps: Tensor, noise: float = 0.3) -> tuple[Tensor, Tensor]:
    """What is known of white z when ``R z + e`` is seen, R being the filter (3, 3, 15, 15) and e white noise
    of variance ``noise``.

    Returns:
        The filter that gives the mean of z, ``R^H (R R^H + noise)^-1`` at each frequency, and the one that
        gives white noise the covariance of z, the root of ``noise (R^H R + noise)^-1``: small where R lets
        anything through, one elsewhere. Both are cut to 15x15.
    """
    response = _response(taps)
    identity = noise * torch.eye(3, dtype=response.dtype)
    mean = response.mH @ torch.linalg.inv(response @ response.mH + identity)
    values, vectors = torch.linalg.eigh(noise * torch.linalg.inv(response.mH @ response + identity))
    root = (vectors * values.clamp(min=0).sqrt()[..., None, :]) @ vectors.mH
    return _cut(mean).to(taps), _cut(root).to(taps)


def log_volume(taps: Tensor) -> float:
    """Mean over frequencies of ``log |det R|^2``: the log-determinant, per position, of the covariance the
    filter gives white noise.
    """
    return 2 * torch.linalg.slogdet(_response(taps)).logabsdet.mean().item()


def _response(taps: Tensor) -> Tensor:
    """Frequency response on a grid of GRID by GRID: (GRID, GRID, 3, 3), complex."""
    return torch.fft.fft2(torch.fft.ifftshift(_padded(taps.double(), GRID), (-2, -1))).permute(2, 3, 0, 1)


def _cut(response: Tensor) -> Tensor:
    """The filter of a response, its centre in the middle of 15x15."""
    start = GRID // 2 - SIDE // 2
    taps = torch.fft.fftshift(torch.fft.ifft2(response.permute(2, 3, 0, 1)).real, (-2, -1))
    return taps[..., start : start + SIDE, start : start + SIDE]


def _padded(taps: Tensor, size: int) -> Tensor:
    """Zeros around a filter, its centre at size / 2."""
    before = size // 2 - SIDE // 2
    return torch.nn.functional.pad(taps, (before, size - SIDE - before) * 2)


def _cross_spectrum(images: Tensor, name: str, flattest: float, constant: bool) -> Tensor:
    """Mean of ``F_c conj(F_d) / n^2`` over the flattest windows: (n, n, 3, 3)."""
    pieces = _flat_windows(images, name, flattest, constant)
    waves = torch.fft.fft2(pieces - pieces.mean((-2, -1), keepdim=True))
    return torch.einsum("bchw,bdhw->hwcd", waves, waves.conj()) / (len(pieces) * WINDOW**2)


def _flat_windows(images: Tensor, name: str, flattest: float, constant: bool) -> Tensor:
    """(K, 3, n, n), float64; constant ones too, unless they are to be left out."""
    if images.dim() != 4 or images.shape[1] != 3 or min(images.shape[-2:]) < WINDOW:
        raise ValueError(
            f"{name} must be (B, 3, H, W), at least {WINDOW}x{WINDOW}, got {tuple(images.shape)}"
        )
    height, width = (n // WINDOW * WINDOW for n in images.shape[2:])
    images = images[..., :height, :width].double()
    pieces = images.unfold(2, WINDOW, WINDOW).unfold(3, WINDOW, WINDOW).permute(0, 2, 3, 1, 4, 5)
    try:
        return pieces[flat_blocks(images, WINDOW, flattest, constant=constant)]
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
