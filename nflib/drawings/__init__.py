"""Drawings of networks and systems: boxes and arrows, made by code, shown inside a page."""

from .drawing import Arrow, Box, Drawing
from .flows import coupling, glow_levels, injector, rrdb, srflow_levels
from .systems import (
    deflow_sampling,
    deflow_training,
    ludvae_levels,
    ludvae_pairs,
    noise_model,
    pipeline,
)

__all__ = [
    "Arrow",
    "Box",
    "Drawing",
    "coupling",
    "deflow_sampling",
    "deflow_training",
    "glow_levels",
    "injector",
    "ludvae_levels",
    "ludvae_pairs",
    "noise_model",
    "pipeline",
    "rrdb",
    "srflow_levels",
]
