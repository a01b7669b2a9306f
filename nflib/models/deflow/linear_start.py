"""The start of a conditional flow at the closed-form solution: the linear DeFlow, which needs no training.

An untrained flow whose networks answer zero is linear. Of linear flows the best one is known: whiten the
clean latents; then what the degraded latents have beyond N(0, I) is the noise. That is chapter 1's fit of one
Gaussian, in as many dimensions as a block of the image has. From here training improves; from a random start
it reaches the same likelihood with the wrong noise, because unpaired data do not fix which degraded image
belongs to which clean one.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from ...noise.flat_blocks import flat_blocks
from ...noise.gain import fit_noise_gain
from ...transforms import ActNorm, InvertibleConv1x1
from ..conditional.flow import ConditionalFlow
from .model import DeFlow

BATCH = 32
FLATTEST = 0.05
# Flat blocks for each channel, or a covariance says little.
ENOUGH = 2
# What the closed form finds no noise in still gets this much, or its entries of the factor could never grow.
LEAST = 0.02


@torch.no_grad()
def linear_start(
    model: DeFlow,
    clean: Tensor,
    degraded: Tensor,
    *,
    closed_form: bool = True,
    flattest: float = FLATTEST,
    generator: torch.Generator | None = None,
) -> None:
    """Set a new DeFlow to the linear flow that whitens clean images, and its noise to the closed-form
    solution (eq. 26).

    All 1x1 convolutions become the identity but one per latent, which whitens; couplings and injectors answer
    zero. The mean and the factor A of the noise follow from the flattest blocks of both domains:
    ``mu = m_y - m_x``, ``A A^T = [S_y - S_x]_+`` with means m and covariances S of their latents. Of all
    blocks S_x is the identity, and this is the paper's solution; but two sets of photos never have quite the
    same content, and what they differ in is taken for noise. Flat blocks have hardly any.

    Where the model knows local noise, its gain is fitted to the same blocks: how strong the noise is given
    the colours around.

    Args:
        model: with ``affine="bounded"``; of any size, with or without splits.
        clean: dequantised crops (N, 3, H, W), without pairs; H and W multiples of 2^L. The number of
            positions at the deepest level should be many times the number of channels there.
        degraded: the same of the other domain.
        closed_form: else the noise starts at mean 0 and ``A = 0.5 I``, to be learned.
        flattest: share of the blocks that the noise is looked for in (:func:`~nflib.noise.flat_blocks`); 1
            for all. Of few crops it is more: two blocks for each channel.
        generator: of the noise on the conditions.

    Raises:
        ValueError: the model has a published form, which has no identity to start from, or the crops are too
            few.
    """
    if model.config.affine != "bounded":
        raise ValueError(f'the linear start needs affine="bounded", the model has {model.config.affine!r}')
    flow, base = cast(ConditionalFlow, model.flow.transform), model.flow.base
    # the same conditions at every level
    conditions = [_conditions(model, crops, generator) for crops in (clean, degraded)]
    _make_white(model, clean, conditions[0])
    if not closed_form:
        for mean, factor in zip(base.mean, base.factor):
            mean.zero_()
            factor.copy_(0.5 * torch.eye(len(mean)) if factor.dim() == 2 else torch.full_like(factor, 0.5))
        return
    # latents leave in the order of the levels
    leaving = [
        i for i, level in enumerate(flow.levels) if level.split is not None or i == len(flow.levels) - 1
    ]
    latents = [_latents(model, crops, known) for crops, known in zip((clean, degraded), conditions)]
    for level, shift, factor, *both in zip(leaving, base.mean, base.factor, *latents):
        shares = [min(max(flattest, ENOUGH * z.shape[1] / (z.numel() // z.shape[1])), 1.0) for z in both]
        masks = [
            flat_blocks(crops, 2 ** (level + 1), share) for crops, share in zip((clean, degraded), shares)
        ]
        flat = [z.permute(0, 2, 3, 1)[mask].double() for z, mask in zip(both, masks)]
        if min(map(len, flat)) <= len(shift):
            raise ValueError(
                f"{min(map(len, flat))} flat blocks cannot show the noise of {len(shift)} channels: "
                "give more or larger crops"
            )
        (mean_x, cov_x), (mean_y, cov_y) = map(_moments, flat)
        values, vectors = torch.linalg.eigh(cov_y - cov_x)
        deviations = values.clamp(min=0).sqrt() + LEAST
        if model.config.local:
            base.axes0.copy_(vectors)
            shift.copy_(vectors.T @ (mean_y - mean_x))
            factor.copy_(deviations)
        else:
            shift.copy_(mean_y - mean_x)
            factor.copy_((vectors * deviations) @ vectors.T)
    if model.config.local:
        colours = model.surroundings(conditions[1]).permute(0, 2, 3, 1)[masks[1]]
        squares, clean_variance = (
            ((flat[1] - mean_y) @ vectors).square(),
            (vectors.T @ cov_x @ vectors).diagonal(),
        )
        gain = fit_noise_gain(colours, squares, clean_variance, deviations)
        factor.copy_(gain.deviation)
        assert model.gain is not None
        assert model.gain.bias is not None
        model.gain.weight.copy_(gain.slope[:, :, None, None])
        model.gain.bias.copy_(-gain.slope @ gain.centre)


@torch.no_grad()
def white_start(model: DeFlow, clean: Tensor, generator: torch.Generator | None = None) -> None:
    """The part of :func:`linear_start` that concerns the flow: clean latents get mean 0 and covariance I.

    It is the whole start of a model whose noise is held.

    Args:
        model: with ``affine="bounded"``.
        clean: dequantised crops, as there.
        generator: of the noise on the conditions.
    """
    _make_white(model, clean, _conditions(model, clean, generator))


def _conditions(model: DeFlow, crops: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.cat([model.condition(part, generator) for part in crops.split(BATCH)])


def _make_white(model: DeFlow, clean: Tensor, condition: Tensor) -> None:
    """Set the flow to the identity, but for ActNorm and the last 1x1 convolution before each latent, which
    whiten clean latents.
    """
    _make_identity(cast(ConditionalFlow, model.flow.transform))
    _whiten(model, clean, condition)


def _whiten(model: DeFlow, clean: Tensor, condition: Tensor) -> None:
    """Set ActNorm and the last 1x1 convolution before each latent so that clean latents have mean 0 and
    covariance I.
    """
    flow = cast(ConditionalFlow, model.flow.transform)
    last = len(flow.levels) - 1
    for level, one in enumerate(flow.levels):
        first, end = one.steps[0], one.steps[-1]
        mean, covariance = _level_moments(model, clean, condition, level)
        # the networks see values of about one: a common scale, which keeps the geometry of the block
        _set(first.actnorm, -mean, -0.5 * covariance.diagonal().mean().log())
        if one.split is None and level < last:
            continue
        mean, covariance = _level_moments(model, clean, condition, level)
        _set(
            end.actnorm,
            end.actnorm.bias.double() - mean / end.actnorm.log_scale.double().exp(),
            end.actnorm.log_scale[0],
        )
        values, vectors = torch.linalg.eigh(covariance)
        if not values[0] > 1e-12 * values[-1]:
            raise ValueError("clean has a direction without any variance: dequantise the crops before")
        assert isinstance(end.mixing, InvertibleConv1x1)
        end.mixing.set_weight(((vectors * values.rsqrt()) @ vectors.T).to(end.mixing.lower))


def _level_moments(model: DeFlow, crops: Tensor, condition: Tensor, level: int) -> tuple[Tensor, Tensor]:
    """Mean and covariance, float64, of the channels after this level, before a split takes some of them."""
    total: Any = 0
    square: Any = 0
    count = 0
    for part, known in zip(crops.split(BATCH), condition.split(BATCH)):
        x = model.until(level, part, known)
        values = x.transpose(0, 1).flatten(1).double()
        total, square, count = total + values.sum(1), square + values @ values.T, count + values.shape[1]
    mean = total / count
    if count < 2 * len(mean):
        raise ValueError(f"{count} positions cannot whiten {len(mean)} channels: give more or larger crops")
    return mean, square / count - torch.outer(mean, mean)


def _latents(model: DeFlow, crops: Tensor, condition: Tensor) -> list[Tensor]:
    parts = [model.encode(part, known) for part, known in zip(crops.split(BATCH), condition.split(BATCH))]
    return [torch.cat(latent) for latent in zip(*parts)]


def _moments(values: Tensor) -> tuple[Tensor, Tensor]:
    return values.mean(0), values.T.cov(correction=0)


def _make_identity(flow: ConditionalFlow) -> None:
    for level in flow.levels:
        for layer in (
            *(layer for pair in level.transitions for layer in pair.transforms),
            *(s.actnorm for s in level.steps),
            *(s.mixing for s in level.steps),
        ):
            if isinstance(layer, ActNorm):
                _set(layer, torch.zeros_like(layer.bias), torch.zeros(()))
            else:
                assert isinstance(layer, InvertibleConv1x1)
                layer.set_weight(torch.eye(len(layer.sign)))
        for step in level.steps:
            for net in (step.injector, step.coupling):
                for parameter in () if net is None else net.last.parameters():
                    parameter.zero_()


def _set(actnorm: ActNorm, bias: Tensor, log_scale: Tensor) -> None:
    actnorm.bias.copy_(bias)
    actnorm.log_scale.copy_(log_scale.expand_as(actnorm.log_scale))
    actnorm.initialised.fill_(True)
