"""Sizes of models by name, for the command line."""

from __future__ import annotations

from ..models import DeFlowConfig, DnCNNConfig, ESRGANDiscriminatorConfig, GlowConfig, LowLightFlowConfig, RRDBConfig, SRFlowConfig

# "small" trains on a laptop; "full" has the size of the published models.
SIZES = ("small", "full")
# What a training of this size takes if nothing else is said.
DEFAULTS = {"small": {"steps": 20_000, "batch": 8, "crop": 64}, "full": {"steps": 200_000, "batch": 16, "crop": 160}}


def rrdb_config(size: str, scale: int) -> RRDBConfig:
    return RRDBConfig(scale, channels=32, growth=16, blocks=4) if known_size(size) == "small" else RRDBConfig(scale)


def discriminator_config(size: str, crop: int) -> ESRGANDiscriminatorConfig:
    return ESRGANDiscriminatorConfig("patch", channels=32) if known_size(size) == "small" else ESRGANDiscriminatorConfig("vgg", crop=crop)


def srflow_config(size: str, scale: int) -> SRFlowConfig:
    levels = max(3, scale.bit_length())
    encoder = rrdb_config(size, scale)
    if size == "small":
        return SRFlowConfig(encoder, taps=(1, 3), levels=levels, steps=4, transitions=1, hidden=32)
    return SRFlowConfig(encoder, levels=levels)


def deflow_config(size: str, scale: int) -> DeFlowConfig:
    levels = max(3, scale.bit_length() - 1)
    return DeFlowConfig.small(scale) if known_size(size) == "small" else DeFlowConfig(RRDBConfig(scale), levels=levels)


def glow_config(size: str) -> GlowConfig:
    return GlowConfig(levels=3, steps=4, hidden=32) if known_size(size) == "small" else GlowConfig(levels=3, steps=32, hidden=512)


def dncnn_config(size: str) -> DnCNNConfig:
    return DnCNNConfig.small() if known_size(size) == "small" else DnCNNConfig()


def low_light_config(size: str) -> LowLightFlowConfig:
    return LowLightFlowConfig.small() if known_size(size) == "small" else LowLightFlowConfig()


def known_size(size: str) -> str:
    if size not in SIZES:
        raise ValueError(f"size must be one of {', '.join(SIZES)}, got {size!r}")
    return size
