"""What unpaired images say about a noise: where they are flat, how strong it is there by colour, and how it
is correlated.
"""

from .flat_blocks import flat_blocks
from .gain import NoiseGain, fit_noise_gain
from .spectrum import noise_filter, window_gain
from .variogram import colour_filter, filtered_noise, variogram
from .windows import FlatWindows, flat_windows

__all__ = [
    "FlatWindows",
    "NoiseGain",
    "colour_filter",
    "filtered_noise",
    "fit_noise_gain",
    "flat_blocks",
    "flat_windows",
    "noise_filter",
    "variogram",
    "window_gain",
]
