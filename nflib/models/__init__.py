"""Whole models. Each is a module with a frozen configuration; official weights load by
:mod:`nflib.checkpoints`.
"""

from .adversarial import (
    C2N,
    DASR,
    FSSR,
    C2NConfig,
    CinCGAN,
    CinCGANConfig,
    CycleGAN,
    CycleGANConfig,
    DASRConfig,
    FSSRConfig,
)
from .conditional.size import FlowSize
from .deflow import AffineDeFlow, AffineDeFlowConfig, DeFlow, DeFlowConfig, linear_start, white_start
from .dncnn import DnCNN, DnCNNConfig
from .esrgan import ESRGANDiscriminator, ESRGANDiscriminatorConfig
from .glow import Glow, GlowConfig
from .low_light_flow import LowLightFlow, LowLightFlowConfig, colour_map
from .ludvae import LUDVAE, ContentPrior, LUDVAEConfig, follow_colours, start_near_identity
from .model import PURPOSES, ImageModel, Purpose
from .noise_flow import NoiseFlow, NoiseFlowConfig
from .noise_law import NoiseLaw, NoiseLawConfig
from .refinement import RefinementConfig, RefinementNet
from .restoration_net import RestorationNet, RestorationNetConfig
from .rrdb import RRDBConfig, RRDBNet
from .srflow import SRFlow, SRFlowConfig

__all__ = [
    "C2N",
    "DASR",
    "FSSR",
    "LUDVAE",
    "PURPOSES",
    "AffineDeFlow",
    "AffineDeFlowConfig",
    "C2NConfig",
    "CinCGAN",
    "CinCGANConfig",
    "ContentPrior",
    "CycleGAN",
    "CycleGANConfig",
    "DASRConfig",
    "DeFlow",
    "DeFlowConfig",
    "DnCNN",
    "DnCNNConfig",
    "ESRGANDiscriminator",
    "ESRGANDiscriminatorConfig",
    "FSSRConfig",
    "FlowSize",
    "Glow",
    "GlowConfig",
    "ImageModel",
    "LUDVAEConfig",
    "LowLightFlow",
    "LowLightFlowConfig",
    "NoiseFlow",
    "NoiseFlowConfig",
    "NoiseLaw",
    "NoiseLawConfig",
    "Purpose",
    "RRDBConfig",
    "RRDBNet",
    "RefinementConfig",
    "RefinementNet",
    "RestorationNet",
    "RestorationNetConfig",
    "SRFlow",
    "SRFlowConfig",
    "colour_map",
    "follow_colours",
    "linear_start",
    "start_near_identity",
    "white_start",
]
