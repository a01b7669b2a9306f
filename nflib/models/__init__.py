"""Whole models. Each is a module with a frozen configuration; official weights load by :mod:`nflib.checkpoints`."""

from .deflow import DeFlow, DeFlowConfig
from .dncnn import DnCNN, DnCNNConfig
from .esrgan import ESRGANDiscriminator, ESRGANDiscriminatorConfig
from .glow import Glow, GlowConfig
from .linear_start import linear_start
from .low_light_flow import LowLightFlow, LowLightFlowConfig
from .ludvae import LUDVAE, LUDVAEConfig
from .ludvae_start import start_near_identity
from .noise_filter import noise_filter
from .refinement import RefinementConfig, RefinementNet
from .rrdb import RRDBConfig, RRDBNet
from .srflow import SRFlow, SRFlowConfig

__all__ = [
    "DeFlow", "DeFlowConfig", "DnCNN", "DnCNNConfig", "ESRGANDiscriminator", "ESRGANDiscriminatorConfig", "Glow",
    "GlowConfig", "LUDVAE", "LUDVAEConfig", "LowLightFlow", "LowLightFlowConfig", "RRDBConfig",
    "RRDBNet", "RefinementConfig", "RefinementNet", "SRFlow", "SRFlowConfig", "linear_start", "noise_filter", "start_near_identity",
]
