"""A start for LUD-VAE from which a short training gets somewhere: the image goes through unchanged, and z_n
is white noise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...noise.gain import NoiseGain
from ...units import randn
from .model import LUDVAE

# Added to the colours on their way: then every ReLU lets them through, pre-noise included.
LIFT = 0.5
# Weights by which what is not used at the start can come into use.
SMALL = 0.02


@torch.no_grad()
def start_near_identity(model: LUDVAE, generator: torch.Generator | None = None) -> None:
    """Set the weights so that content comes out as it went in, and the finest layer of z_n holds what is
    missing.

    Three channels carry the colours through all convolutions, three more the noise to the output; the others
    start at random. The finest posterior is told what the degraded image has more than the state of the
    decoder, in units of the noise that the configuration expects, ``sqrt(sigma_clean^2 - sigma_degraded^2)``,
    and the decoder adds as much: so C2N starts with noise of this strength, white or with the spectrum of
    :meth:`LUDVAE.shape_noise`. With the usual start some hundred steps end in a grey blur, for nothing leads
    from the input to the output. With one level only there is no such posterior; then the content alone has
    this start.
    """
    config = model.config
    noise = _expected_noise(model)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            fan_in = layer.weight[0].numel()
            layer.weight.copy_(randn(layer.weight.shape, layer.weight, generator) * math.sqrt(2 / fan_in))
            _bias(layer).zero_()
    for first in (model.content_in, model.degradation_in):
        _carry(first)
        _bias(first)[:3] = LIFT
    for block in (*model.content, *model.degradation, *(level.decoder for level in model.levels)):
        for conv in block.convs:
            _carry(conv)
    for i, level in enumerate(model.levels):
        finest = i == len(model.levels) - 1
        width = config.width
        _carry(level.merge.conv)
        level.merge.conv.weight[:, width:].mul_(SMALL)
        for law in (level.posterior, level.prior):
            if law is not None:
                law.mean.weight.mul_(SMALL)
                law.log_sd.weight.mul_(SMALL)
        if level.join is not None and level.witness is not None:
            _carry(level.join.conv, 0.5)
            _carry(level.join.conv, 0.5, source=width, keep=True)
            _carry(level.witness.conv, -1.0)
            _carry(level.witness.conv, 1.0, source=width, keep=True)
        if finest and level.prior is not None:
            _carry(level.posterior.mean, 1 / noise)
            for part in (level.prior.mean, level.prior.log_sd):
                part.weight[:3] = 0
            # what is left uncertain at the optimum of a linear decoder (probabilistic PCA)
            if level.shape is None:
                _bias(level.posterior.log_sd)[:3] = -0.5 * math.log(1 + noise**2 / config.kl_weight)
            # on channels of its own, or the decoder would remove this noise with that of the content
            _carry(level.merge.conv, noise, source=width, target=3)
            _bias(level.merge.conv)[3:6] = LIFT
            for conv in level.decoder.convs:
                _carry(conv, source=3, target=3)
    model.out.weight.mul_(SMALL)
    _carry(model.out, keep=True)
    _bias(model.out).fill_(-LIFT)
    if len(model.levels) > 1:
        _carry(model.out, source=3, keep=True)
        _bias(model.out).sub_(LIFT)


@torch.no_grad()
def follow_colours(model: LUDVAE, gain: NoiseGain) -> None:
    """Let the strength of a started model's noise depend on the colours, as :func:`~nflib.noise.window_gain`
    found it.

    Call it after :func:`start_near_identity` and :meth:`LUDVAE.shape_noise`. Where the finest prior does not
    see the content it cannot follow anything, and nothing changes.
    """
    finest = model.levels[-1]
    if finest.prior is None or model.config.priors != "content":
        return
    noise = _expected_noise(model)
    passed = torch.ones(3) if finest.shape is None else finest.shape.colour.square().sum((1, 2, 3)).sqrt()
    log_sd = finest.prior.log_sd
    log_sd.weight[:3, :3, 0, 0] = gain.slope
    _bias(log_sd)[:3] = (gain.deviation / (noise * passed)).log() - gain.slope @ (gain.centre + LIFT)


def _expected_noise(model: LUDVAE) -> float:
    """The deviation that the configuration expects the noise to have."""
    config = model.config
    return max(math.sqrt(max(config.sigma_clean**2 - config.sigma_degraded**2, 0.0)), config.decoder_sd)


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _carry(conv: nn.Conv2d, share: float = 1.0, source: int = 0, target: int = 0, keep: bool = False) -> None:
    """Make three outputs from ``target`` on this share of the three inputs from ``source`` on, and nothing
    else unless ``keep``.
    """
    rows = conv.weight[target : target + 3]
    if not keep:
        rows.zero_()
    centre = conv.kernel_size[0] // 2
    rows[:, source : source + 3] = 0
    rows[:, source : source + 3, centre, centre] = share * torch.eye(3, dtype=rows.dtype, device=rows.device)
