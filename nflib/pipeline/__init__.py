"""Whole jobs on folders of images: plain functions, called by the command line and usable without it."""

from .benchmark import Bench, Machine, Measurement, bench
from .costs import Cost, result_cost, training_cost
from .degradation import degrade
from .evaluation import Evaluation, evaluate
from .inspection import Inspection, inspect
from .memory import TrainingMemory, training_memory
from .noise import ChannelNoise, NoiseEstimate, estimate_noise
from .photos import DEGRADATIONS, write_photos
from .preparation import Prepared, prepare, stored_statistics
from .restoration import restore
from .roofline import CARDS, Card, Floor, measure
from .samples import Samples
from .super_resolution import super_resolve

__all__ = [
    "CARDS",
    "DEGRADATIONS",
    "Bench",
    "Card",
    "ChannelNoise",
    "Cost",
    "Evaluation",
    "Floor",
    "Inspection",
    "NoiseEstimate",
    "Machine",
    "Measurement",
    "Prepared",
    "Samples",
    "TrainingMemory",
    "bench",
    "degrade",
    "estimate_noise",
    "evaluate",
    "inspect",
    "measure",
    "prepare",
    "restore",
    "result_cost",
    "stored_statistics",
    "super_resolve",
    "training_cost",
    "training_memory",
    "write_photos",
]
