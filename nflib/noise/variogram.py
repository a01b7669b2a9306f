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

from ..images.strips import strips
from ..units import randn

LAGS = 10
# The filter reaches so many pixels to every side, on a grid of so many for its spectrum.
REACH, GRID = 12, 64
# Windows are transformed so many at a time.
TOGETHER = 256


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
    height, width = windows.shape[2:]
    if min(height, width) <= lags:
        raise ValueError(f"windows must be larger than {lags} pixels, got {height}x{width}")
    # (x_p+d - x_p)_i (x_p+d - x_p)_j, multiplied out: products at one place, summed over all the p and all
    # the p + d, less products at two places, which a transform has at all lags at once.
    windows = windows - windows.mean((2, 3), keepdim=True)
    size = (height + lags, width + lags)
    squares, waves = [], []
    for part in windows.split(TOGETHER):
        squares.append(torch.einsum("bihw,bjhw->ijhw", part, part))
        transformed = torch.fft.rfft2(part, s=size)
        waves.append(torch.einsum("bihw,bjhw->ijhw", transformed.conj(), transformed))
    apart = torch.fft.irfft2(torch.stack(waves).sum(0), s=size)  # [i, j, d] = sum over p of x_i(p) x_j(p + d)
    until = F.pad(torch.stack(squares).sum(0).cumsum(-1).cumsum(-2), (1, 0, 1, 0))

    def inside(top: int, left: int, rows: int, columns: int) -> Tensor:
        corners = until[..., top : top + rows + 1 : rows, left : left + columns + 1 : columns]
        return corners[..., 1, 1] - corners[..., 0, 1] - corners[..., 1, 0] + corners[..., 0, 0]

    found = windows.new_zeros(2 * lags + 1, 2 * lags + 1, *until.shape[:2])
    for dy in range(lags + 1):
        for dx in range(-lags, lags + 1):
            if dy == 0 and dx <= 0:
                continue
            rows, columns = height - dy, width - abs(dx)
            both = inside(dy, max(dx, 0), rows, columns) + inside(0, max(-dx, 0), rows, columns)
            crossed = apart[..., dy, dx]
            value = (both - crossed - crossed.mT) / (2 * len(windows) * rows * columns)
            found[lags + dy, lags + dx] = found[lags - dy, lags - dx] = value
    return found


def sill(gram: Tensor) -> Tensor:
    """What a variogram comes to at its largest lags, (C, C): the covariance of the noise at lag 0."""
    return gram[_distances(gram)[1] > len(gram) // 2 - 2].mean(0)


def normalised(gram: Tensor) -> Tensor:
    """A variogram in units of the deviation of each colour: it comes to 1 where it is one colour's own."""
    deviation = sill(gram).diagonal().clamp(min=1e-6).sqrt()
    return gram / (deviation[:, None] * deviation)


def colour_filter(gram: Tensor) -> Tensor:
    """The filter (C, C, 2 REACH + 1, 2 REACH + 1) whose output on white noise has a variogram, as nearly as a
    noise can.

    Covariance is the sill, what the variogram comes to at its largest lags, less the variogram. From half of
    these lags on it is tapered to zero, and what in its spectrum is negative becomes zero: the root of what
    remains is the filter.

    Args:
        gram: of :func:`variogram`; of a noise alone, such as the difference of a noisy and a clean one.
    """
    lags, end = len(gram) // 2, sill(gram)
    distance, _ = _distances(gram)
    beyond = ((2 * distance / (lags + 1)) - 1).clamp(0, 1)
    taper = (1 + torch.cos(math.pi * beyond)) / 2
    covariance = gram.new_zeros(GRID, GRID, *end.shape)
    covariance[: 2 * lags + 1, : 2 * lags + 1] = (end - gram) * taper[..., None, None]
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
    white, taps, result = randn(shape, like, generator), taps.to(like), torch.empty_like(like)
    for rows in strips(like.shape[2], like.numel() // like.shape[2], multiple=2 * (margin + 1)):
        result[:, :, rows] = F.conv2d(white[:, :, rows.start : rows.stop + margin], taps)
    return result


def _distances(gram: Tensor) -> tuple[Tensor, Tensor]:
    """Length of every lag of a variogram, and its larger coordinate."""
    lags = len(gram) // 2
    steps = torch.arange(-lags, lags + 1, device=gram.device)
    rows, columns = torch.meshgrid(steps, steps, indexing="ij")
    return (rows.square() + columns.square()).to(gram).sqrt(), rows.abs().maximum(columns.abs())
