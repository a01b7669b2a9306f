"""Small networks that couplings, injectors and splits ask for their scale and shift. They need not be
invertible.
"""

from __future__ import annotations

import itertools

from torch import nn


def mlp(inputs: int, outputs: int, hidden: int = 64, layers: int = 2) -> nn.Sequential:
    """A network on vectors, (B, inputs) -> (B, outputs), with a zero last layer: what it feeds starts as the
    identity.
    """
    sizes = [inputs] + [hidden] * layers
    body = [module for a, b in itertools.pairwise(sizes) for module in (nn.Linear(a, b), nn.SiLU())]
    return nn.Sequential(*body, _zero(nn.Linear(sizes[-1], outputs)))


def convnet(inputs: int, outputs: int, hidden: int = 64) -> nn.Sequential:
    """A network on images, (B, inputs, H, W) -> (B, outputs, H, W): 3x3, 1x1, 3x3 convolutions (Glow), zero
    last layer.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, hidden, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(hidden, hidden, 1),
        nn.ReLU(),
        _zero(nn.Conv2d(hidden, outputs, 3, padding=1)),
    )


def _zero(layer: nn.Linear | nn.Conv2d) -> nn.Module:
    assert layer.bias is not None
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
