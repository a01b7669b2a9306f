"""Small flows of every kind, initialised and moved off their start, and what they are asked: for tests of one
way to compute against another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F

from nflib.models import DeFlow, DeFlowConfig, Glow, GlowConfig, RRDBConfig, SRFlow, SRFlowConfig

ENCODER = RRDBConfig(4, 8, 4, 2)
FLOWS = {
    "glow": (Glow, GlowConfig(levels=3, steps=2, hidden=8)),
    "srflow": (SRFlow, SRFlowConfig(ENCODER, taps=(0, 1), steps=2, transitions=1, hidden=8)),
    "srflow published": (
        SRFlow,
        SRFlowConfig(ENCODER, taps=(0, 1), steps=2, transitions=1, hidden=8, affine="multiply", lu=False),
    ),
    "deflow": (DeFlow, DeFlowConfig(ENCODER, taps=(0, 1), steps=2, transitions=1, hidden=8, local=True)),
    "deflow published": (
        DeFlow,
        DeFlowConfig(
            ENCODER,
            taps=(0, 1),
            steps=2,
            transitions=1,
            hidden=8,
            affine="divide",
            splits=True,
            centred=False,
        ),
    ),
}
IMAGES = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def new(name, dtype=torch.float32, **changes) -> Any:
    cls, config = FLOWS[name]
    torch.manual_seed(0)
    return cls(replace(config, **changes)).to(dtype)


def flow(name, dtype=torch.float32, **changes) -> Any:
    """In training mode, initialised by the images, all networks at work."""
    model = new(name, dtype, **changes)
    with torch.no_grad():
        nll(model)
        torch.manual_seed(1)
        for parameter in model.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 1
            parameter.add_(0.05 / fan_in**0.5 * torch.randn_like(parameter))
    return model


def arguments(model, images=IMAGES) -> tuple:
    """What its ``nll`` is given: images, and for a conditional model small ones and the domains."""
    images = images.to(next(model.parameters()))
    if isinstance(model, Glow):
        return (images,)
    condition = F.avg_pool2d(images, model.config.scale)
    return (
        (images, condition) if isinstance(model, SRFlow) else (images, condition, ["clean", "degraded"] * 2)
    )


def nll(model, images=IMAGES) -> torch.Tensor:
    return model.nll(*arguments(model, images))


def bytes_kept(model, forward) -> int:
    """Bytes that autograd keeps for the backward pass of what ``forward()`` returns, parameters and buffers
    of the model not counted.
    """
    own = {tensor.untyped_storage().data_ptr() for tensor in model.state_dict().values()}
    kept = {}

    def pack(tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        value = forward()
    assert value.requires_grad
    return sum(kept.values())


def gradients(model, forward=nll) -> dict:
    """Name -> gradient of the mean of what ``forward`` returns."""
    model.zero_grad()
    forward(model).mean().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
