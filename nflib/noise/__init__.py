"""What unpaired images say about a noise: where they are flat, how strong it is there by colour, and how it
is correlated.
"""

from .flat_blocks import flat_blocks
from .gain import NoiseGain, fit_noise_gain
from .spectrum import noise_filter, window_gain

__all__ = ["NoiseGain", "fit_noise_gain", "flat_blocks", "noise_filter", "window_gain"]
