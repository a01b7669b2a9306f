"""The conditional multi-scale flow inside SRFlow and DeFlow, with the work on the condition done once per image.

What a step is told about the image enters its networks through a first convolution, which is linear. So the part of it that
sees the condition is computed once and at the resolution the condition has, and every encoding, decoding and further sample
only adds its own part.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..transforms import ActNorm, BoundedScale, FullConv1x1, InvertibleConv1x1, Scale, Sequential, SigmoidScale, Split, Squeeze, Transform
from ..transforms.base import sum_per_sample, zeros
from ..transforms.scales import GaussianScale, InverseScale
from .condition import LevelFeatures, Upsampled, pointwise
from .rrdb import fast_layout


class StepContext(NamedTuple):
    """What one step needs to know of the condition: the injector's answer, and the condition's part of the coupling's first
    convolution."""

    injector_raw: Tensor
    injector_shift: Tensor
    coupling: Tensor


class Conditioning(NamedTuple):
    """What the flow needs to know of the condition: of each level what each of its steps needs, and, if the flow models the
    difference to a given image (B, 3, H, W), that image. ``gain`` (B, C, h, w) is not for the flow but for the noise of its
    deepest latent."""

    levels: tuple[tuple[StepContext, ...], ...]
    centre: Tensor | None = None
    gain: Tensor | None = None


class ConditionalFlow(Transform):
    """Levels of squeeze, transition steps, conditional steps and splits (SRFlow, section 3.4). The context is a
    :data:`Conditioning` made by :meth:`prepare`.

    Args:
        levels: number L of levels; level l works at H / 2^l. H and W must be multiples of 2^L.
        steps: conditional steps per level, K.
        transitions: steps without coupling after each squeeze.
        hidden: width of the networks in the steps.
        condition: channels of the condition, local and tapped maps together.
        affine: "bounded" (the default: the identity at the start, never extreme), "multiply" (the published SRFlow) or
            "divide" (the published DeFlow).
        eps: smallest scale of the two published forms.
        lu: parametrise the 1x1 convolutions by their LU factors; else by the matrix itself.
        splits: half of the channels leave after every level but the last two; else all stay to the end.
    """

    def __init__(self, levels: int, steps: int, transitions: int, hidden: int, condition: int, affine: str = "bounded",
                 eps: float = 1e-4, lu: bool = True, splits: bool = True):
        super().__init__()
        channels, built = 3, []
        for level in range(1, levels + 1):
            channels *= 4
            # The published models split neither after the last level nor before it.
            split = splits and level <= levels - 2
            built.append(_Level(channels, steps, transitions, hidden, condition, affine, eps, lu, split))
            channels = channels - channels // 2 if split else channels
        self.levels = nn.ModuleList(built)

    def prepare(self, features: list[LevelFeatures], centre: Tensor | None = None) -> Conditioning:
        """The condition's part of all steps: computed once per image, used by every encoding and decoding of it.

        Args:
            features: one entry per level.
            centre: (B, 3, H, W), subtracted from the image before all else.
        """
        return Conditioning(tuple(level.prepare(one) for level, one in zip(self.levels, features, strict=True)), centre)

    def forward(self, x, context=None):
        latents, log_det = [], zeros(x)
        x = x if context.centre is None else x - context.centre
        for level, known in zip(self.levels, context.levels, strict=True):
            x, term = level(x, known)
            log_det = log_det + term
            if level.split is not None:
                x, latent = x
                latents.append(latent)
        return (*latents, x), log_det

    def inverse(self, z, context=None):
        latents, log_det = list(z), zeros(z)
        x = latents.pop()
        for level, known in zip(reversed(self.levels), reversed(context.levels)):
            x, term = level.inverse(x if level.split is None else (x, latents.pop()), known)
            log_det = log_det + term
        return (x if context.centre is None else x + context.centre), log_det

    def latent_shape(self, shape):
        shapes = []
        for level in self.levels:
            shape = Squeeze().latent_shape(shape)
            if level.split is not None:
                shape, latent = level.split.latent_shape(shape)
                shapes.append(latent)
        return (*shapes, shape)


class _Level(Transform):
    def __init__(self, channels, steps, transitions, hidden, condition, affine, eps, lu, split):
        super().__init__()
        mixing = InvertibleConv1x1 if lu else FullConv1x1
        self.squeeze = Squeeze()
        self.transitions = nn.ModuleList(Sequential(ActNorm(channels), mixing(channels)) for _ in range(transitions))
        self.steps = nn.ModuleList(_Step(channels, hidden, condition, affine, eps, mixing) for _ in range(steps))
        prior = BoundedScale() if affine == "bounded" else GaussianScale()
        self.split = Split(channels, net=_Prior, scale=prior) if split else None

    def prepare(self, features: LevelFeatures) -> tuple[StepContext, ...]:
        local = fast_layout(features.local)
        taps = Upsampled(features.taps, local.shape[-1] // features.taps.shape[-1]) if features.taps.shape[1] else None
        return tuple(StepContext(*step.injector(step.injector.part(local, taps)), step.coupling.part(local, taps)) for step in self.steps)

    def layers(self, context: tuple[StepContext, ...]) -> list[tuple[Transform, StepContext | None]]:
        """What comes between squeeze and split, each with what it is told."""
        return [*((transition, None) for transition in self.transitions), *zip(self.steps, context, strict=True)]

    def forward(self, x, context=None):
        x, log_det = self.squeeze(x)
        for layer, known in self.layers(context):
            x, term = layer(x, known)
            log_det = log_det + term
        if self.split is not None:
            x, term = self.split(x)
            log_det = log_det + term
        return x, log_det

    def inverse(self, z, context=None):
        log_det = zeros(z)
        if self.split is not None:
            z, term = self.split.inverse(z)
            log_det = log_det + term
        for layer, known in reversed(self.layers(context)):
            z, term = layer.inverse(z, known)
            log_det = log_det + term
        return self.squeeze.inverse(z)[0], log_det


class _Step(Transform):
    """ActNorm, 1x1 convolution, then injector and coupling ("divide" has the coupling first, as the published DeFlow)."""

    def __init__(self, channels, hidden, condition, affine, eps, mixing):
        super().__init__()
        self.actnorm, self.mixing = ActNorm(channels), mixing(channels)
        self.injector = _Net(0, condition, hidden, 2 * channels)
        self.coupling = _Net(channels // 2, condition, hidden, 2 * (channels - channels // 2))
        self.scale: Scale = {
            "bounded": BoundedScale, "multiply": lambda: SigmoidScale(eps), "divide": lambda: InverseScale(SigmoidScale(eps)),
        }[affine]()
        self.coupling_first = affine == "divide"
        self.half = channels // 2

    def _inject(self, map_, x, context):
        x, log_scale = map_(x, context.injector_raw, context.injector_shift)
        return x, sum_per_sample(log_scale)

    def _couple(self, map_, x, context):
        decides, changed = x[:, : self.half], x[:, self.half :]
        changed, log_scale = map_(changed, *self.coupling(context.coupling, decides))
        return torch.cat((decides, changed), 1), sum_per_sample(log_scale)

    def forward(self, x, context=None):
        x, log_det = self.actnorm(x)
        x, term = self.mixing(x)
        log_det = log_det + term
        for part in (self._couple, self._inject) if self.coupling_first else (self._inject, self._couple):
            x, term = part(self.scale.apply, x, context)
            log_det = log_det + term
        return x, log_det

    def inverse(self, z, context=None):
        log_det = zeros(z)
        for part in (self._inject, self._couple) if self.coupling_first else (self._couple, self._inject):
            z, term = part(self.scale.invert, z, context)
            log_det = log_det - term
        z, term = self.mixing.inverse(z)
        log_det = log_det + term
        z, term = self.actnorm.inverse(z)
        return z, log_det + term


class _Net(nn.Module):
    """3x3, 1x1, 3x3 convolutions with ActNorm between (Glow, as published in SRFlow's code).

    ``net(part, x)``: ``part`` (B, hidden, H, W) is the condition's share of the first convolution, ``x`` (B, inputs, H, W) the
    rest of its input. Returns raw scale and shift, which are interleaved in the last convolution's output: shift, raw, ...
    """

    def __init__(self, inputs: int, condition: int, hidden: int, outputs: int):
        super().__init__()
        self.inputs = inputs
        self.first = nn.Parameter(0.05 * torch.randn(hidden, inputs + condition, 3, 3))
        self.norm_first = ActNorm(hidden)
        self.second = nn.Parameter(0.05 * torch.randn(hidden, hidden, 1, 1))
        self.norm_second = ActNorm(hidden)
        self.last = ScaledConv2d(hidden, outputs)

    def part(self, local: Tensor, taps: Upsampled | None) -> Tensor:
        """The condition's share of the first convolution, (B, hidden, H, W), of ``local`` maps (B, C, H, W) and upsampled ones."""
        width = local.shape[1]
        _, weight, weight_taps = self.first.split((self.inputs, width, self.first.shape[1] - self.inputs - width), 1)
        part = F.conv2d(local, weight, padding=1)
        return part if taps is None else part + taps.conv(weight_taps)

    def forward(self, part: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        hidden = part if x is None else part + F.conv2d(fast_layout(x), self.first[:, : self.inputs], padding=1)
        hidden = F.relu_(self.norm_first(hidden)[0])
        if self.training and not self.norm_second.initialised:
            self.norm_second.initialise(pointwise(hidden, self.second))
        # the convolution and norm_second after it, as one
        scale = self.norm_second.log_scale.exp()
        hidden = F.relu_(pointwise(hidden, self.second * scale.view(-1, 1, 1, 1), self.norm_second.bias * scale))
        out = self.last(hidden)
        return out[:, 1::2], out[:, 0::2]


class _Prior(nn.Module):
    """The network of a split: one convolution gives log-deviation and mean of what leaves, interleaved as mean, log-deviation."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = ScaledConv2d(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv(x)
        return torch.cat((out[:, 1::2], out[:, 0::2]), 1)


class ScaledConv2d(nn.Conv2d):
    """A 3x3 convolution that starts at zero, its output times ``exp(3 * log_scale)`` per channel (Glow's code)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, 3, padding=1)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)
        self.log_scale = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        scale = (3 * self.log_scale).exp()
        return F.conv2d(x, self.weight * scale.view(-1, 1, 1, 1), self.bias * scale, padding=1)


def check_config(config, forms: tuple[str, str]) -> None:
    """Raise ValueError unless the configuration of a conditional model makes sense. ``forms``: what ``affine`` may be."""
    if config.affine not in forms:
        raise ValueError(f'affine must be "{forms[0]}" or "{forms[1]}", got {config.affine!r}')
    if min(config.levels, config.steps, config.hidden) < 1 or config.transitions < 0:
        raise ValueError(f"levels, steps and hidden must be at least 1 and transitions at least 0, got {config}")
    if not all(0 <= tap < config.encoder.blocks for tap in config.taps):
        raise ValueError(f"taps must be block numbers below {config.encoder.blocks}, got {config.taps}")
    if config.scale > 2**config.levels:
        raise ValueError(f"scale {config.scale} needs at least {config.scale.bit_length() - 1} levels, got {config.levels}")


def check_sizes(config, **pair) -> None:
    """Raise ValueError, with the names of the two arguments, unless an image and its condition fit the model and each other."""
    (image_name, image), (condition_name, condition) = pair.items()
    multiple = 2**config.levels
    if image.dim() != 4 or image.shape[1] != 3 or image.shape[2] % multiple or image.shape[3] % multiple:
        raise ValueError(f"{image_name} must be (B, 3, H, W) with H and W multiples of {multiple}, got {tuple(image.shape)}")
    expected = (len(image), 3, image.shape[2] // config.scale, image.shape[3] // config.scale)
    if isinstance(condition, Tensor) and tuple(condition.shape) != expected:
        raise ValueError(
            f"{condition_name} must have shape {expected} for {image_name} of shape {tuple(image.shape)}, got {tuple(condition.shape)}"
        )


