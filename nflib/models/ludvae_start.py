"""A start for LUD-VAE from which a short training gets somewhere: the image goes through unchanged, and z_n is white noise."""

from __future__ import annotations

import math

import torch
from torch import nn

from ..units import randn
from .ludvae import LUDVAE

# Added to the colours on their way: then every ReLU lets them through, pre-noise included.
LIFT = 0.5
# Weights by which what is not used at the start can come into use.
SMALL = 0.02


@torch.no_grad()
def start_near_identity(model: LUDVAE, generator: torch.Generator | None = None) -> None:
    """Set the weights so that content comes out as it went in, and the finest layer of z_n holds what is missing.

    Three channels carry the colours through all convolutions; the others start at random, as usual. The finest posterior is
    told what the degraded image has more than the state of the decoder, in units of the noise that the configuration expects,
    ``sqrt(sigma_clean^2 - sigma_degraded^2)``, and the decoder adds as much: so C2N starts with white noise of this strength.
    With the usual start some hundred steps end in a grey blur, for nothing leads from the input to the output. With one level
    only there is no such posterior; then the content alone has this start.
    """
    config = model.config
    noise = max(math.sqrt(max(config.sigma_clean**2 - config.sigma_degraded**2, 0.0)), config.decoder_sd)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            fan_in = layer.weight[0].numel()
            layer.weight.copy_(randn(layer.weight.shape, layer.weight, generator) * math.sqrt(2 / fan_in))
            layer.bias.zero_()
    for first in (model.content_in, model.degradation_in):
        _carry(first, [1.0])
        first.bias[:3] = LIFT
    for block in (*model.content, *model.degradation, *(level.decoder for level in model.levels)):
        for conv in block.convs:
            _carry(conv, [1.0])
    for i, level in enumerate(model.levels):
        finest = i == len(model.levels) - 1
        told = finest and level.witness is not None
        width = config.width
        _carry(level.merge.conv, [1.0, noise if told else 0.0])
        level.merge.conv.weight[:, width if not told else width + 3 :].mul_(SMALL)
        for law in (level.posterior, level.prior):
            if law is not None:
                law.mean.weight.mul_(SMALL)
                law.log_sd.weight.mul_(SMALL)
        if level.join is not None:
            _carry(level.join.conv, [0.5, 0.5])
            _carry(level.witness.conv, [-1.0, 1.0])
        if told:
            _carry(level.posterior.mean, [1 / noise])
            for part in (level.prior.mean, level.prior.log_sd):
                part.weight[:3] = 0
            # what is left uncertain at the optimum of a linear decoder (probabilistic PCA)
            level.posterior.log_sd.bias[:3] = -0.5 * math.log(1 + noise**2 / config.kl_weight)
    model.out.weight.mul_(SMALL)
    _carry(model.out, [1.0], keep=True)
    model.out.bias.fill_(-LIFT)


def _carry(conv: nn.Conv2d, shares: list[float], keep: bool = False) -> None:
    """Make the first three outputs these shares of the first three channels of each input, and nothing else unless ``keep``."""
    if not keep:
        conv.weight[:3] = 0
    centre, width = conv.kernel_size[0] // 2, conv.in_channels // len(shares)
    for i, share in enumerate(shares):
        for c in range(3):
            conv.weight[c, i * width : i * width + 3] = 0
            conv.weight[c, i * width + c, centre, centre] = share
