"""The command ``nflib``: reads arguments, calls :mod:`nflib.pipeline` and :mod:`nflib.training`, prints. Bad input: one line, exit code 2."""

from . import bench, data, photos, results, study, train
from .app import app
from .options import Degradation, Size

__all__ = ["Degradation", "Size", "app", "bench", "data", "photos", "results", "study", "train"]
