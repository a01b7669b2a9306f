"""The names of SRFlow's and DeFlow's tensors in the official files, and what their shapes say about the
configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from torch import Tensor, nn

from ...models import DeFlow, DeFlowConfig
from ...models.conditional.flow import ConditionalFlow
from ...models.rrdb import RRDBConfig
from ...models.srflow.model import SRFlow, SRFlowConfig
from ...transforms import FullConv1x1
from . import rrdb
from .reading import numbers

# Tensors of the official files that no output depends on.
UNUSED = re.compile(r"flowUpsamplerNet\.f\.0\.(weight|bias)|(flowUpsamplerNet\.layers\.\d+\.)?I")
# Which trunk blocks the flow is told is not visible in the weights; these are the published choices, (blocks,
# scale) -> taps.
TAPS = {(23, 4): (1, 8, 15, 22), (23, 8): (1, 3, 5, 7), (8, 8): (1, 3, 5, 7)}


def build_srflow(state: Mapping[str, Tensor], taps: tuple[int, ...] | None) -> SRFlow:
    return SRFlow(SRFlowConfig(**_flow_config(state, taps), affine="multiply", lu=False, dequantised=False))


def build_deflow(state: Mapping[str, Tensor], taps: tuple[int, ...] | None) -> DeFlow:
    if "mean_shift" not in state:
        raise KeyError("mean_shift")
    return DeFlow(DeFlowConfig(**_flow_config(state, taps), affine="divide", splits=True, centred=False))


def _flow_config(state: Mapping[str, Tensor], taps: tuple[int, ...] | None) -> dict:
    """What names and shapes say of encoder and flow, as arguments of a configuration."""
    encoder = rrdb.config(state, "RRDB.")
    layers = "flowUpsamplerNet.layers."
    pattern = re.escape(layers) + r"(\d+)\."
    actnorms, steps = (
        numbers(state, pattern + r"actnorm\.bias"),
        numbers(state, pattern + r"affine\.fAffine\.0\.weight"),
    )
    splits = numbers(state, pattern + r"conv\.weight")
    if not steps:
        raise KeyError(f"{layers}*.affine.fAffine.0.weight")
    # What has no tensors is a squeeze, and each level has one.
    levels = steps[-1] + 1 - len(actnorms) - len(splits)
    count = state[f"{layers}{steps[0]}.affine.fFeatures.0.weight"].shape[1] // encoder.channels - 1
    return dict(
        encoder=encoder,
        taps=_taps(encoder, count) if taps is None else taps,
        levels=levels,
        steps=len(steps) // levels,
        transitions=(len(actnorms) - len(steps)) // levels,
        hidden=state[f"{layers}{steps[0]}.affine.fAffine.0.weight"].shape[0],
    )


def _taps(encoder: RRDBConfig, count: int) -> tuple[int, ...]:
    if count == encoder.blocks:
        return tuple(range(count))
    found = TAPS.get((encoder.blocks, encoder.scale), ())
    if len(found) != count:
        raise ValueError(
            f"the weights do not say which {count} of {encoder.blocks} blocks the flow is told: give taps="
        )
    return found


def names(model: SRFlow | DeFlow) -> Iterator[tuple[str, str]]:
    for official, ours in rrdb.names(model.encoder):
        yield f"RRDB.{official}", f"encoder.{ours}"
    splits = []
    for official, ours in _flow_names(cast("ConditionalFlow", model.flow.transform)):
        yield f"flowUpsamplerNet.layers.{official}", f"flow.transform.{ours}"
        if official.endswith(".conv.weight"):
            splits.append(official.removesuffix("conv.weight"))
    if isinstance(model, DeFlow):
        # one shift per latent, the deepest at the top of the official file
        for i, prefix in enumerate([*(f"flowUpsamplerNet.layers.{split}" for split in splits), ""]):
            yield f"{prefix}mean_shift", f"flow.base.mean.{i}"
            yield f"{prefix}cov_shift", f"flow.base.factor.{i}"


def _flow_names(flow: ConditionalFlow) -> Iterator[tuple[str, str]]:
    index = 0  # the official list counts squeezes, transitions, steps and splits
    levels: Any = flow.levels
    for i, level in enumerate(levels):
        index += 1
        for j, transition in enumerate(level.transitions):
            prefix = f"levels.{i}.transitions.{j}.transforms"
            yield from _mixing_names(index, f"{prefix}.0", f"{prefix}.1", transition[1])
            index += 1
        for j, step in enumerate(level.steps):
            prefix = f"levels.{i}.steps.{j}"
            yield from _mixing_names(index, f"{prefix}.actnorm", f"{prefix}.mixing", step.mixing)
            for net, ours in (("fAffine", "coupling"), ("fFeatures", "injector")):
                yield from _net_names(f"{index}.affine.{net}", f"{prefix}.{ours}")
            index += 1
        if level.split is not None:
            yield from _scaled_conv_names(f"{index}.conv", f"levels.{i}.split.net.conv")
            index += 1


def _mixing_names(index: int, actnorm: str, mixing: str, layer: nn.Module) -> Iterator[tuple[str, str]]:
    yield f"{index}.actnorm.bias", f"{actnorm}.bias"
    yield f"{index}.actnorm.logs", f"{actnorm}.log_scale"
    if isinstance(layer, FullConv1x1):
        yield f"{index}.invconv.weight", f"{mixing}.weight"
        return
    for theirs, ours in (
        ("p", "permutation"),
        ("sign_s", "sign"),
        ("l", "lower"),
        ("log_s", "log_diagonal"),
        ("u", "upper"),
    ):
        yield f"{index}.invconv.{theirs}", f"{mixing}.{ours}"


def _net_names(official: str, ours: str) -> Iterator[tuple[str, str]]:
    for i, (weight, norm) in ((0, ("first", "norm_first")), (2, ("second", "norm_second"))):
        yield f"{official}.{i}.weight", f"{ours}.{weight}"
        yield f"{official}.{i}.actnorm.bias", f"{ours}.{norm}.bias"
        yield f"{official}.{i}.actnorm.logs", f"{ours}.{norm}.log_scale"
    yield from _scaled_conv_names(f"{official}.4", f"{ours}.last")


def _scaled_conv_names(official: str, ours: str) -> Iterator[tuple[str, str]]:
    for theirs, mine in (("weight", "weight"), ("bias", "bias"), ("logs", "log_scale")):
        yield f"{official}.{theirs}", f"{ours}.{mine}"


def official_shape(name: str, tensor: Tensor) -> tuple[int, ...]:
    """The shape in which the official files keep a tensor; one number per channel is (1, C, 1, 1) or (C, 1,
    1) there.
    """
    if ".actnorm." in name:
        return (1, -1, 1, 1)
    return (-1, 1, 1) if name.endswith(".logs") else tuple(tensor.shape)
