"""The command ``nflib``: reads arguments, calls :mod:`nflib.pipeline` and :mod:`nflib.training`, prints. Bad
input: one line, exit code 2.
"""

from . import apply, bench, check, data, evaluate, models, noise, photos, study, train
from .app import app, train_app
from .options import Degradation, Size

train_app.info.cls = train.Trainings

__all__ = [
    "Degradation",
    "Size",
    "app",
    "apply",
    "bench",
    "check",
    "data",
    "evaluate",
    "models",
    "noise",
    "photos",
    "study",
    "train",
]
