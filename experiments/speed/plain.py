"""The conditional flow the plain way, as published: every network sees the whole upsampled condition.

An independent second implementation on the same weights, for comparisons of speed and tests.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nflib.bases import Domain
from nflib.models.conditional.condition import level_features
from nflib.models.conditional.steps import Step

# The maps of all levels.
Condition = list[Tensor]


def conditions(model: nn.Module, lr: Tensor) -> Condition:
    """The condition (B, C, H, W) of each level, upsampled and concatenated.

    The network's image head runs along, unused, as published.
    """
    features = model.encoder.features(lr, model.config.taps)
    top = features.ups[-1] if features.ups else features.last
    model.encoder.conv_last(F.leaky_relu(model.encoder.hr_conv(top), 0.2))
    maps = level_features(features, model.config.scale, model.config.levels)
    return [torch.cat((m.local, _upsampled(m.taps, m.local.shape[-1] // m.taps.shape[-1])), 1) for m in maps]


def encode(model: nn.Module, hr: Tensor, lr: Tensor | Condition) -> tuple[tuple[Tensor, ...], Tensor]:
    """Latents and log-determinant of images.

    ``lr``: what the model is told, or the maps made of it by :func:`conditions`.
    """
    x, log_det, latents = hr, 0.0, []
    maps = conditions(model, lr) if isinstance(lr, torch.Tensor) else lr
    for level, condition in zip(model.flow.transform.levels, maps, strict=True):
        x = F.pixel_unshuffle(x, 2)
        for transition in level.transitions:
            x, term = transition(x)
            log_det = log_det + term
        for step in level.steps:
            x, term = step.actnorm(x)
            x, mixed = step.mixing(x)
            log_det = log_det + term + mixed
            for part in (_couple, _inject) if step.coupling_first else (_inject, _couple):
                x, log_scale = part(step, step.scale.apply, x, condition)
                log_det = log_det + log_scale.flatten(1).sum(1)
        if level.split is not None:
            (x, latent), term = level.split(x)
            latents.append(latent)
            log_det = log_det + term
    return (*latents, x), log_det


def nll(model: nn.Module, hr: Tensor, lr: Tensor | Condition, *domain: Domain) -> Tensor:
    latents, log_det = encode(model, hr, lr)
    return -model.flow.base.log_prob(latents, *domain) - log_det


def decode(model: nn.Module, latents: tuple[Tensor, ...], lr: Tensor | Condition) -> Tensor:
    """Images of latents. ``lr`` as for :func:`encode`."""
    latents = list(latents)
    x = latents.pop()
    maps = conditions(model, lr) if isinstance(lr, torch.Tensor) else lr
    for level, condition in reversed(list(zip(model.flow.transform.levels, maps, strict=True))):
        if level.split is not None:
            x, _ = level.split.inverse((x, latents.pop()))
        for step in reversed(level.steps):
            for part in (_inject, _couple) if step.coupling_first else (_couple, _inject):
                x, _ = part(step, step.scale.invert, x, condition)
            x, _ = step.mixing.inverse(x)
            x, _ = step.actnorm.inverse(x)
        for transition in reversed(level.transitions):
            x, _ = transition.inverse(x)
        x = F.pixel_shuffle(x, 2)
    return x


def _inject(step: Step, scale: Callable, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
    return scale(x, *_answer(step.injector, condition))


def _couple(step: Step, scale: Callable, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
    decides, changed = x[:, : step.coupling.inputs], x[:, step.coupling.inputs :]
    changed, log_scale = scale(changed, *_answer(step.coupling, torch.cat((decides, condition), 1)))
    return torch.cat((decides, changed), 1), log_scale


def _upsampled(x: Tensor, factor: int) -> Tensor:
    return x.repeat_interleave(factor, 2).repeat_interleave(factor, 3)


def _answer(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    hidden = F.relu(net.norm_first(F.conv2d(x, net.first, padding=1))[0])
    hidden = F.relu(net.norm_second(F.conv2d(hidden, net.second))[0])
    out = net.last(hidden)
    return out[:, 1::2], out[:, 0::2]
