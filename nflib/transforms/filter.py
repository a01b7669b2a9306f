"""CircularConvolution: a colour filter that can be undone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .base import Transform, check_channels
from .context import Context
from .precision import full_precision


class CircularConvolution(Transform):
    """``z = K * x``: every output is a sum over neighbours of all channels, and what leaves the image at one
    border comes in at the other.

    On a torus a convolution is a matrix for each frequency f, so it is undone exactly, and
    ``log_det = sum over f of log|det K(f)|`` (Hoogeboom et al., Emerging Convolutions, arXiv 1901.11137,
    section 3.2). Starts as the identity. Where some K(f) is singular there is no inverse.

    >>> filter = CircularConvolution(1, reach=1)
    >>> filter.taps.data[0, 0, 1] = torch.tensor([0.0, 1.0, 0.5])  # half of the right neighbour is added
    >>> z, log_det = filter(torch.tensor([[[[1.0, 0.0, 0.0, 2.0]]]]))
    >>> z.detach().flatten(), round(log_det.exp().item(), 4)  # det of a circulant matrix, 1 - (1/2)^4
    (tensor([1.0000, 0.0000, 1.0000, 2.5000]), 0.9375)

    Args:
        channels: C; ``x`` has shape (B, C, H, W), of any size.
        reach: of the filter to every side, in pixels.

    Attributes:
        taps: (C, C, k, k), k = 2 reach + 1, as ``conv2d`` takes them.
    """

    def __init__(self, channels: int, reach: int = 2):
        super().__init__()
        self.taps = nn.Parameter(torch.zeros(channels, channels, 2 * reach + 1, 2 * reach + 1))
        self.taps.data[:, :, reach, reach] = torch.eye(channels)

    def forward(self, x: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        check_channels(x, len(self.taps), "CircularConvolution")
        return circular_filter(x, self.taps)

    def inverse(self, z: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        check_channels(z, len(self.taps), "CircularConvolution")
        return circular_filter(z, self.taps, inverse=True)

    def extra_repr(self) -> str:
        return f"channels={len(self.taps)}, reach={self.taps.shape[-1] // 2}"


def circular_filter(x: Tensor, taps: Tensor, *, inverse: bool = False) -> tuple[Tensor, Tensor]:
    """``K * x`` on a torus, or x of ``K * x``, and the log-determinant: images (B, C, H, W), taps
    (C, C, k, k), k odd.
    """
    height, width = x.shape[-2:]
    with full_precision(x):
        response = frequency_response(taps.to(x.dtype), height, width)
        waves = torch.fft.rfft2(x).permute(2, 3, 1, 0)
        waves = torch.linalg.solve(response, waves) if inverse else response @ waves
        # all columns but the first, and the middle one of an even width, stand for two frequencies
        twice = torch.full((waves.shape[1],), 2.0, dtype=x.dtype, device=x.device)
        twice[0] = 1
        twice[-1] = 2 if width % 2 and width > 1 else 1
        log_det = (torch.linalg.slogdet(response).logabsdet * twice).sum()
        result = torch.fft.irfft2(waves.permute(3, 2, 0, 1), s=(height, width))
    return result, (-log_det if inverse else log_det).expand(len(x))


def frequency_response(taps: Tensor, height: int, width: int) -> Tensor:
    """K(f) of taps (C, C, k, k) at the frequencies of ``rfft2``: (height, width // 2 + 1, C, C)."""
    reach = taps.shape[-1] // 2
    rows, columns = ((torch.arange(-reach, reach + 1, device=taps.device) % side) for side in (height, width))
    shape = taps.shape
    wrapped = taps.new_zeros(*shape[:2], height, shape[3]).index_add(2, rows, taps)
    wrapped = taps.new_zeros(*shape[:2], height, width).index_add(3, columns, wrapped)
    return torch.fft.rfft2(wrapped).conj().permute(2, 3, 0, 1)
