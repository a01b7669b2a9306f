"""Whole jobs on folders of images: plain functions, called by the command line and usable without it."""

from .degradation import degrade
from .evaluation import Evaluation, evaluate
from .findings import Finding
from .inspection import Gap, Inspection, inspect
from .learning import LearnedRestorer, learn_restorer
from .noise import BRIGHTNESS, ChannelNoise, NoiseEstimate, NoiseLevel, estimate_noise
from .photo_facts import FolderFacts, PhotoFacts
from .photos import DEGRADATIONS, write_photos
from .preparation import Prepared, prepare, stored_statistics
from .restoration import UNIVERSAL, restore
from .results import Results
from .samples import Samples
from .super_resolution import super_resolve

__all__ = [
    "BRIGHTNESS",
    "DEGRADATIONS",
    "UNIVERSAL",
    "ChannelNoise",
    "Evaluation",
    "Finding",
    "FolderFacts",
    "Gap",
    "Inspection",
    "LearnedRestorer",
    "NoiseEstimate",
    "NoiseLevel",
    "PhotoFacts",
    "Prepared",
    "Results",
    "Samples",
    "degrade",
    "estimate_noise",
    "evaluate",
    "inspect",
    "learn_restorer",
    "prepare",
    "restore",
    "stored_statistics",
    "super_resolve",
    "write_photos",
]
