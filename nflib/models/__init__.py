"""Whole models. Each is a module with a frozen configuration; official weights load by
:mod:`nflib.checkpoints`.
"""

from .conditional.size import FlowSize
from .deflow import DeFlow, DeFlowConfig, linear_start
from .dncnn import DnCNN, DnCNNConfig
from .esrgan import ESRGANDiscriminator, ESRGANDiscriminatorConfig
from .glow import Glow, GlowConfig
from .low_light_flow import LowLightFlow, LowLightFlowConfig, colour_map
from .ludvae import LUDVAE, LUDVAEConfig, follow_colours, start_near_identity
from .model import PURPOSES, ImageModel, Purpose
from .noise_law import NoiseLaw, NoiseLawConfig
from .refinement import RefinementConfig, RefinementNet
from .rrdb import RRDBConfig, RRDBNet
from .srflow import SRFlow, SRFlowConfig

__all__ = [
    "LUDVAE",
    "PURPOSES",
    "DeFlow",
    "DeFlowConfig",
    "DnCNN",
    "DnCNNConfig",
    "ESRGANDiscriminator",
    "ESRGANDiscriminatorConfig",
    "FlowSize",
    "Glow",
    "GlowConfig",
    "ImageModel",
    "LUDVAEConfig",
    "LowLightFlow",
    "LowLightFlowConfig",
    "NoiseLaw",
    "NoiseLawConfig",
    "Purpose",
    "RRDBConfig",
    "RRDBNet",
    "RefinementConfig",
    "RefinementNet",
    "SRFlow",
    "SRFlowConfig",
    "colour_map",
    "follow_colours",
    "linear_start",
    "start_near_identity",
]
