"""Training on PyTorch Lightning: :func:`fit`, a small task for each kind of model, and trainings on folders,
one file each.
"""

from .affine_deflow import AffineDeFlowTask, train_affine_deflow
from .c2n import C2NTask, train_c2n
from .catalogue import TRAININGS, Training, training
from .cincgan import CinCGANTask, train_cincgan
from .cyclegan import CycleGANTask, train_cyclegan
from .dasr import DASRTask, train_dasr
from .deflow import DeFlowTask, train_deflow
from .denoiser import train_denoiser
from .enhancer import LowLightTask, train_enhancer
from .esrgan import ESRGANTask, train_esrgan
from .fit import fit
from .fssr import FSSRTask, train_fssr
from .glow import GlowTask, train_glow
from .law import train_law
from .law_found import NEIGHBOURS, Estimate, LawFound, find_law, learn_law
from .ludvae import LUDVAETask, train_ludvae
from .noise_flow import NoiseFlowTask, train_noise_flow
from .published import PUBLISHED, PublishedRecipe, published
from .recipe import Recipe, Usual
from .rehearsal import Rehearsal, rehearse
from .restorer import RestorationTask, RestorerTask
from .rrdb import RRDBTask, train_rrdb
from .running import Running
from .srflow import SRFlowTask, train_srflow
from .stopping import Stopped
from .super_resolver import train_super_resolver
from .tasks import Task

__all__ = [
    "NEIGHBOURS",
    "PUBLISHED",
    "TRAININGS",
    "AffineDeFlowTask",
    "C2NTask",
    "CinCGANTask",
    "CycleGANTask",
    "DASRTask",
    "DeFlowTask",
    "ESRGANTask",
    "Estimate",
    "FSSRTask",
    "GlowTask",
    "LUDVAETask",
    "LawFound",
    "LowLightTask",
    "NoiseFlowTask",
    "PublishedRecipe",
    "RRDBTask",
    "Recipe",
    "Rehearsal",
    "RestorationTask",
    "RestorerTask",
    "Running",
    "SRFlowTask",
    "Stopped",
    "Task",
    "Training",
    "Usual",
    "find_law",
    "fit",
    "learn_law",
    "published",
    "rehearse",
    "train_affine_deflow",
    "train_c2n",
    "train_cincgan",
    "train_cyclegan",
    "train_dasr",
    "train_deflow",
    "train_denoiser",
    "train_enhancer",
    "train_esrgan",
    "train_fssr",
    "train_glow",
    "train_law",
    "train_ludvae",
    "train_noise_flow",
    "train_rrdb",
    "train_srflow",
    "train_super_resolver",
    "training",
]
