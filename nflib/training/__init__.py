"""Training on PyTorch Lightning: :func:`fit`, a small task for each kind of model, and trainings on folders,
one file each.
"""

from .catalogue import TRAININGS, Training, training
from .deflow import DeFlowTask, train_deflow
from .denoiser import train_denoiser
from .enhancer import LowLightTask, train_enhancer
from .esrgan import ESRGANTask, train_esrgan
from .fit import fit
from .glow import GlowTask, train_glow
from .law import learn_law, train_law
from .ludvae import LUDVAETask, train_ludvae
from .recipe import Recipe, Usual
from .rehearsal import Rehearsal, rehearse
from .restorer import RestorerTask
from .rrdb import RRDBTask, train_rrdb
from .running import Running
from .srflow import SRFlowTask, train_srflow
from .super_resolver import train_super_resolver
from .tasks import Task

__all__ = [
    "TRAININGS",
    "DeFlowTask",
    "ESRGANTask",
    "GlowTask",
    "LUDVAETask",
    "LowLightTask",
    "RRDBTask",
    "Recipe",
    "Rehearsal",
    "RestorerTask",
    "Running",
    "SRFlowTask",
    "Task",
    "Training",
    "Usual",
    "fit",
    "learn_law",
    "rehearse",
    "train_deflow",
    "train_denoiser",
    "train_enhancer",
    "train_esrgan",
    "train_glow",
    "train_law",
    "train_ludvae",
    "train_rrdb",
    "train_srflow",
    "train_super_resolver",
    "training",
]
