"""Whole jobs on folders of images: plain functions, called by the command line and usable without it."""

from .degradation import degrade
from .evaluation import Evaluation, evaluate
from .noise import ChannelNoise, NoiseEstimate, estimate_noise
from .photos import DEGRADATIONS, write_photos
from .preparation import Prepared, prepare, stored_statistics
from .samples import Samples
from .super_resolution import super_resolve

__all__ = [
    "DEGRADATIONS",
    "ChannelNoise",
    "Evaluation",
    "NoiseEstimate",
    "Prepared",
    "Samples",
    "degrade",
    "estimate_noise",
    "evaluate",
    "prepare",
    "stored_statistics",
    "super_resolve",
    "write_photos",
]
