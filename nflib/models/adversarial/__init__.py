"""Degraders that are trained against a critic, as GANs are: what papers compare learned degradations with."""

from .c2n import C2N, C2NConfig
from .critic import PatchCritic, PatchCriticConfig
from .degrader import AdversarialDegrader
from .losses import (
    CRITIC_LOSSES,
    critic_loss,
    fooling_loss,
    gradient_penalty,
    high_frequencies,
    low_frequencies,
    wavelet_details,
)
from .translators import (
    DASR,
    FSSR,
    CinCGAN,
    CinCGANConfig,
    CycleGAN,
    CycleGANConfig,
    DASRConfig,
    FSSRConfig,
    Translator,
    TranslatorConfig,
    TranslatorNet,
)

__all__ = [
    "C2N",
    "CRITIC_LOSSES",
    "DASR",
    "FSSR",
    "AdversarialDegrader",
    "C2NConfig",
    "CinCGAN",
    "CinCGANConfig",
    "CycleGAN",
    "CycleGANConfig",
    "DASRConfig",
    "FSSRConfig",
    "PatchCritic",
    "PatchCriticConfig",
    "Translator",
    "TranslatorConfig",
    "TranslatorNet",
    "critic_loss",
    "fooling_loss",
    "gradient_penalty",
    "high_frequencies",
    "low_frequencies",
    "wavelet_details",
]
