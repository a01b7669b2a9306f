"""The conditional flow the plain way: every network sees the whole upsampled condition, at every call. For tests and benchmarks."""

import torch
import torch.nn.functional as F

from nflib.models.conditional import level_features


def prepare(model, lr):
    """The condition (B, C, H, W) of each level, upsampled and concatenated: what the published code hands to every step."""
    features = model.encoder.features(lr, model.config.taps)
    maps = level_features(features, model.config.scale, model.config.levels)
    return [torch.cat((m.local, F.interpolate(m.taps, m.local.shape[2:], mode="nearest")), 1) for m in maps]


class PlainStep:
    """The context of a step, computed again whenever the step asks for it."""

    def __init__(self, step, condition):
        self.step, self.condition = step, condition

    def part(self, net):
        return F.conv2d(self.condition, net.first[:, net.inputs :], padding=1)

    @property
    def coupling(self):
        return self.part(self.step.coupling)

    @property
    def injector_raw(self):
        raw, self.injector_shift = self.step.injector(self.part(self.step.injector))  # once per call: a step asks for raw first
        return raw


def context(model, lr):
    """A conditioning that shares nothing between calls."""
    levels = zip(model.flow.transform.levels, prepare(model, lr))
    return tuple(tuple(PlainStep(step, condition) for step in level.steps) for level, condition in levels)

