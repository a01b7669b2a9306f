"""Whole jobs on folders of images: plain functions, called by the command line and usable without it."""

from .evaluation import Evaluation, evaluate
from .noise import ChannelNoise, NoiseEstimate, estimate_noise
from .photos import DEGRADATIONS, write_photos

__all__ = [
    "DEGRADATIONS",
    "ChannelNoise",
    "Evaluation",
    "NoiseEstimate",
    "estimate_noise",
    "evaluate",
    "write_photos",
]
