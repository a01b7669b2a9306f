"""Whole models. Each is a module with a frozen configuration; official weights load by :mod:`nflib.checkpoints`."""

from .deflow import DeFlow, DeFlowConfig
from .dncnn import DnCNN, DnCNNConfig
from .glow import Glow, GlowConfig
from .linear_start import linear_start
from .ludvae import LUDVAE, LUDVAEConfig
from .ludvae_start import start_near_identity
from .noise_filter import noise_filter
from .rrdb import RRDBConfig, RRDBNet
from .srflow import SRFlow, SRFlowConfig

__all__ = [
    "DeFlow", "DeFlowConfig", "DnCNN", "DnCNNConfig", "Glow", "GlowConfig", "LUDVAE", "LUDVAEConfig", "RRDBConfig", "RRDBNet", "SRFlow",
    "SRFlowConfig", "linear_start", "noise_filter", "start_near_identity",
]
