"""The spectrum of a noise, from clean and degraded images that are no pairs, and the filter that makes such noise of white noise."""

from __future__ import annotations

import torch
from torch import Tensor

from ..metrics.windows import gaussian_taps, window_mean

WINDOW = 16
SIDE = WINDOW - 1
FLATTEST = 1 / 3


def noise_filter(clean: Tensor, degraded: Tensor, flattest: float = FLATTEST) -> tuple[Tensor, float]:
    """Filter and deviation of the noise that degraded images have and clean ones have not.

    In the flattest windows there is little but noise. What the mean spectra of those windows, all pairs of channels, have more in
    the degraded images is taken for the noise's; what would be negative is set to zero. The filter is its symmetric root: white
    noise through it has this spectrum. Noise that depends on the signal is that of the flattest windows.

    Args:
        clean, degraded: (N, 3, H, W) and (M, 3, H', W') in [0, 1], crops or whole photos, sides at least 16.
        flattest: share of the windows that is used, by the variance after a blur of 2.5 pixels.

    Returns:
        The filter (3, 3, 15, 15), float64, scaled so that unit white noise keeps its variance (mean of the channels), as
        ``conv2d`` takes it, and the deviation of the noise in units of the image range.

    Raises:
        ValueError: images too small, or the degraded ones have no more power than the clean ones at any frequency.
    """
    excess = _cross_spectrum(degraded, "degraded", flattest) - _cross_spectrum(clean, "clean", flattest)
    values, vectors = torch.linalg.eigh(excess)
    if not (values > 0).any():
        raise ValueError("degraded has no more power than clean at any frequency: there is no noise to be found")
    root = (vectors * values.clamp(min=0).sqrt()[..., None, :]) @ vectors.mH
    taps = torch.fft.fftshift(torch.fft.ifft2(root.permute(2, 3, 0, 1)).real, (-2, -1))
    taps = taps[..., 1:, 1:]  # odd, with the centre in the middle
    deviation = taps.square().sum((1, 2, 3)).mean().sqrt()
    return taps / deviation, deviation.item()


def inverse_filter(taps: Tensor, noise: float = 0.3) -> Tensor:
    """What makes the result of a filter (3, 3, 15, 15) white again, where it let anything through: the Wiener inverse
    ``R^H (R R^H + noise)^-1`` at each frequency, cut to the same size."""
    size = 2 * SIDE + 2
    response = torch.fft.fft2(torch.fft.ifftshift(_padded(taps.double(), size), (-2, -1))).permute(2, 3, 0, 1)
    gram = response @ response.mH + noise * torch.eye(3, dtype=response.dtype)
    inverse = torch.fft.ifft2((response.mH @ torch.linalg.inv(gram)).permute(2, 3, 0, 1)).real
    start = size // 2 - SIDE // 2
    return torch.fft.fftshift(inverse, (-2, -1))[..., start : start + SIDE, start : start + SIDE].to(taps)


def _padded(taps: Tensor, size: int) -> Tensor:
    """Zeros around a filter, its centre at size / 2."""
    before = size // 2 - SIDE // 2
    return torch.nn.functional.pad(taps, (before, size - SIDE - before) * 2)


def _cross_spectrum(images: Tensor, name: str, flattest: float) -> Tensor:
    """Mean of ``F_c conj(F_d) / n^2`` over the flattest windows: (n, n, 3, 3)."""
    if images.dim() != 4 or images.shape[1] != 3 or min(images.shape[-2:]) < WINDOW:
        raise ValueError(f"{name} must be (B, 3, H, W), at least {WINDOW}x{WINDOW}, got {tuple(images.shape)}")
    pieces = images.double().unfold(2, WINDOW, WINDOW).unfold(3, WINDOW, WINDOW).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    smooth = window_mean(pieces.mean(1), gaussian_taps(11, 2.5))
    order = smooth.flatten(1).var(1).argsort(stable=True)
    pieces = pieces[order[: max(round(flattest * len(pieces)), 1)]]
    waves = torch.fft.fft2(pieces - pieces.mean((-2, -1), keepdim=True))
    return torch.einsum("bchw,bdhw->hwcd", waves, waves.conj()) / (len(pieces) * WINDOW**2)
