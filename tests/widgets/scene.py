"""Scenes for the explorers of trained flows that are small enough for a test."""

from __future__ import annotations

import functools

import torch

from nflib import widgets
from nflib.images import resize
from nflib.models import DeFlow, DeFlowConfig, RRDBConfig, SRFlow, SRFlowConfig


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


@functools.cache
def degradation(local: bool = True):
    """A DeFlow in which every parameter does something, with local noise or with two latents, and a photo (1, 3, 16, 16)."""
    torch.manual_seed(1)
    config = DeFlowConfig(RRDBConfig(4, 4, 2, 1), (0,), steps=1, transitions=1, hidden=4, splits=not local, local=local, noise=0.2)
    model = DeFlow(config).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if "mixing" not in name and "transitions" not in name:
            parameter += 0.05 * torch.randn_like(parameter)
        if name.endswith("actnorm.log_scale"):
            parameter += 0.5
    if local:
        model.flow.base.axes0.copy_(torch.linalg.qr(torch.randn_like(model.flow.base.axes0)).Q)
    return model, 0.3 + 0.4 * torch.rand(1, 3, 16, 16)


@functools.cache
def degradation_scene(local: bool = True) -> dict:
    return widgets.DegradationExplorer.of(*degradation(local), generator=torch.Generator().manual_seed(2)).scene


def degradation_explorer(**state):
    return widgets.DegradationExplorer(**{"scene": degradation_scene(), **state})
