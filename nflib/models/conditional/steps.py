"""The steps of a conditional flow, and the networks in them."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...transforms import (
    ActNorm,
    BoundedScale,
    Scale,
    SigmoidScale,
    Transform,
)
from ...transforms.base import zeros
from ...transforms.context import Context
from ...transforms.coupling import Coupling
from ...transforms.injector import Injector
from ...transforms.precision import as_precise_as
from ...transforms.scales import InverseScale
from ..rrdb import fast_layout
from .condition import LevelMaps, StepContext, Told, pointwise


class Step(Transform):
    """ActNorm, 1x1 convolution, then injector and coupling ("divide" has the coupling first, as the published
    DeFlow). Without a coupling it is affine in what it is given.

    The context is what :meth:`prepare` returns; or the maps of the level, of which injector and coupling then
    compute their parts at each call.
    """

    def __init__(
        self,
        channels: int,
        *,
        hidden: int,
        condition: int,
        affine: str,
        eps: float,
        mixing: Callable[[int], Transform],
        coupled: bool = True,
    ):
        super().__init__()
        self.actnorm, self.mixing = ActNorm(channels), mixing(channels)
        self.scale = _scale(affine, eps)
        self.injector = StepInjector(channels, condition, hidden, self.scale)
        self.coupling = StepCoupling(channels, condition, hidden, self.scale) if coupled else None
        self.coupling_first = affine == "divide"

    def prepare(self, maps: LevelMaps) -> StepContext:
        raw, shift = maps.injected(self.injector)
        return StepContext(raw, shift, raw[:, :0] if self.coupling is None else maps.part(self.coupling))

    def stages(self) -> tuple[Transform, ...]:
        if self.coupling is None:
            return self.actnorm, self.mixing, self.injector
        first, second = (
            (self.coupling, self.injector) if self.coupling_first else (self.injector, self.coupling)
        )
        return self.actnorm, self.mixing, first, second

    def factors(self, context: Told) -> Tensor:
        """By what the injector multiplies, (B, 1, C, H, W): all that it does to differences."""
        raw, _ = context.injected(self.injector)
        return self.scale.log_scale(raw).exp().unsqueeze(1)

    def forward(self, x: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        log_det = zeros(x)
        for stage in self.stages():
            x, term = stage(x, context)
            log_det = log_det + term
        return x, log_det

    def inverse(self, z: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        log_det = zeros(z)
        for stage in reversed(self.stages()):
            z, term = stage.inverse(z, context)
            log_det = log_det + term
        return z, log_det


def _scale(affine: str, eps: float) -> Scale:
    published = SigmoidScale(eps)
    return {"bounded": BoundedScale(), "multiply": published, "divide": InverseScale(published)}[affine]


class StepNet(nn.Module):
    """The network that is an injector's or a coupling's own: 3x3, 1x1, 3x3 convolutions with ActNorm between
    (Glow, as published in SRFlow's code). The names of its parameters are those of saved models.

    Args:
        inputs: channels of the image that it sees.
        condition: channels of the condition.
        hidden: width.
        outputs: channels of raw scale and shift together.
    """

    def __init__(self, inputs: int, condition: int, hidden: int, outputs: int):
        super().__init__()
        self.inputs = inputs
        self.first = nn.Parameter(0.05 * torch.randn(hidden, inputs + condition, 3, 3))
        self.norm_first = ActNorm(hidden)
        self.second = nn.Parameter(0.05 * torch.randn(hidden, hidden, 1, 1))
        self.norm_second = ActNorm(hidden)
        self.last = ScaledConv2d(hidden, outputs)

    def share(self, maps: LevelMaps) -> Tensor:
        """The condition's share of the first convolution, (B, hidden, H, W)."""
        local, taps = maps
        width = local.shape[1]
        _, weight, weight_taps = self.first.split(
            (self.inputs, width, self.first.shape[1] - self.inputs - width), 1
        )
        part = F.conv2d(local, weight, padding=1)
        return part if taps is None else part + taps.conv(weight_taps)

    def answer(self, part: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Raw scale and shift, which are interleaved in the last convolution's output: shift, raw, ...

        Args:
            part: the condition's share of the first convolution, (B, hidden, H, W).
            x: the rest of its input, (B, inputs, H, W), if there is any.
        """
        hidden = (
            part if x is None else part + F.conv2d(fast_layout(x), self.first[:, : self.inputs], padding=1)
        )
        hidden = F.relu_(self.norm_first(hidden)[0])
        if self.norm_second.waits():
            self.norm_second.initialise(pointwise(hidden, self.second))
        # the convolution and norm_second after it, as one
        scale = self.norm_second.log_scale.exp()
        hidden = F.relu_(
            pointwise(hidden, self.second * scale.view(-1, 1, 1, 1), self.norm_second.bias * scale)
        )
        out = self.last(hidden)
        return out[:, 1::2], out[:, 0::2]


class StepInjector(StepNet, Injector):
    """An injector that asks what it is told for the answer of its network."""

    def __init__(self, channels: int, condition: int, hidden: int, scale: Scale):
        super().__init__(0, condition, hidden, 2 * channels)
        self.scale = scale

    def _raw_and_shift(self, x: Tensor, context: Told) -> tuple[Tensor, Tensor]:
        return as_precise_as(x, *context.injected(self))


class StepCoupling(StepNet, Coupling):
    """A coupling that asks what it is told for the condition's part of its first convolution."""

    def __init__(self, channels: int, condition: int, hidden: int, scale: Scale):
        super().__init__(channels // 2, condition, hidden, 2 * (channels - channels // 2))
        self.channels, self.scale = channels, scale

    def _raw_and_shift(self, decides: Tensor, context: Told) -> tuple[Tensor, Tensor]:
        return as_precise_as(decides, *self.answer(context.part(self), decides))


class Prior(nn.Module):
    """The network of a split: one convolution gives log-deviation and mean of what leaves, interleaved as
    mean, log-deviation.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = ScaledConv2d(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv(x)
        return torch.cat((out[:, 1::2], out[:, 0::2]), 1)


class ScaledConv2d(nn.Conv2d):
    """A 3x3 convolution that starts at zero, its output times ``exp(3 * log_scale)`` per channel (Glow's
    code).
    """

    bias: nn.Parameter

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, 3, padding=1)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)
        self.log_scale = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        scale = (3 * self.log_scale).exp()
        return F.conv2d(x, self.weight * scale.view(-1, 1, 1, 1), self.bias * scale, padding=1)
