"""What unpaired images say about a noise: where they are flat, how strong it is there by colour, and how it
is correlated; and whether JPEG came after it.
"""

from .excess import Excess
from .flat_blocks import flat_blocks
from .gain import NoiseGain, fit_noise_gain
from .jpeg import JPEGTrace, find_jpeg
from .jpeg_files import FolderTraces, find_jpeg_in_file, find_jpeg_in_folder
from .seen import SeenContent
from .spectrum import noise_filter, window_gain
from .strata import StrataError, strata_error
from .strengths import photo_strengths
from .transfer import TransferFit
from .variogram import colour_filter, filtered_noise, variogram
from .windows import FlatWindows, flat_windows, flat_windows_and_even

__all__ = [
    "Excess",
    "FlatWindows",
    "FolderTraces",
    "JPEGTrace",
    "NoiseGain",
    "SeenContent",
    "StrataError",
    "TransferFit",
    "colour_filter",
    "filtered_noise",
    "find_jpeg",
    "find_jpeg_in_file",
    "find_jpeg_in_folder",
    "fit_noise_gain",
    "flat_blocks",
    "flat_windows",
    "flat_windows_and_even",
    "noise_filter",
    "photo_strengths",
    "strata_error",
    "variogram",
    "window_gain",
]
