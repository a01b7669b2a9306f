"""How a noise is correlated in space and over the colours, from differences of pixels, and a filter that
makes such noise.

A difference needs no mean. A periodogram of small windows loses the waves that are longer than a window, and
the mean that is taken off takes some of them too; the variogram at each lag is right however long the waves
are.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..units import randn

LAGS = 10
# The filter reaches so many pixels to every side, on a grid of so many for its spectrum.
REACH, GRID = 12, 64


def variogram(windows: Tensor, lags: int = LAGS) -> Tensor:
    """Half the mean product of the differences of every two colours, at every lag.

    Args:
        windows: (M, C, H, W), pieces of images; H and W larger than ``lags``.
        lags: the largest, in pixels.

    Returns:
        (2 lags + 1, 2 lags + 1, C, C); entry [lags + dy, lags + dx] is
        ``E (x_p+d - x_p)_i (x_p+d - x_p)_j / 2``, which for noise is its covariance at lag 0 less that at lag
        d, made symmetric in d.
    """
    channels, height, width = windows.shape[1:]
    if min(height, width) <= lags:
        raise ValueError(f"windows must be larger than {lags} pixels, got {height}x{width}")
    found = windows.new_zeros(2 * lags + 1, 2 * lags + 1, channels, channels)
    for dy in range(lags + 1):
        for dx in range(-lags, lags + 1):
            if dy == 0 and dx <= 0:
                continue
            later = windows[..., dy:, max(dx, 0) : width + min(dx, 0)]
            earlier = windows[..., : height - dy, max(-dx, 0) : width - max(dx, 0)]
            step = (later - earlier).transpose(0, 1).flatten(1)
            value = step @ step.T / (2 * step.shape[1])
            found[lags + dy, lags + dx] = found[lags - dy, lags - dx] = value
    return found


def colour_filter(gram: Tensor) -> Tensor:
    """The filter (C, C, 2 REACH + 1, 2 REACH + 1) whose output on white noise has a variogram, as nearly as a
    noise can.

    Covariance is the sill, what the variogram comes to at its largest lags, less the variogram. It is tapered
    to zero there, and what in its spectrum is negative becomes zero: the root of what remains is the filter.

    Args:
        gram: of :func:`variogram`; of a noise alone, such as the difference of a noisy and a clean one.
    """
    lags = len(gram) // 2
    steps = torch.arange(-lags, lags + 1, device=gram.device)
    rows, columns = torch.meshgrid(steps, steps, indexing="ij")
    sill = gram[rows.abs().maximum(columns.abs()) > lags - 2].mean(0)
    distance = (rows.square() + columns.square()).to(gram).sqrt()
    taper = torch.cos(math.pi / 2 * (distance / (lags + 1)).clamp(max=1))
    covariance = gram.new_zeros(GRID, GRID, *sill.shape)
    covariance[: 2 * lags + 1, : 2 * lags + 1] = (sill - gram) * taper[..., None, None]
    spectrum = torch.fft.fft2(covariance.roll((-lags, -lags), (0, 1)), dim=(0, 1))
    values, vectors = torch.linalg.eigh((spectrum + spectrum.mH) / 2)
    root = (vectors * values.clamp(min=0).sqrt()[..., None, :]) @ vectors.mH
    taps = torch.fft.fftshift(torch.fft.ifft2(root, dim=(0, 1)).real, (0, 1)).permute(2, 3, 0, 1)
    middle = GRID // 2
    return taps[..., middle - REACH : middle + REACH + 1, middle - REACH : middle + REACH + 1].contiguous()


def filtered_noise(like: Tensor, taps: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """White noise through a filter (C, C, k, k), shaped like images (B, C, H, W): as strong and as correlated
    at the border as inside.
    """
    margin = taps.shape[-1] - 1
    shape = (*like.shape[:2], like.shape[2] + margin, like.shape[3] + margin)
    return F.conv2d(randn(shape, like, generator), taps.to(like))
