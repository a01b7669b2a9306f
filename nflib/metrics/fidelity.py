"""How close an image is to its reference, pixel by pixel or window by window; and how much samples differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor

from ..images.resizing import shrunk_strips
from ..images.strips import strips
from ..images.windows import gaussian_taps, window_mean
from .inputs import double, valid, valid_pair

K1, K2 = 0.01, 0.03
SSIM_WINDOWS = {"gaussian": 11, "uniform": 7}


def psnr(images: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio, ``10 log10(1 / mean squared error)``. Higher is better; equal images have
    infinity.

    Args:
        images: (B, C, H, W) in [0, 1], C = 3 (RGB) or 1.
        reference: the same shape.

    Returns:
        (B,) dB, float64. The whole image counts, all channels together: crop with
        :func:`~nflib.metrics.crop_border`, go to Y with :func:`~nflib.metrics.luma`. Nothing is rounded:
        images that will be stored as 8 bits should be rounded first, as :func:`lr_psnr` does.
    """
    images, reference = valid_pair(images, reference)
    total: Any = 0
    for rows in strips(images.shape[2], images.numel() // images.shape[2]):
        total = total + _squares(double(images[..., rows, :]), double(reference[..., rows, :]))
    return -10 * (total / images[0].numel()).log10()


def _squares(a: Tensor, b: Tensor) -> Tensor:
    """Sum of the squared differences of each image of a batch, (B,)."""
    return (a - b).square().flatten(1).sum(1)


def ssim(images: Tensor, reference: Tensor, window: str = "gaussian") -> Tensor:
    """Structural similarity (Wang et al. 2004) with range 1, K1 = 0.01, K2 = 0.03. At most 1, higher is
    better.

    Two conventions are in use, and give different numbers on the same images:

    - "gaussian": 11x11 Gaussian weights of deviation 1.5, population moments: the paper; BasicSR, LUD-VAE,
      DANet.
    - "uniform": 7x7 equal weights, sample moments (n / (n - 1)): scikit-image's default; SRFlow and DeFlow.

    Args:
        images: (B, C, H, W) in [0, 1], C = 3 (RGB) or 1, at least 11 or 7 pixels on both sides.
        reference: the same shape.
        window: "gaussian" or "uniform".

    Returns:
        (B,), float64: the mean over all windows that lie inside the image, and over channels.
    """
    total: Any = 0
    count = 0
    for part in _similarities(images, reference, window):
        total = total + part.flatten(1).sum(1)
        count += part[0].numel()
    return cast("Tensor", total / count)


def ssim_map(images: Tensor, reference: Tensor, window: str = "gaussian") -> Tensor:
    """The similarity of every window, (B, C, H - 10, W - 10) or (B, C, H - 6, W - 6); see :func:`ssim`."""
    return torch.cat(list(_similarities(images, reference, window)), 2)


def _similarities(images: Tensor, reference: Tensor, window: str) -> Iterator[Tensor]:
    """The rows of :func:`ssim_map`, strip by strip."""
    if window not in SSIM_WINDOWS:
        raise ValueError(f"window must be one of {', '.join(SSIM_WINDOWS)}, got {window!r}")
    images, reference = valid_pair(images, reference)
    size, (height, width) = SSIM_WINDOWS[window], images.shape[-2:]
    if min(height, width) < size:
        raise ValueError(f"images must be at least {size}x{size}, got {width}x{height}")
    # many more rows than a window has: those that two strips share are computed twice
    for rows in strips(height - size + 1, images.numel() // height, multiple=2 * size):
        seen = slice(rows.start, rows.stop + size - 1)
        yield _similarity(double(images[..., seen, :]), double(reference[..., seen, :]), window)


def _similarity(a: Tensor, b: Tensor, window: str) -> Tensor:
    size = SSIM_WINDOWS[window]
    taps = gaussian_taps(size, 1.5) if window == "gaussian" else [1 / size] * size
    correction = 1 if window == "gaussian" else size**2 / (size**2 - 1)

    def mean(x: Tensor) -> Tensor:
        return window_mean(x, taps)

    mean_a, mean_b = mean(a), mean(b)
    var_a = correction * (mean(a * a) - mean_a**2)
    var_b = correction * (mean(b * b) - mean_b**2)
    covariance = correction * (mean(a * b) - mean_a * mean_b)
    luminance = (2 * mean_a * mean_b + K1**2) / (mean_a**2 + mean_b**2 + K1**2)
    return luminance * (2 * covariance + K2**2) / (var_a + var_b + K2**2)


def lr_psnr(images: Tensor, low_resolution: Tensor) -> Tensor:
    """Does a super-resolved image still show what was seen? PSNR of its downscaled version. Higher is better.

    The image is rounded to 8 bits, shrunk as MATLAB's ``imresize`` does (:func:`nflib.images.resize`),
    rounded again and compared with the low-resolution image (SRFlow, Section 5). It says nothing about detail
    that shrinking removes: any texture is as good as the right one.

    Args:
        images: (B, 3, s H, s W) in [0, 1].
        low_resolution: (B, 3, H, W) in [0, 1].

    Returns:
        (B,) dB, RGB, whole image.
    """
    images, low_resolution = valid(images), valid(low_resolution, "low_resolution")
    scale = images.shape[-1] // low_resolution.shape[-1]
    expected = (*low_resolution.shape[:2], *(scale * n for n in low_resolution.shape[-2:]))
    if tuple(images.shape) != expected:
        raise ValueError(
            f"images must be a whole multiple of low_resolution, {tuple(low_resolution.shape)}, "
            f"got {tuple(images.shape)}"
        )
    total: Any = 0
    for rows, part in shrunk_strips(images, scale, lambda part: eight_bits(double(part))):
        seen = eight_bits(double(low_resolution[..., rows, :])).to(part)
        total = total + _squares(eight_bits(part.clamp(0, 1)), seen)
    return -10 * (total / low_resolution[0].numel()).log10()


def diversity(samples: Tensor) -> Tensor:
    """How much samples of the same input differ: their standard deviation at each pixel, averaged, in grey
    levels.

    Neither better nor worse by itself: independent noise is the most diverse answer of all. The deviation
    divides by n - 1. SRFlow's paper gives such numbers; its published code does not contain the formula.

    Args:
        samples: (n, B, C, H, W) in [0, 1], n >= 2 samples of each of B inputs.

    Returns:
        (B,), 0..255.
    """
    if not isinstance(samples, Tensor) or samples.dim() != 5 or len(samples) < 2:
        found = tuple(samples.shape) if isinstance(samples, Tensor) else type(samples).__name__
        raise ValueError(f"samples must be (n, B, C, H, W) with n at least 2, got {found}")
    valid(samples.flatten(0, 1), "samples")
    total: Any = 0
    for rows in strips(samples.shape[-2], samples.numel() // samples.shape[-2]):
        total = total + double(samples[..., rows, :].detach()).std(0).flatten(1).sum(1)
    return 255 * total / samples[0, 0].numel()


def eight_bits(images: Tensor) -> Tensor:
    """[0, 1] -> the nearest values that an 8-bit file can hold."""
    return (images * 255).round() / 255
