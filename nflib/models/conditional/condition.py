"""What a conditional flow is told about the image: of each level the encoder's maps, and what its steps make
of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ...transforms.context import map_tensors, tensors
from ...transforms.precision import full_precision
from ..rrdb import Features, fast_layout


class LevelFeatures(NamedTuple):
    """The condition of one level: ``local`` (B, C, H, W) at the level's resolution, and ``taps`` (B, T, H/f,
    W/f), which stand for their nearest-neighbour upsampling by the whole number f > 1. At other levels they
    are part of ``local``, and T = 0.
    """

    local: Tensor
    taps: Tensor


def level_features(features: Features, scale: int, levels: int) -> list[LevelFeatures]:
    """The maps of the encoder that each level is told: of its resolution where there is one, else averaged
    down.

    Args:
        features: of a low-resolution image whose sides are 1/scale of the image that is modelled.
        scale: a power of two.
        levels: number of levels; level l works at 1/2^l.
    """
    found = []
    for level in range(1, levels + 1):
        if 2**level < scale:
            found.append(LevelFeatures(features.ups[(scale >> level).bit_length() - 2], features.taps))
        else:
            down = 2**level // scale
            local = torch.cat((F.avg_pool2d(features.last, down), features.taps[:, :, ::down, ::down]), 1)
            found.append(LevelFeatures(local, features.taps[:, :0, ::down, ::down]))
    return found


class Upsampled(NamedTuple):
    """A map (B, C, h, w) that stands for its nearest-neighbour upsampling by a whole number f > 1:
    convolutions without upsampling.

    In one dimension a kernel (a, b, c) gives ``s x[i]`` inside a block of f equal values,
    ``s x[i] - a (x[i] - x[i-1])`` at its first position and ``s x[i] + c (x[i+1] - x[i])`` at its last one,
    with ``s = a + b + c``. So the values of x and their differences, each times a matrix, are all that is
    needed: in two dimensions 9 products per value of x and output channel instead of ``9 f^2``. The
    differences are taken once for all kernels. Exact, borders included.

    ``maps``: x and its differences across, down and both.
    """

    maps: tuple[Tensor, ...]
    factor: int

    @classmethod
    def of(cls, x: Tensor, factor: int) -> Upsampled:
        values = fast_layout(x)
        across = F.pad(values, (1, 1)).diff(dim=3)
        return cls(
            (
                values,
                across,
                F.pad(values, (0, 0, 1, 1)).diff(dim=2),
                F.pad(across, (0, 0, 1, 1)).diff(dim=2),
            ),
            factor,
        )

    def conv(self, weight: Tensor) -> Tensor:
        """``conv2d(upsampled, weight, padding=1)`` for a weight (O, C, 3, 3): (B, O, f*h, f*w)."""
        # in each dimension: the sum, minus the first, the last
        change = weight.new_tensor([[1, 1, 1], [-1, 0, 0], [0, 0, 1]])
        change = torch.kron(change, change)[[0, 1, 2, 3, 6, 4, 5, 7, 8]]
        with full_precision(weight):
            kernels = (change @ weight.reshape(-1, 9).T).view(9, *weight.shape[:2]).split((1, 2, 2, 4))
        (centre,), (left, right), (top, bottom), (top_left, top_right, bottom_left, bottom_right) = map(
            _products, self.maps, kernels
        )

        def row(before: Tensor, here: Tensor, after: Tensor) -> Tensor:
            return torch.stack(
                (here + before[:, :, :-1], *[here] * (self.factor - 2), here + after[:, :, 1:]), 3
            )

        middle = row(left, centre, right)
        first = middle + row(top_left, top, top_right)[:, :-1]
        last = middle + row(bottom_left, bottom, bottom_right)[:, 1:]
        blocks = torch.stack((first, *[middle] * (self.factor - 2), last), 2)
        return blocks.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)


class Net(Protocol):
    """The network of an injector or of a coupling, as far as the condition knows it
    (:class:`~nflib.models.conditional.StepNet`).
    """

    def share(self, maps: LevelMaps) -> Tensor:
        """The condition's share of the first convolution, (B, hidden, H, W)."""

    def answer(self, part: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Raw scale and shift."""


class Told(Protocol):
    """What a step is told of the condition, by the two questions it asks."""

    def injected(self, net: Net) -> tuple[Tensor, Tensor]:
        """The answer of the injector's network: raw scale and shift, (B, C, H, W) each."""

    def part(self, net: Net) -> Tensor:
        """The condition's share of the first convolution of the coupling's network, (B, hidden, H, W)."""


class LevelMaps(NamedTuple):
    """The condition of one level as its networks convolve it: ``local`` (B, C, H, W), and the taps if they
    are at lower resolution.

    A step that is told these computes its part at each call.
    """

    local: Tensor
    taps: Upsampled | None

    def injected(self, net: Net) -> tuple[Tensor, Tensor]:
        return net.answer(net.share(self))

    def part(self, net: Net) -> Tensor:
        return net.share(self)

    @classmethod
    def of(cls, features: LevelFeatures) -> LevelMaps:
        local, taps = fast_layout(features.local), features.taps
        return cls(local, Upsampled.of(taps, local.shape[-1] // taps.shape[-1]) if taps.shape[1] else None)


class StepContext(NamedTuple):
    """What one step needs to know of the condition, computed before: the injector's answer, (B, C, H, W)
    each, and the condition's part of the coupling's first convolution, (B, hidden, H, W).
    """

    injector_raw: Tensor
    injector_shift: Tensor
    coupling: Tensor

    def injected(self, net: Net) -> tuple[Tensor, Tensor]:
        return self.injector_raw, self.injector_shift

    def part(self, net: Net) -> Tensor:
        return self.coupling


class Conditioning(NamedTuple):
    """What a conditional flow knows of the condition of a batch of images. Its ``prepare`` makes it.

    Attributes:
        levels: of each level what each of its steps is told.
        centre: (B, 3, H, W), the images of which the flow models the difference, if it does.
        recomputed: in reversible training the steps of a level are told its maps, all the same, and compute
            their parts once more in the backward pass.
    """

    levels: tuple[tuple[Told, ...], ...]
    centre: Tensor | None = None
    recomputed: bool = False

    @classmethod
    def of_parts(
        cls, parts: Iterable[Iterable[Iterable[Tensor]]], centre: Tensor | None = None
    ) -> Conditioning:
        """The condition again of its :meth:`parts`."""
        return cls(tuple(tuple(StepContext(*step) for step in level) for level in parts), centre)

    def parts(self) -> list[list[list[Tensor]]]:
        """What was prepared, by level and step: raw scale and shift of the injector, the coupling's part."""
        return [[tensors(step) for step in level] for level in self.levels]

    @property
    def batch(self) -> int:
        """How many images it is for; if 1, it broadcasts over any number."""
        return len(self._finest)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the images."""
        height, width = self._finest.shape[2:]
        return 2 * height, 2 * width

    def repeat(self, copies: int) -> Conditioning:
        """For ``copies`` times as many images: all once, then all again. That of one image broadcasts: it
        stays as it is.
        """
        if copies == 1 or self.batch == 1:
            return self
        return map_tensors(self, lambda part: part.repeat(copies, 1, 1, 1))

    @property
    def _finest(self) -> Tensor:
        """Some map of the first level, (B, C, H / 2, W / 2)."""
        return tensors(self.levels[0])[0]


def _products(x: Tensor, kernels: Tensor) -> tuple[Tensor, ...]:
    """x (B, C, H, W) times each of the matrices (N, O, C): N tensors (B, H, W, O)."""
    return pointwise(x, kernels.flatten(0, 1)[..., None, None]).permute(0, 2, 3, 1).chunk(len(kernels), 3)


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The convolution with a 1x1 kernel (O, C, 1, 1)."""
    # A dilation leaves a 1x1 kernel as it is, and makes torch use oneDNN on one thread too: twice as fast.
    return F.conv2d(x, weight, bias, dilation=2 if x.device.type == "cpu" else 1)
