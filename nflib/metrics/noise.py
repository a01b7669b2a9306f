"""What noise looks like beyond its strength: correlation in space and between channels, spectrum, histogram.

All functions take residuals, degraded minus clean, as tensors (B, C, H, W) in units of the image range.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from ..images.strips import strips
from ..images.windows import gaussian_taps, window_mean
from .inputs import double

# Windows are transformed so many at a time.
TOGETHER = 1024
# Less than this is rounding, in units of the image range.
NOTHING = 1e-12


def autocorrelation(residual: Tensor, lags: int = 4) -> Tensor:
    """Correlation of a residual with itself, moved by up to ``lags`` pixels; 1 at the centre.

    Each channel's mean is removed. The average at a lag is over the pixels that have a partner, divided by
    the variance of the channel. White noise is zero everywhere but at the centre, with a standard error of
    about ``1 / sqrt(H W)``.

    Returns:
        (B, C, 2 lags + 1, 2 lags + 1): rows are dy = -lags .. lags, columns dx.

    Raises:
        ValueError: a channel is constant: it has no correlation.
    """
    residual = _checked(residual)
    height, width = residual.shape[-2:]
    if not 0 <= lags < min(height, width):
        raise ValueError(f"lags must be from 0 to less than the size {width}x{height}, got {lags}")
    _check_varies(residual)
    mean = _mean(residual)
    offsets = torch.arange(-lags, lags + 1, device=mean.device)
    sums = mean.new_zeros(*residual.shape[:2], 2 * lags + 1, 2 * lags + 1)
    for rows in strips(height, residual.numel() // height, multiple=4 * (lags + 1)):
        # of each pixel here with those up to so many rows below it; wide enough that nothing wraps around
        seen = double(residual[..., rows.start : rows.stop + lags, :]) - mean
        size = rows.stop - rows.start + lags, width + lags
        own, below = (torch.fft.rfft2(part, s=size) for part in (seen[..., : size[0] - lags, :], seen))
        found = torch.fft.irfft2(own.conj() * below, s=size)
        sums[..., lags:, :] += found[..., : lags + 1, offsets]
    sums[..., :lags, :] = sums[..., lags + 1 :, :].flip(-2, -1)
    pairs = (height - offsets.abs())[:, None] * (width - offsets.abs())
    covariance = sums / pairs
    return covariance / covariance[..., lags, lags][..., None, None]


def _mean(residual: Tensor) -> Tensor:
    """(B, C, 1, 1), float64."""
    parts = strips(residual.shape[2], residual.numel() // residual.shape[2])
    total: Any = sum(double(residual[..., rows, :]).sum((-2, -1), keepdim=True) for rows in parts)
    return cast("Tensor", total / residual[0, 0].numel())


def channel_correlation(residual: Tensor) -> Tensor:
    """Correlation between the channels at the same pixel, (B, C, C); 1 on the diagonal.

    Raises:
        ValueError: a channel is constant.
    """
    residual = _checked(residual)
    _check_varies(residual)
    mean = _mean(residual)
    products: Any = 0
    for rows in strips(residual.shape[2], residual.numel() // residual.shape[2]):
        flat = (double(residual[..., rows, :]) - mean).flatten(2)
        products = products + flat @ flat.mT
    norm = products.diagonal(dim1=-2, dim2=-1).sqrt()
    return products / (norm[..., :, None] * norm[..., None, :])


def power_spectrum(residual: Tensor) -> Tensor:
    """Power at every frequency, ``|FFT|^2 / (H W)``, (B, C, H, W), zero frequency in the middle.

    Its mean over the frequencies is the mean square of the residual; white noise is flat. Average over many
    residuals: a single one scatters by 100 % at every frequency.
    """
    residual = double(_checked(residual))
    power = torch.fft.fft2(residual).abs().square() / (residual.shape[-2] * residual.shape[-1])
    return torch.fft.fftshift(power, (-2, -1))


def spectrum_error(fake: Tensor, real: Tensor, flattest: float = 1.0, window: int = 16) -> Tensor:
    """Mean absolute difference of two mean power spectra in decibels, over channels and frequencies but zero.
    Lower is better.

    For residuals, or for images whose content is alike: of images take the flattest windows, in which there
    is little but noise.

    Args:
        fake, real: (B, C, H, W), B, H and W of their own, at least one window large.
        flattest: share of the windows that counts, those with the smallest variance after a blur of 2.5
            pixels.
        window: side of the windows, which do not overlap.

    Returns:
        A scalar, in dB.

    Raises:
        ValueError: one of them has no power at some frequency, as flat ones have not.
    """
    if not 0 < flattest <= 1:
        raise ValueError(f"flattest must be in (0, 1], got {flattest}")
    fake, real = (
        _mean_spectrum(double(_checked(x, name)), flattest, window)
        for x, name in ((fake, "fake"), (real, "real"))
    )
    for power, name in ((fake, "fake"), (real, "real")):
        if not (power.flatten(1)[:, 1:] > 0).all():
            raise ValueError(f"{name} has no power at some frequencies: is it flat?")
    return (10 * (fake / real).log10()).abs().flatten(1)[:, 1:].mean()


def _mean_spectrum(x: Tensor, flattest: float, window: int) -> Tensor:
    if window < 2 or min(x.shape[-2:]) < window:
        raise ValueError(f"window must be from 2 to the size {x.shape[-1]}x{x.shape[-2]}, got {window}")
    pieces = x.unfold(2, window, window).unfold(3, window, window).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    if flattest < 1:
        # white and high-frequency noise hardly passes the blur: what is left to vary is content
        smooth = window_mean(pieces.mean(1), gaussian_taps(min(window - 1, 11) | 1, 2.5))
        order = smooth.flatten(1).var(1).argsort(stable=True)
        pieces = pieces[order[: max(round(flattest * len(pieces)), 1)]]
    pieces = pieces - pieces.mean((-2, -1), keepdim=True)
    total: Any = sum(torch.fft.fft2(part).abs().square().sum(0) for part in pieces.split(TOGETHER))
    return cast("Tensor", total / len(pieces))


def histogram_kl(fake: Tensor, real: Tensor, width: float = 1 / 255) -> Tensor:
    """KL(real || fake) of the histograms of two residuals, in nats. Lower is better; pixels count as
    independent.

    All values of a tensor make one histogram, whatever their position and channel. Half a count is added to
    every bin, so that an empty bin of ``fake`` is unlikely, not impossible.

    Args:
        fake, real: residuals (B, C, H, W) in [-1, 1]; the shapes may differ.
        width: of the bins, one grey level by default; a bin is centred at zero.

    Returns:
        A scalar.
    """
    if not width > 0:
        raise ValueError(f"width must be positive, got {width}")
    half = int(1 / width + 0.5 + 1e-9)
    counts = []
    for residual, name in ((real, "real"), (fake, "fake")):
        residual = _checked(residual, name)
        count: Any = 0.5
        for rows in strips(residual.shape[2], residual.numel() // residual.shape[2]):
            bins = (double(residual[..., rows, :]) / width).round().long().flatten()
            if bins.abs().max() > half:
                raise ValueError(f"{name} must lie in [-1, 1], as differences of images do")
            count = count + torch.bincount(bins + half, minlength=2 * half + 1)
        counts.append(double(count))
    p, q = (c / c.sum() for c in counts)
    return (p * (p / q).log()).sum()


def _check_varies(residual: Tensor) -> None:
    """Raise ValueError if a channel of a residual is constant."""
    constant = residual.amax((-2, -1)) - residual.amin((-2, -1)) <= NOTHING
    if constant.any():
        image, channel = constant.nonzero()[0].tolist()
        raise ValueError(f"residual is constant in channel {channel} of image {image}: it has no correlation")


def _checked(residual: Tensor, name: str = "residual") -> Tensor:
    if not isinstance(residual, Tensor) or residual.dim() != 4 or 0 in residual.shape:
        found = tuple(residual.shape) if isinstance(residual, Tensor) else type(residual).__name__
        raise ValueError(f"{name} must be a tensor (B, C, H, W), got {found}")
    residual = residual.detach()
    if not torch.isfinite(torch.stack((residual.min(), residual.max()))).all():  # NaN if anything is
        raise ValueError(f"{name} must be finite, got NaN or infinite values")
    return residual
