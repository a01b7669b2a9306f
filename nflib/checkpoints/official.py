"""The papers' own checkpoints: their names for our tensors, and what their shapes say about the configuration."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ..models.conditional import ConditionalFlow
from ..models.deflow import DeFlow, DeFlowConfig
from ..models.rrdb import RRDBConfig, RRDBNet
from ..models.srflow import SRFlow, SRFlowConfig
from ..transforms import ActNorm, FullConv1x1

# Tensors of the official files that no output depends on.
UNUSED = re.compile(r"flowUpsamplerNet\.f\.0\.(weight|bias)|(flowUpsamplerNet\.layers\.\d+\.)?I")
# Which trunk blocks the flow is told is not visible in the weights; these are the published choices, (blocks, scale) -> taps.
TAPS = {(23, 4): (1, 8, 15, 22), (23, 8): (1, 3, 5, 7), (8, 8): (1, 3, 5, 7)}
# Where files of this kind keep the tensors, if not at the top.
CONTAINERS = ("params_ema", "params", "state_dict")


def load_official(source: Mapping[str, Tensor] | str | os.PathLike, architecture: str, taps: tuple[int, ...] | None = None) -> nn.Module:
    """A model from an official checkpoint, strictly: every tensor is used, known to be unused, or an error.

    Args:
        source: the state dict, or a .pth, .pt or .safetensors file. A leading ``module.`` in the names is dropped.
        architecture: "srflow", "deflow" or "rrdb".
        taps: trunk blocks the flow is told, if the model is not one of the published ones (the weights do not say).

    Returns:
        The model in evaluation mode, its configuration inferred from names and shapes, its dtype that of the tensors.

    Raises:
        ValueError: unreadable file, unknown architecture, or names that are missing or unknown, which are listed.
    """
    state = {name.removeprefix("module."): tensor for name, tensor in _read(source).items()}
    readers = {"srflow": _read_srflow, "deflow": _read_deflow, "rrdb": lambda state, taps: RRDBNet(_rrdb_config(state, ""))}
    if architecture not in readers:
        raise ValueError(f"architecture must be one of {', '.join(readers)}, got {architecture!r}")
    used = {name: tensor for name, tensor in state.items() if not UNUSED.fullmatch(name)}
    try:
        model = readers[architecture](used, taps)
    except KeyError as error:
        raise ValueError(f"not an official {architecture} checkpoint: it has no tensor {error.args[0]}") from None
    names = dict(official_names(model))
    missing, unknown = sorted(set(names) - set(used)), sorted(set(used) - set(names))
    if missing or unknown:
        raise ValueError(f"not an official {architecture} checkpoint: missing {_listed(missing)}; unknown {_listed(unknown)}")
    model.to(used[next(iter(names))].dtype)
    own = model.state_dict()
    for name, ours in names.items():
        if used[name].squeeze().shape != own[ours].squeeze().shape:
            raise ValueError(f"{name} has shape {tuple(used[name].shape)}, expected one like {tuple(own[ours].shape)}")
        own[ours] = used[name].reshape(own[ours].shape)
    model.load_state_dict(own)
    for module in model.modules():
        if isinstance(module, ActNorm):
            module.initialised.fill_(True)
    return model.eval()


def official_state(model: nn.Module) -> dict[str, Tensor]:
    """The model's tensors under their official names and shapes, without those that are never used."""
    own = model.state_dict()
    return {name: own[ours].reshape(_official_shape(name, own[ours])) for name, ours in official_names(model)}


def official_names(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Pairs of official name and our name, in official order."""
    if isinstance(model, RRDBNet):
        yield from _rrdb_names(model)
        return
    for official, ours in _rrdb_names(model.encoder):
        yield f"RRDB.{official}", f"encoder.{ours}"
    splits = []
    for official, ours in _flow_names(model.flow.transform):
        yield f"flowUpsamplerNet.layers.{official}", f"flow.transform.{ours}"
        if official.endswith(".conv.weight"):
            splits.append(official.removesuffix("conv.weight"))
    if isinstance(model, DeFlow):
        # one shift per latent, the deepest at the top of the official file
        for i, prefix in enumerate([*(f"flowUpsamplerNet.layers.{split}" for split in splits), ""]):
            yield f"{prefix}mean_shift", f"flow.base.mean.{i}"
            yield f"{prefix}cov_shift", f"flow.base.factor.{i}"


def _rrdb_names(net: RRDBNet) -> Iterator[tuple[str, str]]:
    pairs = [("conv_first", "conv_first")]
    for b in range(net.config.blocks):
        pairs += [(f"RRDB_trunk.{b}.RDB{d + 1}.conv{c + 1}", f"trunk.{b}.dense.{d}.convs.{c}") for d in range(3) for c in range(5)]
    pairs.append(("trunk_conv", "trunk_conv"))
    pairs += [(f"upconv{i + 1}", f"upconvs.{i}") for i in range(len(net.upconvs))]
    pairs += [("HRconv", "hr_conv"), ("conv_last", "conv_last")]
    for official, ours in pairs:
        for kind in ("weight", "bias"):
            yield f"{official}.{kind}", f"{ours}.{kind}"


def _flow_names(flow: ConditionalFlow) -> Iterator[tuple[str, str]]:
    index = 0  # the official list counts squeezes, transitions, steps and splits
    for i, level in enumerate(flow.levels):
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
    for theirs, ours in (("p", "permutation"), ("sign_s", "sign"), ("l", "lower"), ("log_s", "log_diagonal"), ("u", "upper")):
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


def _official_shape(name: str, tensor: Tensor) -> tuple[int, ...]:
    if ".actnorm." in name:
        return (1, -1, 1, 1)
    return (-1, 1, 1) if name.endswith(".logs") else tuple(tensor.shape)


def _rrdb_config(state: Mapping[str, Tensor], prefix: str) -> RRDBConfig:
    return RRDBConfig(
        scale=2 ** len(_numbers(state, rf"{prefix}upconv(\d+)\.weight")),
        channels=state[f"{prefix}conv_first.weight"].shape[0],
        growth=state[f"{prefix}RRDB_trunk.0.RDB1.conv1.weight"].shape[0],
        blocks=len(_numbers(state, rf"{prefix}RRDB_trunk\.(\d+)\.RDB1\.conv1\.weight")),
    )


def _read_srflow(state: Mapping[str, Tensor], taps: tuple[int, ...] | None) -> SRFlow:
    return SRFlow(SRFlowConfig(**_flow_config(state, taps), affine="multiply", lu=False))


def _read_deflow(state: Mapping[str, Tensor], taps: tuple[int, ...] | None) -> DeFlow:
    if "mean_shift" not in state:
        raise KeyError("mean_shift")
    return DeFlow(DeFlowConfig(**_flow_config(state, taps), affine="divide", splits=True, centred=False))


def _flow_config(state: Mapping[str, Tensor], taps: tuple[int, ...] | None) -> dict:
    """What names and shapes say of encoder and flow, as arguments of a configuration."""
    encoder = _rrdb_config(state, "RRDB.")
    layers = "flowUpsamplerNet.layers."
    pattern = re.escape(layers) + r"(\d+)\."
    actnorms, steps = _numbers(state, pattern + r"actnorm\.bias"), _numbers(state, pattern + r"affine\.fAffine\.0\.weight")
    splits = _numbers(state, pattern + r"conv\.weight")
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
        raise ValueError(f"the weights do not say which {count} of {encoder.blocks} blocks the flow is told: give taps=")
    return found


def _numbers(state: Mapping[str, Tensor], pattern: str) -> list[int]:
    return sorted({int(match[1]) for name in state if (match := re.fullmatch(pattern, name))})


def _listed(names: list[str], most: int = 10) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "none"


def _read(source) -> Mapping[str, Tensor]:
    if isinstance(source, Mapping):
        state = source
    else:
        path = Path(source)
        if not path.is_file():
            raise ValueError(f"{path}: no such file")
        try:
            if path.suffix == ".safetensors":
                from safetensors.torch import load_file

                state = load_file(path)
            else:
                state = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError) as error:
            raise ValueError(f"{path}: not a readable checkpoint: {str(error).partition(chr(10))[0] or type(error).__name__}") from None
    for container in CONTAINERS:
        if isinstance(state, Mapping) and isinstance(state.get(container), Mapping):
            state = state[container]
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise ValueError("expected a state dict, names to tensors")
    return state
