"""The Glow of memory.py in the words of two other libraries, as released (pip install normflows nflows).

The same levels, steps and networks; their levels end in a split without a network.
"""

from __future__ import annotations

import contextlib
from importlib.metadata import PackageNotFoundError, version

import torch
from torch import nn

from nflib.transforms import convnet


def versions() -> dict[str, str]:
    """Of those of the two that are installed."""
    found = {}
    for name in ("normflows", "nflows"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def normflows_glow(levels: int, steps: int, hidden: int, size: int) -> nn.Module:
    import normflows as nf

    flows, merges, bases = [], [], []
    for i in range(levels):  # the deepest first
        channels, side = 3 * 2 ** (levels + 1 - i), size // 2 ** (levels - i)
        flows.append(
            [
                *(
                    nf.flows.GlowBlock(channels, hidden, split_mode="channel", scale=True)
                    for _ in range(steps)
                ),
                nf.flows.Squeeze(),
            ]
        )
        if i:
            merges.append(nf.flows.Merge())
        bases.append(
            nf.distributions.DiagGaussian((channels // 2 if i else channels, side, side), trainable=False)
        )
    model = nf.MultiscaleFlow(bases, flows, merges)
    model.nll = lambda image: -model.log_prob(image, None)
    return model


class Unconditional(nn.Module):
    """nflows hands its networks a context."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        return self.net(x)


def nflows_glow(levels: int, steps: int, hidden: int, size: int) -> nn.Module:
    from nflows import distributions, flows, transforms

    def net(inputs: int, outputs: int) -> nn.Module:
        return Unconditional(convnet(inputs, outputs, hidden))

    whole, channels, side = transforms.MultiscaleCompositeTransform(levels, split_dim=1), 3, size
    for _ in range(levels):
        channels, side = 4 * channels, side // 2
        mask = (torch.arange(channels) >= channels // 2).int()
        layers = [transforms.SqueezeTransform()]
        for k in range(steps):
            coupling = transforms.AffineCouplingTransform(1 - mask if k % 2 else mask, net)
            layers += [transforms.ActNorm(channels), transforms.OneByOneConvolution(channels), coupling]
        shape = whole.add_transform(transforms.CompositeTransform(layers), (channels, side, side))
        channels = shape[0] if shape else channels
    model = flows.Flow(whole, distributions.StandardNormal([3 * size * size]))
    model.nll = lambda image: -model.log_prob(image)
    return model
