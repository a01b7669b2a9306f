"""Whole jobs on folders of images: plain functions, called by the command line and usable without it."""

from .degradation import degrade
from .evaluation import Evaluation, evaluate
from .inspection import Finding, Gap, Inspection, inspect
from .noise import ChannelNoise, NoiseEstimate, estimate_noise
from .photo_facts import FolderFacts, PhotoFacts
from .photos import DEGRADATIONS, write_photos
from .preparation import Prepared, prepare, stored_statistics
from .restoration import restore
from .samples import Samples
from .super_resolution import super_resolve

__all__ = [
    "DEGRADATIONS",
    "ChannelNoise",
    "Evaluation",
    "Finding",
    "FolderFacts",
    "Gap",
    "Inspection",
    "NoiseEstimate",
    "PhotoFacts",
    "Prepared",
    "Samples",
    "degrade",
    "estimate_noise",
    "evaluate",
    "inspect",
    "prepare",
    "restore",
    "stored_statistics",
    "super_resolve",
    "write_photos",
]
