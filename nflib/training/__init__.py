"""Training on PyTorch Lightning: one function :func:`fit`, and one small task per kind of model."""

from .deflow import DeFlowTask
from .esrgan import ESRGANTask
from .fit import fit
from .jobs import train_deflow, train_glow, train_restorer, train_rrdb, train_srflow
from .ludvae import LUDVAETask, train_ludvae
from .rehearsal import Rehearsal, rehearse
from .restorer import LowLightTask, RestorerTask
from .running import Running
from .tasks import GlowTask, RRDBTask, Recipe, SRFlowTask, Task

__all__ = [
    "DeFlowTask", "ESRGANTask", "GlowTask", "LUDVAETask", "LowLightTask", "RRDBTask", "Recipe", "Rehearsal", "RestorerTask", "Running",
    "SRFlowTask", "Task", "fit", "rehearse", "train_deflow", "train_glow", "train_ludvae", "train_restorer", "train_rrdb", "train_srflow",
]
