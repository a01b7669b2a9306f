"""What noise looks like beyond its strength: correlation in space and between channels, spectrum, histogram.

All functions take residuals, degraded minus clean, as tensors (B, C, H, W) in units of the image range.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..images.windows import gaussian_taps, window_mean
from .inputs import double

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
    residual = residual - residual.mean((-2, -1), keepdim=True)
    padded = pad(residual, (0, lags, 0, lags))  # so that nothing wraps around
    sums = torch.fft.ifft2(torch.fft.fft2(padded).abs().square()).real
    offsets = torch.arange(-lags, lags + 1, device=residual.device)
    sums = sums[..., offsets[:, None], offsets]
    pairs = (height - offsets.abs())[:, None] * (width - offsets.abs())
    covariance = sums / pairs
    _check_varies(residual)
    return covariance / covariance[..., lags, lags][..., None, None]


def channel_correlation(residual: Tensor) -> Tensor:
    """Correlation between the channels at the same pixel, (B, C, C); 1 on the diagonal.

    Raises:
        ValueError: a channel is constant.
    """
    flat = _checked(residual).flatten(2)
    flat = flat - flat.mean(-1, keepdim=True)
    _check_varies(flat[..., None])
    flat = flat / flat.norm(dim=-1, keepdim=True)
    return flat @ flat.mT


def power_spectrum(residual: Tensor) -> Tensor:
    """Power at every frequency, ``|FFT|^2 / (H W)``, (B, C, H, W), zero frequency in the middle.

    Its mean over the frequencies is the mean square of the residual; white noise is flat. Average over many
    residuals: a single one scatters by 100 % at every frequency.
    """
    residual = _checked(residual)
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
        _mean_spectrum(_checked(x, name), flattest, window) for x, name in ((fake, "fake"), (real, "real"))
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
    return torch.fft.fft2(pieces).abs().square().mean(0)


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
        bins = (_checked(residual, name) / width).round().long().flatten()
        if bins.abs().max() > half:
            raise ValueError(f"{name} must lie in [-1, 1], as differences of images do")
        counts.append(torch.bincount(bins + half, minlength=2 * half + 1).double() + 0.5)
    p, q = (c / c.sum() for c in counts)
    return (p * (p / q).log()).sum()


def _check_varies(residual: Tensor) -> None:
    """Raise ValueError if a channel of a residual without its mean is constant."""
    constant = residual.abs().amax((-2, -1)) <= NOTHING
    if constant.any():
        image, channel = constant.nonzero()[0].tolist()
        raise ValueError(f"residual is constant in channel {channel} of image {image}: it has no correlation")


def _checked(residual: Tensor, name: str = "residual") -> Tensor:
    if not isinstance(residual, Tensor) or residual.dim() != 4 or 0 in residual.shape:
        found = tuple(residual.shape) if isinstance(residual, Tensor) else type(residual).__name__
        raise ValueError(f"{name} must be a tensor (B, C, H, W), got {found}")
    if not torch.isfinite(residual).all():
        raise ValueError(f"{name} must be finite, got NaN or infinite values")
    return double(residual.detach())
