"""How the strength of a noise depends on the colours around, found in images that are no pairs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..transforms import BoundedScale

STEPS, RATE = 150, 0.05


class NoiseGain(NamedTuple):
    """Noise of deviation ``deviation * exp(slope (colours - centre))``, its exponent within the bounds of
    :class:`~nflib.transforms.BoundedScale`: deviation (D,), slope (D, 3), centre (3,).

    >>> gain = NoiseGain(deviation=torch.tensor([0.1]), slope=torch.ones(1, 3), centre=torch.full((3,), 0.5))
    >>> brighter = torch.full((3,), 0.6)
    >>> exponent = BoundedScale().log_scale(gain.slope @ (brighter - gain.centre))
    >>> gain.deviation * exponent.exp()
    tensor([0.1347])
    """

    deviation: Tensor
    slope: Tensor
    centre: Tensor


def fit_noise_gain(colours: Tensor, squares: Tensor, clean_variance: Tensor, deviation: Tensor) -> NoiseGain:
    """The most likely noise, if values seen in degraded images are normal with the variance of clean ones
    plus that of the noise.

    Args:
        colours: of the places where they were seen, (N, 3).
        squares: squares of D values at each place, or means of several, (N, D).
        clean_variance: what they are in clean images, (D,).
        deviation: of the noise, (D,), where the search starts.
    """
    centre = colours.mean(0)
    squares, clean_variance = squares.to(colours), clean_variance.to(colours)
    log_deviation = deviation.detach().to(colours).log().requires_grad_()
    slope = colours.new_zeros(len(deviation), 3, requires_grad=True)
    optimiser = torch.optim.Adam([slope, log_deviation], lr=RATE)
    with torch.enable_grad():
        for _ in range(STEPS):
            variance = (
                clean_variance
                + (2 * (log_deviation + BoundedScale().log_scale((colours - centre) @ slope.T))).exp()
            )
            loss = (variance.log() + squares / variance).mean(0).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return NoiseGain(log_deviation.detach().exp(), slope.detach(), centre)
