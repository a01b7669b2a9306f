"""Whole models. Each is a module with a frozen configuration; official weights load by :mod:`nflib.checkpoints`."""

from .deflow import DeFlow, DeFlowConfig
from .dncnn import DnCNN, DnCNNConfig
from .glow import Glow, GlowConfig
from .linear_start import linear_start
from .ludvae import LUDVAE, LUDVAEConfig
from .rrdb import RRDBConfig, RRDBNet
from .srflow import SRFlow, SRFlowConfig

__all__ = [
    "DeFlow", "DeFlowConfig", "DnCNN", "DnCNNConfig", "Glow", "GlowConfig", "LUDVAE", "LUDVAEConfig", "RRDBConfig", "RRDBNet", "SRFlow",
    "SRFlowConfig", "linear_start",
]
