"""The conditional multi-scale flow inside SRFlow and DeFlow, with the work on the condition done once per
image.

What a step is told about the image enters its networks through a first convolution, which is linear. So the
part of it that sees the condition is computed once and at the resolution the condition has, and every
encoding, decoding and further sample only adds its own part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from ...transforms import (
    ActNorm,
    BoundedScale,
    FullConv1x1,
    InvertibleConv1x1,
    Sequential,
    Split,
    Squeeze,
    Transform,
)
from ...transforms.base import Latent, Shape, zeros
from ...transforms.context import Context, tensors
from ...transforms.reversible import Recomputation
from ...transforms.scales import GaussianScale
from .condition import Conditioning, LevelFeatures, LevelMaps, StepContext, Told
from .steps import Prior, Step


class ConditionalFlow(Transform):
    """Levels of squeeze, transition steps, conditional steps and splits (SRFlow, section 3.4). The context is
    a :class:`Conditioning` made by :meth:`prepare`.

    Args:
        levels: number L of levels; level l works at H / 2^l. H and W must be multiples of 2^L.
        steps: conditional steps per level, K.
        transitions: steps without coupling after each squeeze.
        hidden: width of the networks in the steps.
        condition: channels of the condition, local and tapped maps together.
        affine: "bounded" (the default: the identity at the start, never extreme), "multiply" (the published
            SRFlow) or "divide" (the published DeFlow).
        eps: smallest scale of the two published forms.
        lu: parametrise the 1x1 convolutions by their LU factors; else by the matrix itself.
        splits: half of the channels leave after every level but the last two; else all stay to the end.
        reversible: training with :meth:`tell` keeps of each level what leaves it, and recomputes what is
            inside (:class:`~nflib.transforms.reversible.Recomputation`), the condition's part included:
            memory does not grow with the steps.
        couplings: of every step. Without them the flow is affine in the image, block by block of 2^L pixels,
            and :meth:`linear` says how.
    """

    def __init__(
        self,
        *,
        levels: int,
        steps: int,
        transitions: int,
        hidden: int,
        condition: int,
        affine: str = "bounded",
        eps: float = 1e-4,
        lu: bool = True,
        splits: bool = True,
        reversible: bool = False,
        couplings: bool = True,
    ):
        super().__init__()
        self.reversible = reversible
        channels, built = 3, []
        for level in range(1, levels + 1):
            channels *= 4
            # The published models split neither after the last level nor before it.
            split = splits and level <= levels - 2
            built.append(
                _Level(
                    channels,
                    steps=steps,
                    transitions=transitions,
                    hidden=hidden,
                    condition=condition,
                    affine=affine,
                    eps=eps,
                    lu=lu,
                    split=split,
                    coupled=couplings,
                )
            )
            channels = channels - channels // 2 if split else channels
        self.levels = cast(Sequence[_Level], nn.ModuleList(built))

    def prepare(self, features: list[LevelFeatures], centre: Tensor | None = None) -> Conditioning:
        """The condition's part of all steps: computed once per image, used by every encoding and decoding of
        it.

        Args:
            features: one entry per level.
            centre: (B, 3, H, W), subtracted from the image before all else.
        """
        return Conditioning(
            tuple(level.prepare(one) for level, one in zip(self.levels, features, strict=True)), centre
        )

    def tell(self, features: list[LevelFeatures], centre: Tensor | None = None) -> Conditioning:
        """What a training pass is told: in reversible training the maps, of which each step computes its part
        when it needs it; else as :meth:`prepare`.
        """
        if not (self.reversible and self.training and torch.is_grad_enabled()):
            return self.prepare(features, centre)
        told = (
            (LevelMaps.of(one),) * len(level.steps) for level, one in zip(self.levels, features, strict=True)
        )
        return Conditioning(tuple(told), centre, recomputed=True)

    def forward(self, x: Tensor, context: Context = None) -> tuple[tuple[Tensor, ...], Tensor]:
        latents, log_det = [], zeros(x)
        x = x if context.centre is None else x - context.centre
        for level, told in zip(self.levels, context.levels, strict=True):
            x, term = level.recomputed(x, told) if context.recomputed else level(x, told)
            log_det = log_det + term
            if level.split is not None:
                x, latent = x
                latents.append(latent)
        return (*latents, x), log_det

    def inverse(self, z: tuple[Tensor, ...], context: Context = None) -> tuple[Tensor, Tensor]:
        latents, log_det = list(z), zeros(z)
        x = latents.pop()
        for level, told in zip(reversed(self.levels), reversed(context.levels)):
            x, term = level.inverse(x if level.split is None else (x, latents.pop()), told)
            log_det = log_det + term
        return (x if context.centre is None else x + context.centre), log_det

    def until(self, level: int, x: Tensor, context: Conditioning) -> Tensor:
        """What images are at the end of a level, before a split takes some of it: (B, C, H / 2^(level+1), W /
        2^(level+1)).

        Args:
            level: counted from 0.
            x: images, (B, 3, H, W).
        """
        x = x if context.centre is None else x - context.centre
        for one, told in zip(self.levels[:level], context.levels):
            x, _ = one(x, told)
            x = x if one.split is None else x[0]
        return self.levels[level].mixed(x, context.levels[level])[0]

    def linear(self, differences: Tensor, context: Conditioning) -> Tensor:
        """What a flow without couplings and splits makes of differences of images, K of each: ``A(h) d``.

        Args:
            differences: (B, K, 3, H, W).

        Returns:
            Differences of the latents, (B, K, C, H / 2^L, W / 2^L).
        """
        for level, told in zip(self.levels, context.levels, strict=True):
            differences = level.linear(differences, told)
        return differences

    def blocks(self, context: Conditioning) -> Tensor:
        """The matrices of :meth:`linear`: the flow takes each block of 2^L x 2^L pixels by itself.

        Returns:
            (B, H / 2^L, W / 2^L, C, C), rows for latents, columns for the values of the block's pixels, in an
            order of their own.
        """
        height, width = context.size
        like = tensors(context)[0]
        found = torch.eye(3, dtype=like.dtype, device=like.device).view(1, 3, 3, 1, 1)
        found = found.expand(context.batch, 3, 3, height, width)
        for level, told in zip(self.levels, context.levels, strict=True):
            found = level.blocks(found, told)
        return found.permute(0, 3, 4, 2, 1)

    def latent_shape(self, shape: Shape) -> tuple[Shape, ...]:
        shapes = []
        for level in self.levels:
            shape = Squeeze().latent_shape(shape)
            if level.split is not None:
                shape, latent = level.split.latent_shape(shape)
                shapes.append(latent)
        return (*shapes, shape)


class _Level(Transform):
    def __init__(
        self,
        channels: int,
        *,
        steps: int,
        transitions: int,
        hidden: int,
        condition: int,
        affine: str,
        eps: float,
        lu: bool,
        split: bool,
        coupled: bool,
    ):
        super().__init__()
        mixing = InvertibleConv1x1 if lu else FullConv1x1
        self.squeeze = Squeeze()
        self.transitions = cast(
            Sequence[Sequential],
            nn.ModuleList(Sequential(ActNorm(channels), mixing(channels)) for _ in range(transitions)),
        )
        self.steps = cast(
            Sequence[Step],
            nn.ModuleList(
                Step(
                    channels,
                    hidden=hidden,
                    condition=condition,
                    affine=affine,
                    eps=eps,
                    mixing=mixing,
                    coupled=coupled,
                )
                for _ in range(steps)
            ),
        )
        prior = BoundedScale() if affine == "bounded" else GaussianScale()
        self.recomputation = Recomputation()
        self.split = Split(channels, net=Prior, scale=prior) if split else None

    def prepare(self, features: LevelFeatures) -> tuple[StepContext, ...]:
        maps = LevelMaps.of(features)
        return tuple(step.prepare(maps) for step in self.steps)

    def stages(self) -> tuple[Transform, ...]:
        layers: list[Transform] = [
            self.squeeze,
            *self.transitions,
            *self.steps,
            *([] if self.split is None else [self.split]),
        ]
        return tuple(stage for layer in layers for stage in layer.stages())

    def layers(self, context: tuple[Told, ...]) -> list[tuple[Transform, Told | None]]:
        """What comes between squeeze and split, each with what it is told."""
        return [
            *((transition, None) for transition in self.transitions),
            *zip(self.steps, context, strict=True),
        ]

    def recomputed(self, x: Tensor, context: tuple[Told, ...]) -> tuple[Any, Tensor]:
        """The result of :meth:`forward`, where all steps are told the same; only what leaves the level is
        kept for the backward pass.
        """
        return self.recomputation(self.stages(), x, context[0])

    def linear(self, x: Tensor, context: tuple[Told, ...]) -> Tensor:
        """What a level without couplings does to differences of what it is given, (B, K, C, H, W)."""
        flat, _ = self.squeeze(x.flatten(0, 1))
        x = flat.unflatten(0, x.shape[:2])
        for mix, scale in self._differences(context):
            x = torch.einsum("oc,bkchw->bkohw", mix, x) * scale
        return x

    def blocks(self, x: Tensor, context: tuple[Told, ...]) -> Tensor:
        """:meth:`linear` of differences that are each at one of the four places of a square, (B, 4 K, 4 C,
        H / 2, W / 2) of (B, K, C, H, W).
        """
        (mix, scale), *more = self._differences(context)
        # channel 4 c + p of a squeezed image is channel c at place p: what is zero is left out
        parts = [
            torch.einsum("oc,bkchw->bkohw", mix[:, 2 * row + column :: 4], x[..., row::2, column::2])
            for row in (0, 1)
            for column in (0, 1)
        ]
        x = torch.cat(parts, 1) * scale
        for mix, scale in more:
            x = torch.einsum("oc,bkchw->bkohw", mix, x) * scale
        return x

    def _differences(self, context: tuple[Told, ...]) -> list[tuple[Tensor, Tensor | float]]:
        """What each layer does to differences: a matrix on channels, then factors (B, 1, C, H, W)."""
        return [
            *((_matrix(*transition.transforms), 1.0) for transition in self.transitions),
            *(
                (_matrix(step.actnorm, step.mixing), step.factors(told))
                for step, told in zip(self.steps, context, strict=True)
            ),
        ]

    def mixed(self, x: Tensor, context: tuple[Told, ...]) -> tuple[Tensor, Tensor]:
        """All but the split."""
        x, log_det = self.squeeze(x)
        for layer, told in self.layers(context):
            x, term = layer(x, told)
            log_det = log_det + term
        return x, log_det

    def forward(self, x: Tensor, context: Context = None) -> tuple[Latent, Tensor]:
        x, log_det = self.mixed(x, context)
        if self.split is not None:
            x, term = self.split(x)
            log_det = log_det + term
        return x, log_det

    def inverse(self, z: Any, context: Context = None) -> tuple[Tensor, Tensor]:
        log_det = zeros(z)
        if self.split is not None:
            z, term = self.split.inverse(z)
            log_det = log_det + term
        for layer, told in reversed(self.layers(context)):
            z, term = layer.inverse(z, told)
            log_det = log_det + term
        return self.squeeze.inverse(z)[0], log_det


def _matrix(actnorm: Transform, mixing: Transform) -> Tensor:
    """ActNorm and a 1x1 convolution as one matrix on differences."""
    assert isinstance(actnorm, ActNorm)
    assert isinstance(mixing, InvertibleConv1x1)
    return mixing.weight() * actnorm.log_scale.exp()


def check_sizes(config: Any, **pair: Any) -> None:
    """Raise ValueError, with the names of the two arguments, unless an image and its condition fit the model
    and each other.
    """
    (image_name, image), (condition_name, condition) = pair.items()
    multiple = 2**config.levels
    if image.dim() != 4 or image.shape[1] != 3 or image.shape[2] % multiple or image.shape[3] % multiple:
        raise ValueError(
            f"{image_name} must be (B, 3, H, W) with H and W multiples of {multiple}, got "
            f"{tuple(image.shape)}"
        )
    expected = (len(image), 3, image.shape[2] // config.scale, image.shape[3] // config.scale)
    if isinstance(condition, Tensor) and tuple(condition.shape) != expected:
        raise ValueError(
            f"{condition_name} must have shape {expected} for {image_name} of shape "
            f"{tuple(image.shape)}, got {tuple(condition.shape)}"
        )
