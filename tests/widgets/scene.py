"""A scene for the explorer of super-resolution that is small enough for a test."""

from __future__ import annotations

import functools

import torch

from nflib import widgets
from nflib.images import resize
from nflib.models import RRDBConfig, SRFlow, SRFlowConfig


@functools.cache
def parts(dequantised: bool = True):
    """A model whose samples are no noise alone, a photo (1, 3, 16, 16) and its small version."""
    torch.manual_seed(0)
    config = SRFlowConfig(RRDBConfig(4, 4, 2, 1), (0,), levels=3, steps=1, transitions=1, hidden=4, dequantised=dequantised)
    model = SRFlow(config).eval().requires_grad_(False)
    for name, parameter in model.flow.named_parameters():
        if "mixing" not in name and "transitions" not in name:
            parameter += 0.05 * torch.randn_like(parameter)
        if name.endswith("actnorm.log_scale"):
            parameter += 0.5
    photo = 0.3 + 0.4 * torch.rand(1, 3, 16, 16)
    return model, photo, resize(photo, 1 / 4)


@functools.cache
def scene(dequantised: bool = True) -> dict:
    return widgets.SuperResolutionExplorer.of(*parts(dequantised)).scene


def explorer(**state):
    return widgets.SuperResolutionExplorer(**{"scene": scene(), **state})
