"""The conditional flow the plain way, as published: every network sees the whole upsampled condition, at every call.

An independent second implementation on the same weights, for benchmarks and tests.
"""

import torch
import torch.nn.functional as F

from nflib.models.condition import level_features


def conditions(model, lr):
    """The condition (B, C, H, W) of each level, upsampled and concatenated. The network's image head runs along, unused, as published."""
    features = model.encoder.features(lr, model.config.taps)
    top = features.ups[-1] if features.ups else features.last
    model.encoder.conv_last(F.leaky_relu(model.encoder.hr_conv(top), 0.2))
    maps = level_features(features, model.config.scale, model.config.levels)
    return [torch.cat((m.local, _upsampled(m.taps, m.local.shape[-1] // m.taps.shape[-1])), 1) for m in maps]


def encode(model, hr, lr):
    """Latents and log-determinant of high-resolution images."""
    x, log_det, latents = hr, 0.0, []
    for level, condition in zip(model.flow.transform.levels, conditions(model, lr)):
        x = F.pixel_unshuffle(x, 2)
        for transition in level.transitions:
            x, term = transition(x)
            log_det = log_det + term
        for step in level.steps:
            x, term = step.actnorm(x)
            x, mixed = step.mixing(x)
            x, log_injector = step.scale.apply(x, *_answer(step.injector, condition))
            decides, changed = x[:, : step.half], x[:, step.half :]
            changed, log_coupling = step.scale.apply(changed, *_answer(step.coupling, torch.cat((decides, condition), 1)))
            x = torch.cat((decides, changed), 1)
            log_det = log_det + term + mixed + log_injector.flatten(1).sum(1) + log_coupling.flatten(1).sum(1)
        if level.split is not None:
            (x, latent), term = level.split(x)
            latents.append(latent)
            log_det = log_det + term
    return (*latents, x), log_det


def nll(model, hr, lr):
    latents, log_det = encode(model, hr, lr)
    return -model.flow.base.log_prob(latents) - log_det


def decode(model, latents, lr):
    """High-resolution images of latents."""
    latents = list(latents)
    x = latents.pop()
    for level, condition in reversed(list(zip(model.flow.transform.levels, conditions(model, lr)))):
        if level.split is not None:
            x, _ = level.split.inverse((x, latents.pop()))
        for step in reversed(level.steps):
            decides, changed = x[:, : step.half], x[:, step.half :]
            changed, _ = step.scale.invert(changed, *_answer(step.coupling, torch.cat((decides, condition), 1)))
            x, _ = step.scale.invert(torch.cat((decides, changed), 1), *_answer(step.injector, condition))
            x, _ = step.mixing.inverse(x)
            x, _ = step.actnorm.inverse(x)
        for transition in reversed(level.transitions):
            x, _ = transition.inverse(x)
        x = F.pixel_shuffle(x, 2)
    return x


def _upsampled(x, factor):
    return x.repeat_interleave(factor, 2).repeat_interleave(factor, 3)


def _answer(net, x):
    hidden = F.relu(net.norm_first(F.conv2d(x, net.first, padding=1))[0])
    hidden = F.relu(net.norm_second(F.conv2d(hidden, net.second))[0])
    out = net.last(hidden)
    return out[:, 1::2], out[:, 0::2]
